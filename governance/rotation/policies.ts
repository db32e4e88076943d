/**
 * How often regions rotate a key by themselves. Governance holds the truth; each region is sent it by job, and the row of
 * the region says whether it has it. The newest word counts: a policy on its way gives way to the next one.
 */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createInstead } from '../dispatch/jobs.ts';
import { requireTenant } from '../domain/lookups.ts';
import {
  cursorOf,
  instant,
  instantOrNull,
  limitOf,
  type Page,
  type PageRequest,
  toPage,
} from '../domain/pages.ts';
import { DEFAULT_ROTATE_AFTER_S, PROVISION_DEADLINE_MS } from '../limits.ts';
import type { RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { type KeyName, keyOf, regionsFor, requireKeyOf, subjectOf } from './scope.ts';

export interface Policy extends KeyName {
  /** 0: never; null: as often as the region does by default. */
  readonly rotateAfterSeconds: number | null;
}

export interface PolicyView {
  /** null: the tenant's own key, L2. */
  service: string | null;
  rotateAfterSeconds: number | null;
  setBy: string;
  setAt: string;
  regions: { region: string; state: string; error: string | null; nextRotationAt: string | null }[];
}

export interface PoliciesView extends Page<PolicyView> {
  tenant: string;
  /** Of the link: null is never. */
  link: { rotateAfterSeconds: number | null };
}

/** Which row is a key's. */
const rowOf = ({ tenant, service }: KeyName) => ({ tenant, service: service ?? '' });

/** Whether the policy would let the key grow older than it may now. What was never set counts as the regions' default. */
export async function lowersProtection(trx: Trx, policy: Policy): Promise<boolean> {
  const present = await trx
    .selectFrom('rotation_policies')
    .select('rotate_after_s')
    .where('tenant', '=', policy.tenant)
    .where('service', '=', rowOf(policy).service)
    .executeTakeFirst();
  const { tenantKey, serviceKey } = DEFAULT_ROTATE_AFTER_S;
  const ages = (seconds: number | null): number =>
    seconds === null
      ? policy.service === undefined
        ? tenantKey
        : serviceKey
      : seconds === 0
        ? Infinity
        : seconds;
  return ages(policy.rotateAfterSeconds) > ages(present?.rotate_after_s ?? null);
}

/** Set again unchanged, it is sent to the regions that do not have it. Errors: SERVICE_UNKNOWN. */
export async function setPolicy(cmk: Cmk, trx: Trx, who: Actor, policy: Policy): Promise<RegionJob[]> {
  const { tenant, rotateAfterSeconds } = policy;
  await requireKeyOf(trx, policy);
  const regions = await regionsFor(trx, tenant, undefined);
  const key = rowOf(policy);
  const present = await trx
    .selectFrom('rotation_policies')
    .select('rotate_after_s')
    .where('tenant', '=', tenant)
    .where('service', '=', key.service)
    .executeTakeFirst();
  const isNew = present === undefined || present.rotate_after_s !== rotateAfterSeconds;
  if (isNew) {
    const value = { rotate_after_s: rotateAfterSeconds, set_by: who.actor, set_at: new Date() };
    await trx
      .insertInto('rotation_policies')
      .values({ ...key, ...value })
      .onConflict((conflict) => conflict.columns(['tenant', 'service']).doUpdateSet(value))
      .execute();
  }
  const jobs = await sendPolicies(cmk, trx, who, policy, regions, isNew);
  await audit(trx, who, {
    tenant,
    action: 'rotation-policy.set',
    subject: subjectOf(policy),
    outcome: 'accepted',
    detail: { rotateAfterSeconds, jobs },
  });
  return jobs;
}

/** Sends the key's policy, if it has one, to those of the regions that do not have it yet; to all of them where it `isNew`. */
export async function sendPolicies(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  key: KeyName,
  regions: readonly string[],
  isNew = false,
): Promise<RegionJob[]> {
  const row = rowOf(key);
  const policy = await trx
    .selectFrom('rotation_policies')
    .select('rotate_after_s')
    .where('tenant', '=', row.tenant)
    .where('service', '=', row.service)
    .executeTakeFirst();
  if (policy === undefined) return [];
  const informed = await trx
    .selectFrom('rotation_policy_regions')
    .select('region')
    .where('tenant', '=', row.tenant)
    .where('service', '=', row.service)
    .where('state', '=', 'active')
    .execute();
  const jobs: RegionJob[] = [];
  for (const region of regions) {
    if (!isNew && informed.some((each) => each.region === region)) continue;
    jobs.push(
      await createInstead(cmk, trx, {
        kind: 'ROTATION_POLICY',
        task: {
          region,
          payload: {
            ...keyOf(key),
            ...(policy.rotate_after_s === null ? {} : { rotateAfterSeconds: policy.rotate_after_s }),
          },
        },
        correlationId: who.correlationId,
        deadlineMs: PROVISION_DEADLINE_MS,
      }),
    );
    const state = {
      state: 'provisioning' as const,
      next_rotation_at: null,
      error: null,
      updated_at: new Date(),
    };
    await trx
      .insertInto('rotation_policy_regions')
      .values({ ...row, region, ...state })
      .onConflict((conflict) => conflict.columns(['tenant', 'service', 'region']).doUpdateSet(state))
      .execute();
  }
  return jobs;
}

/** Those that were set; for every other key the regions' default holds. Throws TENANT_UNKNOWN. */
export async function listPolicies(cmk: Cmk, tenant: string, page: PageRequest): Promise<PoliciesView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    const { rotate_link_after_s } = await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('rotation_policies')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('service')
      .limit(limitOf(page) + 1);
    // The tenant's own key has no name, and a cursor must not be empty: each stands behind a slash.
    const after = cursorOf(page)?.slice(1);
    if (after !== undefined) query = query.where('service', '>', after);
    const rows = await query.execute();
    const regions = await trx
      .selectFrom('rotation_policy_regions')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('service', 'in', ['', ...rows.map((row) => row.service)])
      .orderBy('region')
      .execute();
    return {
      tenant,
      link: { rotateAfterSeconds: rotate_link_after_s },
      ...toPage(
        rows,
        page,
        (row) => `/${row.service}`,
        (row) => ({
          service: row.service === '' ? null : row.service,
          rotateAfterSeconds: row.rotate_after_s,
          setBy: row.set_by,
          setAt: instant(row.set_at),
          regions: regions
            .filter((each) => each.service === row.service)
            .map(({ region, state, error, next_rotation_at }) => ({
              region,
              state,
              error,
              nextRotationAt: instantOrNull(next_rotation_at),
            })),
        }),
      ),
    };
  });
}
