/** Requests that may come twice, late or at the same time: Idempotency-Key, ETag, If-Match. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { SECOND_TOKEN, until, type World } from '../test-world.ts';

let world: World;
before(async () => {
  world = await testWorld({ regions: ['north'] });
  for (const id of ['acme', 'rival']) await world.must(202, 'POST', '/v1/tenants', { id, provision: false });
});
after(() => world.close());

const SYSTEMS = '/v1/tenants/acme/systems';
const system = (name: string) => ({ name, kind: 'erp', externalId: name });
const add = (key: string, name: string, headers: Record<string, string> = {}, path = SYSTEMS) =>
  world.call('POST', path, system(name), { 'idempotency-key': key, ...headers });
const additions = async (name: string): Promise<number> => {
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=acme&limit=200');
  return items.filter(
    ({ action, subject, outcome }: Record<string, string>) =>
      action === 'system.add' && subject === `system:acme/${name}` && outcome === 'accepted',
  ).length;
};

test('a request that is repeated with its key is carried out once, and answered alike', async () => {
  const first = await add('key-1', 'first');
  assert.equal(first.status, 201);
  assert.equal(first.headers.get('idempotency-replayed'), null);
  const second = await add('"key-1"', 'first');
  assert.deepEqual([second.status, second.body], [201, first.body]);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.match(second.headers.get('content-type') ?? '', /^application\/json/);
  assert.equal(await additions('first'), 1);
});

test('a key stands for one request, of one principal, for one tenant', async () => {
  assert.equal((await add('key-2', 'second')).status, 201);
  const other = await add('key-2', 'another');
  assert.deepEqual([other.status, other.body.code], [422, 'IDEMPOTENCY_KEY_REUSED']);
  const bob = await add('key-2', 'of-bob', { authorization: `Bearer ${SECOND_TOKEN}` });
  assert.equal(bob.status, 201);
  assert.equal((await add('key-2', 'second', {}, '/v1/tenants/rival/systems')).status, 201);
  for (const key of ['', 'two words', 'x'.repeat(129), '"open'])
    assert.equal((await add(key, 'never')).body.code, 'INVALID_REQUEST', key);
});

test('what was refused changed nothing, and frees its key', async () => {
  const taken = await add('key-3', 'first');
  assert.equal(taken.body.code, 'ALREADY_EXISTS');
  assert.equal((await add('key-3', 'third')).status, 201);
});

test('of many at the same time one is carried out', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => add('key-4', 'fourth')));
  for (const { status, body, headers } of answers) {
    if (status === 201) continue;
    assert.deepEqual([status, body.code], [409, 'IDEMPOTENCY_KEY_BUSY']);
    assert.ok(Number(headers.get('retry-after')) > 0);
  }
  assert.ok(answers.some(({ status }) => status === 201));
  assert.equal(await additions('fourth'), 1);
});

test('a change whose answer was never kept is not made again', async () => {
  // As a crash between the commit and the answer leaves it: the change is made, and what was answered is not known.
  await world.query(`
    CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'crash'; END $$;
    CREATE TRIGGER crash BEFORE UPDATE OF status ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION crash()`);
  const made = await add('key-5', 'fifth', { 'x-correlation-id': 'the-first-try' });
  assert.equal(made.status, 201);
  await world.query('DROP TRIGGER crash ON idempotency_keys');
  await world.must(204, 'DELETE', `${SYSTEMS}/fifth`);
  assert.equal((await add('key-5', 'fifth')).body.code, 'IDEMPOTENCY_KEY_BUSY');
  await world.query(
    `UPDATE idempotency_keys SET claimed_until = now() - interval '1 second' WHERE key = 'key-5'`,
  );
  const again = await add('key-5', 'fifth');
  assert.deepEqual([again.status, again.body.code], [409, 'IDEMPOTENT_ANSWER_LOST']);
  assert.match(again.body.detail, /the-first-try/);
  assert.equal((await world.call('GET', `${SYSTEMS}/fifth`)).body.code, 'SYSTEM_UNKNOWN');
});

test('a request whose process died before its change is taken over, after a while', async () => {
  await add('key-6', 'sixth');
  await world.must(204, 'DELETE', `${SYSTEMS}/sixth`);
  const asBefore = `UPDATE idempotency_keys SET status = NULL, answer = NULL, carried_out = false, claimed_until = `;
  await world.query(`${asBefore} now() + interval '1 minute' WHERE key = 'key-6'`);
  assert.equal((await add('key-6', 'sixth')).body.code, 'IDEMPOTENCY_KEY_BUSY');
  await world.query(`${asBefore} now() - interval '1 second' WHERE key = 'key-6'`);
  assert.equal((await add('key-6', 'sixth')).status, 201);
});

test('whoever was too slow, and was taken over, changes nothing any more', async () => {
  await world.query(`
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON systems FOR EACH ROW WHEN (NEW.name = 'slow') EXECUTE FUNCTION dawdle()`);
  const slow = add('key-slow', 'slow');
  await until('it has begun', async () => {
    const rows = await world.query(
      `UPDATE idempotency_keys SET claimed_until = now() - interval '1 second' WHERE key = 'key-slow' RETURNING key`,
    );
    return rows.length === 1;
  });
  const second = await add('key-slow', 'slow');
  assert.deepEqual([(await slow).body.code, second.status], ['IDEMPOTENCY_KEY_BUSY', 201]);
  assert.equal(await additions('slow'), 1);
});

test('a principal has a bounded number of keys, and those that expire are free again', async () => {
  await world.query(`
    INSERT INTO idempotency_keys (tenant, principal, key, request, claim, claimed_until, correlation_id, expires_at)
      SELECT 'acme', 'ada', 'many-' || n, '', gen_random_uuid(), now(), '', now() + interval '1 hour'
        FROM generate_series(1, 1000) n`);
  assert.equal((await add('key-7', 'seventh')).body.code, 'LIMIT_REACHED');
  assert.equal((await add('key-1', 'first')).status, 201, 'one that is there is still answered');
  await world.query(`DELETE FROM idempotency_keys WHERE key LIKE 'many-%'`);
  await world.query(
    `UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'key-1'`,
  );
  assert.equal((await add('key-1', 'seventh')).status, 201, 'an expired key stands for nothing any more');
});

test('the tenant that a request makes is made once', async () => {
  const headers = { 'idempotency-key': 'onboarding' };
  const body = { id: 'once', provision: false };
  const first = await world.call('POST', '/v1/tenants', body, headers);
  assert.equal(first.status, 202);
  assert.deepEqual((await world.call('POST', '/v1/tenants', body, headers)).body, first.body);
});

test('a thing that has not changed is not sent again', async () => {
  const first = await world.call('GET', '/v1/tenants/acme');
  const etag = first.headers.get('etag') ?? '';
  assert.match(etag, /^"[A-Za-z0-9_-]{22}"$/);
  const same = await world.call('GET', '/v1/tenants/acme', undefined, {
    'if-none-match': `"other", ${etag}`,
  });
  assert.deepEqual([same.status, same.body, same.headers.get('etag')], [304, undefined, etag]);
  const changed = await world.call('PATCH', '/v1/tenants/acme', { displayName: 'Acme & Co' });
  assert.deepEqual([changed.status, changed.body.displayName], [200, 'Acme & Co']);
  assert.notEqual(changed.headers.get('etag'), etag);
  const then = await world.call('GET', '/v1/tenants/acme', undefined, { 'if-none-match': etag });
  assert.deepEqual([then.status, then.body.displayName], [200, 'Acme & Co']);
});

test('a change happens to what its sender has looked at, or not at all', async () => {
  const { headers } = await world.call('GET', '/v1/tenants/rival');
  const seen = { 'if-match': headers.get('etag') ?? '' };
  const rename = (displayName: string, conditions: Record<string, string>) =>
    world.call('PATCH', '/v1/tenants/rival', { displayName }, conditions);
  const both = await Promise.all([rename('One', seen), rename('Two', seen)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
  const lost = both.find(({ status }) => status === 412);
  assert.equal(lost?.body.code, 'REVISION_DIFFERS');
  assert.equal((await rename('Three', seen)).status, 412);
  assert.equal((await rename('Four', { 'if-match': '*' })).status, 200);
  const stale = await world.call('DELETE', `${SYSTEMS}/first`, undefined, { 'if-match': '"of-yore"' });
  assert.equal(stale.status, 412);
  const looked = await world.call('GET', `${SYSTEMS}/first`);
  const removed = await world.call('DELETE', `${SYSTEMS}/first`, undefined, {
    'if-match': looked.headers.get('etag') ?? '',
  });
  assert.equal(removed.status, 204);
});
