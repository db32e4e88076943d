// A command that measures must fail when its result is not good enough, and must not when it is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const COMMAND = join(import.meta.dirname, 'command.ts');

function run(failures: readonly string[], ...args: string[]) {
  const script = `
    import { measure } from ${JSON.stringify(COMMAND)};
    await measure('test', { runs: { default: 3, about: 'runs' } }, async ({ runs }, stage) => {
      const half = await stage('halve it', async (tell) => { tell('halving'); return runs / 2; }, String);
      return { data: { half }, text: 'half of it is ' + half, failures: ${JSON.stringify(failures)} };
    });`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script, '--', ...args],
    { encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

test('a good result: 0, its stages and its text, with the machine', () => {
  const { status, stdout } = run([], '--runs', '8');
  assert.equal(status, 0);
  assert.match(stdout, /halve it: 4[\s\S]*test: \d+ cores[\s\S]*half of it is 4/);
});

test('a result that is not good enough: 1, with the reason; the result is printed all the same', () => {
  const { status, stdout, stderr } = run(['too slow']);
  assert.equal(status, 1);
  assert.match(stdout, /half of it is 1.5/);
  assert.match(stderr, /✖ too slow/);
});

test('with --json one document and nothing else', () => {
  const { status, stdout } = run(['too slow'], '--json');
  assert.equal(status, 1);
  const { name, half, failures, machine } = JSON.parse(stdout);
  assert.deepEqual({ name, half, failures }, { name: 'test', half: 1.5, failures: ['too slow'] });
  assert.ok(machine.cores > 0);
});

test('options that make no sense: 2, with the usage', () => {
  for (const args of [
    ['--runs', 'many'],
    ['--runs', '-1'],
    ['--walks', '3'],
  ]) {
    const { status, stderr } = run([], ...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /--runs N {2}runs \(3\)/);
  }
  assert.equal(run([], '--help').status, 0);
});
