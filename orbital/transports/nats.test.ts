// NATS keeps the contract, with a user for each region that may do no more than it needs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { errorMessage } from '../../platform/errors.ts';
import { startNats } from '../../testkit/nats.ts';
import { startProxy } from '../../testkit/proxy.ts';
import { connectTransport } from '../connect.ts';
import { lanes } from '../messages.ts';
import { probeBroker } from '../probe/probe.ts';
import type { Parts } from '../testing/broker-under-test.ts';
import { eventually } from '../testing/eventually.ts';
import { reportChannel, statusChannel, type TransportRole, taskChannel } from '../transport.ts';
import { natsAccounts } from './nats-accounts.ts';
import { inboxOf, natsRegionPermissions, streamOf } from './nats-names.ts';
import { transportContract } from './transport.contract.ts';

let port: number;

transportContract(
  'NATS JetStream',
  async () => {
    const server = await startNats({
      accounts: natsAccounts({
        governance: { user: 'governance', password: 'secret' },
        regions: ['north', 'south', 'hostile'].map((name) => ({ name, user: name, password: 'secret' })),
      }),
    });
    port = server.port;
    return {
      openNetwork: () => startProxy({ targetPort: server.port }),
      connect: (role, { port = server.port, ...options } = {}) =>
        connectTransport(`nats://127.0.0.1:${port}`, role, {
          ...options,
          credentials: { user: role.plane === 'governance' ? 'governance' : role.region, password: 'secret' },
        }),
      kill: () => server.kill(),
      start: () => server.start(),
      end: () => server.stop(),
    };
  },
  (parts) => {
    slowReconnection(parts);
    copies(parts);
    probing(parts);
    foreignReplies(parts);
  },
);

function probing(parts: () => Parts): void {
  test('what a login may do is found out without anything being sent', async () => {
    const url = `nats://127.0.0.1:${port}`;
    const as = (user: string) => ({ credentials: { user, password: 'secret' } });
    const north = { plane: 'region', region: 'north' } as const;
    const got: string[] = [];
    const take = async (message: Uint8Array): Promise<void> => {
      got.push(Buffer.from(message).toString());
    };
    const { governance } = parts();
    const taking = await Promise.all(
      [statusChannel(), reportChannel()].map((channel) => governance.consume(channel, take)),
    );
    await eventually('the streams are there', () =>
      parts()
        .north.publish(reportChannel(), Buffer.from('the only one'))
        .then(
          () => true,
          () => false,
        ),
    );
    const own = await probeBroker(url, north, as('north'));
    assert.deepEqual([own.product, own.troubles, own.rights], ['nats', [], 4]);
    assert.deepEqual((await probeBroker(url, { plane: 'governance' }, as('governance'))).troubles, []);
    const kindsOf = async (role: TransportRole, user: string): Promise<Set<string>> =>
      new Set((await probeBroker(url, role, as(user))).troubles.map(({ kind }) => kind));
    assert.deepEqual(await kindsOf(north, 'south'), new Set(['right-missing']));
    assert.deepEqual(await kindsOf(north, 'governance'), new Set(['right-missing', 'right-excess']));
    assert.deepEqual(await kindsOf({ plane: 'governance' }, 'north'), new Set(['right-missing']));
    const wrong = { credentials: { user: 'north', password: 'wrong' } };
    assert.deepEqual(
      (await probeBroker(url, north, wrong)).troubles.map(({ kind }) => kind),
      ['credentials'],
    );
    await eventually('what was sent comes', () => got.length > 0);
    await delay(100);
    await Promise.all(taking.map((each) => each.close()));
    assert.deepEqual(got, ['the only one']);
  });
}

/** For each: an answer of JetStream, sent with its own authority to wherever the question names. */
const QUESTIONS = 20;

function foreignReplies(parts: () => Parts): void {
  test('nothing that a region asks is answered into the tasks of another region', async (t) => {
    const { governance } = parts();
    const login = (user: string, role: TransportRole) =>
      connect({ servers: `nats://127.0.0.1:${port}`, user, pass: 'secret', inboxPrefix: inboxOf(role) });
    const [manager, region] = await Promise.all([
      login('governance', { plane: 'governance' }),
      login('hostile', { plane: 'region', region: 'hostile' }),
    ]);
    t.after(() => Promise.all([manager.close(), region.close()]));
    const { streams } = await jetstreamManager(manager, { checkAPI: false });
    const victims = lanes.map((lane) => taskChannel('south', lane));
    for (const channel of [...victims, ...lanes.map((lane) => taskChannel('hostile', lane))])
      await governance.publish(channel, Buffer.from('first'));
    const counted = async (): Promise<number[]> =>
      await Promise.all(victims.map(async (each) => (await streams.info(streamOf(each))).state.last_seq));
    const before = await counted();
    for (const subject of natsRegionPermissions('hostile').publish)
      for (const reply of victims)
        for (const question of ['{"batch":1,"no_wait":true}', 'no JSON', '+NXT', '']) {
          const to = subject.replace(/>$/, '1.1.1.1.1');
          for (let n = 0; n < QUESTIONS; n++) region.publish(to, question, { reply });
        }
    await region.flush();
    await delay(300);
    assert.equal(region.isClosed(), false);
    assert.deepEqual(await counted(), before);
  });
}

test('a server without JetStream is told apart from one that is away', async () => {
  const server = await startNats({ config: { jetstream: undefined } });
  const role = { plane: 'governance' } as const;
  const kindsOf = async (): Promise<string[]> =>
    (await probeBroker(server.url, role)).troubles.map(({ kind }) => kind);
  assert.deepEqual(await kindsOf(), ['no-jetstream']);
  await server.stop();
  assert.deepEqual(await kindsOf(), ['unreachable']);
});

/** Each way: a request is answered later than it is waited for, and connecting still succeeds. */
const SLOW_MS = 600;
const REQUESTS_GIVEN_UP_MS = 2_500;
const SOON_MS = 6_000;

function slowReconnection(parts: () => Parts): void {
  test('a broker that answers too late after a restart is asked again soon', async () => {
    const { broker, governance } = parts();
    const network = await broker.openNetwork();
    const transport = await broker.connect({ plane: 'region', region: 'south' }, network);
    const channel = taskChannel('south', 'normal');
    const got: string[] = [];
    await transport.consume(channel, async (message) => {
      got.push(Buffer.from(message).toString());
    });
    const send = (text: string) => governance.publish(channel, Buffer.from(text));
    await send('before');
    await eventually('it flows', () => got.includes('before'));
    network.delay(SLOW_MS);
    await broker.kill();
    await eventually('the loss is noticed', () => !transport.healthy());
    await broker.start();
    await eventually('both are connected again', () => transport.healthy() && governance.healthy());
    await delay(REQUESTS_GIVEN_UP_MS);
    network.delay(0);
    await send('after');
    await eventually('it comes', () => got.includes('after'), SOON_MS);
    await transport.close();
    await network.close();
  });
}

function copies(parts: () => Parts): void {
  test('as many copies of a stream are asked for as configured, which one server alone refuses', async () => {
    const { broker, governance } = parts();
    const transport = await broker.connect({ plane: 'governance' }, { replicas: 3 });
    const channel = taskChannel('copied', 'normal');
    await eventually('it is connected', () => transport.healthy());
    await assert.rejects(transport.publish(channel, Buffer.from('x')), ({ cause }: Error) =>
      /replicas/.test(errorMessage(cause)),
    );
    await transport.close();
    await governance.publish(channel, Buffer.from('x'));
  });
}
