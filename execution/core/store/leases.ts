/**
 * Which gateway holds which service keys, as far as heartbeats have told: written down now and then by whichever core it
 * speaks to, so that any core can say who would miss them. Nothing is granted or refused by it. Times are the database's own, in
 * microseconds since the epoch.
 */
import { sql } from 'kysely';
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { HeartbeatRequest } from '../../mesh/index.ts';
import { GATEWAY_SILENT_MS, LEASES_NOTED_MS, MAX_NOTED_LEASES } from '../limits.ts';
import type { RegionDb } from './tables.ts';

const nowUs = sql<string>`(extract(epoch from clock_timestamp()) * 1000000)::bigint`;

/** By tenant and service: milliseconds since the key was last used; null where the gateway does not say. */
type Noted = Readonly<Record<string, Readonly<Record<string, number | null>>>>;

/** `process`: one of a gateway's, by the address of its connection. Those used last, where there are too many. */
export async function noteLeases(
  db: RegionDb,
  gateway: { readonly fingerprint: string; readonly process: string },
  leases: HeartbeatRequest['leases'],
): Promise<void> {
  const idle = (idleMs: number | undefined): number => idleMs ?? Number.MAX_SAFE_INTEGER;
  const kept =
    leases.length <= MAX_NOTED_LEASES
      ? leases
      : [...leases].sort((a, b) => idle(a.idleMs) - idle(b.idleMs)).slice(0, MAX_NOTED_LEASES);
  const byTenant = Map.groupBy(kept, ({ tenant }) => tenant);
  const noted: Noted = Object.fromEntries(
    [...byTenant].map(([tenant, own]) => [
      tenant,
      Object.fromEntries(own.map(({ service, idleMs }) => [service, idleMs ?? null])),
    ]),
  );
  await sql`
    insert into core.gateway_leases (fingerprint, process, noted_us, leases)
    values (${gateway.fingerprint}, ${gateway.process}, ${nowUs}, ${JSON.stringify(noted)}::jsonb)
    on conflict (fingerprint, process)
    do update set noted_us = excluded.noted_us, leases = excluded.leases`.execute(db);
}

export interface LeaseHolder {
  readonly name: string;
  readonly connected: boolean;
  readonly lastSeenMs: number;
  /** Until then it may go on without the core, by the lease's TTL, and on grace. Later than true, never earlier. */
  readonly leasesEndMs: number;
  readonly graceEndsMs: number;
  /** Milliseconds since the epoch; null where the gateway does not say. Last used first. */
  readonly leases: readonly { readonly service: string; readonly lastUsedMs: number | null }[];
}

/** Registered gateways whose leases of the tenant's keys may not have ended yet, by name. */
export async function leaseHolders(
  db: RegionDb,
  tenant: TenantId,
  { ttlMs, graceMs }: { readonly ttlMs: number; readonly graceMs: number },
): Promise<readonly LeaseHolder[]> {
  const livedMs = LEASES_NOTED_MS + ttlMs + graceMs;
  const { rows } = await sql<{
    name: string;
    noted: string;
    heard: string;
    silent: string;
    leases: Readonly<Record<string, number | null>>;
  }>`
    select i.name, l.noted_us / 1000 as noted, greatest(l.noted_us, g.heard_us) / 1000 as heard,
           (${nowUs} - greatest(l.noted_us, g.heard_us)) / 1000 as silent, l.leases -> ${tenant}::text as leases
    from core.gateway_leases l
    join core.identities i on i.fingerprint = l.fingerprint and i.role = 'gateway'
    left join core.gateways g on g.fingerprint = l.fingerprint
    where l.noted_us > ${nowUs} - ${livedMs * 1000}::bigint and l.leases -> ${tenant}::text is not null
    order by i.name, l.noted_us`.execute(db);
  return [...Map.groupBy(rows, ({ name }) => name)].map(([name, processes]) => {
    const notedMs = Math.max(...processes.map(({ noted }) => Number(noted)));
    const used = new Map<string, number | null>();
    for (const { noted, leases } of processes)
      for (const [service, idleMs] of Object.entries(leases)) {
        const atMs = idleMs === null ? null : Number(noted) - idleMs;
        used.set(service, later(used.get(service) ?? null, atMs));
      }
    return {
      name,
      connected: processes.some(({ silent }) => Number(silent) < GATEWAY_SILENT_MS),
      lastSeenMs: Math.max(...processes.map(({ heard }) => Number(heard))),
      // Each heartbeat renews, and not each is written down.
      leasesEndMs: notedMs + LEASES_NOTED_MS + ttlMs,
      graceEndsMs: notedMs + livedMs,
      leases: [...used]
        .map(([service, lastUsedMs]) => ({ service, lastUsedMs }))
        .sort((a, b) => (b.lastUsedMs ?? 0) - (a.lastUsedMs ?? 0)),
    };
  });
}

const later = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

/** Of those, the names of gateways that hold keys of the target. */
export async function holdersOf(
  db: RegionDb,
  { tenant, service }: { readonly tenant: TenantId; readonly service: ServiceName | null },
  lease: { readonly ttlMs: number; readonly graceMs: number },
): Promise<readonly string[]> {
  const holders = await leaseHolders(db, tenant, lease);
  return holders
    .filter(({ leases }) => service === null || leases.some((each) => each.service === service))
    .map(({ name }) => name);
}

/** Forgets what was noted longer ago than any lease lives. Returns how many. */
export async function pruneLeases(
  db: RegionDb,
  { ttlMs, graceMs }: { readonly ttlMs: number; readonly graceMs: number },
): Promise<number> {
  const livedMs = LEASES_NOTED_MS + ttlMs + graceMs;
  const { numAffectedRows } = await sql`
    delete from core.gateway_leases where noted_us < ${nowUs} - ${livedMs * 1000}::bigint`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** How far back in the tenant's part of the trail applications are looked for. */
const TRAIL_EVENTS = 5_000;

/** When each application's key was last named in the region's trail: RFC 3339, by fingerprint, the latest first. */
export async function applicationsSeen(
  db: RegionDb,
  tenant: TenantId,
  limit: number,
): Promise<readonly { readonly fingerprint: string; readonly lastSeenAt: string }[]> {
  const { rows } = await sql<{ fingerprint: string; lastSeenAt: string }>`
    select body::jsonb ->> 'fingerprint' as fingerprint, max(at) as "lastSeenAt"
    from (select body, at from core.audit_events where tenant = ${tenant} order by seq desc limit ${TRAIL_EVENTS}) recent
    where body::jsonb ->> 'fingerprint' is not null
    group by 1 order by 2 desc limit ${limit}`.execute(db);
  return rows;
}
