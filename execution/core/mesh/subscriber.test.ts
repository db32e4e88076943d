/** A gateway that takes pushes and answers none. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it, mock } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createLogger } from '../../../platform/log.ts';
import type { NumberedPush } from '../../mesh/index.ts';
import { PUSH_ACK_TIMEOUT_MS, PUSH_POLL_MS } from '../limits.ts';
import { Subscriber } from './subscriber.ts';

it('a gateway that acknowledges nothing is cut off, whatever else is sent to it', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const wire = new PassThrough();
  // What is written goes nowhere, and nothing is answered.
  mock.method(wire, 'write', () => true);
  const pushes: NumberedPush[] = [
    { number: 1, push: { kind: 'object.destroyed', tenant: 'acme' as never, uid: 'gone' } },
  ];
  const subscriber = new Subscriber({
    socket: wire as unknown as TLSSocket,
    peer: {
      identity: { fingerprint: 'f' as never, name: 'gateway', role: 'gateway' } as never,
      address: '127.0.0.1:1',
    },
    after: 0,
    read: async (after, max) => pushes.filter(({ number }) => number > after).slice(0, max),
    logger: createLogger({ name: 'test', level: 'silent' }),
    onAcknowledged: () => undefined,
  });
  for (let ms = 0; ms < PUSH_ACK_TIMEOUT_MS; ms += PUSH_POLL_MS) {
    assert.ok(!wire.destroyed);
    subscriber.ask(ms + 1);
    await subscriber.wake();
    mock.timers.tick(PUSH_POLL_MS);
  }
  assert.ok(wire.destroyed);
  mock.reset();
});
