/**
 * What may be cut off by a drill: a tenant or service that was designated while nothing stood on it. So no accident can
 * make a target of what somebody needs. Whoever puts something there afterwards says that it is for tests, or is refused
 * (`refuseUntold`): a designation that fell by itself instead would leave testers with a target that is in use and can
 * never be designated again.
 */
import { randomUUID } from 'node:crypto';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { MAX_DRILL_TARGETS_PER_TENANT } from '../limits.ts';
import { requireKeyOf } from '../rotation/scope.ts';
import type { DrillTarget } from '../store/simulation-tables.ts';
import { asTenant, type Trx } from '../store/transactions.ts';

declare const designated: unique symbol;
/**
 * A target, known to be designated and locked against withdrawal until the transaction ends. Only `requireTarget` makes
 * one, and without one nothing here cuts anybody off.
 */
export interface TestTarget {
  readonly [designated]: true;
  readonly tenant: string;
  /** null: the whole tenant. */
  readonly service: string | null;
  readonly designation: string;
}

export interface TargetView {
  tenant: string;
  service: string | null;
  designatedBy: string;
  designatedAt: string;
}

const wordsFor = (tenant: string, service: string | null): string =>
  service === null ? tenant : `${tenant}/${service}`;

/**
 * Idempotent. Errors: TENANT_UNKNOWN, SERVICE_UNKNOWN, LIMIT_REACHED; DRILL_TARGET_IN_USE where an application may use it,
 * or where the tenant was ever linked.
 */
export async function designate(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  service: string | null,
): Promise<TargetView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    // Registering an application and linking lock the tenant, too: what is empty here stays so until the commit.
    await lockTenant(trx, tenant);
    if (service !== null) await requireKeyOf(trx, { tenant, service });
    const present = await findTarget(trx, tenant, service);
    if (present !== undefined) return toView(present);
    await refuseInUse(trx, tenant, service);
    await refuseTooMany(trx, tenant);
    const row = await trx
      .insertInto('drill_targets')
      .values({
        id: randomUUID(),
        tenant,
        service: service ?? '',
        designated_by: who.actor,
        withdrawn_by: null,
        withdrawn_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await audit(trx, who, {
      tenant,
      action: 'drill.designate',
      subject: `drill-target:${wordsFor(tenant, service)}`,
      outcome: 'accepted',
    });
    return toView(row);
  });
}

/** It protects: one operator's word is enough, at any time. A drill that runs goes on to its end. Throws NOT_A_DRILL_TARGET. */
export async function withdraw(cmk: Cmk, who: Actor, tenant: string, service: string | null): Promise<void> {
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const { numUpdatedRows } = await trx
      .updateTable('drill_targets')
      .set({ withdrawn_by: who.actor, withdrawn_at: new Date() })
      .where('tenant', '=', tenant)
      .where('service', '=', service ?? '')
      .where('withdrawn_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n)
      throw new CmkError('NOT_A_DRILL_TARGET', `${wordsFor(tenant, service)} is not designated for drills`);
    await audit(trx, who, {
      tenant,
      action: 'drill.withdraw',
      subject: `drill-target:${wordsFor(tenant, service)}`,
      outcome: 'accepted',
    });
  });
}

/** Those that are designated now: one for the tenant and one for each service at most. Throws TENANT_UNKNOWN. */
export async function listTargets(cmk: Cmk, tenant: string): Promise<{ items: TargetView[] }> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    const rows = await trx
      .selectFrom('drill_targets')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('withdrawn_at', 'is', null)
      .orderBy('service')
      .execute();
    return { items: rows.map(toView) };
  });
}

/** With the tenant locked. A service of a designated tenant is one, too. Throws NOT_A_DRILL_TARGET, SERVICE_UNKNOWN. */
export async function requireTarget(trx: Trx, tenant: string, service: string | null): Promise<TestTarget> {
  if (service !== null) await requireKeyOf(trx, { tenant, service });
  const found = (await findTarget(trx, tenant, service)) ?? (await findTarget(trx, tenant, null));
  if (found === undefined)
    throw new CmkError('NOT_A_DRILL_TARGET', `${wordsFor(tenant, service)} is not designated for drills`);
  return { tenant, service, designation: found.id } as TestTarget;
}

/**
 * Before something is put on services of the tenant, or on all of it (`'link'`); with the tenant locked. `isTold`: whoever
 * does so has said that it is for tests. Throws DRILL_TARGET.
 */
export async function refuseUntold(
  trx: Trx,
  tenant: string,
  what: readonly string[] | 'link',
  isTold: boolean | undefined,
): Promise<void> {
  if (isTold === true) return;
  const target = await trx
    .selectFrom('drill_targets')
    .select('service')
    .where('tenant', '=', tenant)
    .where('service', 'in', what === 'link' ? [''] : ['', ...what])
    .where('withdrawn_at', 'is', null)
    .orderBy('service')
    .executeTakeFirst();
  if (target !== undefined)
    throw new CmkError(
      'DRILL_TARGET',
      `${wordsFor(tenant, target.service || null)} is designated for drills`,
    );
}

async function findTarget(
  trx: Trx,
  tenant: string,
  service: string | null,
): Promise<DrillTarget | undefined> {
  return await trx
    .selectFrom('drill_targets')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('service', '=', service ?? '')
    .where('withdrawn_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
}

async function refuseInUse(trx: Trx, tenant: string, service: string | null): Promise<void> {
  const refuse = (why: string): never => {
    throw new CmkError('DRILL_TARGET_IN_USE', `${wordsFor(tenant, service)}: ${why}`);
  };
  let applications = trx.selectFrom('applications').select('name').where('tenant', '=', tenant).limit(1);
  if (service !== null)
    applications = applications.where((eb) => eb(eb.val(service), '=', eb.fn.any('services')));
  const user = await applications.executeTakeFirst();
  if (user !== undefined) refuse(`application ${user.name} may use it`);
  if (service !== null) return;
  const link = await trx
    .selectFrom('links')
    .select(['region', 'epoch'])
    .where('tenant', '=', tenant)
    .limit(1)
    .executeTakeFirst();
  if (link !== undefined) refuse(`it has been linked in ${link.region}`);
}

async function refuseTooMany(trx: Trx, tenant: string): Promise<void> {
  const { count } = await trx
    .selectFrom('drill_targets')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_DRILL_TARGETS_PER_TENANT)
    throw new CmkError(
      'LIMIT_REACHED',
      `a tenant has at most ${MAX_DRILL_TARGETS_PER_TENANT} designations, withdrawn ones among them`,
    );
}

function toView(row: DrillTarget): TargetView {
  return {
    tenant: row.tenant,
    service: row.service === '' ? null : row.service,
    designatedBy: row.designated_by,
    designatedAt: row.designated_at.toISOString(),
  };
}
