// The double of OpenBao's KV engine does what the engine's documentation and source say.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startOpenBaoKv, type TestOpenBaoKv } from './openbao-kv.ts';
import { parsePolicy } from './openbao-policy.ts';

let engine: TestOpenBaoKv;
before(async () => {
  engine = await startOpenBaoKv();
});
after(() => engine.close());
beforeEach(() => engine.mount('kv'));

const put = (value: string, cas?: number) =>
  engine.admin('POST', 'kv/data/a/b', {
    data: { value },
    ...(cas === undefined ? {} : { options: { cas } }),
  });
const get = (query = '') => engine.admin('GET', `kv/data/a/b${query}`);
const complaint = ({ body }: { body: unknown }): string => (body as { errors: string[] }).errors[0] ?? '';
const dataOf = ({ body }: { body: unknown }) => (body as { data: Record<string, unknown> }).data;

async function ask(token: string, method: string, path: string, body?: object, namespace?: string) {
  const headers = {
    'x-vault-token': token,
    ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
  };
  const response = await fetch(`${engine.url}/v1/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
}

test('a missing secret is a 404 with no complaint, a missing engine one with a complaint', () => {
  assert.deepEqual(get(), { status: 404, body: { errors: [] } });
  assert.match(complaint(engine.admin('GET', 'nowhere/data/a')), /no handler for route/);
  engine.admin('POST', 'kv/metadata/a/b', { max_versions: 1 });
  assert.deepEqual(get(), { status: 404, body: { errors: [] } });
});

test('check-and-set: 0 creates, a number replaces that version, none is refused where it is required', () => {
  assert.equal(dataOf(put('one', 0))['version'], 1);
  assert.match(complaint(put('other', 0)), /^check-and-set parameter did not match the current version$/);
  assert.equal(dataOf(put('two', 1))['version'], 2);
  assert.equal(dataOf(put('three'))['version'], 3);
  engine.admin('POST', 'kv/metadata/a/b', { cas_required: true });
  assert.match(complaint(put('four')), /^check-and-set parameter required for this call$/);
  assert.deepEqual(dataOf(get())['data'], { value: 'three' });
});

test('ten versions are kept, or as many as the key says, or the mount if that is more', () => {
  for (let i = 1; i <= 12; i++) put(`value ${i}`);
  assert.equal(engine.storedTexts('kv', 'a/b').length, 10);
  engine.admin('POST', 'kv/metadata/a/b', { max_versions: 1 });
  put('value 13');
  assert.deepEqual(engine.storedTexts('kv', 'a/b'), ['{"value":"value 13"}']);
  engine.admin('POST', 'kv/config', { max_versions: 3 });
  for (let i = 14; i <= 20; i++) put(`value ${i}`);
  assert.equal(engine.storedTexts('kv', 'a/b').length, 3);
  assert.equal(get('?version=17').status, 404);
  assert.deepEqual(dataOf(get('?version=18'))['data'], { value: 'value 18' });
});

test('a deleted version is a 404 that says so, still counts, and comes back; a destroyed one does not', () => {
  put('one');
  engine.admin('DELETE', 'kv/data/a/b');
  const deleted = dataOf(get())['metadata'] as Record<string, unknown>;
  assert.equal(get().status, 404);
  assert.ok(deleted['deletion_time'] !== '' && deleted['destroyed'] === false);
  assert.equal(put('again', 0).status, 400);
  engine.admin('POST', 'kv/undelete/a/b', { versions: [1] });
  assert.deepEqual(dataOf(get())['data'], { value: 'one' });
  engine.admin('PUT', 'kv/destroy/a/b', { versions: [1] });
  engine.admin('POST', 'kv/undelete/a/b', { versions: [1] });
  assert.equal(get().status, 404);
  assert.deepEqual(engine.storedTexts('kv', 'a/b'), []);
  engine.admin('DELETE', 'kv/metadata/a/b');
  assert.equal(dataOf(put('new', 0))['version'], 1);
});

test('what a mount deletes by the clock has a time of deletion from the start', () => {
  engine.admin('POST', 'kv/config', { delete_version_after: '3600s' });
  assert.notEqual(dataOf(put('one'))['deletion_time'], '');
  assert.equal(get().status, 200);
});

test('its bounds: an entry of 1 MiB, a thousand strings in a request', () => {
  assert.match(complaint(put('x'.repeat(1024 * 1024))), /too large/);
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`name ${i}`, `value ${i}`]));
  assert.equal(engine.admin('POST', 'kv/data/a/b', { data: many }).status, 400);
});

test('tokens: unknown and foreign paths are refused, and creating is not updating', async () => {
  const token = engine.issueToken('path "kv/data/+/b" { capabilities = ["create", "read"] }');
  assert.equal((await ask('s.unknown', 'GET', 'kv/data/a/b')).status, 403);
  assert.equal((await ask(token, 'GET', 'kv/data/a/c')).status, 403);
  assert.equal((await ask(token, 'GET', 'kv/data/a/b')).status, 404);
  assert.equal((await ask(token, 'POST', 'kv/data/a/b', { data: {} })).status, 200);
  assert.equal((await ask(token, 'POST', 'kv/data/a/b', { data: {} })).status, 403);
  engine.mount('kv', { namespace: 'team' });
  assert.equal((await ask(token, 'GET', 'kv/data/a/b', undefined, 'team')).status, 403);
  const inTeam = engine.issueToken('path "team/kv/*" { capabilities = ["read"] } # all of it');
  assert.equal((await ask(inTeam, 'GET', 'kv/data/a/b', undefined, 'team')).status, 404);
  assert.throws(() => parsePolicy('path "x" { capabilities = ["read"] } and more'), /no policy/);
});
