/**
 * What a retry may still ask for: a failed job says what was wanted when it was made, and a retry makes that the newest wish
 * of its entity (orbital/manager/jobs.ts). None may bring back what was taken away since, nor stop what was begun since.
 */
import { sql } from 'kysely';
import type { JobKind, JobPayload } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { linkRows } from '../links/rows.ts';
import { MAKING } from '../links/states.ts';
import type { Trx } from '../store/transactions.ts';
import { stateOfTenant } from './lookups.ts';
import { isServed } from './tenant-states.ts';

type OrbitalJob = NonNullable<Awaited<ReturnType<Cmk['manager']['getJob']>>>;

interface Asked {
  readonly region: string;
  readonly payload: unknown;
  readonly tenant: string | undefined;
}
/** Says why it is not asked once more, or nothing. */
type Outdated = (trx: Trx, asked: Asked) => Promise<string | undefined>;

const never: Outdated = async () => undefined;
/** Decided on what was true then: a late repetition would destroy on old numbers, bring an old policy back, or cut off anew. */
const askedAnew: Outdated = async () => 'it is asked for anew';

/** Neither is ever removed, but the tenant may have been blocked or terminated. */
const unlessServed: Outdated = async (trx, { tenant }) => {
  if (tenant === undefined) return 'it is of no tenant';
  const state = await stateOfTenant(trx, tenant);
  return isServed(state) ? undefined : `${tenant} is ${state}`;
};

/** Anything else with that name or key is another registration, which has a job of its own. */
const unlessRegistered: Outdated = async (trx, { region, payload }) => {
  // Our own payload, as it was checked when the job was created.
  const { identity } = payload as JobPayload<'IDENTITY_PUT'>;
  const { fingerprint, role, name, services = [], operations = null } = identity;
  const { rows } =
    role === 'gateway'
      ? await sql`SELECT FROM gateways WHERE region = ${region} AND name = ${name}
          AND fingerprint = ${fingerprint} AND state <> 'removing'`.execute(trx)
      : await sql`SELECT FROM applications a
          JOIN application_regions r ON r.tenant = a.tenant AND r.application = a.name
          WHERE a.tenant = ${identity.tenant} AND a.name = ${name} AND a.fingerprint = ${fingerprint}
            AND a.services = ${services}::text[] AND a.operations IS NOT DISTINCT FROM ${operations}::text[]
            AND r.region = ${region} AND r.state <> 'removing'`.execute(trx);
  return rows.length > 0 ? undefined : `${name} is not registered any more as this job would register it`;
};

/**
 * A retry is the newest wish of its entity, and of what takes away it gives up every live one (`cancelsOlder`). A link that was
 * begun since would be left half-way: an UNLINK that is asked for anew moves its row along, a retry does not.
 */
const unlessLinking: Outdated = async (trx, { region, tenant }) => {
  if (tenant === undefined) return 'it is of no tenant';
  const rows = await linkRows(trx, tenant);
  const making = rows.find((row) => row.region === region && MAKING.includes(row.state));
  return making === undefined
    ? undefined
    : `epoch ${making.epoch} of ${tenant} is being made in ${region}: retry it afterwards, or unlink anew`;
};

/** The same key may have been registered again since, in whatever region. */
const unlessRegisteredAgain: Outdated = async (trx, { payload }) => {
  const { fingerprint } = payload as JobPayload<'IDENTITY_REMOVE'>;
  const { rows } = await sql`
    SELECT FROM gateways WHERE fingerprint = ${fingerprint} AND state <> 'removing'
    UNION ALL
    SELECT FROM applications a JOIN application_regions r ON r.tenant = a.tenant AND r.application = a.name
      WHERE a.fingerprint = ${fingerprint} AND r.state <> 'removing'`.execute(trx);
  return rows.length === 0 ? undefined : 'the key has been registered again since: remove it anew';
};

const retries: Readonly<Record<JobKind, Outdated>> = {
  TENANT_PROVISION: unlessServed,
  SERVICE_PROVISION: unlessServed,
  IDENTITY_PUT: unlessRegistered,
  // An issuer is never removed.
  ISSUER_PUT: never,
  // Regions refuse an epoch that was closed, and each of these is of one epoch; a RENEW carries the end of its proof (D1).
  LINK_PREPARE: never,
  LINK: never,
  ROTATE_LINK: never,
  RENEW: never,
  // They take away.
  UNLINK: unlessLinking,
  IDENTITY_REMOVE: unlessRegisteredAgain,
  KEY_COMPROMISE: never,
  // A further version; older ones stay as they are.
  KEY_ROTATE: never,
  // They only look.
  KEY_INSPECT: never,
  USE_INSPECT: never,
  KEY_DESTROY: askedAnew,
  ROTATION_POLICY: askedAnew,
  DRILL_CUT: askedAnew,
  DRILL_RESTORE: askedAnew,
  // Which keys count may be another set by now.
  GOVERNANCE_KEYS: askedAnew,
  REGION_KEY_MAKE: askedAnew,
  REGION_KEY_USE: askedAnew,
  MANIFEST_READ: askedAnew,
};

/** Looks at what is asked once more, by a retry of what `regions` have not done, or all where none are named. Throws JOB_NOT_RETRYABLE. */
export async function refuseOutdated(
  trx: Trx,
  { kind, tasks }: OrbitalJob,
  tenant: string | undefined,
  regions: readonly string[] | undefined,
): Promise<void> {
  for (const { target: region, payload, state } of tasks) {
    // What is done stays done.
    if (state === 'done' || regions?.includes(region) === false) continue;
    const why = await retries[kind as JobKind](trx, { region, payload, tenant });
    if (why !== undefined) throw new CmkError('JOB_NOT_RETRYABLE', `${kind}: ${why}`);
  }
}
