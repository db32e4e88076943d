/**
 * The main job from the outside: a machine with nothing but Node, one command, keys served in two regions. Then the same
 * installation over brokers that the user runs, NATS and RabbitMQ, over TLS, and what an operator may do to it meanwhile:
 * start it again, start it twice, kill it, press Ctrl-C.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../platform/ports.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { startNats } from '../testkit/nats.ts';
import { type PemFiles, pemFiles, testPki } from '../testkit/pki.ts';
import { startRabbit } from '../testkit/rabbitmq.ts';
import { eventually, isAlive, okcm, System } from '../testkit/system.ts';

const SECOND_START_LIMIT_MS = 15_000;
/** All checks together have ten seconds, and what they need is gathered before. */
const DOCTOR_LIMIT_MS = 15_000;
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

  test('nothing in the home can be read by others', async () => {
    for (const name of ['installation.json', 'cmk/config.json', 'cmk/token', 'eu-west-1/core/config.json']) {
      assert.equal((await stat(join(home, name))).mode & 0o077, 0, name);
    }
    assert.equal((await stat(home)).mode & 0o066, 0);
  });
});

test('an address that is none of a broker is refused at once', async () => {
  const run = await okcm('up', '--once', '--home', temporaryDirectory('no-broker'), '--broker', 'kafka://x');
  assert.equal(run.code, 2);
  assert.match(run.stderr, /nats:\/\/HOST:PORT or amqp:/);
});

describe('a running installation, over brokers of the user', () => {
  let system: System;
  /** The brokers' certificate, of an authority that every process is told to trust beside the system's own. */
  let files: PemFiles;
  let broker: { stop(): Promise<void> } | undefined;
  before(async () => {
    const pki = await testPki();
    files = await pemFiles(await pki.server(), pki.ca);
    process.env['NODE_EXTRA_CA_CERTS'] = files.caFile;
    const nats = await startNats({ config: { tls: { cert_file: files.certFile, key_file: files.keyFile } } });
    broker = nats;
    system = await System.startIn(home, '--broker', `tls://localhost:${nats.port}`);
  });
  after(async () => {
    delete process.env['NODE_EXTRA_CA_CERTS'];
    await system?.interrupt();
    await broker?.stop();
  });

  /** Nothing that matters lies in a broker: the keys are those of the start before, which had another. */
  async function assertWhole(): Promise<void> {
    await eventually('the table', 5_000, () => /every operation worked/.test(system.output));
    assert.equal(places(system.output).get('Decrypt (of an earlier run)'), 'gateway', system.output);
    assert.match(system.output, /the broker is yours/);
  }

  test('finds the same keys over NATS, and is up quickly', async (t) => {
    await assertWhole();
    const [, seconds] = /Up after ([\d.]+) s/.exec(system.output) ?? [];
    t.diagnostic(`second start: up after ${seconds} s`);
    assert.ok(Number(seconds) * 1000 < SECOND_START_LIMIT_MS, `up after ${seconds} s`);
  });

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
    assert.equal(data.components.length, 8);
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

    const nowhere = join(temporaryDirectory('issue'), 'certs');
    const refused = await system.okcm(
      ...['app', 'issue', '--name', 'stray', '--tenant', 'nobody', '--service', 'payments', '--out', nowhere],
    );
    assert.notEqual(refused.code, 0);
    assert.equal(existsSync(join(nowhere, 'key.pem')), false, 'a key that nobody knows stays behind');
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

  test('a killed supervisor leaves nothing behind that hinders the next start, over RabbitMQ with its address in a file', async () => {
    const { processes } = await system.refreshed();
    await system.killSupervisor();
    const own = processes.flatMap(({ pid, health }) => (pid !== null && health !== null ? [pid] : []));
    await eventually('the end of all children', 12_000, () => !own.some(isAlive));
    const run = await system.okcm('doctor');
    assert.equal(run.code, 1, run.stdout);
    assert.match(run.stdout, /SUPERVISOR_DEAD[\s\S]*mend +npm start/);
    assertPlain(run.stdout);
    await broker?.stop();
    const rabbit = await rabbitOverTls(files);
    broker = rabbit;
    await system.up('--broker', `@${rabbit.addressFile}`);
    await assertWhole();
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

async function rabbitOverTls({ caFile, certFile, keyFile }: PemFiles) {
  const port = await freePort();
  const rabbit = await startRabbit({
    config: [
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${caFile}`,
      `ssl_options.certfile = ${certFile}`,
      `ssl_options.keyfile = ${keyFile}`,
    ],
  });
  const addressFile = join(temporaryDirectory('over-rabbit'), 'broker-url');
  await writeFile(addressFile, `amqps://test:test@localhost:${port}/`, { mode: 0o600 });
  return { addressFile, stop: () => rabbit.stop() };
}
