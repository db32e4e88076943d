/**
 * UNLINK while very many other jobs are pending: how long after its commit it has arrived in the last region, and how long
 * until its manager knows. Each cancels a job of its entity that is pending.
 */
import { sql } from 'kysely';
import { ms, type Tell } from '../../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../../testkit/measure/distribution.ts';
import { until } from '../../testkit/until.ts';
import type { Plane } from './plane.ts';
import { wallMs } from './processes.ts';

const FLOWING_JOBS = 20;
const WITHIN_MS = 120_000;

/** Milliseconds from the commit of the UNLINK job. */
export interface OvertakingResult {
  readonly arrived: Distribution;
  readonly settled: Distribution;
  /** At the first of them, and after the last. */
  readonly pendingBefore: number;
  readonly pendingAfter: number;
}

export async function measureOvertaking(
  plane: Plane,
  { pending, runs }: { readonly pending: number; readonly runs: number },
  tell: Tell,
): Promise<OvertakingResult> {
  const { prefix } = await plane.fill(pending);
  await until(
    'the pending jobs are under way',
    async () => (await plane.ended(FLOWING_JOBS)) >= Math.min(FLOWING_JOBS, pending / 2),
    WITHIN_MS,
  );
  const pendingBefore = await plane.pending();
  const jobs: { id: string; atMs: number; arrived: number }[] = [];
  for (let run = 0; run < runs; run++) {
    // Among the last that were made: none of them has had its turn.
    const entity = `${prefix}:${pending - run}`;
    const id = await plane.createJob({ kind: 'UNLINK', entity, lane: 'urgent', cancelsOlder: true });
    const atMs = wallMs();
    jobs.push({ id, atMs, arrived: (await plane.arrived(id, WITHIN_MS)) - atMs });
    const { p50, max } = distributionOf(jobs.map(({ arrived }) => arrived));
    tell(`${run + 1} of ${runs}: arrived everywhere after p50 ${ms(p50)}, at most ${ms(max)}`);
  }
  const settled: number[] = [];
  for (const { id, atMs } of jobs) {
    let at: number | undefined;
    await until(
      'the manager knows',
      async () => {
        const { rows } = await sql<{ ms: number | null }>`
          select extract(epoch from settled_at)::float8 * 1000 as ms from orbital_jobs
            where id = ${id} and state = 'done'`.execute(plane.db);
        at = rows[0]?.ms ?? undefined;
        return at !== undefined;
      },
      WITHIN_MS,
    );
    settled.push((at ?? Number.NaN) - atMs);
  }
  const pendingAfter = await plane.pending();
  await plane.clear();
  return {
    arrived: distributionOf(jobs.map(({ arrived }) => arrived)),
    settled: distributionOf(settled),
    pendingBefore,
    pendingAfter,
  };
}
