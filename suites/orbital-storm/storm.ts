/**
 * The storm: jobs by a plan, through a hostile broker over broken networks, until every one has ended; then the verdict
 * from the databases of both sides (D11).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Fate, fateNames, type Hostility } from '../../orbital/testing/hostile.ts';
import { type Distribution, distributionOf } from '../../testkit/measure/distribution.ts';
import type { TransportName } from './brokers.ts';
import { type Evidence, gather } from './evidence.ts';
import { startLoad } from './load.ts';
import { type Kind, kindNames, planOf } from './plan.ts';
import { type Finding, findingText, judge } from './verdict.ts';
import { type NetworkFault, startWeather, type Weather } from './weather.ts';
import { type StormWorld, startWorld } from './world.ts';

export interface StormPlan {
  readonly transport: TransportName;
  readonly jobs: number;
  readonly seed: number;
  /** Things that the jobs are about; the jobs of each run in order. */
  readonly entities: number;
  /** Jobs alive at once, about. */
  readonly living: number;
  readonly managers: number;
  /** In each of the two regions. */
  readonly cores: number;
  /** Times that the broker is killed and started again, spread over the jobs. */
  readonly restarts: number;
  readonly hostility: Hostility;
}

export interface StormReport {
  readonly plan: StormPlan;
  readonly tookMs: number;
  readonly jobs: number;
  readonly tasks: number;
  /** How the jobs of each kind ended. */
  readonly outcomes: Readonly<Record<Kind, Readonly<Record<string, number>>>>;
  /** Task messages that were sent, all managers together. */
  readonly attempts: number;
  readonly lag: Distribution;
  readonly befell: Readonly<Record<Fate, number>>;
  readonly networkFaults: ReadonlyMap<NetworkFault, number>;
  readonly restarts: number;
  readonly rejections: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/** In a thousand. Some two in five frames meet something. */
export const HOSTILITY: Hostility = {
  lose: 60,
  deny: 30,
  repeat: 80,
  late: 80,
  alter: 15,
  stray: 20,
  replay: 30,
  forget: 30,
  twice: 40,
  unacknowledged: 30,
  hold: 30,
};

const LOOK_EVERY_MS = 100;
/** The rest ends with a fair broker: Orbital must not need a hostile one to get to an end, nor a fair one for most. */
const FAIR_FROM = 0.95;
/** Longer than the longest wait until a task is sent again, and than a handler that hangs. */
const STALLED_MS = 150_000;
const SENT_WITHIN_MS = 30_000;

interface Counts {
  readonly created: number;
  readonly ended: number;
}

export async function orbitalStorm(plan: StormPlan, tell: (text: string) => void): Promise<StormReport> {
  const world = await startWorld(plan);
  let weather: Weather | undefined;
  try {
    await eventuallySo(() => world.transports.every((transport) => transport.healthy()), SENT_WITHIN_MS);
    const startedAt = performance.now();
    weather = startWeather(world.networks, world.broker, plan.seed);
    await runJobs(plan, world, weather, tell);
    const tookMs = performance.now() - startedAt;
    await eventuallySo(async () => (await unsent(world)) === 0, SENT_WITHIN_MS);
    tell('reading both sides');
    return reportOf(plan, world, weather, await gather(world), tookMs);
  } finally {
    await weather?.stop();
    await world.close();
  }
}

async function runJobs(
  plan: StormPlan,
  world: StormWorld,
  weather: Weather,
  tell: (text: string) => void,
): Promise<void> {
  let counts: Counts = { created: 0, ended: 0 };
  const load = startLoad(
    world,
    planOf(plan.seed, plan.jobs, plan.entities),
    (created) => created - counts.ended < plan.living,
  );
  const restarting = restartsAt(plan);
  let restart: Promise<void> = Promise.resolve();
  let fair = false;
  let movedAt = performance.now();
  let failed: unknown;
  load.all.catch((error: unknown) => {
    failed = error;
  });
  for (;;) {
    const ended = await endedJobs(world);
    if (ended !== counts.ended) movedAt = performance.now();
    counts = { created: load.created, ended };
    tell(`${ended} of ${plan.jobs} jobs ended, ${load.created - ended} alive, ${weather.restarts} restarts`);
    if (failed !== undefined) throw failed;
    if (ended >= plan.jobs || performance.now() - movedAt > STALLED_MS) break;
    if (restarting[0] !== undefined && ended >= restarting[0]) {
      restarting.shift();
      restart = restart.then(() => weather.restart());
      restart.catch((error: unknown) => {
        failed = error;
      });
    }
    if (!fair && ended >= plan.jobs * FAIR_FROM) {
      fair = true;
      for (const transport of world.transports) transport.calm();
      await weather.stop();
    }
    await delay(LOOK_EVERY_MS);
  }
  await restart;
}

/** The numbers of ended jobs at which the broker is killed. */
const restartsAt = ({ jobs, restarts }: StormPlan): number[] =>
  Array.from({ length: restarts }, (_, n) => Math.floor((jobs * (n + 1)) / (restarts + 1)));

async function endedJobs({ db }: StormWorld): Promise<number> {
  const { rows } = await sql<{ ended: number }>`
    select count(*)::int as ended from orbital_jobs where settled_at is not null`.execute(db);
  return rows[0]?.ended ?? 0;
}

async function unsent({ regions }: StormWorld): Promise<number> {
  let sum = 0;
  for (const db of Object.values(regions)) {
    const { rows } = await sql<{ unsent: number }>`
      select count(*)::int as unsent from orbital_inbox where unsent`.execute(db);
    sum += rows[0]?.unsent ?? 0;
  }
  return sum;
}

/** Waits for what the verdict will look at anyhow. */
async function eventuallySo(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  while (performance.now() < end && !(await holds())) await delay(LOOK_EVERY_MS);
}

function reportOf(
  plan: StormPlan,
  world: StormWorld,
  weather: Weather,
  evidence: Evidence,
  tookMs: number,
): StormReport {
  const outcomes = Object.fromEntries(kindNames.map((kind) => [kind, {}])) as Record<
    Kind,
    Record<string, number>
  >;
  const kindOf = new Map(evidence.wishes.map(({ jobId, kind }) => [jobId, kind]));
  for (const { jobId, state } of evidence.jobs) {
    const kind = kindOf.get(jobId);
    if (kind !== undefined) outcomes[kind][state] = (outcomes[kind][state] ?? 0) + 1;
  }
  const befell = Object.fromEntries(
    fateNames.map((fate) => [fate, world.transports.reduce((sum, each) => sum + each.befell[fate], 0)]),
  ) as Record<Fate, number>;
  return {
    plan,
    tookMs,
    jobs: evidence.jobs.length,
    tasks: evidence.tasks.length,
    outcomes,
    attempts: evidence.tasks.reduce((sum, { attempts }) => sum + attempts, 0),
    lag: distributionOf(evidence.lagsMs),
    befell,
    networkFaults: weather.met,
    restarts: weather.restarts,
    rejections: world.rejections,
    findings: judge(evidence),
  };
}

/** What altered, forged, misdirected or repeated frames may be refused with; a status with a good signature never is otherwise. */
const EXPECTED_REJECTIONS: ReadonlySet<string> = new Set([
  'MALFORMED',
  'INVALID_BODY',
  'UNKNOWN_KEY',
  'BAD_SIGNATURE',
  'WRONG_AUDIENCE',
  'WRONG_TYPE',
  'REPLAYED',
]);

/** Every reason why the storm has failed. */
export function failuresOf({ plan, jobs, findings, befell, rejections }: StormReport): string[] {
  const failures = findings.map(findingText);
  if (jobs !== plan.jobs) failures.push(`${jobs} jobs exist, ${plan.jobs} were to be made`);
  const unexpected = [...rejections.keys()].filter((code) => !EXPECTED_REJECTIONS.has(code));
  if (unexpected.length > 0) failures.push(`messages were refused as ${unexpected.join(', ')}`);
  const refused = [...rejections.values()].reduce((sum, times) => sum + times, 0);
  if (befell.alter + befell.stray > 0 && refused === 0)
    failures.push('frames were altered and misdirected, and none was refused');
  return failures;
}
