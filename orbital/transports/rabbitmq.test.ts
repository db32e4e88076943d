// RabbitMQ keeps the contract, with a user for each region that may do no more than it needs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProxy } from '../../testkit/proxy.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';
import { connectTransport } from '../connect.ts';
import type { Parts } from '../testing/broker-under-test.ts';
import { reportChannel } from '../transport.ts';
import { rabbitRegionPermissions } from './rabbitmq.ts';
import { transportContract } from './transport.contract.ts';

transportContract('RabbitMQ', async () => {
  const server = await startRabbit({
    users: [
      { user: 'governance', password: 'secret', configure: '.*', write: '.*', read: '.*' },
      ...['north', 'south'].map((region) => ({
        user: region,
        password: 'secret',
        ...rabbitRegionPermissions(region),
      })),
    ],
  });
  return {
    openNetwork: () => startProxy({ targetPort: server.port }),
    connect: (role, port = server.port) =>
      connectTransport(`amqp://127.0.0.1:${port}`, role, {
        credentials: { user: role.plane === 'governance' ? 'governance' : role.region, password: 'secret' },
      }),
    kill: () => server.kill(),
    start: () => server.start(),
    end: () => server.stop(),
  };
}, unroutable);

function unroutable(parts: () => Parts): void {
  test('a message that no queue takes is not called accepted', async () => {
    // The exchange is there, since governance listens to statuses; the queue of reports is not.
    const { north } = parts();
    for (let i = 0; i < 5; i++)
      await assert.rejects(north.publish(reportChannel(), Buffer.from('nowhere')), {
        code: 'BROKER_UNAVAILABLE',
      });
  });
}
