/**
 * What governance knows of a tenant at one moment, in one snapshot: the ground on which a simulation stands. Bounded: what
 * is left out is counted.
 */
import { sql } from 'kysely';
import { Value } from 'typebox/value';
import { RegionSummary } from '../../contracts/index.ts';
import { CmkError } from '../errors.ts';
import {
  MAX_SIMULATED_APPLICATIONS,
  MAX_SIMULATED_REGIONS,
  MAX_SIMULATED_SYSTEMS,
  MAX_SIMULATED_WORKFLOWS,
  REPORT_STALE_MS,
} from '../limits.ts';
import { linkRows } from '../links/rows.ts';
import { CLOSABLE, MAKING } from '../links/states.ts';
import { linksOf, type RegionLinkView } from '../links/view.ts';
import type { Link } from '../store/schema.ts';
import type { Facts, RegionFacts } from './fact-types.ts';
import type { Reading } from './reading.ts';

/** Errors: TENANT_UNKNOWN, NO_REGIONS, REGION_UNKNOWN, LIMIT_REACHED for more than MAX_SIMULATED_REGIONS. */
export async function readFacts(
  reading: Reading,
  tenant: string,
  wanted: readonly string[] | undefined,
): Promise<Facts> {
  const now = new Date();
  const known = await reading
    .selectFrom('tenants')
    .select('tenant')
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  if (known === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
  const regions = await regionFacts(reading, tenant, wanted, now);
  return {
    at: now.toISOString(),
    regions,
    ...(await systemFacts(reading, tenant)),
    ...(await applicationFacts(reading, tenant)),
    ...(await workflowFacts(reading, tenant)),
  };
}

async function regionFacts(
  reading: Reading,
  tenant: string,
  wanted: readonly string[] | undefined,
  now: Date,
): Promise<RegionFacts[]> {
  const rows = await reading
    .selectFrom('tenant_regions')
    .innerJoin('regions', 'regions.name', 'tenant_regions.region')
    .select(['region', 'state', 'l2_version', 'last_report', 'reported_at'])
    .where('tenant', '=', tenant)
    .orderBy('region')
    .execute();
  const unknown = wanted?.find((name) => !rows.some(({ region }) => region === name));
  if (unknown !== undefined) throw new CmkError('REGION_UNKNOWN', `${tenant} does not live in ${unknown}`);
  const chosen = wanted === undefined ? rows : rows.filter(({ region }) => wanted.includes(region));
  if (chosen.length === 0) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
  if (chosen.length > MAX_SIMULATED_REGIONS)
    throw new CmkError(
      'LIMIT_REACHED',
      `one simulation covers at most ${MAX_SIMULATED_REGIONS} regions: name some`,
    );
  const names = chosen.map(({ region }) => region);
  const services = await reading
    .selectFrom('service_regions')
    .select(['region', 'service', 'state', 'l3_version'])
    .where('tenant', '=', tenant)
    .where('region', 'in', names)
    .orderBy('service')
    .execute();
  const gateways = await reading
    .selectFrom('gateways')
    .select(['region', 'name', 'state'])
    .where('region', 'in', names)
    .orderBy('name')
    .execute();
  const { regions: links } = await linksOf(reading, tenant);
  const epochs = Map.groupBy(await linkRows(reading, tenant), ({ region }) => region);
  return chosen.map(({ region, state, l2_version, last_report, reported_at }) => {
    const view = links.find((link) => link.region === region);
    if (view === undefined) throw new Error(`the links of ${tenant} lack ${region}`);
    const own = epochs.get(region) ?? [];
    const report = Value.Check(RegionSummary, last_report) ? last_report : null;
    return {
      region,
      state,
      link: {
        epoch: view.epoch,
        state: view.state,
        key: view.key,
        provedAt: view.provedAt,
        expiresAt: view.expiresAt,
        rotateAt: view.rotateAt,
        reported: view.reported,
      },
      serving: isServing(view.state, own),
      closable: own.some((epoch) => CLOSABLE.includes(epoch.state)),
      keysInUse: [...new Set(own.filter(isProbed).map(({ key_alias }) => key_alias))].sort(),
      l2Version: l2_version,
      services: services
        .filter((each) => each.region === region)
        .map(({ service, state: provisioned, l3_version }) => ({
          service,
          state: provisioned,
          l3Version: l3_version,
        })),
      gateways: gateways
        .filter((each) => each.region === region)
        .map(({ name, state: registered }) => ({ name, state: registered })),
      connected: report?.gateways.filter(({ connected }) => connected).map(({ name }) => name) ?? [],
      seal: report?.core.seal ?? 'unknown',
      reportedAt: reported_at?.toISOString() ?? null,
      stale: reported_at === null || now.getTime() - reported_at.getTime() > REPORT_STALE_MS,
    };
  });
}

const isProbed = ({ state }: Link): boolean => state === 'active' || MAKING.includes(state);

/** Before its first link a tenant stands on the regional secret alone; once one was closed nothing falls back to that (D1). */
function isServing(state: RegionLinkView['state'], epochs: readonly Link[]): boolean {
  switch (state) {
    case 'active':
    case 'rotating':
      return true;
    case 'expired':
    case 'closing':
    case 'closed':
      return false;
    case 'none':
    case 'preparing':
    case 'sealing':
    case 'linking':
    case 'failed':
      return !epochs.some((epoch) => epoch.state === 'closed');
  }
}

async function systemFacts(
  reading: Reading,
  tenant: string,
): Promise<Pick<Facts, 'systems' | 'systemCount'>> {
  const { count } = await reading
    .selectFrom('systems')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  const systems = await reading
    .selectFrom('systems')
    .select(['name', 'kind', 'external_id as externalId', 'service', 'configuration'])
    .where('tenant', '=', tenant)
    .orderBy('name')
    .limit(MAX_SIMULATED_SYSTEMS)
    .execute();
  return { systems, systemCount: Number(count) };
}

async function applicationFacts(
  reading: Reading,
  tenant: string,
): Promise<Pick<Facts, 'applications' | 'applicationCount'>> {
  const { count } = await reading
    .selectFrom('applications')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  const rows = await reading
    .selectFrom('applications')
    .select(['name', 'fingerprint', 'services'])
    .where('tenant', '=', tenant)
    .orderBy('name')
    .limit(MAX_SIMULATED_APPLICATIONS)
    .execute();
  if (rows.length === 0) return { applications: [], applicationCount: Number(count) };
  const states = await reading
    .selectFrom('application_regions')
    .select(['application', 'region', 'state'])
    .where('tenant', '=', tenant)
    .where(
      'application',
      'in',
      rows.map(({ name }) => name),
    )
    .orderBy('region')
    .execute();
  const regionsOf = Map.groupBy(states, ({ application }) => application);
  return {
    applications: rows.map((row) => ({
      ...row,
      regions: (regionsOf.get(row.name) ?? []).map(({ region, state }) => ({ region, state })),
    })),
    applicationCount: Number(count),
  };
}

/** What somebody has begun, and what of it may depend on the keys. The oldest first. */
async function workflowFacts(
  reading: Reading,
  tenant: string,
): Promise<Pick<Facts, 'proposals' | 'jobs' | 'drills'>> {
  const proposals = await reading
    .selectFrom('proposals')
    .select(['id', 'action', 'proposer', 'created_at'])
    .where('tenant', '=', tenant)
    .where('state', '=', 'pending')
    .orderBy('created_at')
    .limit(MAX_SIMULATED_WORKFLOWS)
    .execute();
  // Orbital's tables, read but never written here. An entity is called `kind:tenant`, then `/service` and `@region`.
  const { rows: jobs } = await sql<{
    id: string;
    kind: string;
    entity: string;
    state: string;
    created_at: Date;
  }>`
    SELECT id, kind, entity, state, created_at FROM orbital_jobs
      WHERE state IN ('pending', 'processing')
        AND split_part(split_part(split_part(entity, ':', 2), '@', 1), '/', 1) = ${tenant}
      ORDER BY created_at LIMIT ${MAX_SIMULATED_WORKFLOWS}`.execute(reading);
  const drills = await reading
    .selectFrom('drills')
    .select(['id', 'service', 'until'])
    .where('tenant', '=', tenant)
    .where('state', '<>', 'ended')
    .execute();
  return {
    proposals: proposals.map(({ created_at, ...row }) => ({ ...row, createdAt: created_at.toISOString() })),
    jobs: jobs.map(({ created_at, ...row }) => ({ ...row, createdAt: created_at.toISOString() })),
    drills: drills.map(({ id, service, until }) => ({
      id,
      service: service === '' ? null : service,
      until: until.toISOString(),
    })),
  };
}
