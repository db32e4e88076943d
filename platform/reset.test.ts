// A reset must not leave a connection behind that nobody can close any more.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const ENDS_WITHIN_MS = 10_000;

/** Runs in a process of its own: what it shows is that such a process can end. */
const PROGRAM = `
  import { once } from 'node:events';
  import { connect, createServer } from 'node:net';
  import { resetConnection } from ${JSON.stringify(join(import.meta.dirname, 'reset.ts'))};
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: server.address().port, host: '127.0.0.1' });
  client.on('error', (error) => console.log(error.code));
  const connected = once(client, 'connect');
  const [served] = await once(server, 'connection');
  await connected;
  served.on('error', (error) => console.log('served', error.code));
  const closed = Promise.all([served, client].map((socket) => new Promise((done) => socket.on('close', done))));
  BEFORE
  resetConnection(served);
  client.resume();
  await closed;
  server.close();
`;

async function outputOf(before: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM.replace('BEFORE', before)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: ENDS_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
  return Buffer.concat(chunks).toString();
}

describe('ending a connection by a reset', () => {
  it('tells the peer so', async () => {
    assert.equal(await outputOf(''), 'ECONNRESET\n');
  });

  it('closes what is already ending, and the process can end', async () => {
    assert.doesNotMatch(
      await outputOf(`served.end(Buffer.alloc(32 << 20)); await new Promise(setImmediate);`),
      /served/,
    );
    assert.doesNotMatch(await outputOf('client.end(); served.end();'), /served/);
  });
});
