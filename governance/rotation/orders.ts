/**
 * What governance orders of keys that it never sees: rotation, emergency rotation and destruction. Each region has a job
 * and an order of its own for each key, so that one that is cut off holds up nobody.
 */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createOrJoin, createRegionalJob } from '../dispatch/jobs.ts';
import { lockTenant } from '../domain/lookups.ts';
import { KEY_JOB_DEADLINE_MS } from '../limits.ts';
import type { RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { sendPolicies } from './policies.ts';
import { type KeyName, keyOf, regionsFor, requireKeyOf, subjectOf } from './scope.ts';

export interface RotationOrder extends KeyName {
  /** All of the tenant's when left out. */
  readonly regions?: readonly string[];
}

/**
 * A new version in each region. Asked for again while a region has not done it yet, the same job is the answer: two
 * rotations of what nobody has used would be one too many. Errors: TENANT_UNKNOWN, SERVICE_UNKNOWN, REGION_UNKNOWN.
 */
export async function rotateKey(
  cmk: Cmk,
  who: Actor,
  order: RotationOrder,
): Promise<(RegionJob & { joined: boolean })[]> {
  const { tenant } = order;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await requireKeyOf(trx, order);
    const jobs: (RegionJob & { joined: boolean })[] = [];
    for (const region of await regionsFor(trx, tenant, order.regions))
      jobs.push(
        await createOrJoin(cmk, trx, {
          kind: 'KEY_ROTATE',
          task: { region, payload: keyOf(order) },
          correlationId: who.correlationId,
          deadlineMs: KEY_JOB_DEADLINE_MS,
        }),
      );
    await audit(trx, who, {
      tenant,
      action: 'key.rotate',
      subject: subjectOf(order),
      outcome: 'accepted',
      detail: { jobs },
    });
    return jobs;
  });
}

/**
 * Emergency rotation. It waits for nothing and for as long as it takes: what was asked of the key before is cancelled, and
 * there is no deadline, for a region that comes back after days must not go on with a key that somebody has.
 * Errors: SERVICE_UNKNOWN, REGION_UNKNOWN.
 */
export async function compromiseKey(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  order: RotationOrder & { readonly reason: string },
): Promise<RegionJob[]> {
  const { tenant, reason } = order;
  await requireKeyOf(trx, order);
  const regions = await regionsFor(trx, tenant, order.regions);
  const jobs: RegionJob[] = [];
  for (const region of regions)
    jobs.push({
      region,
      job: await createRegionalJob(cmk, trx, {
        kind: 'KEY_COMPROMISE',
        task: { region, payload: { ...keyOf(order), reason } },
        correlationId: who.correlationId,
        deadlineMs: null,
        cancelsOlder: true,
      }),
    });
  // A policy that was on its way is not what was to be cancelled.
  await sendPolicies(cmk, trx, who, order, regions);
  await audit(trx, who, {
    tenant,
    action: 'key.compromise',
    subject: subjectOf(order),
    outcome: 'accepted',
    detail: { reason, jobs },
  });
  return jobs;
}

export interface Destruction extends KeyName {
  readonly region: string;
  readonly version: number;
  /** How many objects the operators were told depend on it; the region compares once more. */
  readonly dependents: number;
  readonly reason: string;
}

/** Destroys one version in one region. Errors: SERVICE_UNKNOWN, REGION_UNKNOWN; JOB_LIVE while another one is under way. */
export async function destroyVersion(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  order: Destruction,
): Promise<RegionJob[]> {
  const { tenant, region, version, dependents, reason } = order;
  await requireKeyOf(trx, order);
  await regionsFor(trx, tenant, [region]);
  const job = await createRegionalJob(cmk, trx, {
    kind: 'KEY_DESTROY',
    task: { region, payload: { ...keyOf(order), version, dependents, reason } },
    correlationId: who.correlationId,
    deadlineMs: KEY_JOB_DEADLINE_MS,
  });
  await audit(trx, who, {
    tenant,
    action: 'key.destroy',
    subject: subjectOf(order),
    outcome: 'accepted',
    detail: { region, version, dependents, reason, job },
  });
  return [{ region, job }];
}
