/** What breaks below the messages: each party's connections by chance, and the broker itself when it is told to. */
import { setTimeout as delay } from 'node:timers/promises';
import { sleep } from '../../platform/backoff.ts';
import type { FaultProxy } from '../../testkit/proxy.ts';
import { Random } from '../storm/random.ts';
import type { StormBroker } from './brokers.ts';

/** How often each comes, of all, and the longest that it lasts, in milliseconds. */
export const faults = {
  reset: { share: 4, maxMs: 100, about: 'all connections reset, once' },
  cut: { share: 2, maxMs: 1_500, about: 'no connection for a while' },
  'half-open': { share: 2, maxMs: 6_000, about: 'connections stay, and nothing passes' },
  slow: { share: 2, maxMs: 3_000, about: 'every chunk late' },
  'cut within a message': { share: 3, maxMs: 1_500, about: 'reset after some bytes more' },
} as const;
export type NetworkFault = keyof typeof faults;
export const networkFaults = Object.keys(faults) as readonly NetworkFault[];

const MAX_LULL_MS = 6_000;
const MAX_SLOW_MS = 200;
const MAX_BYTES = 20_000;
const MAX_AWAY_MS = 1_000;
const directions = ['toServer', 'toClient'] as const;

export interface Weather {
  readonly met: ReadonlyMap<NetworkFault, number>;
  readonly restarts: number;
  /** Kills the broker and starts it again. */
  restart(): Promise<void>;
  /** The networks are whole from then on. */
  stop(): Promise<void>;
}

export function startWeather(networks: readonly FaultProxy[], broker: StormBroker, seed: number): Weather {
  const stopping = new AbortController();
  const met = new Map<NetworkFault, number>();
  const random = new Random(seed);
  let restarts = 0;

  const pause = (ms: number): Promise<void> => sleep(ms, stopping.signal).catch(() => {});
  async function gusts(network: FaultProxy, own: Random): Promise<void> {
    for (;;) {
      await pause(own.int(MAX_LULL_MS));
      if (stopping.signal.aborted) break;
      const fault = own.weighted(networkFaults.map((name) => [name, faults[name].share] as const));
      met.set(fault, (met.get(fault) ?? 0) + 1);
      if (fault === 'reset') network.cutOnce();
      else if (fault === 'cut') network.cut();
      else if (fault === 'half-open') network.swallow();
      else if (fault === 'slow') network.delay(own.int(MAX_SLOW_MS));
      else network.cutAfter(1 + own.int(MAX_BYTES), own.pick(directions));
      await pause(own.int(faults[fault].maxMs));
      network.resume();
    }
  }
  const blowing = networks.map((network, n) => gusts(network, new Random(seed + n + 1)));
  return {
    met,
    get restarts() {
      return restarts;
    },
    async restart() {
      restarts++;
      await broker.kill();
      await delay(random.int(MAX_AWAY_MS));
      await broker.start();
    },
    async stop() {
      stopping.abort();
      await Promise.all(blowing);
    },
  };
}
