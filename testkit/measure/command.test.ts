// A command that measures must fail when its result is not good enough, and must not when it is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../directories.ts';

const COMMAND = join(import.meta.dirname, 'command.ts');

function run(failures: readonly string[], ...args: string[]) {
  return runWith({ failures }, ...args);
}

function runWith(more: object, ...args: string[]) {
  const script = `
    import { measure } from ${JSON.stringify(COMMAND)};
    const options = {
      runs: { default: 3, about: 'runs' },
      pace: { default: 'slow', about: 'how', choices: ['slow', 'fast'] },
      twice: { default: false, about: 'two' },
    };
    await measure('test', options, async ({ runs, pace, twice }, stage) => {
      const half = await stage('halve it', async (tell) => { tell('halving'); return runs / 2; }, String);
      const text = 'half of it is ' + half + ', ' + pace + (twice ? ' twice' : '');
      return { data: { half }, text, failures: [], ...${JSON.stringify(more)} };
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

test('texts and switches', () => {
  assert.match(run([], '--pace', 'fast', '--twice').stdout, /half of it is 1.5, fast twice/);
  assert.match(run([]).stdout, /half of it is 1.5, slow\n/);
});

test('a target that is missed is told, and fails the command only when that was asked for', () => {
  const target = { what: 'speed', wanted: '≥ 2', measured: '1', met: false };
  const told = runWith({ targets: [target, { ...target, met: true }] });
  assert.equal(told.status, 0);
  assert.match(told.stdout, /✖ missed +speed +≥ 2 +1\n +✔ met/);
  assert.equal(runWith({ targets: [target] }, '--assert').status, 1);
  assert.equal(runWith({ targets: [{ ...target, met: true }] }, '--assert').status, 0);
});

test('with --save the result is also in a file, marked when it is provisional', () => {
  const path = join(temporaryDirectory('measure'), 'results', 'test.json');
  assert.match(run([], '--save', path, '--provisional').stdout, /half of it is/);
  const { name, half, provisional, options } = JSON.parse(readFileSync(path, 'utf8'));
  assert.deepEqual({ name, half, provisional }, { name: 'test', half: 1.5, provisional: true });
  assert.deepEqual(options, { runs: 3, pace: 'slow', twice: false });
});

test('options that make no sense: 2, with the usage', () => {
  for (const args of [
    ['--runs', 'many'],
    ['--runs', '-1'],
    ['--runs', ''],
    ['--pace', 'sideways'],
    ['--walks', '3'],
  ]) {
    const { status, stderr } = run([], ...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /--runs N +runs \(3\)\n +--pace TEXT +how \(slow \| fast; slow\)\n +--twice +two\n/);
  }
  assert.equal(run([], '--help').status, 0);
});
