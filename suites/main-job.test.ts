/**
 * The main job from the outside: a machine with nothing but Node, one command, keys served in two regions. Then what
 * an operator may do to it: start it again, start it twice, press Ctrl-C, kill it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { eventually, isAlive, okcm, REPOSITORY, System } from '../testkit/system.ts';

const SECOND_START_LIMIT_MS = 15_000;
const INTERRUPT_LIMIT_MS = 20_000;
/** All checks together have ten seconds, and what they need is gathered before. */
const DOCTOR_LIMIT_MS = 15_000;
/** Longer than what counts as one key press that npm has doubled. */
const SECOND_KEY_PRESS_MS = 700;
const OPERATIONS = [
  'Discover Versions',
  'Query',
  'Create',
  'Activate',
  'Get',
  'Encrypt',
  'Decrypt',
  'Encrypt under l3:payments',
  'Decrypt under l3:payments',
  'Locate',
  'Get Attributes',
  'Re-key',
  'Revoke',
];
/** D9's table: these run at the gateway, the others in the core. */
const LOCAL = /^(Discover Versions|Query|Create|Get|Encrypt|Decrypt)( under .*| \(of an earlier run\))?$/;

/** The rows of the printed table: operation → where it ran. */
function places(output: string): Map<string, string> {
  const rows = output.split('\n').map((line) => /^\s*(\S.*?)\s{2,}(gateway|core)\s+[\d.]+\s/.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1] ?? '', row[2] ?? '']])));
}

function assertPlain(output: string): void {
  assert.doesNotMatch(output, /^\s+at .+:\d+/m, 'a stack trace was printed');
  assert.ok(!output.includes('\u001b'), 'escape sequences in piped output');
}

/** What `okcm doctor --json` prints, as far as it is looked at. */
interface DoctorReport {
  readonly tookMs: number;
  readonly findings: readonly {
    readonly state: string;
    readonly component: string;
    readonly found: string;
  }[];
  readonly passed: readonly { readonly component: string }[];
}

/** Used by one after the other, whatever has become of it. */
const home = join(temporaryDirectory('once'), 'home');

describe('okcm up --once', () => {
  test('does the whole job and exits 0', async () => {
    const run = await okcm('up', '--once', '--ports', 'auto', '--home', home);
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assertPlain(run.stdout + run.stderr);
    const where = places(run.stdout);
    for (const operation of OPERATIONS) {
      const expected = LOCAL.test(operation) ? 'gateway' : 'core';
      assert.equal(where.get(operation), expected, `${operation}\n${run.stdout}`);
    }
    assert.match(run.stdout, /The same in us-east-1: 13 operations, 8 in the gateway, 5 in the core/);
    assert.match(run.stdout, /pending → active/);
    assert.match(run.stdout, /DEVELOPMENT SEAL/);
    assert.match(run.stdout, /DEVELOPMENT-QUORUM-ONE/);
    assert.ok(!existsSync(join(home, 'endpoints.json')), 'nothing is left that claims to run');
  });

  test('a second start finds the same keys, and is quick', async (t) => {
    const run = await okcm('up', '--once', '--home', home);
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.equal(places(run.stdout).get('Decrypt (of an earlier run)'), 'gateway', run.stdout);
    const [, seconds] = /Up after ([\d.]+) s/.exec(run.stdout) ?? [];
    t.diagnostic(`second start: up after ${seconds} s, whole run ${Math.round(run.tookMs)} ms`);
    assert.ok(Number(seconds) * 1000 < SECOND_START_LIMIT_MS, `up after ${seconds} s`);
  });

  test('nothing in the home can be read by others', async () => {
    for (const name of ['installation.json', 'cmk/config.json', 'cmk/token', 'eu-west-1/core/config.json']) {
      assert.equal((await stat(join(home, name))).mode & 0o077, 0, name);
    }
    assert.equal((await stat(home)).mode & 0o066, 0);
  });
});

test('a port that somebody takes before its component does is changed for another', async () => {
  const readPorts = async (): Promise<Record<string, number>> =>
    (JSON.parse(await readFile(join(home, 'installation.json'), 'utf8')) as { ports: Record<string, number> })
      .ports;
  const child = await startChild({
    name: 'okcm up',
    command: process.execPath,
    args: ['cli/okcm.ts', 'up', '--home', home],
    cwd: REPOSITORY,
  });
  await child.waitForLine(/❯ PostgreSQL servers/, 60_000);
  const { 'eu-west-1/db': taken, ...others } = await readPorts();
  const squatter = createServer().listen(taken, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    const said = await child.waitForLine(/starting again with another port/, 60_000);
    assert.match(said, new RegExp(`eu-west-1/db does not start: port ${taken} is already in use`));
    await child.waitForLine(/✔ PostgreSQL servers/, 60_000);
    const { 'eu-west-1/db': changed, ...kept } = await readPorts();
    assert.notEqual(changed, taken);
    assert.deepEqual(kept, others);
  } finally {
    squatter.close();
    await child.stop('SIGINT', INTERRUPT_LIMIT_MS);
  }
});

describe('a start that is interrupted', () => {
  for (const moment of [/❯ PostgreSQL servers/, /❯ CMK, two cores, two gateways/, /› up: /]) {
    test(`ends within ${INTERRUPT_LIMIT_MS / 1000} s of a Ctrl-C at ${moment}, and leaves nothing running`, async () => {
      const home = join(temporaryDirectory('interrupted'), 'home');
      const child = await startChild({
        name: 'okcm up',
        command: process.execPath,
        args: ['cli/okcm.ts', 'up', '--once', '--ports', 'auto', '--home', home],
        cwd: REPOSITORY,
      });
      await child.waitForLine(moment, 60_000);
      process.kill(child.pid, 'SIGINT');
      const late = AbortSignal.timeout(INTERRUPT_LIMIT_MS);
      await Promise.race([
        child.exited,
        once(late, 'abort').then(() => assert.fail(`it still runs:\n${child.output()}`)),
      ]);
      const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
      assert.deepEqual(
        left.filter((args) => args.includes(home)),
        [],
      );
    });
  }
});

test('a second Ctrl-C ends an installation at once, with 130', async () => {
  const child = await startChild({
    name: 'okcm up',
    command: process.execPath,
    args: ['cli/okcm.ts', 'up', '--home', home],
    cwd: REPOSITORY,
  });
  await child.waitForLine(/❯ CMK, two cores, two gateways/, 60_000);
  const running = (): string[] =>
    execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(home));
  // A frozen server cannot stop in order, however quick the machine is; only SIGKILL ends it.
  const postmaster = running().find((line) => line.includes('postgres -D')) ?? assert.fail('no server');
  process.kill(Number.parseInt(postmaster, 10), 'SIGSTOP');
  process.kill(child.pid, 'SIGINT');
  await sleep(SECOND_KEY_PRESS_MS);
  assert.equal((await child.stop('SIGINT', 5_000)).code, 130, child.output());
  await eventually('the end of all children', 12_000, () => running().length === 0);
});

describe('a running installation', () => {
  let system: System;
  before(async () => {
    system = await System.startIn(home);
  });
  after(() => system?.interrupt());

  test('refuses a second supervisor on its home', async () => {
    const run = await system.okcm('up', '--once');
    assert.equal(run.code, 1);
    assert.match(run.stderr, /another okcm is running/);
    assertPlain(run.stderr);
  });

  test('shows its status', async () => {
    const text = (await system.must('status')).stdout;
    for (const expected of ['eu-west-1/gateway', 'us-east-1/core', 'unsealed', 'connected', 'acme']) {
      assert.match(text, new RegExp(expected), text);
    }
    const data = JSON.parse((await system.must('status', '--json')).stdout) as { components: unknown[] };
    assert.equal(data.components.length, 9);
  });

  test('is found in order by the doctor, every component of it', async () => {
    const run = await system.okcm('doctor', '--json');
    const report = JSON.parse(run.stdout) as DoctorReport;
    assert.deepEqual(
      report.findings.filter(({ state }) => state === 'broken'),
      [],
    );
    assert.equal(run.code, 0);
    const looked = new Set(report.passed.map(({ component }) => component));
    for (const { name } of (await system.refreshed()).processes) assert.ok(looked.has(name), name);
    assert.ok(report.tookMs < DOCTOR_LIMIT_MS, String(report.tookMs));
  });

  test('issues an application certificate that works at once', async () => {
    const out = join(temporaryDirectory('issue'), 'certs');
    const who = ['--tenant', 'acme', '--service', 'payments'];
    await system.must('app', 'issue', '--name', 'billing', ...who, '--out', out);
    const as = ['--cert', join(out, 'cert.pem'), '--key', join(out, 'key.pem'), '--ca', join(out, 'ca.pem')];
    const uid = (await system.must('kmip', 'create', '--activate', ...as)).stdout.trim();
    const token = (await system.must('kmip', 'encrypt', uid, '--text', 'teapot', ...as)).stdout.trim();
    assert.equal((await system.must('kmip', 'decrypt', uid, token, '--text', ...as)).stdout.trim(), 'teapot');
    const shown = (await system.must('kmip', 'get', uid, ...as)).stdout;
    assert.doesNotMatch(shown, /[0-9a-f]{32}/, 'key bytes are shown only when asked for');
  });

  test('starts a component again that dies', async () => {
    const pidOf = async (): Promise<number | null | undefined> =>
      (await system.refreshed()).processes.find(({ name }) => name === 'us-east-1/gateway')?.pid;
    const first = await pidOf();
    assert.ok(typeof first === 'number');
    process.kill(first, 'SIGKILL');
    await eventually('another process for the gateway', 10_000, async () => {
      const now = await pidOf();
      return typeof now === 'number' && now !== first;
    });
    const application = await system.application('us-east-1');
    assert.ok((await application.discoverVersions()).includes('1.4'));
    application.close();
  });

  test('a killed supervisor leaves nothing behind that hinders the next start', async () => {
    const { processes } = await system.refreshed();
    await system.killSupervisor();
    const own = processes.flatMap(({ pid, health }) => (pid !== null && health !== null ? [pid] : []));
    await eventually('the end of all children', 12_000, () => !own.some(isAlive));
    const run = await system.okcm('doctor');
    assert.equal(run.code, 1, run.stdout);
    assert.match(run.stdout, /SUPERVISOR_DEAD[\s\S]*mend +npm start/);
    assertPlain(run.stdout);
    await system.up();
    await eventually('the table with the key of the earlier run', 5_000, () =>
      /Decrypt \(of an earlier run\)\s+gateway/.test(system.output),
    );
  });

  test('Ctrl-C stops everything and exits 0', async () => {
    const { processes } = await system.refreshed();
    assert.equal(await system.interrupt(), 0);
    assert.deepEqual(
      processes.filter(({ pid }) => pid !== null && isAlive(pid)).map(({ name }) => name),
      [],
    );
    assert.ok(!existsSync(join(system.home, 'endpoints.json')));
  });
});
