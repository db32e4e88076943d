/** The judgements that need no system: each fault by its facts, its code, and the command that mends it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runChecks } from './check.ts';
import { askDate, judgeOffset, offsetOf } from './clock.ts';
import { findingCodes } from './codes.ts';
import { judgeMigrations, judgeRole, judgeServer } from './database.ts';
import { judgeRoom } from './disk.ts';
import { judgeSecretFile } from './files.ts';
import { judgeGateway } from './gateway.ts';
import { type GovernanceFacts, judgeGovernance, judgeSigning } from './governance.ts';
import { judgeComponent, judgeNode, judgeSupervisor, judgeTrust } from './installation.ts';
import { judgeLimits } from './limits.ts';
import { judgePort, listenerAt } from './ports.ts';
import { parseLimits, parseListening } from './processes.ts';
import { judgeLeases } from './region.ts';
import { describeReport, reportOf } from './report.ts';
import { judgeSeal, judgeToken } from './seal.ts';
import { passed, type Verdict } from './verdict.ts';

const codesOf = (verdicts: readonly Verdict[]): string[] =>
  verdicts.flatMap((verdict) => (verdict.state === 'ok' ? [] : [verdict.code]));
function one(verdict: Verdict | undefined, code: string, mend: string): void {
  assert.ok(verdict !== undefined && verdict.state !== 'ok', JSON.stringify(verdict));
  assert.deepEqual([verdict.code, verdict.mend], [code, mend]);
}

test('a clock is judged by what is certain: the offset less the time that the answer took', async () => {
  one(
    judgeOffset('the database', { offsetMs: -61_500, uncertaintyMs: 3 }),
    'CLOCK_SKEWED',
    'timedatectl set-ntp true',
  );
  one(judgeOffset('it', { offsetMs: 7_000, uncertaintyMs: 500 }), 'CLOCK_DRIFTS', 'timedatectl set-ntp true');
  assert.equal(judgeOffset('it', { offsetMs: 60_100, uncertaintyMs: 56_000 }).state, 'ok');
  assert.deepEqual(offsetOf(1_500, 1_000, 1_200), { offsetMs: 400, uncertaintyMs: 100 });

  const server = createServer((_request, response) => {
    response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const offset = await askDate(`http://127.0.0.1:${port}/`, AbortSignal.timeout(2_000));
    assert.ok(offset !== undefined);
    assert.ok(Math.abs(offset.offsetMs + 3_600_000) < 2_000, String(offset.offsetMs));
    assert.deepEqual(codesOf([judgeOffset('an hour ago', offset)]), ['CLOCK_SKEWED']);
  } finally {
    server.close();
  }
  assert.equal(await askDate('http://127.0.0.1:1/', AbortSignal.timeout(2_000)), undefined);
});

test('limits are those of the process, and a capability lifts that of locked memory', () => {
  const limits = (files: string, locked: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     
Max core file size        unlimited            unlimited            bytes     
Max open files            ${files}                 524288               files     
Max locked memory         ${locked}              8388608              bytes     \n`;
  const none = 'CapEff:\t0000000000000000\n';
  const needs = { files: 4_352, lockedBytes: 34_603_008 };
  const judged = (files: string, locked: string, status = none, whose: 'component' | 'shell' = 'component') =>
    judgeLimits(needs, parseLimits(7, limits(files, locked), status, '33\n'), whose);
  assert.deepEqual(codesOf(judged('1024', '65536')), ['NOFILE_LOW', 'MEMLOCK_TOO_LOW', 'CORE_DUMPS_ON']);
  assert.deepEqual(codesOf(judged('100', '8388608')), ['NOFILE_TOO_LOW', 'MEMLOCK_LOW', 'CORE_DUMPS_ON']);
  assert.deepEqual(codesOf(judged('100', '65536', 'CapEff:\t0000000000004000\n', 'shell')), [
    'NOFILE_TOO_LOW',
  ]);
  assert.deepEqual(codesOf(judged('1048576', 'unlimited', none, 'shell')), []);
  one(judged('1024', '65536')[0], 'NOFILE_LOW', 'ulimit -n 4352');
  one(judged('1024', '65536')[1], 'MEMLOCK_TOO_LOW', 'ulimit -l 33792');
});

test('ports are read as the kernel writes them, and one that another address has is free', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1640 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:9C40 0100007F:1640 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n`;
  const [found, ...others] = parseListening(table);
  assert.deepEqual([found, others.length], [{ address: '127.0.0.1', port: 5696, inode: '4711' }, 0]);
  const listener = { address: '127.0.0.1', port: 5696, pid: 99, program: 'nginx', arguments: ['nginx'] };
  assert.equal(listenerAt({ what: 'KMIP', host: '10.0.0.1', port: 5696 }, [listener]), undefined);
  const port = { what: 'KMIP', host: '127.0.0.1', port: 5696 };
  assert.equal(listenerAt(port, [listener]), listener);
  const of = { port, listener, file: '/etc/okcm/gateway.json', pids: new Set<number>(), answers: false };
  const taken = judgePort({ ...of, isDevelopment: false });
  one(taken, 'PORT_TAKEN', 'kill 99');
  assert.match(taken.found, /^nginx \(process 99\) listens on 127\.0\.0\.1:5696$/);
  one(judgePort({ ...of, isDevelopment: true }), 'PORT_TAKEN_HERE', 'npm start -- --ports auto');
  const ours = { ...listener, arguments: ['node', 'main.ts', '--config', '/etc/okcm/gateway.json'] };
  assert.equal(judgePort({ ...of, listener: ours, isDevelopment: false }).state, 'ok');
});

test('a secret is private or a finding', () => {
  const secret = { what: 'signing key', file: '/etc/okcm/cmk.key' };
  one(judgeSecretFile(secret, 0o100644, true)[0], 'FILE_TOO_OPEN', 'chmod 600 /etc/okcm/cmk.key');
  one(judgeSecretFile(secret, undefined, false)[0], 'FILE_MISSING', 'ls -l /etc/okcm/cmk.key');
  one(judgeSecretFile(secret, 0o100600, false)[0], 'FILE_UNREADABLE', 'ls -l /etc/okcm/cmk.key');
  assert.deepEqual(codesOf(judgeSecretFile({ ...secret, mayBeMissing: true }, undefined, false)), []);
});

test('disks, databases and their roles', () => {
  const room = { freeBytes: 2 ** 40, totalBytes: 2 ** 41, freeInodes: 10 ** 6, totalInodes: 10 ** 7 };
  assert.equal(judgeRoom('/var', room).state, 'ok');
  one(judgeRoom('/var', { ...room, freeBytes: 10 ** 8 }), 'DISK_FULL', 'df -h /var');
  one(judgeRoom('/var', { ...room, freeBytes: 10 ** 9 }), 'DISK_LOW', 'df -h /var');
  one(judgeRoom('/var', { ...room, freeInodes: 12 }), 'DISK_LOW', 'df -h /var');

  const of = {
    file: '/etc/okcm/cmk.json',
    field: 'database.appUrl',
    url: 'postgres://app:pw@db.internal/cmk',
  };
  const server = { version: 18, isStandby: false, isEncrypted: true, connections: 97, inUse: 5 };
  assert.deepEqual(codesOf(judgeServer(of, server, 28)), []);
  const poor = { ...server, version: 12, isStandby: true, isEncrypted: false, connections: 20 };
  assert.deepEqual(codesOf(judgeServer(of, poor, 28)), [
    'DATABASE_TOO_OLD',
    'DATABASE_READ_ONLY',
    'DATABASE_PLAIN',
    'CONNECTIONS_TOO_FEW',
  ]);
  const role = { role: 'app', isSuperuser: false, bypassesRls: false, ownedTables: 0, memberOf: null };
  assert.deepEqual(codesOf(judgeRole(of, role, false)), []);
  const owner = { ...role, ownedTables: 40 };
  assert.deepEqual(codesOf(judgeRole(of, owner, true)), [], 'the core’s role owns its tables');
  assert.deepEqual(codesOf(judgeRole(of, owner, false)), ['ROLE_OWNS_TABLES']);
  one(judgeRole(of, { ...role, memberOf: 'dba' }, false)[0], 'ROLE_MEMBER', 'psql -c "REVOKE dba FROM app"');

  const tables = { table: 'cmk_migrations', expected: ['0001_first', '0002_second'] };
  one(judgeMigrations(tables, ['0001_first'], 'RESTART'), 'MIGRATIONS_PENDING', 'RESTART');
  const newer = ['0001_first', '0002_second', '0003_third'];
  assert.deepEqual(codesOf([judgeMigrations(tables, newer, 'RESTART')]), ['MIGRATIONS_UNKNOWN']);
});

const governance: GovernanceFacts = {
  regions: [
    { name: 'eu', silentMs: 900, live: 0, stalled: 0, oldestMs: 0, keys: [] },
    { name: 'us', silentMs: 90_000, live: 3, stalled: 2, oldestMs: 95_000, keys: [] },
    { name: 'ap', live: 1, stalled: 0, oldestMs: 20_000, keys: [] },
  ],
  failedJobs: 2,
  refusedMessages: 7,
  late: { count: 1, tenant: 'acme', lateMs: 120_000 },
  customers: {
    closed: [
      { tenant: 'acme', regions: 2, reason: 'a stolen laptop', at: '2026-03-01T10:00:00.000Z' },
      { tenant: 'rival', regions: 1, reason: 'the contract has ended' },
    ],
    keys: [{ tenant: 'acme', alias: 'main', keystore: 'aws', state: 'DISABLED' }],
    keystores: [],
  },
  signing: [
    { keyId: 'cmk', publicKey: 'OLD', state: 'retiring', trustedBy: ['eu', 'us', 'ap'] },
    { keyId: 'cmk-2', publicKey: 'NEW', state: 'active', trustedBy: ['eu', 'us'] },
  ],
};

test('what governance knows of its regions, region by region', () => {
  const verdicts = judgeGovernance(governance);
  assert.deepEqual(codesOf(verdicts), [
    'REGION_SILENT',
    'TASKS_STALLED',
    'REGION_SILENT',
    'TASKS_LAG',
    'JOBS_FAILED',
    'MESSAGES_REFUSED',
    'RENEWAL_LATE',
    'LINK_CLOSED',
    'LINK_CLOSING',
    'KEY_IN_TROUBLE',
  ]);
  const closed = verdicts.find((verdict) => verdict.checked === 'links of tenants');
  one(closed, 'LINK_CLOSED', 'okcm link acme');
  assert.match(
    closed?.found ?? '',
    /acme was closed at 2026-03-01T10:00:00\.000Z in 2 regions: a stolen laptop/,
  );
  const closing = verdicts.find((verdict) => verdict.state !== 'ok' && verdict.code === 'LINK_CLOSING');
  one(closing, 'LINK_CLOSING', 'okcm jobs tasks --state pending');
  assert.match(closing?.found ?? '', /rival is being closed in one region/);
  const stalled = verdicts.find((verdict) => verdict.state !== 'ok' && verdict.code === 'TASKS_STALLED');
  one(stalled, 'TASKS_STALLED', 'okcm jobs tasks --region us');
  const configured = { keyId: 'cmk', publicKey: 'OLD', file: '/etc/okcm/cmk.key' };
  assert.deepEqual(codesOf(judgeSigning(governance, configured)), ['SIGNING_KEY_UNTRUSTED']);
  assert.deepEqual(codesOf(judgeSigning(governance, { ...configured, publicKey: 'ELSE' })), [
    'SIGNING_KEY_DIFFERS',
  ]);
  const trust = judgeTrust('governance', 'eu', { keyId: 'cmk', publicKey: 'K' }, undefined, 'core.json');
  one(
    trust,
    'SIGNING_KEY_UNTRUSTED',
    'okcm signing-key trust cmk --public-key PUBLIC.pem --config core.json',
  );
  assert.equal(
    judgeTrust('region', 'eu', { keyId: 'region:eu', publicKey: 'K' }, 'K\n', 'core.json').state,
    'ok',
  );
});

test('leases of links: expired, and about to', () => {
  assert.deepEqual(
    codesOf(judgeLeases({ open: 2, expired: 0, first: { tenant: 'a', leftMs: 9e6, ageMs: 1e6 } })),
    [],
  );
  const spent = judgeLeases({
    open: 2,
    expired: 1,
    expiredTenant: 'acme',
    first: { tenant: 'b', leftMs: 1e6, ageMs: 9e6 },
  });
  assert.deepEqual(codesOf(spent), ['LINK_EXPIRED', 'LINK_ENDS_SOON']);
  one(spent[0], 'LINK_EXPIRED', 'okcm link acme');
});

test('a gateway is behind when it has not closed a gap that it knew of', () => {
  const well = {
    head: 9,
    appliedHead: 9,
    leases: 3,
    backlog: 0,
    auditBacklog: 0,
    core: 'connected',
    cipher: 'native',
  };
  const of = {
    file: 'g.json',
    component: 'eu/gateway',
    core: { host: 'core', port: 1 },
    limits: {},
    hasAddon: true,
    first: well,
  };
  assert.deepEqual(
    codesOf(judgeGateway({ ...of, second: { ...well, head: 10 } })),
    [],
    'one that has just opened',
  );
  const ill = {
    ...well,
    appliedHead: 7,
    backlog: 900_000,
    core: 'unreachable',
    cipher: 'node',
    hotPath: 'off',
    store: { kind: 'redis', up: false },
    workers: { serving: 1, configured: 2 },
  };
  const found = judgeGateway({ ...of, second: ill });
  assert.deepEqual(codesOf(found), [
    'GATEWAY_BEHIND',
    'GATEWAY_BACKLOG',
    'STORE_DOWN',
    'WORKERS_DOWN',
    'ADDON_NOT_LOADED',
    'HOT_PATH_OFF',
    'CORE_UNREACHABLE',
  ]);
});

test('seals: of development in production, of another kind, of another region, none', () => {
  const root = { cluster: 'c', region: 'eu', kind: 'development-key-file', blob: new Uint8Array() };
  const config = {
    cluster: 'c',
    region: 'eu',
    seal: { kind: 'development-key-file', path: '/seal.json' },
  } as const;
  const of = { file: '/core.json', config, isDevelopment: false, root, state: 'unsealed' };
  assert.deepEqual(codesOf(judgeSeal(of)), ['DEVELOPMENT_SEAL']);
  assert.deepEqual(codesOf(judgeSeal({ ...of, isDevelopment: true })), []);
  assert.deepEqual(codesOf(judgeSeal({ ...of, isDevelopment: true, state: 'sealed' })), [
    'SEALED_BY_PROVIDER',
  ]);
  assert.deepEqual(codesOf(judgeSeal({ ...of, root: undefined })), ['REGION_NOT_INITIALISED']);
  assert.deepEqual(codesOf(judgeSeal({ ...of, config: { ...config, region: 'us' } })), ['REGION_OF_OTHERS']);
  assert.deepEqual(codesOf(judgeSeal({ ...of, root: { ...root, kind: 'pkcs11' } })), ['SEAL_DIFFERS']);
  const url = { url: 'https://bao', file: '/token' };
  one(judgeToken('seal', 120, url), 'SEAL_TOKEN_ENDS', 'bao token renew  # the token in /token');
});

test('a supervisor that is gone, a component that is down or says nothing, a Node that is too old', () => {
  const endpoints = { ready: true, supervisor: { pid: 4 } };
  one(judgeSupervisor(endpoints, false), 'SUPERVISOR_DEAD', 'npm start');
  assert.deepEqual(codesOf([judgeSupervisor(undefined, false)]), ['SUPERVISOR_STOPPED']);
  assert.equal(judgeSupervisor(endpoints, true).state, 'ok');
  one(judgeComponent('broker', 'stopped', undefined), 'COMPONENT_DOWN', 'okcm start broker');
  one(judgeComponent('cmk', 'up', false), 'COMPONENT_SILENT', 'okcm stop cmk && okcm start cmk');
  one(judgeNode('v20.19.0'), 'NODE_TOO_OLD', 'npm ci');
});

test('a check that hangs or throws is a finding, and holds up no other', async () => {
  const checks = [
    { component: 'a', subject: 'hangs', run: () => new Promise<never>(() => {}) },
    { component: 'a', subject: 'throws', run: () => Promise.reject(new Error('no such thing')) },
    { component: 'b', subject: 'goes on', run: async () => [] },
  ];
  const found = await runChecks(checks, { atOnce: 1, deadlineMs: 50, totalMs: 5_000 });
  assert.deepEqual(codesOf(found), ['CHECK_HUNG', 'CHECK_FAILED']);
  assert.match(found[1]?.found ?? '', /no such thing/);
});

test('who was late is asked once more, with nobody else beside', async () => {
  let asked = 0;
  const busy = {
    component: 'a',
    subject: 'late',
    run: async () => {
      asked += 1;
      if (asked === 1) await delay(60);
      return [];
    },
  };
  const hung = { component: 'b', subject: 'hangs', run: () => new Promise<never>(() => {}) };
  const found = await runChecks([busy, hung], { deadlineMs: 40, totalMs: 5_000 });
  assert.deepEqual(
    found.map(({ component }) => component),
    ['b'],
  );
  assert.equal(asked, 2);
});

test('so many checks at a time, and no more', async () => {
  let [running, most] = [0, 0];
  const run = async (): Promise<[]> => {
    running += 1;
    most = Math.max(most, running);
    await delay(5);
    running -= 1;
    return [];
  };
  await runChecks(
    Array.from({ length: 12 }, () => ({ component: 'a', subject: 'x', run })),
    { atOnce: 3 },
  );
  assert.equal(most, 3);
});

test('what is in order of a component that does not run is no sign that it is in order', () => {
  const outcomes = [
    { component: 'cmk', ...judgeComponent('cmk', 'stopped', undefined) },
    { component: 'cmk', ...passed('configuration file', 'as it should be') },
    { component: 'broker', ...passed('component', 'up') },
  ];
  const shown = describeReport(reportOf(outcomes, 1), outcomes, false);
  assert.match(shown, /✖ +cmk +component +COMPONENT_DOWN\n +cmk +1 check +in order, but it does not run\n/);
  assert.doesNotMatch(shown, /✔ +cmk/);
  assert.match(shown, /✔ +broker +1 check +in order/);
});

test('the guide lists every code with its severity and the command that mends it', async () => {
  const guide = await readFile(new URL('../../docs/guide/doctor.md', import.meta.url), 'utf8');
  const rows = new Map(
    [...guide.matchAll(/^\| `([A-Z0-9_]+)` \| (broken|warning) \| (.*) \| (`+)(.*)\4 \|$/gm)].map(
      ([, code = '', severity, why, , mend]) => [
        code,
        { severity, why, mend: mend?.trim().replaceAll('\\|', '|') },
      ],
    ),
  );
  for (const [code, { severity, why, mend }] of Object.entries(findingCodes)) {
    const shown = mend.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => name.toUpperCase());
    assert.deepEqual(rows.get(code), { severity, why, mend: shown }, code);
  }
  assert.equal(rows.size, Object.keys(findingCodes).length, 'and none that there is not');
});
