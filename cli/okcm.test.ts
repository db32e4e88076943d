/** The command line as its users meet it: exit codes, one-line errors with a hint, never a stack trace. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hintForHome, typed } from './hints.ts';
import { choosePorts } from './installation/ports.ts';

const LAUNCHER = fileURLToPath(new URL('./okcm.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'okcm-cli-'));
after(() => rmSync(home, { recursive: true }));

function okcm(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], {
    encoding: 'utf8',
    // Libraries take this for a terminal with colours; what is piped stays plain.
    env: { ...process.env, CI: 'true' },
  });
  assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace');
  return { code: status, stdout, stderr };
}

test('help is no error', () => {
  const { code, stdout } = okcm('--help');
  assert.equal(code, 0);
  for (const command of [
    'up',
    'status',
    'doctor',
    'tenant',
    'service',
    'link',
    'unlink',
    'rotate',
    'compromise',
    'keys',
    'app',
    'kmip',
    'stop',
    'start',
    'jobs',
    'region',
    'login',
    'logout',
    'whoami',
    'role',
    'group',
    'client',
    'workspace',
    'simulate',
    'drill',
    'audit',
    'drift',
  ]) {
    assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'));
  }
});

const misuse: [string, string[]][] = [
  ['an unknown command', ['frobnicate']],
  ['an unknown option', ['status', '--colour']],
  ['a missing operand', ['link']],
  ['a missing option', ['unlink', 'acme']],
  ['a choice that there is not', ['up', '--ports', 'some']],
  ['an irrevocable thing without --yes', ['unlink', 'acme', '--reason', 'x']],
  ['an emergency without --yes', ['compromise', 'acme', '--reason', 'x']],
  ['an emergency without a reason', ['compromise', 'acme', '--yes']],
  ['a link of one service', ['rotate', 'acme', '--link', '--service', 'payments']],
  ['a role for nobody', ['role', 'grant', 'acme', 'auditor']],
  ['a role for two', ['role', 'grant', 'acme', 'auditor', 'corp:1', '--group', 'all']],
  ['a simulation of a key without the key', ['simulate', 'disable-key', 'acme']],
  ['a drill without --yes', ['drill', 'start', 'acme', '--minutes', '1']],
  ['a reason that nobody keeps', ['rotate', 'acme', '--reason', 'x']],
  [
    'a version that is no number',
    ['keys', 'destroy', 'acme', '--region', 'r', '--version', 'all', '--reason', 'x'],
  ],
  ...['90', '0d', '59m', '3651d', '90d ', 'soon'].map((time): [string, string[]] => [
    `the time "${time}"`,
    ['keys', 'policy', 'acme', '--rotate-after', time],
  ]),
];
for (const [title, args] of misuse) {
  test(`${title} is misuse: exit code 2`, () => {
    const { code, stdout, stderr } = okcm(...args, '--home', home);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^okcm: (?!error).+\n {2}hint: .+\n$/, 'as every other error is told');
  });
}

test('a command that needs a running system says so, and what to do', () => {
  for (const args of [['status'], ['tenant', 'list'], ['kmip', 'query'], ['stop', 'cmk']]) {
    const { code, stderr } = okcm(...args, '--home', home);
    assert.equal(code, 1);
    assert.match(stderr, /^okcm: nothing is running on .*\n {2}hint: start it with `npm start -- --home /);
  }
});

test('hints are for the home that the command was run on, and leave sentences alone', () => {
  const commands = ['status', 'start'];
  const hint = 'see `okcm status`; `okcm start cmk` starts it; let okcm choose; or `npm start`';
  assert.equal(hintForHome(hint, '.okcm', commands, 'okcm'), hint);
  assert.equal(
    hintForHome(hint, "/tmp/o'k", commands, 'okcm'),
    "see `okcm --home '/tmp/o'\\''k' status`; `okcm --home '/tmp/o'\\''k' start cmk` starts it; let okcm choose; or `npm start -- --home '/tmp/o'\\''k'`",
  );
});

test('hints say what can be typed: in a checkout it is npm that finds okcm', () => {
  for (const env of [
    { npm_command: 'exec' },
    { npm_lifecycle_event: 'start' },
    { npm_lifecycle_event: 'okcm' },
  ])
    assert.equal(typed(env), 'npx okcm');
  for (const env of [{}, { npm_command: 'run-script', npm_lifecycle_event: 'test' }])
    assert.equal(typed(env), 'okcm');
  const hint = 'see `okcm status`; let okcm choose';
  assert.equal(hintForHome(hint, '.okcm', ['status'], 'npx okcm'), 'see `npx okcm status`; let okcm choose');
});

test('with --json an error is JSON too', () => {
  const misused = okcm('status', '--colour', '--json', '--home', home);
  assert.equal((JSON.parse(misused.stderr) as { error: { code: string } }).error.code, 'USAGE');
  const { code, stderr } = okcm('status', '--json', '--home', home);
  assert.equal(code, 1);
  assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'NOT_RUNNING');
});

test('a taken port is named, and so is the way out', async () => {
  const server = createServer();
  const isMine = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port: 8440 }, () => resolve(true));
  });
  try {
    const request = { kept: undefined, heldByUs: new Set<string>(), mayHaveOrphans: false };
    await assert.rejects(choosePorts({ mode: 'fixed', ...request }), {
      code: 'PORT_TAKEN',
      message: /8440/,
      hint: /--ports auto/,
    });
    const ports = await choosePorts({ mode: 'auto', ...request });
    assert.equal(new Set(Object.values(ports)).size, Object.keys(ports).length, 'no port twice');
    assert.deepEqual(
      await choosePorts({ mode: 'auto', ...request, kept: ports }),
      ports,
      'kept while they are free',
    );
  } finally {
    if (isMine) server.close();
  }
});
