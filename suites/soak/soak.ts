/** A soak from its first start to its reckoning, and what it means. */
import type { Tell } from '../../testkit/measure/command.ts';
import type { System } from '../../testkit/system.ts';
import { Kills } from './kills.ts';
import type { SoakPlan } from './plan.ts';
import { type Reckoning, reckon } from './reckoning.ts';
import { mayBeRefused } from './refusals.ts';
import { Rotations, type Target } from './rotations.ts';
import { isHotRefusal, type Refused, Tally } from './tally.ts';
import { Seat } from './traffic.ts';
import { openWorld, type SoakWorld } from './world.ts';

const SECOND_MS = 1_000;
const TELL_EVERY_MS = 1_000;
const END_CHECKED_EVERY_MS = 50;
/** Of the plan's seconds, where the machine is too slow for the plan's operations. */
const LONGEST = 4;

export interface SoakReport {
  readonly plan: SoakPlan;
  /** Of traffic, in seconds. */
  readonly tookSeconds: number;
  readonly tally: Tally;
  readonly rotations: Rotations;
  readonly kills: { readonly first: number; readonly second: number };
  readonly reckoning: Reckoning;
}

export async function soak(plan: SoakPlan, tell: Tell, given?: System): Promise<SoakReport> {
  const world = await openWorld(plan, tell, given);
  try {
    const rotations = new Rotations(world.cmk);
    const kills = new Kills(world.system, world.second);
    const tally = new Tally();
    const tookSeconds = await run(world, plan, { rotations, kills, tally }, tell);
    const reckoning = await reckon(world, tell);
    return { plan, tookSeconds, tally, rotations, kills: kills.counts, reckoning };
  } finally {
    await world.close();
  }
}

interface Actors {
  readonly rotations: Rotations;
  readonly kills: Kills;
  readonly tally: Tally;
}

async function run(world: SoakWorld, plan: SoakPlan, actors: Actors, tell: Tell): Promise<number> {
  const { rotations, kills, tally } = actors;
  const end = new AbortController();
  const { signal } = end;
  const seats = await Promise.all(
    Array.from({ length: plan.connections }, async (_, index) => {
      const desk = world.desks[index % world.desks.length];
      if (desk === undefined) throw new Error('a soak needs a service');
      return new Seat(desk, await desk.connect(), { tally, rotations, kills, signal, paceMs: plan.paceMs });
    }),
  );
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / SECOND_MS;
  const ending = setInterval(() => {
    const enough = tally.total >= plan.operations || elapsed() >= plan.seconds * LONGEST;
    if (enough && elapsed() >= plan.seconds) end.abort();
  }, END_CHECKED_EVERY_MS);
  let tookSeconds = 0;
  signal.addEventListener('abort', () => {
    tookSeconds = elapsed();
  });
  const telling = setInterval(() => tell(progress(actors, elapsed())), TELL_EVERY_MS);
  // Whatever breaks ends the others, so that its error is what comes out.
  const endingAll = (error: unknown): never => {
    end.abort();
    throw error;
  };
  const { l3, l2 } = targetsOf(world);
  try {
    await Promise.all(
      [
        ...seats.map((seat) => seat.work()),
        ...(plan.rotateL3Every > 0 ? [rotations.run(l3, plan.rotateL3Every * SECOND_MS, signal)] : []),
        ...(plan.rotateL2Every > 0 ? [rotations.run(l2, plan.rotateL2Every * SECOND_MS, signal)] : []),
        ...(plan.killEvery > 0 ? [kills.run(plan.killEvery * SECOND_MS, signal)] : []),
      ].map((work) => work.catch(endingAll)),
    );
  } finally {
    clearInterval(ending);
    clearInterval(telling);
  }
  return tookSeconds;
}

/** Services of different tenants follow each other: changes of one tenant wait for each other. */
function targetsOf({ desks }: SoakWorld): { l3: Target[]; l2: Target[] } {
  const byService = [...desks].sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0));
  return {
    l3: byService.map(({ tenant, service }) => ({ tenant, service })),
    l2: [...new Set(desks.map(({ tenant }) => tenant))].map((tenant) => ({ tenant })),
  };
}

function progress({ tally, rotations, kills }: Actors, seconds: number): string {
  const refused = tally.refusals.reduce((sum, { count }) => sum + count, 0);
  const killed = kills.counts.first + kills.counts.second;
  return `${seconds.toFixed(0)} s: ${tally.total} operations, ${refused} refused, ${rotations.l3.done} L3 and ${rotations.l2.done} L2 rotations, ${killed} cores killed`;
}

/** Every reason why the soak has failed. */
export function failuresOf({
  tally,
  rotations,
  reckoning,
}: Pick<SoakReport, 'tally' | 'reckoning'> & {
  readonly rotations: Pick<Rotations, 'failures'>;
}): string[] {
  const failures: string[] = [];
  const wrong = tally.wrongPlaintexts + reckoning.wrongPlaintexts;
  if (wrong > 0) failures.push(`${wrong} wrong plaintexts`);
  for (const [reason, count] of reckoning.lost)
    failures.push(`${count} ciphertexts of the sample are lost: ${reason}`);
  for (const { tenant, service, located, atLeast, atMost } of reckoning.services) {
    if (located < atLeast || located > atMost)
      failures.push(
        `${tenant}/${service}: ${located} objects are found, ${atLeast === atMost ? atMost : `${atLeast} to ${atMost}`} should be`,
      );
  }
  for (const refused of tally.refusals.filter((candidate) => !mayBe(candidate)))
    failures.push(
      `${refused.operation} was refused ${refused.count} times ${refused.inOutage ? 'while a core was away' : 'with the core in reach'}: ${refused.reason}`,
    );
  for (const [reason, count] of rotations.failures) failures.push(`${count} rotations failed: ${reason}`);
  return failures;
}

function mayBe(refused: Refused): boolean {
  return !isHotRefusal(refused) && mayBeRefused(refused.reason, refused.inOutage);
}
