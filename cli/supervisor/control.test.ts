import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CliError } from '../errors.ts';
import { homePaths } from '../home/paths.ts';
import { type ControlCommand, type ControlServer, sendControl, startControl } from './control.ts';

describe('the control channel', () => {
  let directory: string;
  let server: ControlServer;
  const obeyed: ControlCommand[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'okcm-control-'));
    server = await startControl(homePaths(directory), async (command) => {
      if (command.component === 'nothing')
        throw new CliError('COMPONENT_UNKNOWN', 'there is no component "nothing"');
      obeyed.push(command);
    });
  });
  after(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  test('carries a command', async () => {
    await sendControl(homePaths(directory), { action: 'stop', component: 'cmk' });
    assert.deepEqual(obeyed, [{ action: 'stop', component: 'cmk' }]);
  });

  test('carries a failure back, with its code and hint', async () => {
    await assert.rejects(sendControl(homePaths(directory), { action: 'start', component: 'nothing' }), {
      code: 'COMPONENT_UNKNOWN',
      message: 'there is no component "nothing"',
    });
  });

  test('refuses whoever has no token, and what is no command', async () => {
    const file = homePaths(directory).control;
    assert.equal((await stat(file)).mode & 0o077, 0, 'the token is private');
    const { url, token } = JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
    const post = (authorization: string, body: string): Promise<Response> =>
      fetch(url, { method: 'POST', headers: { authorization }, body });
    const before = obeyed.length;
    assert.equal((await post('Bearer guess', '{"action":"stop","component":"cmk"}')).status, 401);
    assert.equal((await post(`Bearer ${token}`, '{"action":"format"}')).status, 400);
    assert.equal((await post(`Bearer ${token}`, 'x'.repeat(100_000))).status, 400);
    assert.equal(obeyed.length, before);
  });

  test('gives the token of a supervisor that was killed to nobody who has its port now', async () => {
    const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(dead, 'exit');
    let requests = 0;
    const stranger = createServer((_request, response) => {
      requests++;
      response.end('{}');
    });
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as AddressInfo;
    const paths = homePaths(await mkdtemp(join(tmpdir(), 'okcm-control-')));
    try {
      const file = { url: `http://127.0.0.1:${port}/`, token: 'secret', pid: dead.pid };
      await writeFile(paths.control, JSON.stringify(file), { mode: 0o600 });
      await assert.rejects(sendControl(paths, { action: 'refresh' }), { code: 'NOT_RUNNING' });
      assert.equal(requests, 0);
    } finally {
      stranger.close();
      await rm(paths.root, { recursive: true });
    }
  });

  test('without a supervisor says so', async () => {
    await assert.rejects(sendControl(homePaths(join(directory, 'empty')), { action: 'refresh' }), {
      code: 'NOT_RUNNING',
    });
  });
});
