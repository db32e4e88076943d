/**
 * Changes of who may decide in a tenant: roles, and the groups that hold them. D13 counts them among what takes a quorum,
 * since whoever may name the approvers has approved everything. They are one wish, `change-access`.
 */
import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_MEMBERS_PER_GROUP, MAX_ROLE_GRANTS_PER_TENANT } from '../limits.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { requireGroup } from './groups.ts';
import { clientId } from './machine-clients.ts';
import { PRINCIPAL_PATTERN, type TenantRole, tenantRoles } from './principal.ts';
import { factsOf, refuseEndOfSelfRule } from './standing.ts';

const closed = { additionalProperties: false } as const;
const Group = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
export const PrincipalId = Type.String({
  pattern: PRINCIPAL_PATTERN,
  description: 'ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token',
});
export const Role = Type.Enum([...tenantRoles]);
const ToPrincipal = { role: Role, principal: PrincipalId };
const ToGroup = { role: Role, group: Group };
const Membership = { group: Group, principal: PrincipalId };
const OfMachine = {
  fingerprint: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'Of the key of a client; left out: as it is now. Carried out only while it is that key',
    }),
  ),
};

/** What can be changed. A role goes to one principal, or to a group. */
export const AccessChange = Type.Union([
  Type.Object({ change: Type.Literal('grant'), ...ToPrincipal, ...OfMachine }, closed),
  Type.Object({ change: Type.Literal('grant'), ...ToGroup }, closed),
  Type.Object({ change: Type.Literal('withdraw'), ...ToPrincipal }, closed),
  Type.Object({ change: Type.Literal('withdraw'), ...ToGroup }, closed),
  Type.Object({ change: Type.Literal('add-member'), ...Membership, ...OfMachine }, closed),
  Type.Object({ change: Type.Literal('remove-member'), ...Membership }, closed),
  Type.Object({ change: Type.Literal('remove-group'), group: Group }, closed),
]);
export type AccessChange = Static<typeof AccessChange>;

export interface RoleView {
  role: TenantRole;
  principal: string | null;
  group: string | null;
  grantedBy: string;
  grantedAt: string;
}

/**
 * Refuses at once what could not be carried out now. Whoever looks after groups at an identity provider would name approvers
 * alone, so no such group becomes one (D13). Throws ACCESS_GROUP_UNKNOWN, APPROVER_BY_CLAIM, ACCESS_GROUP_IN_USE, CLIENT_UNKNOWN,
 * CLIENT_KEY_DIFFERS, ROLE_UNKNOWN, LAST_OF_ITS_ROLE.
 */
export async function checkChange(trx: Trx, tenant: string, wish: AccessChange): Promise<void> {
  if ('group' in wish) {
    const { claim } = await requireGroup(trx, tenant, wish.group);
    if (wish.change === 'grant' && wish.role === 'approver' && claim !== null)
      throw new CmkError('APPROVER_BY_CLAIM', `who is in ${wish.group} is said by ${claim}`);
  }
  if (givesToPrincipal(wish)) await requireSameClient(trx, tenant, wish);
  if (wish.change === 'withdraw') await refuseWithdrawal(trx, tenant, wish);
  if (wish.change === 'remove-group') await refuseRemoval(trx, tenant, wish.group);
}

/** Adds the key that the name of a machine stands for now: whoever approves the wish approves that key. */
export async function withKey(cmk: Cmk, tenant: string, wish: AccessChange): Promise<AccessChange> {
  if (!givesToPrincipal(wish) || wish.fingerprint !== undefined) return wish;
  const fingerprint = await asTenant(cmk.db, tenant, (trx) => keyOfClient(trx, tenant, wish.principal));
  return fingerprint === undefined ? wish : { ...wish, fingerprint };
}

type Giving = Extract<AccessChange, { change: 'grant' | 'add-member'; principal: string }>;
const givesToPrincipal = (wish: AccessChange): wish is Giving =>
  (wish.change === 'grant' || wish.change === 'add-member') && 'principal' in wish;

/**
 * A name of a machine stands for a certificate that an administrator registers alone: a role is granted only to the key that
 * was proposed, of this tenant, and goes with it (machine-clients.ts).
 */
async function requireSameClient(
  trx: Trx,
  tenant: string,
  { principal, fingerprint }: Giving,
): Promise<void> {
  if (!principal.startsWith('client:')) return;
  const present = await keyOfClient(trx, tenant, principal);
  if (present === undefined) throw new CmkError('CLIENT_UNKNOWN', `${principal} is no client of ${tenant}`);
  if (present !== fingerprint)
    throw new CmkError('CLIENT_KEY_DIFFERS', `${principal} has the key ${present}, not the one proposed`);
}

async function keyOfClient(trx: Trx, tenant: string, principal: string): Promise<string | undefined> {
  const clients = await trx
    .selectFrom('machine_clients')
    .select(['name', 'fingerprint'])
    .where('tenant', '=', tenant)
    .execute();
  return clients.find(({ name }) => clientId({ tenant, name }) === principal)?.fingerprint;
}

/** In the transaction of the last approval, with the tenant locked. */
export async function carryOutChange(
  trx: Trx,
  who: Actor,
  tenant: string,
  wish: AccessChange,
): Promise<void> {
  await checkChange(trx, tenant, wish);
  const before = await factsOf(trx, tenant);
  switch (wish.change) {
    case 'grant':
      await grant(trx, who, tenant, wish);
      break;
    case 'withdraw':
      await withdraw(trx, tenant, wish);
      break;
    case 'add-member':
      await addMember(trx, tenant, wish);
      break;
    case 'remove-member':
      await removeMember(trx, tenant, wish);
      break;
    case 'remove-group':
      await trx
        .deleteFrom('access_group_members')
        .where('tenant', '=', tenant)
        .where('group_name', '=', wish.group)
        .execute();
      await trx
        .deleteFrom('access_groups')
        .where('tenant', '=', tenant)
        .where('name', '=', wish.group)
        .execute();
      break;
  }
  await refuseEndOfSelfRule(trx, tenant, before);
  const { change, ...detail } = wish;
  await audit(trx, who, {
    tenant,
    action: `access.${change}`,
    subject: 'group' in wish && !('role' in wish) ? `group:${tenant}/${wish.group}` : `tenant:${tenant}`,
    outcome: 'succeeded',
    detail,
  });
}

/**
 * Names one of the first people of a tenant that cannot decide for itself yet; whether it can is for the policy to ask
 * (openkcm.cedar), and asked again here, under the tenant's lock. Throws APPOINTMENT_OVER.
 */
export async function appoint(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  { role, principal }: { readonly role: 'administrator' | 'approver'; readonly principal: string },
): Promise<void> {
  // Whoever runs the platform and decides in a tenant as well would be both sides of the table.
  if (principal === who.actor) throw new CmkError('FORBIDDEN', 'nobody appoints themselves');
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    if ((await factsOf(trx, tenant))?.governsItself === true)
      throw new CmkError('APPOINTMENT_OVER', `${tenant} decides for itself`);
    await grant(trx, who, tenant, { role, principal });
    await audit(trx, who, {
      tenant,
      action: 'access.appoint',
      subject: `tenant:${tenant}`,
      outcome: 'accepted',
      detail: { role, principal },
    });
  });
}

export async function listRoles(cmk: Cmk, tenant: string, page: PageRequest): Promise<Page<RoleView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('role_grants')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('id')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) {
      if (!/^[0-9a-f-]{36}$/.test(after)) throw new CmkError('INVALID_CURSOR', 'the cursor names no role');
      query = query.where('id', '>', after);
    }
    return toPage(
      await query.execute(),
      page,
      (row) => row.id,
      ({ role, principal, group_name, granted_by, granted_at }) => ({
        role,
        principal,
        group: group_name,
        grantedBy: granted_by,
        grantedAt: instant(granted_at),
      }),
    );
  });
}

type Grantee = { readonly role: TenantRole } & ({ readonly principal: string } | { readonly group: string });

const columnsOf = (grantee: Grantee) =>
  'principal' in grantee
    ? { principal: grantee.principal, group_name: null }
    : { principal: null, group_name: grantee.group };

async function grant(trx: Trx, who: Actor, tenant: string, grantee: Grantee): Promise<void> {
  const { count } = await trx
    .selectFrom('role_grants')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_ROLE_GRANTS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant grants at most ${MAX_ROLE_GRANTS_PER_TENANT} roles`);
  await trx
    .insertInto('role_grants')
    .values({ id: randomUUID(), tenant, role: grantee.role, ...columnsOf(grantee), granted_by: who.actor })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function withdraw(trx: Trx, tenant: string, grantee: Grantee): Promise<void> {
  let removal = trx.deleteFrom('role_grants').where('tenant', '=', tenant).where('role', '=', grantee.role);
  removal =
    'principal' in grantee
      ? removal.where('principal', '=', grantee.principal)
      : removal.where('group_name', '=', grantee.group);
  await removal.execute();
}

/** A tenant without an administrator, or without anybody who may approve, could never change anything again. */
async function refuseWithdrawal(trx: Trx, tenant: string, grantee: Grantee): Promise<void> {
  const holders = await trx
    .selectFrom('role_grants')
    .select(['principal', 'group_name'])
    .where('tenant', '=', tenant)
    .where('role', '=', grantee.role)
    .execute();
  const { principal, group_name } = columnsOf(grantee);
  const others = holders.filter((held) => held.principal !== principal || held.group_name !== group_name);
  if (others.length === holders.length)
    throw new CmkError('ROLE_UNKNOWN', `${principal ?? group_name} is no ${grantee.role} of ${tenant}`);
  if (others.length === 0 && (grantee.role === 'administrator' || grantee.role === 'approver'))
    throw new CmkError('LAST_OF_ITS_ROLE', `${tenant} would be left without any ${grantee.role}`);
}

async function refuseRemoval(trx: Trx, tenant: string, group: string): Promise<void> {
  const held = await trx
    .selectFrom('role_grants')
    .select('role')
    .where('tenant', '=', tenant)
    .where('group_name', '=', group)
    .executeTakeFirst();
  if (held !== undefined)
    throw new CmkError('ACCESS_GROUP_IN_USE', `group ${group} is ${held.role} of ${tenant}`);
}

type Member = { readonly group: string; readonly principal: string };

async function addMember(trx: Trx, tenant: string, { group, principal }: Member): Promise<void> {
  const { count } = await trx
    .selectFrom('access_group_members')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .where('group_name', '=', group)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_MEMBERS_PER_GROUP)
    throw new CmkError('LIMIT_REACHED', `a group has at most ${MAX_MEMBERS_PER_GROUP} members`);
  await trx
    .insertInto('access_group_members')
    .values({ tenant, group_name: group, principal })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function removeMember(trx: Trx, tenant: string, { group, principal }: Member): Promise<void> {
  const removed = await trx
    .deleteFrom('access_group_members')
    .where('tenant', '=', tenant)
    .where('group_name', '=', group)
    .where('principal', '=', principal)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n)
    throw new CmkError('MEMBER_UNKNOWN', `${principal} is not in group ${group} of ${tenant}`);
}
