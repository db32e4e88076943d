// What has failed for good can be seen with its reason and asked once more by what it has in common; what was refused at the
// broker is in the audit log, summed up, and in a list.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { reportChannel, type Signer, statusChannel } from '../../orbital/index.ts';
import { type StatusMessage, signMessage } from '../../orbital/messages.ts';
import { issue } from '../../platform/pki.ts';
import { testWorld } from '../../testkit/governance.ts';
import { testPki } from '../../testkit/pki.ts';
import { MAX_REFUSED_KINDS, MAX_REPORT_AHEAD_MS } from '../limits.ts';
import type { TestRegion } from '../test-region.ts';
import { until, type World } from '../test-world.ts';

let world: World;
let north: TestRegion;
let south: TestRegion;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [first, second] = world.regions;
  assert.ok(first && second);
  [north, south] = [first, second];
});
after(() => world?.close());

const TENANTS = 5;
const failedTasks = async (query = '') =>
  (await world.must(200, 'GET', `/v1/tasks?state=failed${query}`)).items as {
    region: string;
    error: { code: string; message: string };
    entity: string;
  }[];

test('dead letters are listed by region and reason, and retried by filter', async () => {
  const refuse =
    (code: string) =>
    (kind: string): { failed: { code: string; message: string; retryable: boolean } } | undefined =>
      kind === 'TENANT_PROVISION' ? { failed: { code, message: 'no room', retryable: false } } : undefined;
  north.interfere = refuse('LIMIT_REACHED');
  south.interfere = refuse('KEY_STATE');
  for (let i = 0; i < TENANTS; i++) await world.must(202, 'POST', '/v1/tenants', { id: `dead-${i}` });
  await until('all have failed', async () => (await failedTasks()).length === 2 * TENANTS);
  const [task] = await failedTasks('&region=north&errorCode=LIMIT_REACHED');
  assert.deepEqual(task?.error, { code: 'LIMIT_REACHED', message: 'no room', retryable: false });
  assert.equal((await failedTasks('&errorCode=KEY_STATE')).length, TENANTS);
  assert.equal((await failedTasks('&region=north&errorCode=KEY_STATE')).length, 0);

  north.interfere = undefined;
  south.interfere = undefined;
  const answer = await world.must(202, 'POST', '/v1/job-retries?tenant=dead-0', { region: 'north' });
  assert.equal(answer.retried.length, 1);
  const rest = await world.must(202, 'POST', '/v1/job-retries', { errorCode: 'LIMIT_REACHED' });
  assert.equal(rest.retried.length, TENANTS - 1);
  await until('only those of the other reason are left', async () => {
    const left = await failedTasks();
    return left.length === TENANTS && left.every(({ error }) => error.code === 'KEY_STATE');
  });
  const none = await world.must(202, 'POST', '/v1/job-retries', { kind: 'LINK' });
  assert.deepEqual(none, { retried: [], left: [] });
  await until('a retry of all brings them in', async () => {
    await world.must(202, 'POST', '/v1/job-retries', {});
    return (await failedTasks()).length === 0;
  });
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=dead-0&action=job.retry');
  assert.ok(items.length >= 2, 'each retry is a decision of its own');
});

test('what one region has to do is retried whatever became of the same in another', async () => {
  await world.onboard('shared');
  await world.must(202, 'POST', '/v1/tenants/shared/services', { name: 'payments' });
  const { ca } = await testPki();
  const certificate = (await issue({ ca, commonName: 'shop', usages: ['client'], days: 1 })).certificatePem;
  const full = { failed: { code: 'LIMIT_REACHED', message: 'no room', retryable: false } } as const;
  for (const region of [north, south])
    region.interfere = (kind) => (kind === 'IDENTITY_PUT' ? full : undefined);
  await world.must(202, 'POST', '/v1/tenants/shared/applications', {
    name: 'shop',
    services: ['payments'],
    certificate,
  });
  type Task = { job: string; region: string; state: string };
  const tasks = async (): Promise<Task[]> =>
    (await world.must(200, 'GET', '/v1/tasks?tenant=shared&kind=IDENTITY_PUT')).items;
  const [task] = await until('both have failed', async () => {
    const all = await tasks();
    return all.length === 2 && all.every(({ state }) => state === 'failed') && all;
  });
  const become = (region: string, state: string) =>
    world.query('UPDATE application_regions SET state = $2 WHERE tenant = $3 AND region = $1', [
      region,
      state,
      'shared',
    ]);
  const retry = (body?: object) => world.call('POST', `/v1/jobs/${task?.job}/retry`, body);
  await become('north', 'removing');
  for (const refused of [await retry(), await retry({ regions: ['north'] })])
    assert.equal(refused.body.code, 'JOB_NOT_RETRYABLE');
  const answer = await world.must(202, 'POST', '/v1/job-retries?tenant=shared', { region: 'south' });
  assert.deepEqual(answer, { retried: [task?.job], left: [] });
  await until('it has failed again', async () => (await tasks()).every(({ state }) => state === 'failed'));

  // What a region has done is not asked once more, whatever became of it since.
  await become('north', 'failed');
  north.interfere = undefined;
  await world.must(202, 'POST', `/v1/jobs/${task?.job}/retry`, { regions: ['north'] });
  await until('one has done it', async () => {
    const all = await tasks();
    return all.some(({ state }) => state === 'done') && all.some(({ state }) => state === 'failed');
  });
  await become('north', 'removing');
  south.interfere = undefined;
  await world.must(202, 'POST', `/v1/jobs/${task?.job}/retry`);
  await until('so has the other', async () => (await tasks()).every(({ state }) => state === 'done'));
});

const strange = (keyId: string): Signer => ({
  keyId,
  privateKey: generateKeyPairSync('ed25519').privateKey,
});
const status = (changes: Partial<StatusMessage> = {}): StatusMessage => ({
  type: 'status',
  taskId: randomUUID(),
  etag: 1,
  target: 'north',
  phase: 'done',
  result: null,
  correlationId: 'c',
  at: new Date().toISOString(),
  ...changes,
});
const send = (frame: Uint8Array, channel = statusChannel()) => south.transport.publish(channel, frame);

test('forged, altered, replayed and misplaced messages, and a status for another’s task: refused, counted and in the log', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'aimed-at' });
  await until('its tasks are done', async () => {
    return (await world.must(200, 'GET', '/v1/tenants/aimed-at')).state === 'active';
  });
  const { items: tasks } = await world.must(200, 'GET', '/v1/tasks?tenant=aimed-at&region=north');
  const taskId: string = tasks[0].id;
  const { signer } = south;
  const genuine = signMessage(signer, status({ target: 'south' }));
  const altered = JSON.parse(Buffer.from(genuine).toString());
  altered.body = Buffer.from(JSON.stringify(status({ target: 'south' }))).toString('base64url');

  await send(signMessage(strange('region:north'), status()));
  await send(signMessage(strange('made-up'), status()));
  await send(Buffer.from(JSON.stringify(altered)));
  await send(signMessage(signer, status({ taskId, target: 'south' })));
  await send(Buffer.from('garbage'));
  await send(genuine);
  const wanted = ['BAD_SIGNATURE', 'MALFORMED', 'REPLAYED', 'TARGET_MISMATCH', 'UNKNOWN_KEY', 'UNKNOWN_TASK'];
  const seen = await until('all are in the list', async () => {
    await send(genuine);
    const { items } = await world.must(200, 'GET', '/v1/refused-messages');
    const codes = new Set<string>(items.map(({ code }: { code: string }) => code));
    return wanted.every((code) => codes.has(code)) ? items : undefined;
  });
  const mismatch = seen.find(({ code }: { code: string }) => code === 'TARGET_MISMATCH');
  assert.equal(mismatch.claims, 'south');
  assert.equal(mismatch.keyId, signer.keyId);

  const { items } = await world.must(200, 'GET', '/v1/audit?action=message.receive&limit=200');
  const inLog = new Set(items.map(({ detail }: { detail: { code: string } }) => detail.code));
  for (const code of wanted) assert.ok(inLog.has(code), `${code} is in the audit log`);
  assert.ok(items.every(({ outcome }: { outcome: string }) => outcome === 'refused'));
  assert.equal((await world.must(200, 'GET', '/v1/audit/verify')).ok, true);
  const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
  assert.match(metrics, /messages_rejected_total\{code="TARGET_MISMATCH",region="south"[^}]*\} 1/);
});

test('a region that says what cannot be stored is refused, and the others are heard', async () => {
  const core = { instance: 'core \0', startedAt: '', seal: 'sealed', sealKind: 'test' } as const;
  for (let i = 0; i < 10; i++) await north.report({ core });
  await south.report({ core: { ...core, instance: 'an honest core' } });
  await until('the other is heard', async () => {
    const { items } = await world.must(200, 'GET', '/v1/regions');
    return JSON.stringify(items).includes('an honest core');
  });
  await until('it is in the list', async () => {
    const { items } = await world.must(200, 'GET', '/v1/refused-messages');
    type Item = { code: string; claims: string | null; count: number };
    return items.some(
      ({ code, claims, count }: Item) => code === 'INVALID_BODY' && claims === 'north' && count === 10,
    );
  });
});

test('a signed report of a wrong shape, or from far ahead, is refused and summed up as every other message', async () => {
  const refused = async (code: string): Promise<number> => {
    const { items } = await world.must(200, 'GET', '/v1/refused-messages');
    type Item = { code: string; claims: string | null; keyId: string | null; count: number };
    const { claims, keyId } = { claims: 'south', keyId: south.keyId };
    return (
      items.find((item: Item) => item.code === code && item.claims === claims && item.keyId === keyId)
        ?.count ?? 0
    );
  };
  const { at, ...report } = southsReport();
  for (let i = 0; i < 10; i++) {
    await south.say({ kind: 'manifest', region: 'south', pages: [], i });
    await south.say({ ...report, at, i });
    await south.say({ ...report, at, region: 'north', core: { ...report.core, instance: `core ${i}` } });
    const ahead = new Date(Date.now() + MAX_REPORT_AHEAD_MS + 60_000 + i).toISOString();
    await send(
      signMessage(south.signer, { type: 'report', source: 'south', at: ahead, report: { ...report, at } }),
      reportChannel(),
    );
  }
  await until('all are counted', async () => (await refused('INVALID_BODY')) === 30);
  await until('those from ahead, too', async () => (await refused('CLOCK_AHEAD')) === 10);
});

function southsReport() {
  const at = new Date().toISOString();
  const core = { instance: 'core-1', startedAt: at, seal: 'unsealed', sealKind: 'test' };
  return { region: 'south', at, core, gateways: [], links: [] };
}

test('a flood of them is a few events', async () => {
  const count = async () =>
    Number(
      (await world.query(`SELECT count(*) AS n FROM audit_events WHERE action = 'message.receive'`))[0]?.[
        'n'
      ],
    );
  const before = await count();
  const flooder = strange('flood');
  const flood = 1_000;
  for (let i = 0; i < flood; i++) await send(signMessage(flooder, status({ target: 'south' })));
  await until('all are counted', async () => {
    const { items } = await world.must(200, 'GET', '/v1/refused-messages');
    const found = items.find(({ keyId }: { keyId: string | null }) => keyId === 'flood');
    return found?.count === flood;
  });
  assert.ok((await count()) - before < 20);
});

test('made-up names push no other kind out of the list', async () => {
  await world.query(
    `INSERT INTO refused_messages (code, channel, key_id, claims, count, first_at, last_at)
       SELECT 'UNKNOWN_KEY', 'okcm.status', 'made-up-' || n, 'north', 1, now(), now() + n * interval '1 ms'
         FROM generate_series(1, $1) n`,
    [2 * MAX_REFUSED_KINDS],
  );
  type Item = { code: string; keyId: string | null };
  const list = async (): Promise<Item[]> => (await world.must(200, 'GET', '/v1/refused-messages')).items;
  await send(signMessage(south.signer, status({ target: 'south' })));
  const codes = await until('the list has its length, with all kinds of before', async () => {
    const [{ n } = {}] = await world.query('SELECT count(*) AS n FROM refused_messages');
    return Number(n) === MAX_REFUSED_KINDS && new Set((await list()).map(({ code }) => code));
  });
  for (const code of ['BAD_SIGNATURE', 'MALFORMED', 'REPLAYED', 'TARGET_MISMATCH', 'UNKNOWN_TASK'])
    assert.ok(codes.has(code), code);
  const names = (await list()).map(({ keyId }) => keyId);
  assert.ok(names.includes(`made-up-${2 * MAX_REFUSED_KINDS}`), 'of the made-up ones the latest are left');
});
