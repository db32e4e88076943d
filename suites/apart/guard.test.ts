// The guard lets a program connect to where it may, by every road that Node has, and nowhere else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const GUARD = new URL('./guard.ts', import.meta.url).href;
const server = createServer((_request, response) => response.end('here'));
let port = 0;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
after(() => server.close());

async function guarded(allowed: string, script: string): Promise<string> {
  const args = [`--import=${GUARD}?to=${encodeURIComponent(allowed)}`, '--input-type=module', '-e', script];
  return (await promisify(execFile)(process.execPath, args)).stdout.trim();
}
const fetching = (): string =>
  `fetch('http://127.0.0.1:${port}').then((r) => r.text(), (e) => e.cause.code).then(console.log)`;
const connecting = (): string => `
  import { connect } from 'node:net';
  const socket = connect(${port}, 'localhost');
  socket.on('connect', () => { console.log('here'); socket.destroy(); });
  socket.on('error', (error) => console.log(error.code));`;

test('what it may reach', async () => {
  const own = `127.0.0.1:${port}`;
  assert.equal(await guarded(own, fetching()), 'here');
  assert.equal(await guarded(own, connecting()), 'here');
});

test('and nothing else', async () => {
  assert.equal(await guarded('127.0.0.1:1', fetching()), 'EACCES');
  assert.equal(await guarded('127.0.0.1:1', connecting()), 'EACCES');
});
