/**
 * What governance wants of a region, item by item, in the order of its manifest (contracts/manifest.ts). One statement for each
 * class: an answer is of one moment.
 */
import { type RawBuilder, sql } from 'kysely';
import {
  type Identity,
  identityState,
  issuerState,
  type JobKind,
  type JobPayload,
  type ManifestClass,
  type ManifestItem,
  manifestDigest,
} from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import type { TenantState } from '../domain/tenant-states.ts';
import { PROVISION_DEADLINE_MS } from '../limits.ts';
import type { Trx } from '../store/transactions.ts';
import type { Verdict } from './findings.ts';
import { askThere } from './jobs.ts';
import * as verdicts from './verdicts.ts';

export interface Wanted {
  readonly key: string;
  /** Whose it is; undefined for the platform's own. */
  readonly tenant: string | undefined;
  /** What the region tells where all is well; undefined: no such item. */
  readonly expected: string | undefined;
  /** A job about it is under way, so that nothing can be said of it now. */
  readonly isBusy: boolean;
  readonly changedAt: Date;
  judge(told: verdicts.Told): Verdict | undefined;
  /** Has the region make it, or make it what it should be; returns the job's id. Throws JobConflictError. */
  provision(cmk: Cmk, trx: Trx, region: string, correlationId: string): Promise<string>;
}

export interface WantedRange {
  /** '' is the beginning. */
  readonly after: string;
  /** This one included; null is the end. */
  readonly upTo: string | null;
  readonly limit: number;
}

type Place = Omit<WantedRange, 'limit'> | { readonly only: string };

export const wantedIn = (
  trx: Trx,
  region: string,
  of: ManifestClass,
  { limit, ...range }: WantedRange,
): Promise<Wanted[]> => readers[of](trx, region, range, limit);

export async function wantedOf(
  trx: Trx,
  region: string,
  of: ManifestClass,
  key: string,
): Promise<Wanted | undefined> {
  return (await readers[of](trx, region, { only: key }, 1))[0];
}

/** Of what governance wants in a range; of `limit` items and more than that it is no digest of any page. */
export function ownDigest(wanted: readonly Wanted[], limit: number): string {
  if (wanted.length >= limit) return 'more';
  const items: ManifestItem[] = [];
  for (const { key, expected } of wanted) if (expected !== undefined) items.push({ key, state: expected });
  return manifestDigest(items);
}

const within = (key: RawBuilder<unknown>, place: Place): RawBuilder<unknown> =>
  'only' in place
    ? sql`${key} = ${place.only}`
    : sql`${key} COLLATE "C" > ${place.after} AND (${place.upTo}::text IS NULL OR ${key} COLLATE "C" <= ${place.upTo})`;

const provisioning =
  <K extends JobKind>(kind: K, payload: JobPayload<K>): Wanted['provision'] =>
  (cmk, trx, region, correlationId) =>
    askThere(cmk, trx, {
      kind,
      task: { region, payload },
      correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });

type Reader = (trx: Trx, region: string, place: Place, limit: number) => Promise<Wanted[]>;
type RowState = 'provisioning' | 'active' | 'failed' | 'removing';

const stageOf: Readonly<Record<TenantState, verdicts.TenantWant['stage']>> = {
  requested: 'requested',
  provisioning: 'served',
  active: 'served',
  blocking: 'blocked',
  blocked: 'blocked',
  terminating: 'ended',
  terminated: 'ended',
};
/** Answers of regions move these on. */
const MOVING: readonly TenantState[] = ['blocking', 'terminating'];

interface TenantRow {
  readonly tenant: string;
  readonly row: RowState;
  readonly state: TenantState;
  readonly taken: number;
  readonly open: number;
  readonly newest: number;
  readonly failed: number;
  readonly closed: boolean;
  readonly busy: boolean;
  readonly changed_at: Date;
}

const readTenants: Reader = async (trx, region, place, limit) => {
  const { rows } = await sql<TenantRow>`
    SELECT r.tenant, r.state AS row, s.state, coalesce(greatest(l.newest, c.epoch), 0) AS taken,
           coalesce(l.open, 0) AS open, coalesce(l.newest, 0) AS newest, coalesce(l.failed, 0) AS failed,
           coalesce(l.closed, false) OR coalesce(c.state = 'done', false) AS closed,
           coalesce(l.busy, false) AS busy,
           greatest(r.updated_at, s.since, l.changed_at, c.updated_at) AS changed_at
      FROM tenant_regions r
      JOIN tenant_states s ON s.tenant = r.tenant
      LEFT JOIN tenant_closings c ON c.tenant = r.tenant AND c.region = r.region
      LEFT JOIN LATERAL (
        SELECT max(epoch) FILTER (WHERE state = 'active') AS open, max(epoch) AS newest,
               max(epoch) FILTER (WHERE state = 'failed') AS failed, bool_or(state = 'closed') AS closed,
               bool_or(state IN ('preparing', 'sealing', 'linking', 'closing')) AS busy,
               max(updated_at) AS changed_at
          FROM links WHERE links.tenant = r.tenant AND links.region = r.region) l ON true
      WHERE r.region = ${region} AND ${within(sql`r.tenant`, place)}
      ORDER BY r.tenant COLLATE "C" LIMIT ${limit}`.execute(trx);
  return rows.map((row) => {
    const { tenant, open, newest, failed, closed, taken } = row;
    const stage = stageOf[row.state];
    const want = { stage, provisioned: row.row === 'active', open, newest, failed, closed, taken };
    return {
      key: tenant,
      tenant,
      expected: verdicts.expectedTenant(want),
      isBusy: row.busy || MOVING.includes(row.state) || (stage === 'served' && row.row === 'provisioning'),
      changedAt: row.changed_at,
      judge: (told) => verdicts.tenantVerdict(want, told),
      provision: provisioning('TENANT_PROVISION', { tenant }),
    };
  });
};

interface ServiceRow {
  readonly tenant: string;
  readonly service: string;
  readonly row: RowState;
  readonly tenant_row: RowState;
  readonly state: TenantState;
  /** The tenant's link is closed: no key is made until it is linked again. */
  readonly waits: boolean;
  readonly changed_at: Date;
}

const readServices: Reader = async (trx, region, place, limit) => {
  const key = sql`(v.tenant || ' ' || v.service)`;
  const { rows } = await sql<ServiceRow>`
    SELECT v.tenant, v.service, v.state AS row, r.state AS tenant_row, s.state,
           NOT EXISTS (SELECT FROM links l WHERE l.tenant = v.tenant AND l.region = v.region AND l.state = 'active')
             AND (EXISTS (SELECT FROM links l
                     WHERE l.tenant = v.tenant AND l.region = v.region AND l.state IN ('closing', 'closed'))
                  OR EXISTS (SELECT FROM tenant_closings c WHERE c.tenant = v.tenant AND c.region = v.region))
             AS waits,
           greatest(v.updated_at, r.updated_at, s.since) AS changed_at
      FROM service_regions v
      JOIN tenant_states s ON s.tenant = v.tenant
      JOIN tenant_regions r ON r.tenant = v.tenant AND r.region = v.region
      WHERE v.region = ${region} AND ${within(key, place)}
      ORDER BY ${key} COLLATE "C" LIMIT ${limit}`.execute(trx);
  return rows.map(({ tenant, service, row, tenant_row, state, waits, changed_at }) => {
    const want = {
      served: stageOf[state] === 'served' && tenant_row === 'active',
      provisioned: row === 'active',
    };
    return {
      key: `${tenant} ${service}`,
      tenant,
      expected: verdicts.expectedService(want),
      isBusy: want.served && (row === 'provisioning' || waits),
      changedAt: changed_at,
      judge: (told) => verdicts.serviceVerdict(want, told),
      provision: provisioning('SERVICE_PROVISION', { tenant, service }),
    };
  });
};

interface KeyRow {
  readonly tenant: string;
  readonly counter: number | null;
  readonly versions: string | null;
}

/** Nothing of these is wanted: they are what the region has told before. */
const readKeys: Reader = async (trx, region, place, limit) => {
  const { rows } = await sql<KeyRow>`
    SELECT r.tenant, r.keys_counter AS counter, r.keys_versions AS versions FROM tenant_regions r
      WHERE r.region = ${region} AND ${within(sql`r.tenant`, place)}
      ORDER BY r.tenant COLLATE "C" LIMIT ${limit}`.execute(trx);
  return rows.map(({ tenant, counter, versions }) => {
    const anchor = counter === null || versions === null ? undefined : { counter, versions };
    return {
      key: tenant,
      tenant,
      expected: anchor === undefined ? undefined : `${anchor.counter}:${anchor.versions}`,
      isBusy: false,
      changedAt: new Date(0),
      judge: (told) => verdicts.keyVerdict(anchor, told),
      provision: () => Promise.reject(new Error('keys of a tenant are made with it')),
    };
  });
};

interface IdentityRow {
  readonly fingerprint: string;
  readonly role: 'application' | 'gateway';
  readonly name: string;
  readonly tenant: string | null;
  readonly services: string[] | null;
  readonly operations: string[] | null;
  readonly row: RowState;
  readonly error: string | null;
  readonly changed_at: Date;
}

const readIdentities: Reader = async (trx, region, place, limit) => {
  const { rows } = await sql<IdentityRow>`
    SELECT * FROM (
      SELECT a.fingerprint, 'application' AS role, a.name, a.tenant, a.services, a.operations,
             r.state AS row, r.error, r.updated_at AS changed_at
        FROM applications a
        JOIN application_regions r ON r.tenant = a.tenant AND r.application = a.name
        WHERE r.region = ${region} AND ${within(sql`a.fingerprint`, place)}
      UNION ALL
      SELECT g.fingerprint, 'gateway', g.name, NULL, NULL, NULL, g.state, g.error, g.updated_at
        FROM gateways g WHERE g.region = ${region} AND ${within(sql`g.fingerprint`, place)}) i
      ORDER BY fingerprint COLLATE "C" LIMIT ${limit}`.execute(trx);
  return rows.map((row) => {
    const { fingerprint, role, name, tenant, services, operations } = row;
    const identity: Identity = {
      fingerprint,
      role,
      name,
      ...(tenant === null ? {} : { tenant }),
      ...(services === null ? {} : { services }),
      ...(operations === null ? {} : { operations }),
    };
    const want = {
      state: identityState(identity),
      row: row.row === 'provisioning' ? 'active' : row.row,
    } as const;
    return {
      key: fingerprint,
      tenant: tenant ?? undefined,
      expected: verdicts.expectedRegistered(want),
      // A removal has no deadline: it is under way until the region has done it or refused to.
      isBusy: row.row === 'provisioning' || (row.row === 'removing' && row.error === null),
      changedAt: row.changed_at,
      judge: (told) => verdicts.identityVerdict(want, told),
      provision: provisioning('IDENTITY_PUT', { identity }),
    };
  });
};

interface IssuerRow {
  readonly fingerprint: string;
  readonly certificate: string;
  readonly row: RowState;
  readonly changed_at: Date;
}

const readIssuers: Reader = async (trx, region, place, limit) => {
  const { rows } = await sql<IssuerRow>`
    SELECT i.fingerprint, i.certificate, r.state AS row, r.updated_at AS changed_at
      FROM issuers i JOIN issuer_regions r ON r.fingerprint = i.fingerprint
      WHERE r.region = ${region} AND ${within(sql`i.fingerprint`, place)}
      ORDER BY i.fingerprint COLLATE "C" LIMIT ${limit}`.execute(trx);
  return rows.map(({ fingerprint, certificate, row, changed_at }) => {
    const want = { state: issuerState(certificate), row: row === 'failed' ? 'failed' : 'active' } as const;
    return {
      key: fingerprint,
      tenant: undefined,
      expected: verdicts.expectedRegistered(want),
      isBusy: row === 'provisioning',
      changedAt: changed_at,
      judge: (told) => verdicts.issuerVerdict(want, told),
      provision: provisioning('ISSUER_PUT', { fingerprint, certificate }),
    };
  });
};

const readers: Readonly<Record<ManifestClass, Reader>> = {
  tenant: readTenants,
  service: readServices,
  key: readKeys,
  identity: readIdentities,
  issuer: readIssuers,
};
