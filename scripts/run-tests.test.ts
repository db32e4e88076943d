// The runner must not be green when a test failed, when a file crashed, or when it found nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';

let root: string;
before(() => {
  root = temporaryDirectory('runner');
  mkdirSync(join(root, 'scripts'));
  for (const file of [
    'scripts/run-tests.ts',
    'scripts/test-group.ts',
    'scripts/test-scratch.ts',
    'testkit/reaper.ts',
  ])
    cpSync(join(import.meta.dirname, '..', file), join(root, file));
  const files: Record<string, string> = {
    'unit/good.test.ts': `import { test } from 'node:test'; test('good', () => {});`,
    'unit/bad.test.ts': `import { test } from 'node:test'; test('bad', () => { throw new Error('no'); });`,
    'unit/crash.test.ts': `process.exit(3);`,
    'unit/open.test.ts': `import { test } from 'node:test'; test('leaves a timer', () => { setInterval(() => {}, 60_000); });`,
    'unit/skipped.test.ts': `import { test } from 'node:test'; test('later', { skip: true }, () => {});`,
    'suites/end.test.ts': `import { test } from 'node:test'; test('end to end', () => {});`,
    'node_modules/x/other.test.ts': `throw new Error('not ours');`,
  };
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), content);
  }
});

function runner(...words: string[]): { status: number | null; output: string } {
  const env: NodeJS.ProcessEnv = { ...process.env, OKCM_TEST_GROUP_LIMIT_MS: '8000' };
  delete env['NODE_TEST_CONTEXT']; // else it would report to the runner that runs us
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'run-tests.ts'), ...words],
    { encoding: 'utf8', env },
  );
  return { status, output: stdout + stderr };
}

test('good files in both groups: 0, with totals over both', () => {
  const { status, output } = runner('good', 'end', 'skipped');
  assert.equal(status, 0, output);
  assert.match(output, /beside the code: 2 files[\s\S]*suites: 1 files/);
  assert.match(
    output,
    /ℹ tests 3\nℹ suites 0\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\nℹ duration_ms \d+\n$/,
  );
});

test('a file that leaves something open is ended, and named', () => {
  const { status, output } = runner('open', 'good');
  assert.equal(status, 1, output);
  assert.match(output, /unit\/open\.test\.ts did not end within 8 s/);
});

test('a failing test, a crashed file, or nothing found: 1', () => {
  for (const word of ['bad', 'crash', 'no-such-file']) {
    const { status, output } = runner(word);
    assert.equal(status, 1, `${word}: ${output}`);
  }
  assert.match(runner('good', 'bad').output, /ℹ tests 2\n(.*\n)ℹ pass 1\nℹ fail 1\n(.*\n)*$/);
});
