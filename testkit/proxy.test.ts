import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { sleep } from '../platform/backoff.ts';
import { type FaultProxy, startProxy } from './proxy.ts';

let echo: Server;
let proxy: FaultProxy;
before(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  assert.ok(typeof address === 'object' && address !== null);
  proxy = await startProxy({ targetPort: address.port });
});
after(async () => {
  await proxy.close();
  echo.close();
});

interface Client {
  readonly socket: Socket;
  text: string;
  readonly closed: Promise<string>;
}

async function dial(): Promise<Client> {
  const socket = connect(proxy.port, proxy.host);
  const client = {
    socket,
    text: '',
    closed: new Promise<string>((resolve) => {
      let reason = 'end';
      socket.on('error', (error) => {
        reason = 'code' in error ? String(error.code) : error.message;
      });
      socket.on('close', () => resolve(reason));
    }),
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    client.text += chunk;
  });
  await once(socket, 'connect');
  return client;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

test('it forwards bytes and ends', async () => {
  const client = await dial();
  const text = 'x'.repeat(1_000_000);
  client.socket.end(text);
  assert.equal(await client.closed, 'end');
  assert.equal(client.text.length, text.length);
  await until(() => proxy.openConnections() === 0);
});

test('cut resets what is open and what comes; resume lets it through again', async () => {
  const client = await dial();
  client.socket.write('a');
  await until(() => client.text === 'a');
  proxy.cut();
  assert.equal(await client.closed, 'ECONNRESET');
  const refused = connect(proxy.port, proxy.host);
  const reason = await new Promise((resolve) => {
    refused.on('error', () => resolve('reset'));
    refused.on('close', () => resolve('reset'));
  });
  assert.equal(reason, 'reset');
  proxy.resume();
  const again = await dial();
  again.socket.write('b');
  await until(() => again.text === 'b');
  again.socket.destroy();
});

test('swallow leaves connections open and silent; resume resets those that lost bytes', async () => {
  const client = await dial();
  const idle = await dial();
  proxy.swallow();
  client.socket.write('lost');
  const late = await dial();
  await sleep(100);
  assert.equal(client.text, '');
  assert.ok(!client.socket.destroyed && !late.socket.destroyed);
  proxy.resume();
  assert.equal(await client.closed, 'ECONNRESET');
  idle.socket.write('still here');
  await until(() => idle.text === 'still here');
  idle.socket.destroy();
  late.socket.destroy();
});

test('delay holds bytes back and keeps their order', async () => {
  const client = await dial();
  proxy.delay(50);
  const start = Date.now();
  for (const letter of 'abcdef') {
    client.socket.write(letter);
    await sleep(2);
  }
  await until(() => client.text.length === 6);
  assert.equal(client.text, 'abcdef');
  assert.ok(Date.now() - start >= 100, 'both directions wait');
  proxy.resume();
  client.socket.destroy();
});

test('cutAfter lets exactly so many bytes pass, then resets, once', async () => {
  const client = await dial();
  proxy.cutAfter(4, 'toClient');
  client.socket.write('abcdefgh');
  assert.equal(await client.closed, 'ECONNRESET');
  assert.equal(client.text, 'abcd');
  const next = await dial();
  next.socket.write('abcdefgh');
  await until(() => next.text === 'abcdefgh');
  next.socket.destroy();
});
