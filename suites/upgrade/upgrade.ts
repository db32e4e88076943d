/**
 * A region of two cores and two gateways, all replaced one after the other under load: the cores first. What must not happen is
 * that an application is refused what a gateway does by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type OpenKcm, tlsFiles } from '../../execution/sdk/index.ts';
import { pemFiles } from '../../testkit/pki.ts';
import { startRegion, until } from '../support/region.ts';
import { Fleet } from './fleet.ts';
import { acquaint, Load, type Tally } from './load.ts';

const TENANT = 'acme';
const SERVICE = 'orders';
const KEYS = 16;
/** Under load before the first is replaced, and after each, in milliseconds. */
const PAUSE_MS = 1_500;
/** A client goes back to a gateway that answers its probe; probes pause for 5 s at most. */
const BACK_WITHIN_MS = 20_000;
const MEMBERS = ['core-1', 'core-2', 'gateway-1', 'gateway-2'] as const;
/** A request that only the core can answer is refused at once while that is away, and not after the deadline of its lane. */
const CONTROL_TOLD_WITHIN_MS = 5_000;

export interface Upgrade {
  readonly hot: Tally;
  readonly creates: Tally;
  readonly control: Tally;
  /** Creates that can have been on their way when gateways hung up: one for each line of each client. */
  readonly onTheirWay: number;
  readonly awayMs: readonly (readonly [name: string, ms: number])[];
}

export async function upgradeUnderLoad(
  rounds: number,
  lines: number,
  tell: (text: string) => void,
): Promise<Upgrade> {
  const fleet = new Fleet();
  const world = await startRegion(undefined, fleet.run);
  const clients: OpenKcm[] = [];
  try {
    const second = await world.anotherCore('core-2');
    const other = await world.anotherGateway('gateway-2', second);
    await world.provision(TENANT, SERVICE);
    await world.link(TENANT, 1);
    const own = await world.application('billing', TENANT, [SERVICE]);
    await world.caughtUp(other.gateway);
    const { certFile: cert, keyFile: key, caFile: ca } = await pemFiles(own, world.pki.ca);
    const gateways = [world.gateway, other.gateway].map(({ port }) => ({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
    }));
    // One at home at each gateway; each goes to the other while its own is away.
    const down = new Set<string>();
    for (const home of [0, 1])
      clients.push(
        await connect({
          gateways,
          home,
          tls: tlsFiles({ cert, key, ca }),
          onEvent: (event) => {
            if (event.type === 'gateway-down') down.add(`${home} ${event.gateway} ${event.lane}`);
            if (event.type === 'gateway-up') down.delete(`${home} ${event.gateway} ${event.lane}`);
          },
        }),
      );
    const [first] = clients;
    if (first === undefined) throw new Error('no client');
    const keys: string[] = [];
    for (let n = 0; n < KEYS; n++) keys.push(await first.create());
    await until('keys are announced', () => world.gateway.status().backlog === 0);
    for (const kms of clients) await acquaint(kms, keys);

    const load = new Load(SERVICE);
    load.start(clients, keys, lines);
    const awayMs: (readonly [string, number])[] = [];
    try {
      await delay(PAUSE_MS);
      for (let round = 1; round <= rounds; round++)
        for (const name of MEMBERS) {
          tell(`round ${round}: ${name}, ${load.hot.done} hot requests`);
          awayMs.push([name, await fleet.replace(name)]);
          await delay(PAUSE_MS);
          await until('no gateway is avoided', () => down.size === 0, BACK_WITHIN_MS);
        }
    } finally {
      await load.stop();
    }
    const { hot, creates, control } = load;
    return {
      hot,
      creates,
      control,
      onTheirWay: rounds * gateways.length * clients.length * (lines + 1),
      awayMs,
    };
  } finally {
    for (const kms of clients) await kms.close();
    await world.close();
  }
}

export function failuresOf({ hot, creates, control, onTheirWay }: Upgrade): string[] {
  const failures = hot.told.map((text) => `a hot request failed: ${text}`);
  if (hot.failed > hot.told.length) failures.push(`${hot.failed} hot requests failed in all`);
  if (creates.failed > creates.unknown)
    failures.push(...creates.told.map((text) => `a Create was refused: ${text}`));
  if (creates.unknown > onTheirWay)
    failures.push(
      `${creates.unknown} Creates are unknown, of which ${onTheirWay} can have been on their way`,
    );
  if (hot.done === 0 || control.done === 0) failures.push('nothing was asked');
  if (control.longestFailureMs > CONTROL_TOLD_WITHIN_MS)
    failures.push(`a control request was refused only after ${Math.round(control.longestFailureMs)} ms`);
  return failures;
}
