/**
 * The README is true: every `sh` block that follows the mark `<!-- runnable -->` is run as it is written, in order, in
 * a copy of the repository with the system up.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Child, startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { REPOSITORY } from '../testkit/system.ts';

const START_TIMEOUT_MS = 90_000;
const BLOCK_TIMEOUT_MS = 90_000;
const NOT_COPIED = new Set(['node_modules', '.git', '.build', '.okcm']);

const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- runnable -->\s*```sh\n([\s\S]*?)```/g)].map(
  (match) => match[1] ?? '',
);

describe('README', () => {
  const copy = join(temporaryDirectory('readme'), 'openkcm');
  let up: Child;

  before(async () => {
    for (const name of readdirSync(REPOSITORY)) {
      if (!NOT_COPIED.has(name)) cpSync(join(REPOSITORY, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
    up = await startChild({
      name: 'npm start',
      command: 'npm',
      args: ['start', '--silent', '--', '--ports', 'auto'],
      cwd: copy,
    });
    await up.waitForLine(/Ctrl-C stops everything/, START_TIMEOUT_MS);
  });
  after(async () => {
    // As a terminal does it: npm, its shell and okcm all hear of Ctrl-C.
    process.kill(-up.pid, 'SIGINT');
    await up.exited;
  });

  test('has blocks to run, and names the two commands that matter', () => {
    assert.ok(blocks.length >= 5, `${blocks.length} blocks are marked`);
    assert.match(readme, /npm ci && npm start/);
    assert.match(readme, /npm test/);
  });

  for (const [index, block] of blocks.entries()) {
    test(`block ${index + 1}: ${block.trim().split('\n')[0]}`, () => {
      execFileSync('sh', ['-eu', '-c', block], {
        cwd: copy,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: BLOCK_TIMEOUT_MS,
        encoding: 'utf8',
      });
    });
  }
});
