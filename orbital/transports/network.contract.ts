/** What every transport must do over a network that breaks: run by `transportContract`, against the same broker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Network, Parts } from '../testing/broker-under-test.ts';
import { eventually } from '../testing/eventually.ts';
import { TransportError, taskChannel } from '../transport.ts';

const CHANNEL = taskChannel('south', 'normal');
const SOUTH = { plane: 'region', region: 'south' } as const;
/** Far less than the minute after which brokers give up by themselves, and more than a reconnection takes. */
const SOON_MS = 6_000;
const RESENT_MS = 1_500;
/** Publishing gives up after 3 s. */
const GIVEN_UP_MS = 4_500;
/** Closing waits a moment for each thing that it ends. */
const CLOSED_MS = 9_000;

interface Consuming {
  readonly network: Network;
  /** What was taken, in order. */
  readonly got: readonly string[];
  /** Handlers of these messages wait. */
  readonly hold: Map<string, Promise<void>>;
}

export function networkContract(parts: () => Parts): void {
  async function overNetwork(run: (at: Consuming) => Promise<void>): Promise<void> {
    const { broker } = parts();
    const network = await broker.openNetwork();
    const transport = await broker.connect(SOUTH, network);
    const got: string[] = [];
    const hold = new Map<string, Promise<void>>();
    try {
      const subscription = await transport.consume(CHANNEL, async (message) => {
        const text = new TextDecoder().decode(message);
        await hold.get(text);
        got.push(text);
      });
      await send('warm');
      await eventually('it flows', () => got.includes('warm'));
      await run({ network, got, hold });
      await subscription.close();
    } finally {
      network.resume();
      await transport.close();
      await network.close();
    }
  }
  const send = (text: string): Promise<void> =>
    parts().governance.publish(CHANNEL, new TextEncoder().encode(text));

  /** As a manager does: what was delivered into a connection that died comes again only after a minute. */
  async function sendUntilTaken(text: string, got: readonly string[]): Promise<void> {
    let sentAt = Number.NEGATIVE_INFINITY;
    const taken = async (): Promise<boolean> => {
      if (!got.includes(text) && performance.now() - sentAt > RESENT_MS) {
        await send(text);
        sentAt = performance.now();
      }
      return got.includes(text);
    };
    await eventually(`"${text}" comes`, taken, SOON_MS);
  }

  test('a subscription outlives the loss of its connection', async () => {
    await overNetwork(async ({ network, got }) => {
      for (const name of ['first', 'second', 'third']) {
        network.cutOnce();
        await sendUntilTaken(name, got);
      }
    });
  });

  test('a handler that hangs keeps nothing from its region, not even over a new connection', async () => {
    await overNetwork(async ({ network, got, hold }) => {
      const held = Promise.withResolvers<void>();
      hold.set('hangs', held.promise);
      await send('hangs');
      await send('beside');
      await eventually('the other passes it', () => got.includes('beside'), SOON_MS);
      network.cutOnce();
      await sendUntilTaken('after', got);
      held.resolve();
      await eventually('it ends', () => got.includes('hangs'));
    });
  });

  test('twenty messages that fail hold up no other', async () => {
    const transport = await parts().broker.connect(SOUTH);
    const got: string[] = [];
    let bad = true;
    const subscription = await transport.consume(CHANNEL, async (message) => {
      const text = new TextDecoder().decode(message);
      if (bad && text.startsWith('bad')) throw new Error('not yet');
      got.push(text);
    });
    const names = Array.from({ length: 20 }, (_, n) => `bad ${n}`);
    await Promise.all(names.map(send));
    await delay(1_500); // their repetitions wait ever longer
    const startedAt = performance.now();
    await send('good');
    await eventually('the good one comes', () => got.includes('good'));
    const tookMs = performance.now() - startedAt;
    bad = false;
    await eventually('so do the others', () => names.every((name) => got.includes(name)), 30_000);
    await subscription.close();
    await transport.close();
    assert.ok(tookMs < 700, `took ${Math.round(tookMs)} ms`);
  });

  test('over a dead network publishing fails and closing ends, each in bounded time', async () => {
    const { broker } = parts();
    const network = await broker.openNetwork();
    const transport = await broker.connect({ plane: 'governance' }, network);
    await eventually('it is healthy', () => transport.healthy());
    await transport.consume('okcm.reports', async () => {});
    await transport.publish(CHANNEL, new TextEncoder().encode('before'));
    network.swallow();
    const startedAt = performance.now();
    await assert.rejects(
      transport.publish(CHANNEL, new TextEncoder().encode('nowhere')),
      (error) => error instanceof TransportError && error.code === 'BROKER_UNAVAILABLE',
    );
    const refusedAt = performance.now();
    await transport.close();
    const closedAt = performance.now();
    await network.close();
    assert.ok(refusedAt - startedAt < GIVEN_UP_MS, `refused after ${Math.round(refusedAt - startedAt)} ms`);
    assert.ok(closedAt - refusedAt < CLOSED_MS, `closed after ${Math.round(closedAt - refusedAt)} ms`);
  });
}
