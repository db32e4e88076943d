// RabbitMQ keeps the contract, with a user for each region that may do no more than it needs.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Connection } from 'rabbitmq-client';
import { freePort } from '../../platform/ports.ts';
import { pemFiles, type TestPki, testPki } from '../../testkit/pki.ts';
import { startProxy } from '../../testkit/proxy.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';
import { connectTransport } from '../connect.ts';
import { probeBroker } from '../probe/probe.ts';
import type { Parts } from '../testing/broker-under-test.ts';
import { reportChannel, statusChannel, type TransportRole, taskChannel } from '../transport.ts';
import { rabbitRegionPermissions, topologyOf } from './rabbitmq.ts';
import { CREDENTIALS, flows, refused } from './tls.contract.ts';
import { transportContract } from './transport.contract.ts';

const credentialsOf = (user: string) =>
  user === CREDENTIALS.user ? CREDENTIALS : { user, password: 'secret' };
let pki: TestPki;
let tlsPort: number;
let plainPort: number;
before(async () => {
  pki = await testPki();
});

transportContract(
  'RabbitMQ',
  async () => {
    const files = await pemFiles(await pki.server(), pki.ca);
    tlsPort = await freePort();
    const server = await startRabbit({
      config: [
        `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
        `ssl_options.cacertfile = ${files.caFile}`,
        `ssl_options.certfile = ${files.certFile}`,
        `ssl_options.keyfile = ${files.keyFile}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = true',
      ],
      users: [
        { ...CREDENTIALS, configure: '.*', write: '.*', read: '.*' },
        ...['north', 'south'].map((region) => ({
          user: region,
          password: 'secret',
          ...rabbitRegionPermissions(region),
        })),
      ],
    });
    plainPort = server.port;
    return {
      openNetwork: () => startProxy({ targetPort: server.port }),
      connect: (role, { port = server.port, ...options } = {}) =>
        connectTransport(`amqp://127.0.0.1:${port}`, role, {
          ...options,
          credentials: credentialsOf(role.plane === 'governance' ? CREDENTIALS.user : role.region),
        }),
      kill: () => server.kill(),
      start: () => server.start(),
      end: () => server.stop(),
    };
  },
  (parts) => {
    unroutable(parts);
    overTls();
    probing(parts);
  },
);

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

function overTls(): void {
  test('over TLS everything flows with certificates on both sides, and nothing without the client’s', async () => {
    const { certificatePem, privateKeyPem } = await pki.client('governance');
    const trusting = { ca: pki.ca.certificatePem };
    const tls = { ...trusting, cert: certificatePem, key: privateKeyPem };
    await flows((through) => `amqps://localhost:${through}`, tlsPort, tls);
    await flows((through) => `amqps://127.0.0.1:${through}`, tlsPort, tls);
    await refused(`amqps://localhost:${tlsPort}`, trusting);
  });
}

function probing(parts: () => Parts): void {
  test('what a login may do is found out without anything being sent or taken', async () => {
    const url = `amqp://127.0.0.1:${plainPort}`;
    const as = (user: string) => ({ credentials: credentialsOf(user) });
    const north = { plane: 'region', region: 'north' } as const;
    const { governance } = parts();
    await governance.publish(taskChannel('north', 'normal'), Buffer.from('stays'));
    // The queue of statuses is there as soon as somebody takes from it.
    const got: string[] = [];
    const taking = await governance.consume(statusChannel(), async (message) => {
      got.push(Buffer.from(message).toString());
    });
    const kindsOf = async (role: TransportRole, user: string): Promise<Set<string>> =>
      new Set((await probeBroker(url, role, as(user))).troubles.map(({ kind }) => kind));
    const own = await probeBroker(url, north, as('north'));
    assert.deepEqual([own.product, own.troubles, own.rights], ['rabbitmq', [], 3]);
    assert.deepEqual(await kindsOf({ plane: 'governance' }, CREDENTIALS.user), new Set());
    assert.deepEqual(await kindsOf(north, 'south'), new Set(['right-missing']));
    assert.deepEqual(await kindsOf(north, CREDENTIALS.user), new Set(['right-excess']));
    assert.deepEqual(await kindsOf({ plane: 'governance' }, 'north'), new Set(['right-missing']));
    const wrong = { credentials: { user: 'north', password: 'wrong' } };
    assert.deepEqual(
      (await probeBroker(url, north, wrong)).troubles.map(({ kind }) => kind),
      ['credentials'],
    );
    await taking.close();
    assert.deepEqual(got, []);

    const { user, password } = CREDENTIALS;
    const connection = new Connection(`amqp://${user}:${password}@127.0.0.1:${plainPort}`);
    const { queue } = topologyOf(reportChannel());
    const classic = { ...queue.arguments, 'x-queue-type': 'classic' } as const;
    await connection.queueDeclare({ ...queue, arguments: classic });
    const { troubles } = await probeBroker(url, { plane: 'governance' }, as(user));
    await connection.queueDelete(reportChannel());
    await connection.close();
    const [trouble] = troubles;
    assert.ok(trouble?.kind === 'queue-kind' && trouble.queue === reportChannel(), JSON.stringify(troubles));
    assert.match(trouble.message, /x-queue-type/);
  });
}
