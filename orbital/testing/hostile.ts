/**
 * A broker at its worst: a transport around a real one that loses, repeats, delays, reorders, alters and misdirects
 * frames, and lies about it (D11). Which frame meets which fate is its caller's choice of numbers; what the real broker
 * and the network do comes on top.
 */
import { sleep } from '../../platform/backoff.ts';
import { type Transport, TransportError } from '../transport.ts';

/** Where the choices come from: a seeded generator, so that a storm can be had again. */
export interface Chance {
  /** 0 to `below` − 1. */
  int(below: number): number;
}

/** What may befall a frame on its way to the broker, and on its way from there to the receiver. */
export const fates = {
  lose: 'accepted, and never delivered',
  deny: 'delivered, and the sender told that it was not',
  repeat: 'delivered twice, the second time later',
  late: 'accepted, and delivered after younger ones',
  alter: 'delivered with a byte changed, the true one lost',
  stray: 'delivered to a channel of others as well',
  replay: 'delivered, and an old frame of its channel with it',
  forget: 'acknowledged without the receiver having seen it',
  twice: 'handed to the receiver twice at once',
  unacknowledged: 'taken, and the acknowledgement lost',
  hold: 'handed to the receiver late',
} as const;
export type Fate = keyof typeof fates;
export const fateNames = Object.keys(fates) as readonly Fate[];

const sending = ['lose', 'deny', 'repeat', 'late', 'alter', 'stray', 'replay'] as const;
const receiving = ['forget', 'twice', 'unacknowledged', 'hold'] as const;
type Sending = (typeof sending)[number];
type Receiving = (typeof receiving)[number];

/** How many of a thousand frames meet each fate. */
export type Hostility = Readonly<Record<Fate, number>>;
const FRAMES = 1_000;

export interface HostileOptions {
  readonly chance: Chance;
  readonly hostility: Hostility;
  /** The longest that a frame is kept on its way to the broker, in milliseconds; a tenth of it on the way back. */
  readonly maxDelayMs: number;
  /** Another channel that a frame of this one may be published to, by the same login. */
  readonly strayTo?: (channel: string, chance: Chance) => string | undefined;
}

export interface HostileTransport extends Transport {
  /** From now on it is as fair as the broker below; what it keeps is still delivered. */
  calm(): void;
  /** How many frames have met each fate. */
  readonly befell: Readonly<Record<Fate, number>>;
}

/** Frames that are remembered for `replay`, and kept for later, at most. */
const MAX_REMEMBERED = 256;
const MAX_KEPT = 1_000;

type Handler = (frame: Uint8Array) => Promise<void>;

/** `below` is closed with it. */
export function hostile(below: Transport, options: HostileOptions): HostileTransport {
  const { chance, hostility, maxDelayMs, strayTo } = options;
  const befell = Object.fromEntries(fateNames.map((fate) => [fate, 0])) as Record<Fate, number>;
  const remembered = new Map<string, Uint8Array[]>();
  const kept = new Set<Promise<void>>();
  const closing = new AbortController();
  let calm = false;

  function fateOf<F extends Fate>(among: readonly F[]): F | undefined {
    if (calm) return undefined;
    let left = chance.int(FRAMES);
    for (const fate of among) {
      left -= hostility[fate];
      if (left < 0) {
        befell[fate]++;
        return fate;
      }
    }
    return undefined;
  }

  /** Published later, or never where the broker is away then or too much is kept already. */
  function publishLater(channel: string, frame: Uint8Array): void {
    if (kept.size >= MAX_KEPT) return;
    const keeping = sleep(chance.int(maxDelayMs), closing.signal)
      .then(() => below.publish(channel, frame))
      .catch(() => {})
      .finally(() => kept.delete(keeping));
    kept.add(keeping);
  }

  function remember(channel: string, frame: Uint8Array): void {
    const old = remembered.get(channel) ?? [];
    remembered.set(channel, old);
    if (old.length < MAX_REMEMBERED) old.push(frame);
    else old[chance.int(MAX_REMEMBERED)] = frame;
  }

  const send: Readonly<Record<Sending, (channel: string, frame: Uint8Array) => Promise<void>>> = {
    lose: async () => {},
    async deny(channel, frame) {
      await below.publish(channel, frame);
      throw new TransportError('BROKER_UNAVAILABLE');
    },
    async repeat(channel, frame) {
      await below.publish(channel, frame);
      publishLater(channel, frame);
    },
    late: async (channel, frame) => publishLater(channel, frame),
    alter: (channel, frame) => below.publish(channel, altered(frame, chance)),
    async stray(channel, frame) {
      const other = strayTo?.(channel, chance);
      if (other !== undefined) publishLater(other, frame);
      await below.publish(channel, frame);
    },
    async replay(channel, frame) {
      const old = remembered.get(channel) ?? [];
      const again = old[chance.int(Math.max(1, old.length))];
      if (again !== undefined) publishLater(channel, again);
      await below.publish(channel, frame);
    },
  };

  const receive: Readonly<Record<Receiving, (handler: Handler, frame: Uint8Array) => Promise<void>>> = {
    forget: async () => {},
    async twice(handler, frame) {
      const both = await Promise.allSettled([handler(frame), handler(frame)]);
      for (const each of both) if (each.status === 'rejected') throw each.reason;
    },
    async unacknowledged(handler, frame) {
      await handler(frame);
      throw new Error('the acknowledgement was lost');
    },
    async hold(handler, frame) {
      await sleep(chance.int(Math.ceil(maxDelayMs / 10)), closing.signal).catch(() => {});
      await handler(frame);
    },
  };

  return {
    async publish(channel, frame) {
      const fate = fateOf(sending);
      remember(channel, frame);
      await (fate === undefined ? below.publish(channel, frame) : send[fate](channel, frame));
    },
    consume: (channel, handler, settings) =>
      below.consume(
        channel,
        async (frame) => {
          const fate = fateOf(receiving);
          await (fate === undefined ? handler(frame) : receive[fate](handler, frame));
        },
        settings,
      ),
    healthy: () => below.healthy(),
    async close() {
      closing.abort();
      await Promise.all(kept);
      await below.close();
    },
    calm() {
      calm = true;
    },
    befell,
  };
}

function altered(frame: Uint8Array, chance: Chance): Uint8Array {
  const copy = Uint8Array.from(frame);
  const at = chance.int(Math.max(1, copy.length));
  copy[at] = (copy[at] ?? 0) ^ (1 + chance.int(255));
  return copy;
}
