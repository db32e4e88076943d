/** What every transport must do, run against a real broker by the test beside each transport. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerUnderTest, Parts } from '../testing/broker-under-test.ts';
import { eventually } from '../testing/eventually.ts';
import {
  statusChannel,
  type Transport,
  TransportError,
  type TransportRole,
  taskChannel,
} from '../transport.ts';
import { networkContract } from './network.contract.ts';

export { eventually } from '../testing/eventually.ts';

const GOVERNANCE: TransportRole = { plane: 'governance' };
const NORTH: TransportRole = { plane: 'region', region: 'north' };
const SOUTH: TransportRole = { plane: 'region', region: 'south' };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (message: Uint8Array): string => new TextDecoder().decode(message);

const ready = (transport: Transport): Promise<void> =>
  eventually('the transport is healthy', () => transport.healthy());
const code = (expected: string) => (error: unknown) =>
  error instanceof TransportError && error.code === expected;

/** `further` are tests of this one transport, against the same broker. */
export function transportContract(
  name: string,
  launch: () => Promise<BrokerUnderTest>,
  further: (parts: () => Parts) => void = () => {},
): void {
  describe(`${name} as a transport`, () => {
    let broker: BrokerUnderTest;
    let governance: Transport;
    let north: Transport;
    let south: Transport;

    before(async () => {
      broker = await launch();
      governance = await broker.connect(GOVERNANCE);
      north = await broker.connect(NORTH);
      south = await broker.connect(SOUTH);
      await Promise.all([ready(governance), ready(north), ready(south)]);
      // Governance sets the channels up; regions only use them.
      for (const lane of ['urgent', 'normal'] as const)
        await governance.publish(taskChannel('north', lane), bytes('hello'));
    });
    after(async () => {
      await Promise.all([governance?.close(), north?.close(), south?.close()]);
      await broker?.end();
    });

    async function collect(
      transport: Transport,
      channel: string,
      take: (text: string) => Promise<void> = async () => {},
    ) {
      const got: string[] = [];
      const subscription = await transport.consume(channel, async (message) => {
        const text = textOf(message);
        await take(text);
        got.push(text);
      });
      return { got, close: () => subscription.close() };
    }

    test('the first message to a region makes both of its lanes: its urgent one is there before it is needed', async (t) => {
      await governance.publish(taskChannel('south', 'normal'), bytes('hello'));
      const troubles: unknown[] = [];
      const region = await broker.connect(SOUTH, { onTrouble: (error) => troubles.push(error) });
      t.after(() => region.close());
      await ready(region);
      const inbox = await collect(region, taskChannel('south', 'urgent'));
      await delay(500);
      assert.deepEqual(troubles, [], 'the channel was there');
      await governance.publish(taskChannel('south', 'urgent'), bytes('at once'));
      await eventually('it comes', () => inbox.got.includes('at once'));
    });

    test('messages reach the region that they are for, once, whether it was there before or not', async () => {
      const inbox = await collect(north, taskChannel('north', 'urgent'));
      await eventually('the earlier message comes', () => inbox.got.includes('hello'));
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          governance.publish(taskChannel('north', 'urgent'), bytes(`m${i}`)),
        ),
      );
      await eventually('all come', () => inbox.got.length === 21);
      await inbox.close();
      assert.equal(new Set(inbox.got).size, 21);
    });

    test('status flows to governance, from any region', async () => {
      const inbox = await collect(governance, statusChannel());
      // The channel exists as soon as governance listens to it.
      await eventually('the region can publish', () =>
        north.publish(statusChannel(), bytes('from north')).then(
          () => true,
          () => false,
        ),
      );
      await south.publish(statusChannel(), bytes('from south'));
      await eventually(
        'both come',
        () => inbox.got.includes('from north') && inbox.got.includes('from south'),
      );
      await inbox.close();
    });

    test('a message whose handler fails comes again, later, and holds up no other', async () => {
      let failures = 0;
      let failedAt = 0;
      let againAt = 0;
      const inbox = await collect(south, taskChannel('south', 'urgent'), async (text) => {
        if (text !== 'bad') return;
        if (failures++ === 0) {
          failedAt = performance.now();
          throw new Error('not yet');
        }
        againAt = performance.now();
      });
      await governance.publish(taskChannel('south', 'urgent'), bytes('bad'));
      await governance.publish(taskChannel('south', 'urgent'), bytes('good'));
      await eventually('both are taken', () => inbox.got.includes('bad') && inbox.got.includes('good'));
      await inbox.close();
      assert.ok(inbox.got.indexOf('good') < inbox.got.indexOf('bad'), 'the good one overtook');
      assert.ok(againAt - failedAt >= 300, `came again after ${againAt - failedAt} ms`);
    });

    test('two consumers of a channel share its messages', async () => {
      const second = await broker.connect(SOUTH);
      await ready(second);
      const slow = (): Promise<void> => delay(30);
      const [a, b] = [
        await collect(south, taskChannel('south', 'urgent'), slow),
        await collect(second, taskChannel('south', 'urgent'), slow),
      ];
      const sent = Array.from({ length: 60 }, (_, i) => `shared ${i}`);
      await Promise.all(sent.map((text) => governance.publish(taskChannel('south', 'urgent'), bytes(text))));
      await eventually('all are taken', () => a.got.length + b.got.length >= sent.length);
      await Promise.all([a.close(), b.close()]);
      await second.close();
      assert.deepEqual([...a.got, ...b.got].sort(), sent.toSorted());
      assert.ok(a.got.length > 0 && b.got.length > 0);
    });

    test('a region reads no tasks of another and sends none', async () => {
      const spy = await collect(north, taskChannel('south', 'normal'));
      await governance.publish(taskChannel('south', 'normal'), bytes('for south'));
      await assert.rejects(north.publish(taskChannel('south', 'normal'), bytes('forged')), TransportError);
      const inbox = await collect(south, taskChannel('south', 'normal'));
      await eventually('south gets its own', () => inbox.got.includes('for south'));
      await Promise.all([spy.close(), inbox.close()]);
      assert.deepEqual(spy.got, []);
      assert.ok(!inbox.got.includes('forged'));
    });

    test('a message beyond the limit is refused', async () => {
      await assert.rejects(
        governance.publish(taskChannel('north', 'normal'), new Uint8Array(64 * 1024 + 1)),
        code('MESSAGE_TOO_LARGE'),
      );
    });

    further(() => ({ broker, governance, north }));
    networkContract(() => ({ broker, governance, north }));

    test('an accepted message survives the death of the broker, and both ends come back by themselves', async () => {
      const inbox = await collect(north, taskChannel('north', 'normal'));
      await eventually('the channel flows', () => inbox.got.includes('hello'));
      await inbox.close();
      await governance.publish(taskChannel('north', 'normal'), bytes('durable'));
      const after = await collect(south, taskChannel('south', 'normal'));

      await broker.kill();
      await eventually('the loss is noticed', () => !governance.healthy());
      const refusedAt = performance.now();
      await assert.rejects(
        governance.publish(taskChannel('north', 'normal'), bytes('lost')),
        code('BROKER_UNAVAILABLE'),
      );
      assert.ok(performance.now() - refusedAt < 1_000, 'refused at once');
      await broker.start();

      const again = await collect(north, taskChannel('north', 'normal'));
      await eventually('the message is still there', () => again.got.includes('durable'));
      await ready(governance);
      await eventually('publishing works again', () =>
        governance.publish(taskChannel('south', 'normal'), bytes('new')).then(
          () => true,
          () => false,
        ),
      );
      await eventually('the old subscription flows again', () => after.got.includes('new'));
      await Promise.all([again.close(), after.close()]);
      assert.ok(!again.got.includes('lost'));
    });

    test('a closed transport refuses', async () => {
      const short = await broker.connect(NORTH);
      await short.close();
      assert.equal(short.healthy(), false);
      await assert.rejects(short.publish(statusChannel(), bytes('x')), code('CLOSED'));
    });
  });
}
