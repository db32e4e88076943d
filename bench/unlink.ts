/**
 * How fast UNLINK is felt: a whole installation with two regions, applications that encrypt without a pause through both
 * gateways, and a tenant that is unlinked through CMK's REST API and linked again, over and over. What counts is the time
 * from the answer of the REST call to the first refusal on the last connection. Fails when p99 reaches a second, or when
 * anybody is served after a refusal.
 *
 *     npm run bench:unlink -- --runs 100
 */
import type { LinksView } from '../cli/cmk/views.ts';
import { L1_ALIAS, SERVICE, TENANT } from '../cli/job/names.ts';
import { distributionTable, measure, ms, type Tell } from '../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../testkit/measure/distribution.ts';
import { below } from '../testkit/measure/target.ts';
import { eventually, System } from '../testkit/system.ts';
import { Load, type Seat } from './unlink/load.ts';
import { LogTimes } from './unlink/log-times.ts';
import { RoundTrip } from './unlink/round-trip.ts';

const LIMIT_MS = 1_000;
const SETTLED_MS = 10_000;

const options = {
  runs: { default: 100, about: 'how often the tenant is unlinked' },
  connections: { default: 4, about: 'connections to each gateway; every other one encrypts under the L3' },
} as const;

/** Milliseconds, all from the answer of the REST call unless said otherwise. */
interface Run {
  readonly refused: number;
  readonly fromCall: number;
  readonly closedInCore: number;
  readonly toldGateway: number;
  readonly byRegion: ReadonlyMap<string, number>;
  readonly call: number;
  readonly roundTrip: number;
  readonly relink: number;
}

interface Links {
  readonly state: LinksView['state'];
  readonly regions: readonly { readonly closedAt: string | null }[];
}

await measure('bench:unlink', options, async ({ runs, connections }, stage) => {
  const system = await stage('start two regions', () => System.start());
  const roundTrip = await RoundTrip.open();
  const load = new Load(await seatsOf(system, connections));
  const violations: string[] = [];
  load.start();
  try {
    const results = await stage(
      `unlink ${TENANT} and link it again, ${runs} times`,
      (tell) => unlinkOften(system, load, roundTrip, runs, violations, tell),
      (all) => `${load.served} records encrypted, ${all.length} unlinks`,
    );
    return verdict(results, violations, connections, load.served);
  } finally {
    await load.stop();
    await roundTrip.close();
    await system.interrupt();
  }
});

async function seatsOf(system: System, connections: number): Promise<Seat[]> {
  const seats: Seat[] = [];
  for (const region of system.regions) {
    for (let index = 0; index < connections; index++) {
      const application = await system.application(region);
      const address = index % 2 === 0 ? await application.create({ active: true }) : `l3:${SERVICE}`;
      seats.push({ region, application, address });
    }
  }
  return seats;
}

async function unlinkOften(
  system: System,
  load: Load,
  roundTrip: RoundTrip,
  runs: number,
  violations: string[],
  tell: Tell,
): Promise<Run[]> {
  const logs = system.regions.map((region) => new LogTimes(system.logPath(`${region}/gateway`)));
  const results: Run[] = [];
  for (let run = 0; run < runs; run++) {
    await load.serving();
    const reference = await roundTrip.once();
    for (const log of logs) await log.skip();
    const watch = load.watchRefusals();
    const calledAt = performance.now();
    await system.rest('POST', `/v1/tenants/${TENANT}/unlink`, { reason: `run ${run + 1} of a bench` });
    const answeredAt = performance.now();
    const answeredWallMs = performance.timeOrigin + answeredAt;
    const { lastAt, byRegion, violations: seen } = await watch.refused;
    violations.push(...seen.map((text) => `run ${run + 1}: ${text}`));
    const closed = await settled(system, 'closed');
    const told = await Promise.all(logs.map((log) => log.firstNew('tenant closed')));
    const relinkedAt = performance.now();
    await system.rest('POST', `/v1/tenants/${TENANT}/link`, { key: L1_ALIAS });
    await settled(system, 'active');
    await load.serving();
    results.push({
      refused: lastAt - answeredAt,
      fromCall: lastAt - calledAt,
      closedInCore:
        Math.max(...closed.regions.map(({ closedAt }) => Date.parse(closedAt ?? ''))) - answeredWallMs,
      toldGateway: Math.max(...told.map((at) => at ?? Number.NaN)) - answeredWallMs,
      byRegion: new Map([...byRegion].map(([region, at]) => [region, at - answeredAt])),
      call: answeredAt - calledAt,
      roundTrip: reference,
      relink: performance.now() - relinkedAt,
    });
    const { p50, p99 } = distributionOf(results.map(({ refused }) => refused));
    tell(`${run + 1} of ${runs}: refused everywhere after p50 ${ms(p50)}, p99 ${ms(p99)}`);
  }
  return results;
}

async function settled(system: System, state: 'active' | 'closed'): Promise<Links> {
  let links: Links | undefined;
  await eventually(`the link of ${TENANT} is ${state}`, SETTLED_MS, async () => {
    links = await system.rest<Links>('GET', `/v1/tenants/${TENANT}/links`);
    return links.state === state;
  });
  if (links === undefined) throw new Error('nothing was asked');
  return links;
}

function verdict(
  results: readonly Run[],
  violations: readonly string[],
  connections: number,
  served: number,
) {
  const of = (pick: (run: Run) => number): Distribution => distributionOf(results.map(pick));
  const refused = of((run) => run.refused);
  const ratio = of((run) => run.fromCall / run.roundTrip);
  const roundTrip = of((run) => run.roundTrip);
  const relink = of((run) => run.relink);
  const regions = [...new Set(results.flatMap(({ byRegion }) => [...byRegion.keys()]))];
  const byRegion = regions.map((region): [string, Distribution] => [
    region,
    of((run) => run.byRegion.get(region) ?? Number.NaN),
  ]);
  const parts: [string, Distribution][] = [
    ['call sent → 202', of((run) => run.call)],
    ['202 → closed in the last core', of((run) => run.closedInCore)],
    ['202 → told to the last gateway', of((run) => run.toldGateway)],
    ...byRegion.map(([region, times]): [string, Distribution] => [`202 → all refused in ${region}`, times]),
    ['202 → all refused everywhere', refused],
    ['call sent → all refused everywhere', of((run) => run.fromCall)],
    ['linked and served again', relink],
    ['reference: broker round trip', roundTrip],
  ];
  const spread = `${ratio.p50.toFixed(1)} (p50 of pairs; ${ratio.min.toFixed(1)} to ${ratio.max.toFixed(1)})`;
  const failures = [
    ...violations,
    ...(refused.p99 < LIMIT_MS ? [] : [`p99 is ${ms(refused.p99)}; it must stay below ${LIMIT_MS} ms`]),
  ];
  return {
    data: {
      connectionsPerGateway: connections,
      recordsEncrypted: served,
      milliseconds: Object.fromEntries(parts),
      ratioToRoundTrip: ratio,
      limitMs: LIMIT_MS,
      runs: results.map(({ byRegion: times, ...run }) => ({ ...run, byRegion: Object.fromEntries(times) })),
    },
    text: `${distributionTable('UNLINK', parts)}\n\ncall sent → all refused everywhere, in broker round trips: ${spread}`,
    failures,
    targets: [
      below(LIMIT_MS, {
        what: 'UNLINK answered → all refused everywhere, p99',
        value: refused.p99,
        shown: ms,
      }),
    ],
  };
}
