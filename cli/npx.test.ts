// `npx okcm` is this checkout's, at once: nothing is installed for it, and nothing built.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../testkit/directories.ts';

const ROOT = resolve(import.meta.dirname, '..');

test('npx okcm starts at once, with nothing installed for it', async () => {
  // A folder that npm has never seen: what it installs for a command, it keeps there.
  const cache = temporaryDirectory('npx');
  const env = { ...process.env, npm_config_cache: cache, npm_config_offline: 'true' };
  const { stdout } = await promisify(execFile)('npx', ['okcm', 'help'], { cwd: ROOT, env });
  assert.match(stdout, /^Usage: okcm /);
  assert.ok(!existsSync(join(cache, '_npx')));
});
