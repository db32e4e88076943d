/**
 * Planes apart as a command: CMK and the cores reach the broker and not each other, everything works, the broker goes away and comes
 * back, and what crossed it is searched.
 *
 *     npm run apart -- --minutes 10
 */
import { table } from '../../cli/output.ts';
import { measure, ms } from '../../testkit/measure/command.ts';
import { type ApartReport, apart, failuresOf } from './apart.ts';
import { REACHED } from './network.ts';
import { type BrokerName, brokers, defaultFence, type Fence, fences, planes } from './plan.ts';

const MINUTE_S = 60;

const options = {
  minutes: { default: 10, about: 'how long the broker is away' },
  broker: { default: 'nats', choices: brokers, about: 'what lies between the planes' },
  by: { default: defaultFence(), choices: fences, about: 'what keeps them apart; namespaces take root' },
  seats: { default: 4, about: 'connections of an application in each region' },
  pace: { default: 5, about: 'between two operations of a connection, in milliseconds' },
} as const;

await measure('apart', options, async (given, stage) => {
  const plan = {
    // One of the choices each, or the option would have been refused.
    fence: given.by as Fence,
    broker: given.broker as BrokerName,
    awaySeconds: given.minutes * MINUTE_S,
    seats: given.seats,
    paceMs: given.pace,
  };
  const report = await stage(`planes apart, the broker away for ${given.minutes} minutes`, (tell) =>
    apart(plan, tell),
  );
  return { data: dataOf(report), text: textOf(report), failures: failuresOf(report) };
});

function dataOf({ traffic, ...rest }: ApartReport): Record<string, unknown> {
  return {
    ...rest,
    traffic: traffic.map(({ refused, ...phase }) => ({ ...phase, refused: Object.fromEntries(refused) })),
  };
}

function textOf({ plan, tries, traffic, ordered, waited, convergedMs, capture }: ApartReport): string {
  return [
    table(
      [`from, kept apart by ${plan.fence}`, ...planes, 'broker'],
      planes.map((from) => [from, ...[...planes, 'broker' as const].map((to) => shown(tries, from, to))]),
    ),
    table(
      ['L4 operations', 'served', 'refused', 'p50', 'p99', 'max'],
      traffic.map(({ phase, served, refused, latency: { p50, p99, max } }) => [
        phase,
        served,
        [...refused.values()].reduce((sum, count) => sum + count, 0),
        ...[p50, p99, max].map(ms),
      ]),
    ),
    `${ordered} jobs were ordered while the broker was away, ${waited} of them seen to wait; all done ${ms(convergedMs)} after its return`,
    table(
      ['what crossed the broker', 'count'],
      [
        ['bytes', capture.bytes],
        ['messages', capture.messages],
        ['kinds of task', Object.keys(capture.tasks).length],
        ['secrets searched for', capture.secrets],
        ['found in plain', capture.inPlain.length],
        ['envelopes', capture.envelopes],
        ['under an L1', capture.underL1],
        ['sealed secrets that their region opens', capture.sealed],
        ['and another one, too', capture.openedByOthers.length],
      ],
    ),
  ].join('\n\n');
}

/** How many attempts there were, and what came of them. */
function shown(tries: ApartReport['tries'], from: string, to: string): string {
  const outcomes = Map.groupBy(
    tries.filter((each) => each.from === from && each.to === to),
    ({ outcome }) => outcome,
  );
  return [...outcomes]
    .map(([outcome, its]) => (outcome === REACHED ? outcome : `${outcome} × ${its.length}`))
    .join(', ');
}
