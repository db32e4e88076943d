/** How far each region is behind, counted in the database now and then: live and stalled tasks, and the age of the oldest. */
import { sql } from 'kysely';
import { MEASURE_AT_LEAST_EVERY_MS, MEASURE_EVERY_MS, MEASURE_SHARE, STALLED_AFTER_MS } from '../limits.ts';
import { type Lane, lanes } from '../messages.ts';
import type { Level, ManagerMetrics } from '../observe.ts';
import { LIVE, type ManagerDb } from './schema.ts';

/** A step that measures once; answers how long to wait for the next: longer where much is pending, which takes long to count. */
export async function measureLevels(
  db: ManagerDb,
  metrics: Pick<ManagerMetrics, 'levels'>,
  regions: (() => Promise<readonly string[]>) | undefined,
): Promise<number> {
  const beganAtMs = performance.now();
  const known = (await regions?.()) ?? [];
  const rows = await db
    .selectFrom('orbital_tasks')
    .select([
      'target',
      'lane',
      sql<number>`count(*)::float8`.as('live'),
      sql<number>`(count(*) filter (
        where created_at < now() - ${STALLED_AFTER_MS} * interval '1 millisecond'))::float8`.as('stalled'),
      sql<number>`greatest(0, extract(epoch from now() - min(created_at)))::float8`.as('oldestS'),
    ])
    .where('state', 'in', LIVE)
    .groupBy(['target', 'lane'])
    .execute();
  const levels = new Map<string, Level>();
  const place = (region: string, lane: Lane, level: Omit<Level, 'region' | 'lane'>) =>
    levels.set(`${region} ${lane}`, { region, lane, ...level });
  for (const region of [...known, ...rows.map(({ target }) => target)])
    for (const lane of lanes) place(region, lane, { live: 0, stalled: 0, oldestS: 0 });
  for (const { target, lane, ...level } of rows) place(target, lane, level);
  metrics.levels([...levels.values()]);
  const wantedMs = (performance.now() - beganAtMs) * MEASURE_SHARE;
  return Math.min(MEASURE_AT_LEAST_EVERY_MS, Math.max(MEASURE_EVERY_MS, wantedMs));
}
