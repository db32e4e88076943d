/**
 * Orbital over each of its brokers: tenants from accepted to active in a whole installation, beside what the broker alone
 * carries; what a job costs while few or very many are pending; UNLINK in the midst of them; and one job for a thousand
 * regions whose manager is killed half-way. Fails when a job is lost or applied twice, or when UNLINK takes a second.
 *
 *     npm run bench:orbital -- --tenants 10000
 */
import { measure, type Stage, type Tell } from '../testkit/measure/command.ts';
import { System } from '../testkit/system.ts';
import { type Broker, startBroker } from './orbital/brokers.ts';
import { measureDepths } from './orbital/depths.ts';
import { type FanOutResult, measureFanOut } from './orbital/fan-out.ts';
import { measureOvertaking } from './orbital/overtaking.ts';
import { Plane } from './orbital/plane.ts';
import { Reference } from './orbital/reference.ts';
import { type BrokerKind, brokerKinds, brokerNames, type TransportResult } from './orbital/result.ts';
import { measureTenants, type TenantsResult } from './orbital/tenants.ts';
import { residentMemory } from './orbital/usage.ts';
import { verdict } from './orbital/verdict.ts';

const parts = ['tenants', 'pending', 'fan-out'] as const;
type Part = (typeof parts)[number];

const options = {
  transport: { default: 'all', about: 'over which broker', choices: ['all', ...brokerKinds] },
  only: { default: 'all', about: 'which part of it', choices: ['all', ...parts] },
  tenants: { default: 10_000, about: 'tenants of two regions from accepted to active, over each broker' },
  pairs: { default: 9, about: 'turns of tenants and of the broker alone' },
  alone: { default: 20, about: 'tenants that are onboarded one after the other' },
  pending: { default: 100_000, about: 'most jobs that are pending at once' },
  sample: { default: 1_000, about: 'of the pending jobs, how many must end to tell what one costs' },
  repeats: { default: 5, about: 'rounds of 100, 1,000, … pending jobs' },
  unlinks: { default: 30, about: 'UNLINKs amid the pending jobs' },
  targets: { default: 1_000, about: 'regions that one job is for' },
  quick: { default: false, about: 'a few of each, to see that it works' },
} as const;

const QUICK = {
  tenants: 40,
  pairs: 2,
  alone: 3,
  pending: 1_000,
  sample: 100,
  repeats: 2,
  unlinks: 3,
  targets: 50,
} as const;

interface Given {
  readonly tenants: number;
  readonly pairs: number;
  readonly alone: number;
  readonly pending: number;
  readonly sample: number;
  readonly repeats: number;
  readonly unlinks: number;
  readonly targets: number;
}

await measure('bench:orbital', options, async ({ transport, only, quick, ...all }, stage, soFar) => {
  const given: Given = quick ? { ...all, ...QUICK } : all;
  const wants = (part: Part): boolean => only === 'all' || only === part;
  const kinds = brokerKinds.filter((kind) => transport === 'all' || transport === kind);
  const transports: TransportResult[] = [];
  if (wants('tenants') || wants('pending'))
    for (const kind of kinds) {
      const before = [...transports];
      const keep = (part: TransportResult): Promise<void> =>
        soFar(verdict({ transports: [...before, part] }, given.unlinks));
      transports.push(await overBroker(kind, given, wants, stage, keep));
    }
  const fanOut = wants('fan-out') ? await toVeryMany(kinds[0] ?? 'embedded', given, stage) : undefined;
  return verdict({ transports, ...(fanOut === undefined ? {} : { fanOut }) }, given.unlinks);
});

async function overBroker(
  kind: BrokerKind,
  given: Given,
  wants: (part: Part) => boolean,
  stage: Stage,
  keep: (part: TransportResult) => Promise<void>,
): Promise<TransportResult> {
  const name = brokerNames[kind];
  const broker = await stage(`${name}: start the broker`, () => startBroker(kind));
  try {
    const tenants = wants('tenants') ? await tenantsOver(broker, given, stage) : undefined;
    const result = { transport: kind, ...(tenants === undefined ? {} : { tenants }) };
    await keep(result);
    if (!wants('pending')) return result;
    const whole = { ...result, ...(await pendingOver(broker, given, stage)) };
    await keep(whole);
    return whole;
  } finally {
    await broker.stop();
  }
}

async function tenantsOver(broker: Broker, given: Given, stage: Stage): Promise<TenantsResult> {
  const name = brokerNames[broker.kind];
  const options = broker.upAddress === undefined ? [] : ['--broker', broker.upAddress];
  const system = await stage(`${name}: start two regions`, () => System.start(...options));
  const reference = await Reference.open(broker);
  try {
    return await stage(
      `${name}: ${given.tenants} tenants from accepted to active`,
      (tell) => measureTenants(system, reference, given, tell),
      ({ perSecond }) => `${perSecond.median.toFixed(1)} a second`,
    );
  } finally {
    await reference.close();
    await system.interrupt();
  }
}

async function pendingOver(
  broker: Broker,
  given: Given,
  stage: Stage,
): Promise<Pick<Required<TransportResult>, 'depths' | 'overtaking' | 'memory'>> {
  const name = brokerNames[broker.kind];
  const plane = await stage(`${name}: start a manager and two regions`, () => openPlane(broker));
  try {
    const depths = await stage(
      `${name}: what a job costs with 100 to ${given.pending} pending`,
      (tell) => measureDepths(plane, { ...given, deepest: given.pending }, tell),
      ({ wallRatio }) => `the deepest ÷ the shallowest: ${wallRatio.median.toFixed(2)}`,
    );
    const overtaking = await stage(
      `${name}: UNLINK amid ${given.pending} pending jobs`,
      (tell) => measureOvertaking(plane, { pending: given.pending, runs: given.unlinks }, tell),
      ({ arrived }) => `arrived after ${arrived.p50.toFixed(0)} ms (p50)`,
    );
    const memory = {
      manager: residentMemory(plane.manager.pid),
      regions: plane.regionPids.map(residentMemory),
    };
    return { depths, overtaking, memory };
  } finally {
    await plane.close();
  }
}

async function toVeryMany(kind: BrokerKind, given: Given, stage: Stage): Promise<FanOutResult> {
  const broker = await startBroker(kind);
  try {
    const plane = await stage(`${brokerNames[kind]}: start ${given.targets} regions`, () =>
      openPlane(broker, given.targets),
    );
    try {
      return await stage(
        `one job for ${given.targets} regions, its manager killed half-way`,
        (tell: Tell) => measureFanOut(plane, tell),
        ({ total }) => `${(total / 1_000).toFixed(1)} s`,
      );
    } finally {
      await plane.close();
    }
  } finally {
    await broker.stop();
  }
}

async function openPlane(broker: Broker, many?: number): Promise<Plane> {
  const plane = await Plane.open(broker, many);
  await plane.startManager();
  return plane;
}
