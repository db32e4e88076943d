/**
 * What people decide about a whole tenant (D13: disabling, deleting). Blocking closes its keys in every region until
 * somebody lifts the block and links it anew; terminating closes them for good. Once every region has closed, CMK erases
 * its wrapped link secrets, and with them the last way to the tenant's L2: a region holds none, and nobody else ever did
 * (D1). Both win over whatever its links are doing.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { lockTenant, tenantRegions } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { TERMINATION_BATCH } from '../limits.ts';
import { startUnlink } from '../links/request.ts';
import { linkRows } from '../links/rows.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { RegionJob, Tenant } from '../store/schema.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import type { Hold } from '../store/workflow-tables.ts';

interface HoldOrder {
  readonly who: Actor;
  readonly tenant: string;
  readonly proposal: string;
  readonly reason: string;
}

/** What opens a tenant's keys waits until the block is lifted. Errors: TENANT_BLOCKED. */
export async function refuseHeld(trx: Trx, tenant: string): Promise<void> {
  const { hold, hold_reason: reason } = await lockTenant(trx, tenant);
  if (hold !== 'none') throw new CmkError('TENANT_BLOCKED', `${tenant} is ${hold}: ${reason ?? 'no reason'}`);
}

/** Errors: TENANT_BLOCKED. */
export async function blockTenant(cmk: Cmk, trx: Trx, order: HoldOrder): Promise<RegionJob[]> {
  await refuseHeld(trx, order.tenant);
  const jobs = await closeEverywhere(cmk, trx, order);
  await hold(trx, order, 'blocked');
  await tell(trx, order, 'tenant.block', { jobs });
  return jobs;
}

/** Its links stay closed: whoever wants them asks for them. Errors: NOT_BLOCKED. */
export async function unblockTenant(trx: Trx, order: HoldOrder): Promise<RegionJob[]> {
  const { hold: present } = await lockTenant(trx, order.tenant);
  if (present !== 'blocked') throw new CmkError('NOT_BLOCKED', `${order.tenant} is not blocked`);
  await trx
    .updateTable('tenants')
    .set({ hold: 'none', hold_reason: null, hold_since: null, hold_proposal: null })
    .where('tenant', '=', order.tenant)
    .execute();
  await tell(trx, order, 'tenant.unblock');
  return [];
}

export async function terminateTenant(cmk: Cmk, trx: Trx, order: HoldOrder): Promise<RegionJob[]> {
  const jobs = await closeEverywhere(cmk, trx, order);
  await hold(trx, order, 'terminating');
  await tell(trx, order, 'tenant.terminate', { jobs });
  return jobs;
}

async function hold(trx: Trx, { tenant, reason, proposal }: HoldOrder, state: Hold): Promise<void> {
  await trx
    .updateTable('tenants')
    .set({ hold: state, hold_reason: reason, hold_since: new Date(), hold_proposal: proposal })
    .where('tenant', '=', tenant)
    .execute();
}

const tell = (
  trx: Trx,
  { who, tenant, reason, proposal }: HoldOrder,
  action: string,
  detail: Record<string, unknown> = {},
): Promise<void> =>
  audit(trx, who, {
    tenant,
    action,
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { reason, proposal, ...detail },
  });

/** The jobs after which no region can use a key of the tenant, those that are on their way already among them. */
async function closeEverywhere(
  cmk: Cmk,
  trx: Trx,
  { who, tenant, reason, proposal }: HoldOrder,
): Promise<RegionJob[]> {
  const before = await linkRows(trx, tenant);
  const jobs = await closeLinks(cmk, trx, who, { tenant, reason, proposal });
  for (const region of await tenantRegions(trx, tenant)) {
    if (jobs.some((each) => each.region === region)) continue;
    const [newest] = before.filter((row) => row.region === region);
    if (newest?.state === 'closing' && newest.job !== null) jobs.push({ region, job: newest.job });
    if (newest === undefined) jobs.push(await closeUnlinked(cmk, trx, who, { tenant, region, reason }));
  }
  return jobs;
}

async function closeLinks(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  unlink: { tenant: string; reason: string; proposal: string },
): Promise<RegionJob[]> {
  try {
    return await startUnlink(cmk, trx, who, unlink);
  } catch (error) {
    if (error instanceof CmkError && error.code === 'NOT_LINKED') return [];
    throw error;
  }
}

/** A region that was never linked serves under its regional secret alone. Closing an epoch of it ends that (D1). */
async function closeUnlinked(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  { tenant, region, reason }: { tenant: string; region: string; reason: string },
): Promise<RegionJob> {
  const { last_epoch: epoch } = await trx
    .updateTable('tenant_regions')
    .set((eb) => ({ last_epoch: eb('last_epoch', '+', 1) }))
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .returning('last_epoch')
    .executeTakeFirstOrThrow();
  const job = await createRegionalJob(cmk, trx, {
    kind: 'UNLINK',
    task: { region, payload: { tenant, epoch, reason } },
    correlationId: who.correlationId,
    deadlineMs: null,
    cancelsOlder: true,
  });
  return { region, job };
}

/** Ends the terminations that every region has closed. Each is one transaction, so it is done once, whoever dies. */
export async function finishTerminations(cmk: Cmk): Promise<void> {
  const due = await asPlatform(cmk.db, (trx) => closedEverywhere(trx));
  for (const { tenant } of due)
    await asTenant(cmk.db, tenant, async (trx) => {
      const row = await lockTenant(trx, tenant, 'whatever its state');
      if (row.hold === 'terminating') await erase(trx, row);
    });
}

/** Jobs that Orbital has forgotten had ended long before. */
async function closedEverywhere(trx: Trx): Promise<{ tenant: string }[]> {
  const { rows } = await sql<{ tenant: string }>`
    SELECT t.tenant FROM tenants t JOIN proposals p ON p.id = t.hold_proposal
      WHERE t.hold = 'terminating' AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(p.jobs) AS asked(job uuid)
          JOIN orbital_jobs j ON j.id = asked.job AND j.state <> 'done')
      ORDER BY t.tenant LIMIT ${TERMINATION_BATCH}`.execute(trx);
  return rows;
}

async function erase(trx: Trx, { tenant, hold_proposal: proposal }: Tenant): Promise<void> {
  const erased = await trx
    .updateTable('links')
    .set({ wrapped_secret: null, region_public_key: null, updated_at: new Date() })
    .where('tenant', '=', tenant)
    .where('wrapped_secret', 'is not', null)
    .executeTakeFirst();
  await trx
    .updateTable('tenants')
    .set({ hold: 'terminated', hold_since: new Date() })
    .where('tenant', '=', tenant)
    .execute();
  await audit(
    trx,
    { actor: 'system:workflows', correlationId: randomUUID() },
    {
      tenant,
      action: 'tenant.terminated',
      subject: `tenant:${tenant}`,
      outcome: 'succeeded',
      detail: { proposal, secretsErased: Number(erased.numUpdatedRows) },
    },
  );
}
