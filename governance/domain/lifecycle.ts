/**
 * The life of a tenant (tenant-states.ts), carried out: the decisions that begin a change. A decision runs with the tenant
 * locked, asks Orbital, and moves the state last; an answer (lifecycle-answers.ts) comes with Orbital's locks and touches
 * the state after them. So both take their locks in the same order.
 */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createJob, nonEmpty } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { PROVISION_DEADLINE_MS } from '../limits.ts';
import { startUnlink } from '../links/request.ts';
import type { RegionJob } from '../store/schema.ts';
import { asSystemWithin, type Trx } from '../store/transactions.ts';
import { partsOf } from './lifecycle-answers.ts';
import { stateOfTenant } from './lookups.ts';
import { mayBegin, type TenantChange, type TenantState } from './tenant-states.ts';

/** The last epoch that there can be (contracts/jobs.ts): once it is closed, no region opens anything of the tenant again. */
const LAST_EPOCH = 2 ** 31 - 1;

/** What a decision about a tenant's life needs; `proposal` is the one that was approved, null where none is needed. */
export interface TenantOrder {
  readonly tenant: string;
  readonly reason: string;
  readonly proposal: string | null;
}

/** Throws TENANT_STATE when the change may not be asked for now. */
export async function refuseChange(trx: Trx, tenant: string, change: TenantChange): Promise<TenantState> {
  const state = await stateOfTenant(trx, tenant);
  if (!mayBegin(change, state)) throw new CmkError('TENANT_STATE', `${tenant} is ${state}`);
  if (change === 'terminate') await refuseWhileApplications(trx, tenant);
  return state;
}

/** Has every region that the tenant is meant for make its keys. Errors: TENANT_STATE, NO_REGIONS. */
export async function startProvisioning(cmk: Cmk, trx: Trx, who: Actor, tenant: string): Promise<string> {
  const from = await refuseChange(trx, tenant, 'provision');
  const job = await provision(cmk, trx, who, tenant);
  await move(trx, tenant, from, { state: 'provisioning', reason: null });
  await audit(trx, who, {
    tenant,
    action: 'tenant.provision',
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { job },
  });
  return job;
}

/**
 * Closes whatever any region holds of the tenant, linked or not: applications are refused within a second. Urgent and
 * without a deadline, as UNLINK is. Errors: TENANT_STATE.
 */
export async function startBlocking(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  { tenant, reason, proposal }: TenantOrder,
): Promise<RegionJob[]> {
  const from = await refuseChange(trx, tenant, 'block');
  const epochs = await takeNextEpochs(trx, tenant);
  const jobs = await close(cmk, trx, who, { tenant, reason, proposal }, epochs);
  await move(trx, tenant, from, { state: 'blocking', reason });
  await audit(trx, who, {
    tenant,
    action: 'tenant.block',
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { reason, jobs },
  });
  return jobs;
}

/**
 * Lets the tenant be linked again. Nothing opens by this alone: its regions have closed what they held, for ever, and
 * wait for the next epoch. Errors: TENANT_STATE.
 */
export async function startUnblocking(
  trx: Trx,
  who: Actor,
  { tenant, reason }: Pick<TenantOrder, 'tenant' | 'reason'>,
): Promise<RegionJob[]> {
  const from = await refuseChange(trx, tenant, 'unblock');
  await move(trx, tenant, from, { state: await provisionedState(trx, tenant), reason });
  await audit(trx, who, {
    tenant,
    action: 'tenant.unblock',
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { reason },
  });
  return [];
}

/**
 * The end of a tenant: every region closes the last epoch that there can be, and CMK then forgets the wrapped link
 * secrets, without which L2 is not opened by anybody. Its name and its L1 are never given to another tenant.
 * Errors: TENANT_STATE, TENANT_NOT_EMPTY.
 */
export async function startTermination(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  { tenant, reason, proposal }: TenantOrder,
): Promise<RegionJob[]> {
  const from = await refuseChange(trx, tenant, 'terminate');
  const regions = from === 'requested' ? [] : await regionsOf(trx, tenant);
  const epochs = new Map(regions.map((region) => [region, LAST_EPOCH]));
  const jobs = await close(cmk, trx, who, { tenant, reason, proposal }, epochs);
  await move(trx, tenant, from, { state: jobs.length === 0 ? 'terminated' : 'terminating', reason });
  await audit(trx, who, {
    tenant,
    action: 'tenant.terminate',
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { reason, jobs },
  });
  return jobs;
}

/**
 * Asks once more those regions that have refused their part of the change that is under way; what they are asked is the
 * same however often they hear it. Errors: TENANT_STATE when nothing has failed.
 */
export async function retryChange(cmk: Cmk, trx: Trx, who: Actor, tenant: string): Promise<void> {
  const { state, failed, reason } = await trx
    .selectFrom('tenant_states')
    .select(['state', 'failed', 'reason'])
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (!failed) throw new CmkError('TENANT_STATE', `${tenant} is ${state}, and no part of that has failed`);
  if (state === 'provisioning') await provision(cmk, trx, who, tenant);
  else {
    const refused = await trx
      .selectFrom('tenant_closings')
      .select(['region', 'epoch'])
      .where('tenant', '=', tenant)
      .where('state', '=', 'failed')
      .execute();
    const epochs = new Map(refused.map(({ region, epoch }) => [region, epoch]));
    const order = { tenant, reason: reason ?? 'retried', proposal: null };
    // Whoever runs the platform may ask for this, and changes no link otherwise (store/reach.ts).
    await asSystemWithin(trx, tenant, () => close(cmk, trx, who, order, epochs));
  }
  await trx.updateTable('tenant_states').set({ failed: false }).where('tenant', '=', tenant).execute();
  await audit(trx, who, {
    tenant,
    action: 'tenant.retry',
    subject: `tenant:${tenant}`,
    outcome: 'accepted',
    detail: { state },
  });
}

/** One job for those regions that do not have the tenant yet. Errors: NO_REGIONS. */
async function provision(cmk: Cmk, trx: Trx, who: Actor, tenant: string): Promise<string> {
  const rows = await trx
    .updateTable('tenant_regions')
    .set({ state: 'provisioning', error: null, updated_at: new Date() })
    .where('tenant', '=', tenant)
    .where('state', '!=', 'active')
    .returning('region')
    .execute();
  const regions = rows.map(({ region }) => region).sort();
  const tasks = nonEmpty(regions.map((region) => ({ region, payload: { tenant } })));
  if (tasks === undefined) throw new CmkError('NO_REGIONS', 'a tenant lives in at least one region');
  return await createJob(cmk, trx, {
    kind: 'TENANT_PROVISION',
    tasks,
    correlationId: who.correlationId,
    deadlineMs: PROVISION_DEADLINE_MS,
  });
}

async function close(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  order: TenantOrder,
  upTo: ReadonlyMap<string, number>,
): Promise<RegionJob[]> {
  if (upTo.size === 0) return [];
  const jobs = await startUnlink(cmk, trx, who, { ...order, upTo });
  for (const { region, job } of jobs) {
    const epoch = upTo.get(region);
    if (epoch === undefined) continue;
    await trx
      .insertInto('tenant_closings')
      .values({ tenant: order.tenant, region, epoch, job })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'region'])
          .doUpdateSet({ epoch, job, state: 'pending', error: null, updated_at: new Date() }),
      )
      .execute();
  }
  return jobs;
}

/** A fresh epoch of each region, so that its closure takes with it whatever was given out before. */
async function takeNextEpochs(trx: Trx, tenant: string): Promise<Map<string, number>> {
  const rows = await trx
    .updateTable('tenant_regions')
    .set((eb) => ({ last_epoch: eb('last_epoch', '+', 1) }))
    .where('tenant', '=', tenant)
    .returning(['region', 'last_epoch'])
    .execute();
  return new Map(rows.map(({ region, last_epoch }) => [region, last_epoch]));
}

async function regionsOf(trx: Trx, tenant: string): Promise<string[]> {
  const rows = await trx.selectFrom('tenant_regions').select('region').where('tenant', '=', tenant).execute();
  return rows.map(({ region }) => region);
}

/** Where an unblocked tenant goes on: a region may never have had it. */
async function provisionedState(trx: Trx, tenant: string): Promise<TenantState> {
  return (await partsOf(trx, tenant, 'provisioning')).every((part) => part === 'done')
    ? 'active'
    : 'provisioning';
}

async function refuseWhileApplications(trx: Trx, tenant: string): Promise<void> {
  const left = await trx
    .selectFrom('applications')
    .select('name')
    .where('tenant', '=', tenant)
    .orderBy('name')
    .limit(1)
    .executeTakeFirst();
  if (left !== undefined)
    throw new CmkError('TENANT_NOT_EMPTY', `${tenant} has the application ${left.name}`);
}

async function move(
  trx: Trx,
  tenant: string,
  from: TenantState,
  to: { readonly state: TenantState; readonly reason: string | null },
): Promise<void> {
  const moved = await trx
    .updateTable('tenant_states')
    .set({ ...to, failed: false, since: new Date() })
    .where('tenant', '=', tenant)
    .where('state', '=', from)
    .executeTakeFirst();
  // A region's answer came in between, which changes what may be asked.
  if (moved.numUpdatedRows === 0n)
    throw new CmkError('TENANT_STATE', `${tenant} has changed meanwhile; look again`);
}
