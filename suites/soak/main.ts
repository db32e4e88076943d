/**
 * The soak as a command: mixed traffic at full speed over mutual TLS, keys rotated every second, cores killed, and in
 * the end every key found and every ciphertext of the sample decrypted.
 *
 *     npm run soak -- --minutes 10
 */
import { table } from '../../cli/output.ts';
import { distributionTable, measure, ms } from '../../testkit/measure/command.ts';
import { expectedOfLoad, expectedOfOutages } from './refusals.ts';
import { failuresOf, type SoakReport, soak } from './soak.ts';
import { controlOperations, hotOperations, isHotRefusal } from './tally.ts';

const MINUTE_S = 60;

const options = {
  minutes: { default: 10, about: 'how long the traffic lasts' },
  connections: { default: 16, about: 'connections, each one request after the other' },
  tenants: { default: 4, about: 'tenants' },
  services: { default: 4, about: 'services of each tenant' },
  'rotate-l3-every': { default: 1, about: 'seconds between rotations of an L3; 0: none' },
  'rotate-l2-every': { default: MINUTE_S, about: 'seconds between rotations of an L2; 0: none' },
  'kill-every': { default: 30, about: 'seconds between cores that are killed; 0: none' },
  sample: { default: 1_000, about: 'ciphertexts of each service that are kept from the whole run' },
} as const;

await measure('soak', options, async (given, stage) => {
  const plan = {
    seconds: given.minutes * MINUTE_S,
    operations: 0,
    tenants: given.tenants,
    services: given.services,
    connections: given.connections,
    paceMs: 0,
    rotateL3Every: given['rotate-l3-every'],
    rotateL2Every: given['rotate-l2-every'],
    killEvery: given['kill-every'],
    sample: given.sample,
  };
  const report = await stage(`soak for ${given.minutes} minutes`, (tell) => soak(plan, tell));
  return { data: dataOf(report), text: textOf(report), failures: failuresOf(report) };
});

function dataOf(report: SoakReport): Record<string, unknown> {
  const { plan, tookSeconds, tally, rotations, kills, reckoning } = report;
  return {
    plan,
    tookSeconds,
    operations: Object.fromEntries(tally.operations),
    operationsPerSecond: tally.total / tookSeconds,
    refusals: tally.refusals,
    wrongPlaintexts: tally.wrongPlaintexts + reckoning.wrongPlaintexts,
    rotations: {
      l3: rotations.l3,
      l2: rotations.l2,
      milliseconds: rotations.took,
      failures: Object.fromEntries(rotations.failures),
    },
    kills,
    milliseconds: {
      hot: Object.fromEntries(tally.hotLatency),
      control: tally.controlLatency,
    },
    reckoning: { ...reckoning, lost: Object.fromEntries(reckoning.lost) },
  };
}

function textOf(report: SoakReport): string {
  const { plan, tookSeconds, tally, rotations, kills, reckoning } = report;
  const perSecond = (count: number): string => (count / tookSeconds).toFixed(1);
  const operations = [...hotOperations, ...controlOperations].map((operation) => {
    const count = tally.operations.get(operation) ?? 0;
    return [operation, count, perSecond(count)];
  });
  const { services, lost } = reckoning;
  const found = services.reduce((sum, { located }) => sum + located, 0);
  const versions = services.map(({ l3Version }) => l3Version);
  const lostCount = [...lost.values()].reduce((sum, count) => sum + count, 0);
  return [
    table(['operation', 'done', 'per second'], [...operations, ['all', tally.total, perSecond(tally.total)]]),
    distributionTable('latency', [
      ...tally.hotLatency.map(([phase, times]) => [`hot path, ${phase}`, times] as const),
      ['control path', tally.controlLatency],
    ]),
    refusalsOf(report),
    [
      `rotations: ${rotations.l3.done} of L3 (${perMinute(rotations.l3.done, tookSeconds)} a minute), ${rotations.l2.done} of L2; ${rotations.l3.busy + rotations.l2.busy} turns passed because one was under way; each took ${ms(rotations.took.p50)} (p50), ${ms(rotations.took.p99)} (p99)`,
      `L3 versions reached: ${Math.min(...versions)} to ${Math.max(...versions)}, in ${services.length} services of ${plan.tenants} tenants`,
      `cores killed: ${kills.first} times the gateway's own, ${kills.second} times the other`,
      `in the end: ${found} objects found, ${reckoning.checked} ciphertexts checked, ${tally.wrongPlaintexts + reckoning.wrongPlaintexts} wrong plaintexts, ${lostCount} lost`,
    ].join('\n'),
  ].join('\n\n');
}

function perMinute(count: number, seconds: number): string {
  return ((count / seconds) * MINUTE_S).toFixed(0);
}

function refusalsOf({ tally }: SoakReport): string {
  if (tally.refusals.length === 0) return 'nothing was refused';
  const expected: Readonly<Record<string, string>> = { ...expectedOfOutages, ...expectedOfLoad };
  const rows = tally.refusals.map((refused) => [
    refused.operation,
    isHotRefusal(refused) ? 'hot' : 'control',
    refused.inOutage ? 'away' : 'in reach',
    refused.reason,
    refused.count,
    expected[refused.reason] ?? '–',
  ]);
  return table(['refused', 'path', 'core', 'reason', 'times', 'because'], rows);
}
