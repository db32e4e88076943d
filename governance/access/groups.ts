/** Groups of a tenant: people and machines that get a role together. Who is in one changes by a wish (changes.ts). */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_GROUPS_PER_TENANT } from '../limits.ts';
import { asTenant, type Trx } from '../store/transactions.ts';

export interface NewGroup {
  readonly name: string;
  readonly displayName?: string;
  /** `ISSUER:GROUP`: whoever that issuer says to be in that group of its own is a member of this one. */
  readonly claim?: string;
}

export interface GroupView {
  name: string;
  displayName: string;
  claim: string | null;
  /** Those whom the issuer speaks for are not known here. */
  members: string[];
  createdAt: string;
}

/** A group means nothing until it is granted a role. Throws ALREADY_EXISTS, LIMIT_REACHED, TENANT_UNKNOWN. */
export async function createGroup(cmk: Cmk, who: Actor, tenant: string, group: NewGroup): Promise<GroupView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const { count } = await trx
      .selectFrom('access_groups')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    if (Number(count) >= MAX_GROUPS_PER_TENANT)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_GROUPS_PER_TENANT} groups`);
    const row = await trx
      .insertInto('access_groups')
      .values({
        tenant,
        name: group.name,
        display_name: group.displayName ?? group.name,
        claim: group.claim ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw new CmkError('ALREADY_EXISTS', `${tenant} has a group ${group.name}`);
    await audit(trx, who, {
      tenant,
      action: 'group.create',
      subject: `group:${tenant}/${group.name}`,
      outcome: 'accepted',
      detail: { claim: group.claim ?? null },
    });
    return viewOf(row, []);
  });
}

export async function listGroups(cmk: Cmk, tenant: string, page: PageRequest): Promise<Page<GroupView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('access_groups')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    const rows = await query.execute();
    const names = rows.map((row) => row.name);
    const members =
      names.length === 0
        ? []
        : await trx
            .selectFrom('access_group_members')
            .select(['group_name', 'principal'])
            .where('tenant', '=', tenant)
            .where('group_name', 'in', names)
            .orderBy('principal')
            .execute();
    return toPage(
      rows,
      page,
      (row) => row.name,
      (row) =>
        viewOf(
          row,
          members.filter(({ group_name }) => group_name === row.name).map(({ principal }) => principal),
        ),
    );
  });
}

/** Throws ACCESS_GROUP_UNKNOWN. */
export async function requireGroup(
  trx: Trx,
  tenant: string,
  name: string,
): Promise<{ readonly claim: string | null }> {
  const row = await trx
    .selectFrom('access_groups')
    .select('claim')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('ACCESS_GROUP_UNKNOWN', `${tenant} has no group ${name}`);
  return row;
}

function viewOf(
  row: { name: string; display_name: string; claim: string | null; created_at: Date },
  members: string[],
): GroupView {
  const { name, display_name: displayName, claim, created_at } = row;
  return { name, displayName, claim, members, createdAt: instant(created_at) };
}
