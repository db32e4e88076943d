/**
 * The README is true: every `sh` block that follows the mark `<!-- runnable -->` is run as it is written, in order, in
 * a folder that is the repository by links, so that what its commands leave behind is not, with the system up. The first
 * block is run by npm's own `npx`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Child, startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { REPOSITORY } from '../testkit/system.ts';

const START_TIMEOUT_MS = 90_000;
const BLOCK_TIMEOUT_MS = 90_000;
/** What `npx okcm` comes to where it is installed (cli/npx.test.ts), without a second of npm's before each command. */
const NPX = '#!/bin/sh\nPATH="$PWD/node_modules/.bin:$PATH" exec "$@"\n';
const NOT_LINKED: ReadonlySet<string> = new Set(['.git', '.okcm']);

const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- runnable -->\s*```sh\n([\s\S]*?)```/g)].map(
  (match) => match[1] ?? '',
);

describe('README', () => {
  const folder = join(temporaryDirectory('readme'), 'openkcm');
  const shortcuts = join(temporaryDirectory('shortcuts'), 'bin');
  let up: Child;

  before(async () => {
    mkdirSync(folder);
    for (const name of readdirSync(REPOSITORY)) {
      if (!NOT_LINKED.has(name)) symlinkSync(join(REPOSITORY, name), join(folder, name));
    }
    up = await startChild({
      name: 'npm start',
      command: 'npm',
      args: ['start', '--silent', '--', '--ports', 'auto'],
      cwd: folder,
    });
    mkdirSync(shortcuts);
    writeFileSync(join(shortcuts, 'npx'), NPX, { mode: 0o755 });
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
        cwd: folder,
        env:
          index === 0 ? process.env : { ...process.env, PATH: `${shortcuts}:${process.env['PATH'] ?? ''}` },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: BLOCK_TIMEOUT_MS,
        encoding: 'utf8',
      });
    });
  }
});
