/**
 * A region whose core is killed under full load, stays away until the leases are over, and comes back: everything hot
 * is served within the grace (D6, D7), whatever needs the core is refused at once, and no key that was answered is lost.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { refusals } from '../../execution/gateway/index.ts';
import { KmipClient } from '../../execution/kmip/index.ts';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { type ApplicationAccess, type RegionWorld, startRegion, until } from '../support/region.ts';
import { inProcessesOf, RegionProcess } from '../support/region-processes.ts';
import { LifecycleSeat } from './lifecycle.ts';
import { type CutOffPlan, EARLY_MS, LATE_MS, REFUSED_AT_LAST_MS, REFUSED_WITHIN_MS } from './plan.ts';
import { type Reckoning, reckon } from './reckoning.ts';
import { nowMs, type Phase, type PhaseResult, refusalsIn, Tally } from './tally.ts';
import { HotSeat, type TrafficContext } from './traffic.ts';

const SECOND_MS = 1_000;
const BACK_TIMEOUT_MS = 60_000;
/** A million announcements take their time. */
const ANNOUNCED_TIMEOUT_MS = 15 * 60 * SECOND_MS;
/** How long everything goes on with the core back, at least. */
const BACK_MS = 2_000;
const TELL_EVERY_MS = 1_000;
const TENANTS = ['acme', 'globex'] as const;
const CLEAR_REASON = refusals.CORE_UNREACHABLE.message;
/** What a request may be told that was under way when the core was killed. */
const CUT_SHORT = refusals.CORE_SILENT.message;

export interface CutOffReport {
  readonly plan: CutOffPlan;
  readonly hot: Tally;
  readonly lifecycle: Tally;
  readonly seconds: ReadonlyMap<Phase, number>;
  readonly wrongPlaintexts: number;
  /** From the core's start until the gateway had it again, and from then, under full load at first, until nothing waited any more. */
  readonly foundMs: number;
  readonly announcedMs: number;
  readonly backlog: number;
  readonly reckoning: Reckoning;
}

export async function cutOff(plan: CutOffPlan, tell: Tell): Promise<CutOffReport> {
  tell('starting a region');
  const core = new RegionProcess('core');
  const graceMs = plan.graceSeconds * SECOND_MS;
  const lease = { ttlMs: Math.round(graceMs / 2), graceMs: graceMs - Math.round(graceMs / 2) };
  const world = await startRegion(lease, inProcessesOf(core, new RegionProcess('gateway')));
  try {
    return await run(world, core, plan, tell);
  } finally {
    await world.close();
  }
}

async function run(
  world: RegionWorld,
  core: RegionProcess,
  plan: CutOffPlan,
  tell: Tell,
): Promise<CutOffReport> {
  const access = await applicationsOf(world);
  const lifecycle = new Tally();
  const stage = new Stage();
  const end = new AbortController();
  const context: TrafficContext = {
    phase: () => stage.phase,
    hot: new Tally(),
    acknowledged: new Map(),
    wrong: { plaintexts: 0 },
    signal: end.signal,
  };
  const seats = await Promise.all(
    Array.from({ length: plan.connections }, (_, index) =>
      HotSeat.open(new KmipClient({ ...access(index), poolSize: 1 }), context, plan.createPercent),
    ),
  );
  const telling = setInterval(() => {
    tell(`${stage.phase}: ${context.hot.total} served, ${world.gateway.status().backlog} keys wait`);
  }, TELL_EVERY_MS);
  const beside = new LifecycleSeat(access(0), (atMs) => stage.phaseAt(atMs), lifecycle);
  end.signal.addEventListener('abort', () => beside.stop());
  const traffic = Promise.all([...seats.map((seat) => seat.work(plan.depth, plan.paceMs)), beside.ended]);
  // Whatever breaks there comes out at the end.
  traffic.catch(() => end.abort());
  try {
    const { foundAt, ...times } = await story(world, core, plan, stage);
    end.abort();
    await traffic;
    clearInterval(telling);
    const { gateway } = world;
    await until(
      'all keys are announced and all events handed over',
      () => gateway.status().backlog === 0 && gateway.status().auditBacklog === 0,
      ANNOUNCED_TIMEOUT_MS,
    );
    const announcedMs = performance.now() - foundAt;
    tell('comparing what the core knows with what was acknowledged');
    const reckoning = await reckon(world.coreConfig.database.url, context.acknowledged);
    const { hot, wrong } = context;
    const { seconds } = stage;
    return {
      plan,
      hot,
      lifecycle,
      seconds,
      wrongPlaintexts: wrong.plaintexts,
      ...times,
      announcedMs,
      reckoning,
    };
  } finally {
    end.abort();
    clearInterval(telling);
    await traffic.catch(() => undefined);
    for (const seat of seats) seat.close();
  }
}

/** What happens, and when. */
async function story(world: RegionWorld, core: RegionProcess, plan: CutOffPlan, stage: Stage) {
  const { gateway } = world;
  stage.enter('core there');
  await delay(plan.warmSeconds * SECOND_MS);
  await core.kill();
  stage.enter('grace');
  await delay(plan.graceSeconds * SECOND_MS - EARLY_MS);
  stage.enter('ending');
  await delay(EARLY_MS + LATE_MS);
  stage.enter('refused');
  await delay(plan.refusedSeconds * SECOND_MS);
  const { backlog } = gateway.status();
  stage.enter('returning');
  const startedAt = performance.now();
  await world.startCore();
  await until('the core is back', () => gateway.status().core === 'connected', BACK_TIMEOUT_MS);
  const foundAt = performance.now();
  // Leases that are over are asked for again by the first requests.
  await delay(LATE_MS);
  stage.enter('back');
  await delay(BACK_MS);
  stage.enter('back');
  return { backlog, foundMs: foundAt - startedAt, foundAt };
}

/** An application of each tenant; connections take them in turn. */
async function applicationsOf(world: RegionWorld): Promise<(index: number) => ApplicationAccess> {
  const certificates: KeyAndCertificate[] = [];
  for (const tenant of TENANTS) {
    await world.provision(tenant, 'orders');
    await world.link(tenant, 1);
    certificates.push(await world.application(`${tenant}-app`, tenant, ['orders']));
  }
  return (index) => {
    const certificate = certificates[index % certificates.length];
    if (certificate === undefined) throw new Error('there is no application');
    return world.access(certificate);
  };
}

/** The phase that is on, or was, and how long each took. */
class Stage {
  readonly seconds = new Map<Phase, number>();
  readonly #entered: { readonly phase: Phase; readonly atMs: number }[] = [
    { phase: 'core there', atMs: nowMs() },
  ];

  get phase(): Phase {
    return this.phaseAt(Number.POSITIVE_INFINITY);
  }

  phaseAt(atMs: number): Phase {
    return this.#entered.findLast((each) => each.atMs <= atMs)?.phase ?? 'core there';
  }

  enter(phase: Phase): void {
    const atMs = nowMs();
    const { phase: left, atMs: since } = this.#entered.at(-1) ?? { phase, atMs };
    this.seconds.set(left, (this.seconds.get(left) ?? 0) + (atMs - since) / SECOND_MS);
    this.#entered.push({ phase, atMs });
  }
}

/**
 * Every reason why the cut-off has failed. `isTimed`: whether it counts how soon lifecycle requests are refused, as
 * clients see it under full load, which tells nothing of a machine that has other work too.
 */
export function failuresOf(
  {
    hot,
    lifecycle,
    wrongPlaintexts,
    reckoning,
  }: Pick<CutOffReport, 'hot' | 'lifecycle' | 'wrongPlaintexts' | 'reckoning'>,
  isTimed = true,
): string[] {
  const failures: string[] = [];
  const nothingRefused = (result: PhaseResult, what: string): void => {
    for (const [reason, count] of result.refused) failures.push(`${what}: ${count} refused: ${reason}`);
  };
  nothingRefused(hot.result('core there'), 'hot, with the core there');
  nothingRefused(hot.result('grace'), 'hot, within the grace');
  nothingRefused(hot.result('back'), 'hot, with the core back');
  const over = hot.result('refused');
  if (over.served > 0) failures.push(`hot: ${over.served} served when the lease was over`);
  if (refusalsIn(over) === 0) failures.push('hot: nothing was asked for when the lease was over');
  for (const [reason, count] of over.refused)
    if (reason !== CLEAR_REASON)
      failures.push(`hot, after the grace: ${count} refused without a clear reason: ${reason}`);
  for (const phase of ['grace', 'ending', 'refused'] as const) {
    const { served, refused, latency } = lifecycle.result(phase);
    if (served > 0) failures.push(`lifecycle: ${served} served without a core (${phase})`);
    for (const [reason, count] of refused)
      if (reason !== CLEAR_REASON && reason !== CUT_SHORT)
        failures.push(`lifecycle, ${phase}: ${count} refused without a clear reason: ${reason}`);
    if (isTimed && latency.p99 >= REFUSED_WITHIN_MS)
      failures.push(`lifecycle, ${phase}: refused after ${latency.p99.toFixed(0)} ms (p99)`);
    if (isTimed && latency.max >= REFUSED_AT_LAST_MS)
      failures.push(`lifecycle, ${phase}: refused after ${latency.max.toFixed(0)} ms (max)`);
  }
  if (wrongPlaintexts > 0) failures.push(`${wrongPlaintexts} wrong plaintexts`);
  const { lost, twice, unasked, unusable } = reckoning;
  if (lost > 0) failures.push(`${lost} acknowledged keys are lost`);
  if (unasked > 0) failures.push(`${unasked} keys are announced that nobody was told of`);
  if (twice > 0) failures.push(`${twice} keys are there twice`);
  if (unusable > 0) failures.push(`${unusable} keys of the sample cannot be used`);
  return failures;
}
