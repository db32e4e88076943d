/**
 * A whole installation under a storm of kills: SIGKILL to CMK, cores, the broker and PostgreSQL servers while jobs of every
 * sort are ordered over REST. What is dead is brought back by the supervisor alone. In the end both sides' databases are
 * compared with each other and with what was promised.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CmkClient } from '../../cli/cmk/client.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { authority } from '../../cli/installation/authorities.ts';
import { brokerComponent } from '../../cli/installation/names.ts';
import { KEYSTORE } from '../../cli/job/names.ts';
import { waitAtMost } from '../../platform/backoff.ts';
import { issue } from '../../platform/pki.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { System } from '../../testkit/system.ts';
import { SecondCore } from '../soak/second-core.ts';
import { governanceDatabase, regionDatabase } from '../support/databases.ts';
import { BY_ITSELF, readBooks } from './books.ts';
import { applicationHand, type Desk, keyHand, linkHand, untilRefused } from './hands.ts';
import { type Kill, Killer, type Own, type OwnProcess, secondCoreOf } from './kills.ts';
import { Orders } from './orders.ts';
import { type KillPlan, type OuterBroker, startOuterBroker } from './plan.ts';
import { failuresOf as faultsIn, type Reckoning, reckon } from './reckoning.ts';
import { Settlements } from './settlements.ts';

const POLL_MS = 100;
/** From the last kill until everything has ended: what was sent last waits up to a minute to be sent again. */
const CONVERGED_TIMEOUT_MS = 300_000;
const CERTIFICATE_DAYS = 1;
/** Changes of one tenant wait for each other. */
const HANDS_PER_TENANT = 4;

export interface KillReport {
  readonly plan: KillPlan;
  readonly kills: readonly Kill[];
  readonly orders: Pick<Orders, 'asked' | 'unanswered' | 'foundDone' | 'refusals'>;
  /** What made a hand let go, or kept something from coming back. */
  readonly troubles: readonly string[];
  readonly reckoning: Reckoning;
  /** From the last kill until nothing was live any more. */
  readonly convergedMs: number;
  readonly tookMs: number;
}

/** What the storm is over. */
export interface Stage {
  readonly system: System;
  /** Where it is not the embedded one. */
  readonly broker: OuterBroker | undefined;
}

async function startStage({ broker: name }: KillPlan): Promise<Stage> {
  const broker = await startOuterBroker(name);
  return { broker, system: await System.start(...(broker === undefined ? [] : ['--broker', broker.url])) };
}

/** @param given a running one over the plan's broker, which runs on afterwards; one of its own when left out. */
export async function orbitalKills(plan: KillPlan, tell: Tell, given?: Stage): Promise<KillReport> {
  const startedAt = performance.now();
  tell('starting both planes');
  const { broker, system } = given ?? (await startStage(plan));
  const settlements = new Settlements(await governanceDatabase(system.home));
  const cores = new Map<string, SecondCore>();
  try {
    settlements.start();
    for (const region of plan.secondCores ? system.regions : [])
      cores.set(secondCoreOf(region), await SecondCore.start(system, region));
    const orders = new Orders(system.endpoints.cmk);
    const own: Own = new Map<string, OwnProcess>([
      ...cores,
      ...(broker === undefined ? [] : [[brokerComponent, broker] as const]),
    ]);
    const killer = new Killer(system, own);
    const troubles: string[] = [];
    const isOpen = (): boolean =>
      troubles.length === 0 && (orders.promised.length < plan.jobs || killer.count < plan.kills);
    const hands = await takeUp(system, plan, { orders, settlements, isOpen }, tell);
    const working = Promise.all(
      hands.map(async (hand) => {
        try {
          const refused = await untilRefused(hand());
          if (refused !== undefined) troubles.push(refused);
        } catch (error) {
          troubles.push(String(error));
        }
      }),
    );
    await killAll(killer, plan, orders, () => troubles.length > 0, tell);
    const lastAt = performance.now();
    const kills = await killer.whole().catch((error: unknown) => {
      troubles.push(String(error));
      return [];
    });
    tell('waiting until everything has ended');
    await waitAtMost(CONVERGED_TIMEOUT_MS, working);
    const governance = await governanceDatabase(system.home);
    const regions = new Map<string, string>();
    for (const region of system.regions) regions.set(region, await regionDatabase(system.home, region));
    await nothingLeft(governance, [...regions.values()], lastAt + CONVERGED_TIMEOUT_MS, tell);
    const convergedMs = performance.now() - lastAt;
    const reckoning = reckon(await readBooks(governance, regions), orders.promised);
    const tookMs = performance.now() - startedAt;
    return { plan, kills, orders, troubles, reckoning, convergedMs, tookMs };
  } finally {
    await settlements.close();
    for (const core of cores.values()) await core.stop();
    if (given === undefined) {
      await system.interrupt();
      await broker?.stop();
    }
  }
}

/** Each kill comes when its share of the jobs has been promised, and a moment of chance later. */
async function killAll(
  killer: Killer,
  { kills, jobs, pauseMs, first = [] }: KillPlan,
  orders: Orders,
  isOver: () => boolean,
  tell: Tell,
): Promise<void> {
  while (killer.count < kills && !isOver()) {
    const due = (jobs * (killer.count + 1)) / (kills + 1);
    while (orders.promised.length < due && !isOver()) {
      tell(`${orders.promised.length} of ${jobs} jobs, ${killer.count} of ${kills} kills`);
      await delay(POLL_MS);
    }
    await delay(randomInt(pauseMs + 1));
    await killer.kill(first[killer.count]);
  }
}

/** The hands, each ready to begin; what they stand on is made before the storm. */
async function takeUp(
  system: System,
  { hands: { keys, applications, links } }: KillPlan,
  desk: Desk,
  tell: Tell,
): Promise<(() => Promise<void>)[]> {
  const { orders, settlements } = desk;
  const paths = homePaths(system.home);
  const cmk = new CmkClient(system.endpoints.cmk);
  const ca = await authority(paths, 'application-ca');
  const made: string[] = [];
  const tenant = async (id: string): Promise<string> => {
    if (!made.includes(id)) {
      made.push(id);
      tell(`onboarding ${id}`);
      await settlements.of(await orders.ask('POST', '/v1/tenants', { id }));
    }
    return id;
  };
  const tenantOf = (hand: number): Promise<string> =>
    tenant(`storm-${Math.floor(hand / HANDS_PER_TENANT) + 1}`);
  const all: (() => Promise<void>)[] = [];
  for (let hand = 0; hand < keys; hand++) {
    const id = await tenantOf(hand);
    all.push(() => keyHand(desk, id, `orders-${hand}`));
  }
  for (let hand = 0; hand < applications; hand++) {
    const id = await tenantOf(hand);
    const service = `counter-${hand}`;
    await settlements.of(await orders.ask('POST', `/v1/tenants/${id}/services`, { name: service }));
    const name = `till-${hand}`;
    const uris = [`spiffe://openkcm.dev/tenant/${id}/application/${name}`];
    const pair = await issue({ ca, commonName: name, uris, usages: ['client'], days: CERTIFICATE_DAYS });
    const application = { name, service, certificate: pair.certificatePem };
    all.push(() => applicationHand(desk, id, application));
  }
  for (let hand = 0; hand < links; hand++) {
    const id = await tenant(`linked-${hand + 1}`);
    const key = `${id}-l1`;
    await cmk.post(`/v1/tenants/${id}/keys`, { keystore: KEYSTORE, create: true, alias: key });
    all.push(() => linkHand(desk, id, key));
  }
  return all;
}

/** No job lives, and no answer waits for the broker. */
async function nothingLeft(
  governance: string,
  regions: readonly string[],
  until: number,
  tell: Tell,
): Promise<void> {
  const numberOf = (url: string, text: string): Promise<number | undefined> =>
    withClient({ url }, async (client) => (await client.query<{ n: number }>(text)).rows[0]?.n).catch(
      () => undefined, // its server may be coming up
    );
  while (performance.now() < until) {
    const left = await Promise.all([
      numberOf(
        governance,
        `select count(*)::int as n from orbital_jobs where state in ('pending', 'processing') and kind <> '${BY_ITSELF}'`,
      ),
      ...regions.map((url) =>
        numberOf(url, `select count(*)::int as n from orbital_inbox where unsent and kind <> '${BY_ITSELF}'`),
      ),
    ]);
    if (left.every((n) => n === 0)) return;
    tell(`not ended yet: ${left.map((n) => n ?? 'unknown').join(', ')}`);
    await delay(POLL_MS);
  }
}

/** Every reason why the storm has failed. */
export function failuresOf({ plan, orders, kills, troubles, reckoning }: KillReport): string[] {
  const failures = [...troubles];
  if (reckoning.jobs < plan.jobs) failures.push(`${reckoning.jobs} of ${plan.jobs} jobs were made`);
  if (kills.length < plan.kills) failures.push(`${kills.length} of ${plan.kills} kills were dealt`);
  for (const [code, count] of orders.refusals) failures.push(`CMK refused ${count} times: ${code}`);
  return [...failures, ...faultsIn(reckoning)];
}
