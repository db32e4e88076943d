/** Planted faults in real services: one PostgreSQL, one NATS, and files. Each is found, and named with what mends it. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CoreConfig } from '../../execution/core/config.ts';
import { initialiseInCeremony } from '../../execution/core/index.ts';
import { testHolders } from '../../execution/core/testing/holders.ts';
import type { GatewayConfig } from '../../execution/gateway/config.ts';
import type { CmkConfig } from '../../governance/config.ts';
import { natsAccounts, prepareEmbeddedBroker } from '../../orbital/index.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { createLogger } from '../../platform/log.ts';
import { isFreePort } from '../../platform/ports.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { testPki } from '../../testkit/pki.ts';
import { type TestDatabase, testDatabase, testPostgres } from '../../testkit/postgres.ts';
import { homePaths } from '../home/paths.ts';
import { examine } from './doctor.ts';
import type { Finding } from './verdict.ts';

const OKCM = fileURLToPath(new URL('../okcm.ts', import.meta.url));
const run = promisify(execFile);
const directory = temporaryDirectory('doctor');
const at = (name: string): string => join(directory, name);
const NOWHERE = 1;

let cmkDatabase: TestDatabase;
let coreDatabase: TestDatabase;
let nats: TestNats;
let cmk: CmkConfig;
let core: CoreConfig;
/** The health address of a core that says that it is sealed. */
let sealed: Server;

before(async () => {
  const server = await testPostgres();
  [cmkDatabase, coreDatabase, nats] = await Promise.all([
    testDatabase(),
    testDatabase(),
    startNats({
      accounts: natsAccounts({
        governance: { user: 'governance', password: 'secret' },
        regions: [{ name: 'north', user: 'north', password: 'secret' }],
      }),
    }),
  ]);
  const pem = (): string =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const pki = await testPki();
  const pair = await pki.server();
  await Promise.all([
    writePrivate(at('cmk.key'), pem()),
    writePrivate(at('core-signing.key'), pem()),
    writePrivate(at('tokens'), 'ada:token\n'),
    writePrivate(at('core.pem'), pair.certificatePem),
    writePrivate(at('core.key'), pair.privateKeyPem),
    writePrivate(at('ca.pem'), pki.ca.certificatePem),
  ]);
  const { name } = cmkDatabase;
  const ownerUrl = await cmkDatabase.roleUrl('doctor_owner');
  const appUrl = await cmkDatabase.roleUrl('doctor_app');
  await withClient({ url: server.url('postgres') }, (client) =>
    client.query(`ALTER DATABASE ${name} OWNER TO doctor_owner`),
  );
  cmk = {
    cluster: 'test',
    http: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    database: { ownerUrl, appUrl },
    broker: { url: `nats://governance:secret@127.0.0.1:${nats.port}` },
    orbital: { signingKey: at('cmk.key'), keyId: 'cmk' },
    auth: { developmentToken: at('tokens') },
    development: false,
    link: { ttlMs: 86_400_000, renewEveryMs: 3_600_000, probeEveryMs: 1_000 },
    log: { level: 'silent' },
  };
  sealed = createHttpServer((_request, response) => {
    response.writeHead(503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: false, status: 'sealed', region: 'north', seal: 'sealed' }));
  });
  await new Promise<void>((resolve) => sealed.listen(0, '127.0.0.1', resolve));
  const address = sealed.address();
  core = {
    cluster: 'test',
    region: 'north',
    instance: 'core-1',
    kmip: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 },
    tls: { cert: at('core.pem'), key: at('core.key'), ca: at('ca.pem') },
    database: { url: coreDatabase.url },
    broker: { url: `nats://north:secret@127.0.0.1:${nats.port}` },
    seal: { kind: 'shamir', progressTtlMs: 600_000 },
    admin: { host: '127.0.0.1', port: 0, operators: [{ name: 'ada', fingerprint: 'a'.repeat(64) }] },
    orbital: {
      signingKey: at('core-signing.key'),
      keyId: 'region:north',
      trusted: [{ keyId: 'cmk', publicKey: at('ca.pem') }],
    },
    rotation: { l2AfterSeconds: 0, l3AfterSeconds: 0, ivkAfterSeconds: 0, leadSeconds: 0 },
    lease: { ttlMs: 300_000, graceMs: 900_000 },
    log: { level: 'silent' },
  };
  const holders = await testHolders('alice', 'bob', 'carol');
  const quiet = createLogger({ name: 'test', level: 'silent' });
  await initialiseInCeremony(core, quiet, { holders, threshold: 2 }, async () => {});
});
after(async () => {
  sealed?.close();
  await nats?.stop();
});

let files = 0;
/** Writes the configuration, and what is found of it. */
async function found(
  config: object,
): Promise<{ readonly findings: readonly Finding[]; readonly file: string }> {
  files += 1;
  const file = at(`config-${files}.json`);
  await writePrivate(file, JSON.stringify(config));
  return { findings: await findingsOf(file), file };
}
async function findingsOf(file: string): Promise<readonly Finding[]> {
  return (await examine({ config: file })).filter((outcome) => outcome.state !== 'ok');
}
/** The one of that code; what an installation of tests has by itself (limits of this host) is left alone. */
function the(findings: readonly Finding[], code: string): Finding {
  const of = findings.find((finding) => finding.code === code);
  assert.ok(
    of !== undefined,
    `${code} is not among ${JSON.stringify(findings.map((finding) => finding.code))}`,
  );
  return of;
}

test('a database that was never migrated, and a broker that is in order', async () => {
  const { findings, file } = await found(cmk);
  assert.deepEqual(
    findings.filter(({ code }) => !/^(NOFILE|MEMLOCK|DISK)_/.test(code)).map(({ code }) => code),
    ['MIGRATIONS_PENDING', 'MIGRATIONS_PENDING'],
  );
  assert.equal(the(findings, 'MIGRATIONS_PENDING').mend, `node governance/main.ts --config ${file}`);
});

test('a wrong password of the database', async () => {
  const address = new URL(cmk.database.appUrl);
  address.password = 'wrong-as-can-be';
  const { findings, file } = await found({ ...cmk, database: { ...cmk.database, appUrl: address.href } });
  const finding = the(findings, 'DATABASE_PASSWORD');
  assert.equal(finding.mend, `$EDITOR ${file}  # database.appUrl`);
  assert.doesNotMatch(JSON.stringify(findings), /wrong-as-can-be/);
});

test('an application role that row-level security does not hold', async () => {
  const { findings } = await found({ ...cmk, database: { ...cmk.database, appUrl: cmkDatabase.url } });
  assert.match(the(findings, 'ROLE_SUPERUSER').mend, /^psql -c "ALTER ROLE \w+ NOSUPERUSER"$/);
});

test('a database that is not there, told once', async () => {
  const url = `postgres://cmk:secret@127.0.0.1:${NOWHERE}/cmk`;
  const { findings } = await found({ ...cmk, database: { ownerUrl: url, appUrl: url } });
  assert.equal(the(findings, 'DATABASE_UNREACHABLE').mend, `nc -zv 127.0.0.1 ${NOWHERE}`);
  assert.equal(findings.filter(({ code }) => code.startsWith('DATABASE')).length, 1);
});

test('a migration that is missing from a schema', async () => {
  await withClient({ url: coreDatabase.url }, (client) =>
    client.query(`DELETE FROM core_migrations WHERE name = '0040_audit_counts'`),
  );
  try {
    const { findings, file } = await found(core);
    const finding = the(findings, 'MIGRATIONS_PENDING');
    assert.match(finding.found, /^1 of \d+ have not run: 0040_audit_counts$/);
    assert.equal(finding.mend, `node execution/core/main.ts --config ${file}`);
  } finally {
    await withClient({ url: coreDatabase.url }, (client) =>
      client.query(`INSERT INTO core_migrations (name, timestamp) VALUES ('0040_audit_counts', 'now')`),
    );
  }
});

test('a sealed core: how many shares are needed, and of whom', async () => {
  const { findings } = await found(core);
  const finding = the(findings, 'SEALED');
  assert.equal(finding.found, 'the core is sealed; 2 of 3 shares open it, of alice, bob, carol');
  assert.equal(finding.mend, 'okcm region unseal --operator OPERATOR.json');
});

test('a broker that is stopped, one with another password, one that is another kind of login', async () => {
  const stopped = await found({ ...cmk, broker: { url: `nats://governance:secret@127.0.0.1:${NOWHERE}` } });
  assert.equal(the(stopped.findings, 'BROKER_UNREACHABLE').mend, `nc -zv 127.0.0.1 ${NOWHERE}`);
  const wrong = await found({
    ...cmk,
    broker: { url: `nats://governance:not-the-one@127.0.0.1:${nats.port}` },
  });
  assert.equal(the(wrong.findings, 'BROKER_CREDENTIALS').mend, `$EDITOR ${wrong.file}  # broker.url`);
  assert.doesNotMatch(JSON.stringify(wrong.findings), /not-the-one/);
  const mighty = await found({ ...core, broker: { url: `nats://governance:secret@127.0.0.1:${nats.port}` } });
  assert.match(the(mighty.findings, 'BROKER_RIGHTS_EXCESS').found, /"governance" may/);
  const regional = await found({ ...cmk, broker: { url: `nats://north:secret@127.0.0.1:${nats.port}` } });
  assert.match(the(regional.findings, 'BROKER_RIGHTS_MISSING').found, /"north" may not publish to \$JS\.API/);
});

test('the embedded broker: rights of one’s own, and of another plane', async () => {
  const server = await testPostgres();
  const database = await testDatabase();
  const logins = {
    governance: { user: 'doctor_governance', password: 'g' },
    region: { name: 'north', user: 'doctor_north', password: 'n' },
  };
  await prepareEmbeddedBroker(database.url, { governance: logins.governance, regions: [logins.region] });
  const urlOf = (login: { user: string; password: string }) => server.url(database.name, login);
  const brokerCodes = async (config: object): Promise<string[]> =>
    (await found(config)).findings.flatMap(({ code }) => (code.startsWith('BROKER') ? [code] : []));
  assert.deepEqual(await brokerCodes({ ...cmk, broker: { url: urlOf(logins.governance) } }), []);
  assert.deepEqual(await brokerCodes({ ...core, broker: { url: urlOf(logins.region) } }), []);
  const mixed = await brokerCodes({ ...core, broker: { url: urlOf(logins.governance) } });
  assert.deepEqual(new Set(mixed), new Set(['BROKER_RIGHTS_MISSING', 'BROKER_RIGHTS_EXCESS']));
  const { rows } = await withClient({ url: database.url }, (client) =>
    client.query<{ messages: number }>('SELECT count(*)::int AS messages FROM okcm_broker.messages'),
  );
  assert.equal(rows[0]?.messages, 0, 'nothing was sent');
});

test('a key that others can read, and a certificate of another key', async () => {
  await chmod(at('core.key'), 0o644);
  try {
    const { findings } = await found(core);
    assert.equal(the(findings, 'FILE_TOO_OPEN').mend, `chmod 600 ${at('core.key')}`);
  } finally {
    await chmod(at('core.key'), 0o600);
  }
  const { findings } = await found({ ...core, tls: { ...core.tls, key: at('core-signing.key') } });
  assert.match(the(findings, 'CERT_KEY_MISMATCH').mend, /^openssl x509 -in .*core\.pem/);
});

test('a gateway whose core is away, and one whose certificate the core does not take', async () => {
  const other = await testPki('another authority');
  const pair = await other.client('gateway');
  await Promise.all([
    writePrivate(at('gateway.pem'), pair.certificatePem),
    writePrivate(at('gateway.key'), pair.privateKeyPem),
  ]);
  const gateway = (port: number): GatewayConfig => ({
    region: 'north',
    name: 'gateway-1',
    kmip: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    tls: core.tls,
    core: {
      host: '127.0.0.1',
      port,
      cert: at('gateway.pem'),
      key: at('gateway.key'),
      ca: at('ca.pem'),
      servername: 'localhost',
    },
    store: { kind: 'memory' },
    limits: {},
    log: { level: 'silent' },
  });
  const away = await found(gateway(NOWHERE));
  assert.equal(the(away.findings, 'CORE_UNREACHABLE').mend, `nc -zv 127.0.0.1 ${NOWHERE}`);
  const [cert, key, ca] = await Promise.all(
    ['core.pem', 'core.key', 'ca.pem'].map((name) => readFile(at(name))),
  );
  const server = createTlsServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const { findings } = await found(
      gateway(typeof address === 'object' && address !== null ? address.port : 0),
    );
    assert.match(the(findings, 'CORE_REFUSES_GATEWAY').mend, /regions\/north\/gateways/);
    const ofCertificates = findings.filter(({ code }) => code.startsWith('CERT'));
    assert.deepEqual(ofCertificates, [], 'the core’s own certificate is in order');
  } finally {
    server.close();
  }
});

test('a port that somebody else has: who, and its process', {
  skip: process.platform !== 'linux',
}, async () => {
  const squatter = createHttpServer();
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
  try {
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { findings } = await found({ ...cmk, http: { host: '127.0.0.1', port } });
    const finding = the(findings, 'PORT_TAKEN');
    assert.equal(finding.mend, `kill ${process.pid}`);
    assert.match(finding.found, new RegExp(`process ${process.pid}\\) listens on 127\\.0\\.0\\.1:${port}`));
    assert.equal(await isFreePort(port), false, 'it still has it');
  } finally {
    squatter.close();
  }
});

test('configurations that no component starts with: the field is named, and nothing of its content', async () => {
  const unknown = await found({ ...cmk, colour: 'blue' });
  assert.match(the(unknown.findings, 'CONFIG_INVALID').found, /unknown field colour/);
  assert.equal(unknown.findings[0]?.mend, `$EDITOR ${unknown.file}`);
  const nested = await found({ ...core, seal: { kind: 'no-such-seal', secret: 'hush' } });
  assert.match(the(nested.findings, 'CONFIG_INVALID').found, /seal/);
  assert.doesNotMatch(JSON.stringify(nested.findings), /hush/);
  const { findings } = await found({ name: 'something else' });
  the(findings, 'CONFIG_OF_NOBODY');
  await writePrivate(at('broken.json'), '{"password": "hush",}');
  const broken = await findingsOf(at('broken.json'));
  assert.doesNotMatch(JSON.stringify(the(broken, 'CONFIG_NOT_JSON')), /hush/);
  assert.deepEqual(
    (await findingsOf(at('nothing.json'))).map(({ code }) => code),
    ['CONFIG_NOT_FOUND'],
  );
  await writeFile(at('open.json'), JSON.stringify(cmk), { mode: 0o644 });
  assert.equal(
    the(await findingsOf(at('open.json')), 'CONFIG_TOO_OPEN').mend,
    `chmod 600 ${at('open.json')}`,
  );
});

test('a clock that an issuer of tokens does not share', async () => {
  const late = createHttpServer((_request, response) => {
    response.setHeader('date', new Date(Date.now() + 600_000).toUTCString());
    response.end();
  });
  await new Promise<void>((resolve) => late.listen(0, '127.0.0.1', resolve));
  try {
    const address = late.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const issuers = [{ name: 'corp', issuer: `http://127.0.0.1:${port}`, audience: 'okcm' }];
    const { findings } = await found({ ...cmk, auth: { issuers } });
    const finding = the(findings, 'CLOCK_SKEWED');
    assert.match(
      finding.found,
      /the issuer corp is (599|600)\d{3} ms ahead \(±\d+ ms\); the limit is 60000 ms/,
    );
    assert.equal(finding.mend, 'timedatectl set-ntp true');
  } finally {
    late.close();
  }
});

test('a home whose supervisor is dead, though its endpoints are said to be ready', async () => {
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(gone, 'exit');
  const home = at('home');
  const paths = homePaths(home);
  await mkdir(home, { mode: 0o700 });
  await writePrivate(
    paths.installation,
    JSON.stringify({ version: 1, portMode: 'auto', passwords: {}, stoppedCleanly: false }),
  );
  await writePrivate(
    paths.endpoints,
    JSON.stringify({
      ready: true,
      cmk: { url: 'http://127.0.0.1:1', token: 'secret', health: 'http://127.0.0.1:2' },
      regions: [],
      tenants: [],
      processes: [],
      supervisor: { pid: gone.pid },
      data: [],
    }),
  );
  const outcomes = await examine({ home });
  const codes = outcomes.flatMap((outcome) => (outcome.state === 'ok' ? [] : [outcome.code]));
  assert.ok(codes.includes('SUPERVISOR_DEAD'), codes.join());
  assert.equal(
    codes.filter((code) => code === 'CONFIG_NOT_FOUND').length,
    5,
    'no component has a configuration',
  );
  assert.deepEqual(
    (await examine({ home: at('no-home') })).flatMap((outcome) =>
      outcome.state === 'ok' ? [] : [outcome.code],
    ),
    ['HOME_MISSING'],
  );
});

test('as it is typed: limits of the shell, a table or JSON, and the exit code', async () => {
  const { file } = await found({ ...cmk, broker: { url: `nats://governance:secret@127.0.0.1:${NOWHERE}` } });
  const ended = await run('bash', [
    '-c',
    'ulimit -n 240; exec "$@"',
    'bash',
    process.execPath,
    OKCM,
    'doctor',
    '--config',
    file,
  ]).then(
    () => assert.fail('it is broken'),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(
    ended.stdout,
    /✖ NOFILE_TOO_LOW cmk, limit of open files\n {4}found {2}this shell may open 240 files/,
  );
  assert.match(ended.stdout, /mend {3}ulimit -n 1024\n/);
  assert.match(ended.stdout, /✖ +cmk +broker +BROKER_UNREACHABLE/);
  assert.match(ended.stdout, /\d+ in order, \d+ warnings?, \d+ broken \(\d+\.\d s\)/);
  const before = await readFile(file, 'utf8');
  const { stdout } = await run(process.execPath, [OKCM, 'doctor', '--config', file, '--json']).catch(
    (error: unknown) => error as { stdout: string },
  );
  const report = JSON.parse(stdout) as {
    state: string;
    counts: { broken: number };
    findings: Finding[];
    tookMs: number;
  };
  assert.equal(report.state, 'broken');
  assert.ok(report.tookMs < 15_000, String(report.tookMs));
  assert.equal(the(report.findings, 'BROKER_UNREACHABLE').facts['port'], NOWHERE);
  assert.equal(await readFile(file, 'utf8'), before);
});
