/** Peers that do not read what they have asked for, and what that may cost. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlainAnswers, ServeOptions, ServerConnection } from '../index.ts';
import { serveKmip } from '../index.ts';
import { closeSockets, overTcp, overTls } from './test-sockets.test.ts';
import { MAX_UNTAKEN_BYTES } from './untaken.ts';

after(closeSockets);

const MIB = 1024 ** 2;
const LONG_MS = 60_000;
/** The least that the transport takes for a message: a structure of eight bytes. */
const REQUEST = Buffer.from('4200780100000008000000000000002a', 'hex');
const ANSWER_BYTES = 1024;

/** As the hot path answers, but always the same. */
const plain: PlainAnswers = {
  answer: (_bytes, _start, _end, out, at) => (at + ANSWER_BYTES > out.length ? -1 : at + ANSWER_BYTES),
  settle: () => true,
  done: () => undefined,
};

interface Ends {
  readonly client: Socket;
  readonly server: Socket;
  readonly served: ServerConnection;
}

/** A client that reads nothing until it is told to. */
async function unread(options: Partial<ServeOptions>, open: typeof overTls = overTls): Promise<Ends> {
  let ends: Omit<Ends, 'client'> | undefined;
  const client = await open((server) => {
    const handle = (): Uint8Array => Buffer.alloc(ANSWER_BYTES);
    ends = { server, served: serveKmip(server, { handle, stallTimeoutMs: LONG_MS, ...options }) };
  });
  client.on('error', () => undefined);
  client.pause();
  assert.ok(ends !== undefined);
  return { client, ...ends };
}

/** Sends requests, a record of TLS for each, so many in a turn, until `enough`. */
async function ask(client: Socket, enough: () => boolean, inTurn = 50): Promise<number> {
  let asked = 0;
  while (!enough() && !client.destroyed) {
    for (let each = 0; each < inTurn; each++, asked++) client.write(REQUEST);
    await new Promise(setImmediate);
  }
  return asked;
}

describe('answers that the peer does not take', () => {
  it('are held in their own size, by no more than the limit of the connection', async () => {
    const { client, server } = await unread({ plain, maxOutputBytes: 4 * MIB });
    const before = process.memoryUsage().arrayBuffers;
    await ask(client, () => server.writableLength > 4 * MIB);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < 3 * 4 * MIB, `${Math.round(held / MIB)} MiB are held`);
    client.destroy();
  });

  it('end the connection when none is taken for too long, however few they are', async () => {
    const { client, server, served } = await unread({ plain, stallTimeoutMs: 200 });
    await ask(client, () => server.writableLength > 0);
    // One more waits behind those.
    client.write(REQUEST);
    assert.equal(await served.closed, 'stalled');
    assert.ok(server.writableLength < MIB);
  });

  it('end nothing where they are taken at last', async () => {
    // Long beside any pause of this process, in which the client in it takes nothing either.
    const stallTimeoutMs = 5_000;
    const { client, server, served } = await unread({ plain, stallTimeoutMs });
    const asked = await ask(client, () => server.writableLength > 100_000);
    let taken = 0;
    client.on('data', ({ length }: Buffer) => {
      taken += length;
    });
    client.resume();
    while (taken < asked * ANSWER_BYTES && !client.destroyed) await sleep(5);
    await sleep(stallTimeoutMs + 500);
    assert.equal(server.destroyed, false);
    client.end();
    assert.equal(await served.closed, 'peer');
  });

  it('of all connections together take no more than a process has for them', async () => {
    const options = { handle: () => Buffer.alloc(MIB), maxOutputBytes: 5 * MIB };
    const connections = await Promise.all(Array.from({ length: 20 }, () => unread(options, overTcp)));
    for (const { client } of connections) {
      let turns = 0;
      await ask(client, () => turns++ === 30, 1);
    }
    await sleep(100);
    const waiting = connections.reduce((sum, { server }) => sum + server.writableLength, 0);
    const one = connections.length * MIB;
    assert.ok(waiting <= MAX_UNTAKEN_BYTES + one, `${Math.round(waiting / MIB)} MiB wait`);
    assert.ok(waiting > MAX_UNTAKEN_BYTES / 2, 'which is a lot');

    // Nobody is left out for it: who reads is answered.
    const { client } = await unread(options, overTcp);
    client.resume();
    let taken = 0;
    client.on('data', ({ length }: Buffer) => {
      taken += length;
    });
    for (let asked = 0; asked < 10; asked++) client.write(REQUEST);
    while (taken < 10 * MIB) await sleep(5);
    for (const each of [client, ...connections.map(({ client }) => client)]) each.destroy();
    await Promise.all(connections.map(({ served }) => served.closed));
  });

  it('that come one by one end the connection past that, and are counted back', async () => {
    const slowly = async (options: Partial<ServeOptions>): Promise<Ends> => {
      const ends = await unread({ maxInFlight: 100, ...options }, overTcp);
      ends.client.write(Buffer.concat(Array.from({ length: 100 }, () => REQUEST)));
      return ends;
    };
    for (const _ of ['the first', 'and the next']) {
      let most = 0;
      let turn = Promise.resolve();
      const handle = async (): Promise<Uint8Array> => {
        // Each when the one before it waits for the peer, however late this process comes to it.
        turn = turn.then(() => sleep(5));
        await turn;
        most = Math.max(most, ends.server.writableLength);
        return Buffer.alloc(MIB);
      };
      const ends = await slowly({ handle });
      assert.equal(await ends.served.closed, 'stalled');
      assert.ok(most > MAX_UNTAKEN_BYTES / 2 && most <= MAX_UNTAKEN_BYTES, `${Math.round(most / MIB)} MiB`);
    }
  });
});

describe('a message of which a part has come', () => {
  it('has all the time in which we ourselves do not read', async () => {
    const answered = Promise.withResolvers<Uint8Array>();
    const { client, served } = await unread({
      handle: () => answered.promise,
      maxInFlight: 1,
      frameTimeoutMs: 1_000,
    });
    // Two records in one read: with the first the line is full, and reading stops; the second is handed over all the same.
    client.write(REQUEST);
    client.write(REQUEST.subarray(0, 10));
    await sleep(1_500);
    answered.resolve(Buffer.alloc(ANSWER_BYTES));
    client.resume();
    let taken = 0;
    client.on('data', ({ length }: Buffer) => {
      taken += length;
    });
    client.write(REQUEST.subarray(10));
    while (taken < 2 * ANSWER_BYTES && !client.destroyed) await sleep(5);
    assert.equal(taken, 2 * ANSWER_BYTES);
    client.end();
    assert.equal(await served.closed, 'peer');
  });
});
