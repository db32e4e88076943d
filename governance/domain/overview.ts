/** The whole installation at one glance, for `GET /v1/status`. Reads only. */
import { sql } from 'kysely';
import type { RegionSummary } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { MAX_PAGE } from '../limits.ts';
import { countLinks } from '../links/rows.ts';
import { type LinksView, linksOf } from '../links/view.ts';
import { reachNow } from '../store/reach.ts';
import { asPlatform } from '../store/transactions.ts';
import { type KeyTrouble, troubledKeys } from './key-states.ts';
import { listRegions } from './regions.ts';

export interface Overview {
  cluster: string;
  at: string;
  cmk: { startedAt: string };
  broker: { healthy: boolean };
  regions: {
    name: string;
    seal: string;
    stale: boolean;
    reportedAt: string | null;
    endpoints: Record<string, string>;
    gateways: RegionSummary['gateways'];
    /** Tasks that this region has not ended, and how long the oldest has waited: the reconciliation lag. */
    pendingTasks: number;
    lagMs: number;
  }[];
  tenants: number;
  links: { counts: Record<string, number>; tenants: LinksView[] };
  jobs: { pending: number; failed: number; oldestPendingMs: number };
  /** L1 keys that cannot be used, or of which nothing clear is heard. */
  keys: KeyTrouble[];
}

/** Shows at most MAX_PAGE regions and tenants; the lists have the rest. */
export async function overview(cmk: Cmk): Promise<Overview> {
  const regions = await listRegions(cmk, {}, { limit: MAX_PAGE });
  return await asPlatform(cmk.db, async (trx) => {
    // Orbital's tables, read but never written here.
    const waiting = await sql<{ target: string; tasks: number; oldest_ms: number }>`
      SELECT target, count(*)::int AS tasks,
             (extract(epoch FROM now() - min(created_at)) * 1000)::float8 AS oldest_ms
        FROM orbital_tasks WHERE state IN ('pending', 'processing') GROUP BY target`.execute(trx);
    const jobs = await sql<{ pending: number; failed: number }>`
      SELECT (SELECT count(*)::int FROM orbital_jobs WHERE state IN ('pending', 'processing')) AS pending,
             (SELECT count(*)::int FROM orbital_jobs WHERE state = 'failed') AS failed`.execute(trx);
    // Which key a tenant stands on is not the platform's business: an operator is shown the counts alone.
    const tenants =
      reachNow().kind === 'operator'
        ? []
        : await trx.selectFrom('tenants').select('tenant').orderBy('tenant').limit(MAX_PAGE).execute();
    const total = await trx
      .selectFrom('tenants')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow();
    const links: LinksView[] = [];
    for (const { tenant } of tenants) links.push(await linksOf(trx, tenant));
    return {
      cluster: cmk.cluster,
      at: new Date().toISOString(),
      cmk: { startedAt: cmk.startedAt.toISOString() },
      broker: { healthy: cmk.brokerHealthy() },
      regions: regions.items.map((region) => {
        const tasks = waiting.rows.find((row) => row.target === region.name);
        return {
          name: region.name,
          seal: region.report?.core.seal ?? 'unknown',
          stale: region.stale,
          reportedAt: region.reportedAt,
          endpoints: region.endpoints,
          gateways: region.report?.gateways ?? [],
          pendingTasks: tasks?.tasks ?? 0,
          lagMs: Math.max(0, Math.round(tasks?.oldest_ms ?? 0)),
        };
      }),
      tenants: Number(total.count),
      links: { counts: await countLinks(trx), tenants: links },
      jobs: {
        pending: jobs.rows[0]?.pending ?? 0,
        failed: jobs.rows[0]?.failed ?? 0,
        oldestPendingMs: Math.max(0, Math.round(Math.max(0, ...waiting.rows.map((row) => row.oldest_ms)))),
      },
      keys: await troubledKeys(trx),
    };
  });
}
