// The brokers of the testkit are real: they speak, they refuse, and they keep what was durable over a SIGKILL.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Connection } from 'rabbitmq-client';
import { startNats } from './nats.ts';
import { startRabbit } from './rabbitmq.ts';

const closing: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

test('NATS: users are kept apart, and a stream survives SIGKILL', async () => {
  const nats = await startNats({
    users: [
      { user: 'all', password: 'a-secret' },
      {
        user: 'half',
        password: 'b-secret',
        permissions: { publish: ['out.>'], subscribe: ['in.>', '_INBOX.>'] },
      },
    ],
  });
  closing.push(() => nats.stop());
  await assert.rejects(
    connect({ servers: nats.url, user: 'all', pass: 'wrong', reconnect: false }),
    /[Aa]uthorization/,
  );
  const all = await connect({ servers: nats.url, user: 'all', pass: 'a-secret', reconnect: false });
  await (await jetstreamManager(all)).streams.add({ name: 'kept', subjects: ['kept.>'] });
  await jetstream(all).publish('kept.one', 'hello');
  const half = await connect({ servers: nats.url, user: 'half', pass: 'b-secret', reconnect: false });
  const refused = half.subscribe('kept.>');
  await assert.rejects(async () => {
    for await (const _ of refused) assert.fail('it may not hear this');
  }, /[Pp]ermissions/);
  await half.close();
  await nats.kill();
  await all.closed();
  await nats.start();
  const again = await connect({ servers: nats.url, user: 'all', pass: 'a-secret', reconnect: false });
  const info = await (await jetstreamManager(again)).streams.info('kept');
  assert.equal(info.state.messages, 1);
  await again.close();
});

// A classic queue: a quorum queue that is killed within five seconds of its birth stays without a leader (3.10).
test('RabbitMQ: users are kept apart, and a durable message survives SIGKILL', {
  timeout: 60_000,
}, async () => {
  const rabbit = await startRabbit({
    users: [
      { user: 'all', password: 'a-secret', configure: '.*', write: '.*', read: '.*' },
      { user: 'half', password: 'b-secret', configure: '', write: '', read: 'kept' },
    ],
  });
  closing.push(() => rabbit.stop());
  const all = new Connection(rabbit.url);
  all.on('error', () => {});
  await all.queueDeclare({ queue: 'kept', durable: true });
  const publisher = all.createPublisher({ confirm: true });
  await publisher.send({ routingKey: 'kept', durable: true }, 'hello');
  const half = new Connection(rabbit.urlFor('half'));
  half.on('error', () => {});
  await assert.rejects(half.queueDeclare({ queue: 'other' }), /ACCESS_REFUSED/);
  await half.close();
  await rabbit.kill();
  all.unsafeDestroy();
  await rabbit.start();
  const again = new Connection(rabbit.url);
  const message = await again.basicGet({ queue: 'kept', noAck: true });
  assert.equal(message?.body, 'hello');
  await again.close();
});
