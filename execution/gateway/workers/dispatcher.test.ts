import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createLogger } from '../../../platform/log.ts';
import { until } from '../../../testkit/until.ts';
import { type Desk, Dispatcher } from './dispatcher.ts';

/** Where it is waited for that nobody takes a connection. */
const MAX_WAIT_MS = 1_000;
const PATIENT_MS = 60_000;
const MAX_WAITING = 16;

/** A worker that says when a connection has arrived, at once or when it is told to. */
class FakeDesk implements Desk {
  readonly sockets: Socket[] = [];
  readonly #dispatcher: Dispatcher;
  readonly #isPrompt: boolean;

  constructor(dispatcher: Dispatcher, isPrompt = true) {
    this.#dispatcher = dispatcher;
    this.#isPrompt = isPrompt;
  }

  give(_door: string, socket: Socket): void {
    this.sockets.push(socket);
    if (this.#isPrompt) queueMicrotask(() => this.#dispatcher.taken(this));
  }
}

let dispatcher: Dispatcher;
let port: number;
let refused: number;
let lines: string[];
let clients: Socket[];

async function begin(maxWaitMs: number): Promise<void> {
  refused = 0;
  lines = [];
  clients = [];
  dispatcher = new Dispatcher({
    logger: createLogger({
      name: 'gateway',
      level: 'warn',
      destination: { write: (line: string) => void lines.push(line) },
    }),
    onRefused: () => (refused += 1),
    maxWaitMs,
    maxWaiting: MAX_WAITING,
  });
  port = await dispatcher.listen('kmip', { host: '127.0.0.1', port: 0 });
}
async function hurry(): Promise<void> {
  dispatcher.close();
  await begin(MAX_WAIT_MS);
}

beforeEach(() => begin(PATIENT_MS));
afterEach(() => {
  for (const client of clients) client.destroy();
  dispatcher.close();
});

async function dial(count: number): Promise<void> {
  const fresh = Array.from({ length: count }, () => connect({ host: '127.0.0.1', port }));
  for (const client of fresh) client.on('error', () => undefined);
  clients.push(...fresh);
  await Promise.all(fresh.map((client) => once(client, 'connect')));
}

const handed = (...desks: FakeDesk[]): number[] => desks.map(({ sockets }) => sockets.length);

describe('the dispatcher of connections', () => {
  it('spreads few connections evenly', async () => {
    const desks = [0, 1, 2].map(() => new FakeDesk(dispatcher));
    for (const desk of desks) dispatcher.add(desk);
    await dial(12);
    await until('all are handed over', () => handed(...desks).reduce((a, b) => a + b) === 12);
    assert.deepEqual(handed(...desks), [4, 4, 4]);
  });

  it('gives a worker that has just begun what it lacks', async () => {
    const first = new FakeDesk(dispatcher);
    dispatcher.add(first);
    await dial(4);
    await until('all are handed over', () => first.sockets.length === 4);
    const second = new FakeDesk(dispatcher);
    dispatcher.add(second);
    await dial(4);
    await until('all are handed over', () => second.sockets.length === 4);
    assert.deepEqual(handed(first, second), [4, 4]);
  });

  it('counts connections that have ended', async () => {
    const desks = [new FakeDesk(dispatcher), new FakeDesk(dispatcher)] as const;
    for (const desk of desks) dispatcher.add(desk);
    await dial(4);
    await until('all are handed over', () => dispatcher.open === 4);
    dispatcher.ended(desks[1], 2);
    assert.deepEqual([dispatcher.open, dispatcher.openOf(desks[1])], [2, 0]);
    await dial(2);
    await until('all are handed over', () => dispatcher.open === 4);
    assert.deepEqual(handed(...desks), [2, 4]);
  });

  it('gives what waits for a worker that dies, or was on its way to it, to another', async () => {
    const dying = new FakeDesk(dispatcher, false);
    dispatcher.add(dying);
    await dial(5);
    await until('one is on its way', () => dying.sockets.length === 1);
    const heir = new FakeDesk(dispatcher);
    dispatcher.remove(dying);
    dispatcher.add(heir);
    await until('all go to the heir', () => heir.sockets.length === 5);
    assert.deepEqual(dying.sockets, heir.sockets.slice(0, 1));
    assert.deepEqual([dispatcher.open, dispatcher.openOf(heir)], [5, 5]);
  });

  it('holds no connection that has arrived, nor one that was coming to a worker that died after the end', async () => {
    const prompt = new FakeDesk(dispatcher);
    dispatcher.add(prompt);
    await dial(1);
    await until('it is let go', () => prompt.sockets[0]?.destroyed === true);
    dispatcher.remove(prompt);
    const dying = new FakeDesk(dispatcher, false);
    dispatcher.add(dying);
    await dial(1);
    await until('one is on its way', () => dying.sockets.length === 1);
    dispatcher.close();
    assert.equal(dying.sockets[0]?.destroyed, false);
    dispatcher.remove(dying);
    assert.equal(dying.sockets[0]?.destroyed, true);
  });

  it('does not wait long for a worker that hangs', async () => {
    const hanging = new FakeDesk(dispatcher, false);
    const other = new FakeDesk(dispatcher);
    dispatcher.add(hanging);
    dispatcher.add(other);
    await dial(6);
    await until('the other takes the rest', () => other.sockets.length === 5);
    assert.equal(hanging.sockets.length, 1);
  });

  it('does not hold for ever what a worker never takes', async () => {
    await hurry();
    const hanging = new FakeDesk(dispatcher, false);
    dispatcher.add(hanging);
    await dial(1);
    await until('it is given up', () => hanging.sockets[0]?.destroyed === true);
    assert.equal(refused, 1);
  });

  it('does not fill the log with what anybody can bring about', async () => {
    await dial(MAX_WAITING + 30);
    await until('thirty are refused', () => refused === 30);
    assert.ok(lines.length >= 1 && lines.length <= 3, `${lines.length} lines`);
  });

  it('closes what is too much, and what no worker takes in time', async () => {
    await hurry();
    await dial(MAX_WAITING + 3);
    await until('three are refused', () => refused === 3);
    const late = clients[0];
    assert.ok(late !== undefined);
    late.resume();
    await once(late, 'close');
    assert.ok(refused > 3);
  });
});
