/**
 * Drills: a designated target is cut off in every region for a while, and comes back by itself. Twice: governance has the
 * regions restore it when the time has come, also after a restart, since the rows say all there is to know; and each
 * region does so on its own a moment later, whatever has become of governance. A drill asks regions for nothing that
 * touches a link or a key.
 *
 *     running ──restore_at, or an operator──▶ restoring ──every region has answered, or will not──▶ ended
 */
import { randomUUID } from 'node:crypto';
import type { JobKind } from '../../contracts/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { lockTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { DRILL_BATCH, DRILL_CONFIRM_MS, DRILL_MARGIN_MS, MAX_DRILLS_PER_TENANT } from '../limits.ts';
import { regionsFor } from '../rotation/scope.ts';
import type { Drill } from '../store/simulation-tables.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { type DrillView, getDrill } from './drill-view.ts';
import { requireTarget, type TestTarget } from './targets.ts';

/** The only kinds of job that a drill can make: neither touches a link or a key (contracts/jobs.ts). */
export type DrillJob = Extract<JobKind, 'DRILL_CUT' | 'DRILL_RESTORE'>;

export interface DrillOrder {
  /** null: the whole tenant. */
  readonly service: string | null;
  readonly seconds: number;
  /** The target's name once more, `tenant` or `tenant/service`. */
  readonly confirm: string;
  /** All of the tenant's when left out. */
  readonly regions?: readonly string[];
}

/**
 * Errors: TENANT_UNKNOWN, SERVICE_UNKNOWN, REGION_UNKNOWN, NO_REGIONS, DRILL_NOT_CONFIRMED, NOT_A_DRILL_TARGET,
 * DRILL_RUNNING.
 */
export async function startDrill(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  order: DrillOrder,
): Promise<DrillView> {
  const id = randomUUID();
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const target = await requireTarget(trx, tenant, order.service);
    const name = nameOf(target);
    if (order.confirm !== name)
      throw new CmkError(
        'DRILL_NOT_CONFIRMED',
        `the drill is of ${name}, and ${order.confirm} was confirmed`,
      );
    await refuseSecond(trx, tenant);
    const regions = await regionsFor(trx, tenant, order.regions);
    await cutOff(cmk, trx, who, target, { id, regions, seconds: order.seconds });
  });
  return await getDrill(cmk, tenant, id);
}

const nameOf = ({ tenant, service }: Pick<TestTarget, 'tenant' | 'service'>): string =>
  service === null ? tenant : `${tenant}/${service}`;

async function refuseSecond(trx: Trx, tenant: string): Promise<void> {
  const running = await trx
    .selectFrom('drills')
    .select(['id', 'until'])
    .where('tenant', '=', tenant)
    .where('state', '<>', 'ended')
    .executeTakeFirst();
  if (running !== undefined)
    throw new CmkError('DRILL_RUNNING', `drill ${running.id} ends by ${running.until.toISOString()}`);
}

async function cutOff(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  target: TestTarget,
  {
    id,
    regions,
    seconds,
  }: { readonly id: string; readonly regions: readonly string[]; readonly seconds: number },
): Promise<void> {
  const { tenant, service } = target;
  const startedAt = new Date();
  const lastsMs = seconds * 1000;
  const restoreAt = new Date(startedAt.getTime() + lastsMs);
  const until = new Date(restoreAt.getTime() + DRILL_MARGIN_MS);
  await trx
    .insertInto('drills')
    .values({
      id,
      tenant,
      service: service ?? '',
      target: target.designation,
      state: 'running',
      started_by: who.actor,
      correlation_id: who.correlationId,
      started_at: startedAt,
      restore_at: restoreAt,
      until,
      stopped_by: null,
      restoring_at: null,
      ended_at: null,
    })
    .execute();
  for (const region of regions) {
    const job = await createRegionalJob<DrillJob>(cmk, trx, {
      kind: 'DRILL_CUT',
      task: { region, payload: { drill: id, ...scopeOf(target), until: until.toISOString() } },
      correlationId: who.correlationId,
      // What has not begun by the end is not begun any more.
      deadlineMs: lastsMs,
    });
    await trx
      .insertInto('drill_regions')
      .values({
        tenant,
        drill: id,
        region,
        state: 'cutting',
        cut_job: job,
        asked_at: startedAt,
        cut_answered_at: null,
        cut: null,
        cut_error: null,
        restore_job: null,
        restore_asked_at: null,
        restore_answered_at: null,
        restored: null,
        restore_error: null,
      })
      .execute();
  }
  await forgetOldest(trx, tenant);
  await audit(trx, who, {
    tenant,
    action: 'drill.start',
    subject: `drill:${id}`,
    outcome: 'accepted',
    detail: {
      target: nameOf(target),
      regions,
      restoreAt: restoreAt.toISOString(),
      until: until.toISOString(),
    },
  });
}

const scopeOf = ({ tenant, service }: { readonly tenant: string; readonly service: string | null }) =>
  service === null ? { tenant } : { tenant, service };

/** Ends a drill before its time. Errors: DRILL_UNKNOWN, DRILL_OVER. */
export async function stopDrill(cmk: Cmk, who: Actor, tenant: string, id: string): Promise<DrillView> {
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const drill = await findDrill(trx, tenant, id);
    if (drill === undefined) throw new CmkError('DRILL_UNKNOWN', `${tenant} has no drill ${id}`);
    if (drill.state !== 'running') throw new CmkError('DRILL_OVER', `drill ${id} is ${drill.state}`);
    await restore(cmk, trx, who, drill, who.actor);
  });
  return await getDrill(cmk, tenant, id);
}

/** Drills whose time has come; those that a stopped CMK has left behind among them. */
export async function endDueDrills(cmk: Cmk): Promise<void> {
  const due = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('drills')
      .select(['tenant', 'id', 'correlation_id'])
      .where('state', '=', 'running')
      .where('restore_at', '<=', new Date())
      .orderBy('restore_at')
      .limit(DRILL_BATCH)
      .execute(),
  );
  for (const { tenant, id, correlation_id } of due)
    try {
      await asTenant(cmk.db, tenant, async (trx) => {
        await lockTenant(trx, tenant);
        const drill = await findDrill(trx, tenant, id);
        // Another CMK, or an operator, was first.
        if (drill?.state !== 'running') return;
        const who = { actor: 'system:drills', correlationId: correlation_id };
        await restore(cmk, trx, who, drill, null);
      });
    } catch (error) {
      cmk.logger.error(
        { err: error, tenant, drill: id },
        'a drill could not be ended; its regions end it themselves',
      );
    }
}

async function findDrill(trx: Trx, tenant: string, id: string): Promise<Drill | undefined> {
  return await trx
    .selectFrom('drills')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/**
 * With the tenant locked. Every region is asked, also one that has not answered or has refused: nobody knows what reached
 * it. Orbital's locks come before those of the drill, as they do when a region answers.
 */
async function restore(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  drill: Drill,
  stoppedBy: string | null,
): Promise<void> {
  const { tenant, id } = drill;
  const now = new Date();
  const regions = await trx
    .selectFrom('drill_regions')
    .select('region')
    .where('drill', '=', id)
    .orderBy('region')
    .execute();
  for (const { region } of regions) {
    const job = await createRegionalJob<DrillJob>(cmk, trx, {
      kind: 'DRILL_RESTORE',
      task: {
        region,
        payload: { drill: id, ...scopeOf({ tenant, service: drill.service === '' ? null : drill.service }) },
      },
      correlationId: who.correlationId,
      // The region ends the drill by itself: nobody waits for its word for ever.
      deadlineMs: Math.max(1, drill.until.getTime() - now.getTime()) + DRILL_CONFIRM_MS,
      // A cut that has not been sent yet is not sent any more.
      cancelsOlder: true,
    });
    await trx
      .updateTable('drill_regions')
      .set({ state: 'restoring', restore_job: job, restore_asked_at: now })
      .where('drill', '=', id)
      .where('region', '=', region)
      .execute();
  }
  await trx
    .updateTable('drills')
    .set({ state: 'restoring', restoring_at: now, stopped_by: stoppedBy })
    .where('id', '=', id)
    .execute();
  await audit(trx, who, { tenant, action: 'drill.restore', subject: `drill:${id}`, outcome: 'accepted' });
}

async function forgetOldest(trx: Trx, tenant: string): Promise<void> {
  await trx
    .deleteFrom('drills')
    .where('tenant', '=', tenant)
    .where('state', '=', 'ended')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('drills')
        .select('id')
        .where('tenant', '=', tenant)
        .orderBy('started_at', 'desc')
        .orderBy('id')
        .offset(MAX_DRILLS_PER_TENANT),
    )
    .execute();
}
