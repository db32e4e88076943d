/**
 * What a job costs where few or many are pending: so many jobs are committed at once, and what counts is the time, and the
 * processor time of the manager and of its database server, until the first of them have ended in both regions.
 */
import { sql } from 'kysely';
import { ms, type Tell } from '../../testkit/measure/command.ts';
import { type Spread, spreadOf } from '../../testkit/measure/spread.ts';
import { until } from '../../testkit/until.ts';
import { orderOf } from '../gateway/rounds.ts';
import type { Plane } from './plane.ts';
import { cpuSeconds } from './usage.ts';

const FEWEST = 100;
const STEP = 10;
const WARM_UP_JOBS = 100;
const ENDED_WITHIN_MS = 600_000;

/** Milliseconds for each job of two tasks. */
export interface DepthRun {
  readonly wall: number;
  readonly managerCpu: number;
  readonly databaseCpu: number;
}
export interface DepthResult {
  readonly pending: number;
  /** How many had to end. */
  readonly measured: number;
  readonly runs: readonly DepthRun[];
}
export interface DepthsResult {
  readonly depths: readonly DepthResult[];
  /** The deepest against the shallowest of the same round. */
  readonly wallRatio: Spread;
  readonly cpuRatio: Spread;
}

/** 100, 1,000 and so on. */
export function depthsUpTo(deepest: number): number[] {
  const depths: number[] = [];
  for (let depth = FEWEST; depth < deepest; depth *= STEP) depths.push(depth);
  return [...depths, deepest];
}

export async function measureDepths(
  plane: Plane,
  {
    deepest,
    sample,
    repeats,
  }: { readonly deepest: number; readonly sample: number; readonly repeats: number },
  tell: Tell,
): Promise<DepthsResult> {
  const depths = depthsUpTo(deepest);
  await measureRun(plane, WARM_UP_JOBS, WARM_UP_JOBS);
  const runs = new Map(depths.map((depth): [number, DepthRun[]] => [depth, []]));
  for (let repeat = 0; repeat < repeats; repeat++)
    for (const depth of orderOf(depths, repeat)) {
      tell(`round ${repeat + 1} of ${repeats}: ${depth} jobs pending`);
      const run = await measureRun(plane, depth, Math.min(depth, sample));
      runs.get(depth)?.push(run);
      tell(`round ${repeat + 1} of ${repeats}: ${depth} jobs pending, ${ms(run.wall)} for each job`);
    }
  const of = (depth: number | undefined): readonly DepthRun[] => runs.get(depth ?? 0) ?? [];
  const [fewest, most] = [of(depths[0]), of(depths.at(-1))];
  const ratio = (pick: (run: DepthRun) => number): Spread =>
    spreadOf(most.map((run, round) => pick(run) / pick(fewest[round] ?? run)));
  return {
    depths: depths.map((pending) => ({
      pending,
      measured: Math.min(pending, sample),
      runs: of(pending),
    })),
    wallRatio: ratio(({ wall }) => wall),
    cpuRatio: ratio(({ managerCpu, databaseCpu }) => managerCpu + databaseCpu),
  };
}

async function measureRun(plane: Plane, pending: number, sample: number): Promise<DepthRun> {
  const manager = (): number => cpuSeconds(plane.manager.pid);
  const database = (): number => cpuSeconds(plane.databaseServer.pid);
  const { atMs } = await plane.fill(pending);
  const [managerBefore, databaseBefore] = [manager(), database()];
  let ended = 0;
  await until(
    `${sample} of ${pending} jobs have ended`,
    async () => {
      // Between two looks more may end than are wanted, and what was spent is shared among all of them.
      ended = await plane.ended(2 * sample);
      return ended >= sample;
    },
    ENDED_WITHIN_MS,
  );
  const [managerAfter, databaseAfter] = [manager(), database()];
  const { rows } = await sql<{ ms: number }>`
    select extract(epoch from settled_at)::float8 * 1000 as ms from orbital_jobs
      where settled_at is not null order by settled_at offset ${sample - 1}::int limit 1`.execute(plane.db);
  const lastAtMs = rows[0]?.ms ?? Number.NaN;
  await plane.clear();
  return {
    wall: (lastAtMs - atMs) / sample,
    managerCpu: ((managerAfter - managerBefore) * 1_000) / ended,
    databaseCpu: ((databaseAfter - databaseBefore) * 1_000) / ended,
  };
}
