import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Endpoints, readEndpoints } from './endpoints.ts';
import { writeJson } from './json-file.ts';
import { lockHome } from './lock.ts';
import { homePaths } from './paths.ts';

test('endpoints count only while the supervisor that wrote them lives', async () => {
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(dead, 'exit');
  assert.ok(dead.pid);
  const home = await mkdtemp(join(tmpdir(), 'okcm-endpoints-'));
  const of = (pid: number): Endpoints => ({
    ready: true,
    cmk: { url: 'http://127.0.0.1:1', token: 'secret', health: 'http://127.0.0.1:2' },
    regions: [],
    tenants: [],
    processes: [],
    supervisor: { pid },
    data: [],
  });
  try {
    await assert.rejects(readEndpoints(home), { code: 'NOT_RUNNING' });
    await writeJson(homePaths(home).endpoints, of(process.pid));
    assert.equal((await readEndpoints(home)).endpoints.ready, true);
    await writeJson(homePaths(home).endpoints, of(dead.pid));
    await assert.rejects(readEndpoints(home), { code: 'NOT_RUNNING' });

    const lock = await lockHome(homePaths(home));
    await assert.rejects(readEndpoints(home), { code: 'NOT_READY', message: /being started or stopped/ });
    lock.release();
    await assert.rejects(readEndpoints(home), { code: 'NOT_RUNNING' });
  } finally {
    await rm(home, { recursive: true });
  }
});
