/** Key configurations and systems over REST: what is primary, what is in use, and what stands on it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import type { World } from '../test-world.ts';

let world: World;
before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  await world.onboard('acme');
  await world.onboard('rival');
  await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'payments' });
  for (const alias of ['spare', 'other'])
    await world.must(201, 'POST', '/v1/tenants/acme/keys', { keystore: 'soft', alias, create: true });
});
after(() => world.close());

const CONFIGURATIONS = '/v1/tenants/acme/key-configurations';
const SYSTEMS = '/v1/tenants/acme/systems';
const configuration = (name: string) => world.must(200, 'GET', `${CONFIGURATIONS}/${name}`);
const system = (name: string) => world.must(200, 'GET', `${SYSTEMS}/${name}`);
const codeOf = async (method: string, path: string, body?: unknown): Promise<string> =>
  (await world.call(method, path, body)).body.code;
const aliases = ({ keys }: { keys: { alias: string }[] }): string[] => keys.map(({ alias }) => alias);

test('a registered key joins a configuration, and the first is its primary key', async () => {
  const view = await configuration('default');
  assert.deepEqual(
    [view.primaryKey, view.state, aliases(view)],
    ['main', 'prepared', ['main', 'other', 'spare']],
  );
  await world.must(201, 'POST', CONFIGURATIONS, { name: 'archive', description: 'cold data' });
  assert.equal((await configuration('archive')).state, 'empty');
  const key = { keystore: 'soft', alias: 'cold', create: true };
  assert.equal(
    await codeOf('POST', '/v1/tenants/acme/keys', { ...key, alias: 'lost', keyConfiguration: 'nowhere' }),
    'KEY_CONFIGURATION_UNKNOWN',
  );
  await world.must(201, 'POST', '/v1/tenants/acme/keys', { ...key, keyConfiguration: 'archive' });
  const archive = await configuration('archive');
  assert.deepEqual([archive.primaryKey, aliases(archive)], ['cold', ['cold']]);
});

test('keys move between configurations, and the primary key is one of them', async () => {
  const moved = await world.must(201, 'POST', CONFIGURATIONS, { name: 'second', keys: ['other'] });
  assert.deepEqual([moved.primaryKey, aliases(moved)], ['other', ['other']]);
  assert.deepEqual(aliases(await configuration('default')), ['main', 'spare']);
  assert.equal(await codeOf('PATCH', `${CONFIGURATIONS}/second`, { primaryKey: 'spare' }), 'KEY_UNKNOWN');
  assert.equal(await codeOf('PATCH', `${CONFIGURATIONS}/second`, { keys: ['nothing'] }), 'KEY_UNKNOWN');
  assert.equal(await codeOf('PATCH', `${CONFIGURATIONS}/second`, {}), 'INVALID_REQUEST');
  assert.equal(await codeOf('POST', CONFIGURATIONS, { name: 'second' }), 'ALREADY_EXISTS');
  const both = await world.must(200, 'PATCH', `${CONFIGURATIONS}/second`, {
    keys: ['other', 'spare'],
    primaryKey: 'spare',
  });
  assert.deepEqual([both.primaryKey, aliases(both)], ['spare', ['other', 'spare']]);
  const back = await world.must(200, 'PATCH', `${CONFIGURATIONS}/second`, { keys: ['other'] });
  assert.deepEqual([back.primaryKey, aliases(back)], ['other', ['other']]);
  await world.must(200, 'PATCH', `${CONFIGURATIONS}/default`, { keys: ['main', 'spare'] });
});

test('a system is pending until every region is linked to the primary key of its configuration', async () => {
  const erp = { name: 'erp', kind: 'SAP S/4HANA', externalId: 'client 100', service: 'payments' };
  const added = await world.must(201, 'POST', SYSTEMS, erp);
  assert.deepEqual([added.state, added.keyConfiguration], ['unlinked', null]);
  assert.equal(await codeOf('POST', SYSTEMS, { ...erp, name: 'copy' }), 'ALREADY_EXISTS');
  assert.equal(await codeOf('POST', SYSTEMS, { ...erp, name: 'x', service: 'none' }), 'SERVICE_UNKNOWN');
  await world.must(201, 'POST', CONFIGURATIONS, { name: 'bare' });
  assert.equal(
    await codeOf('POST', `${SYSTEMS}/erp/link`, { keyConfiguration: 'bare' }),
    'KEY_CONFIGURATION_EMPTY',
  );
  const linked = await world.must(200, 'POST', `${SYSTEMS}/erp/link`, { keyConfiguration: 'default' });
  assert.deepEqual([linked.state, linked.key], ['pending', 'main']);

  await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'main' });
  await world.linked('acme', 'active');
  assert.equal((await system('erp')).state, 'linked');
  const view = await configuration('default');
  assert.deepEqual([view.state, view.systems], ['in-use', 1]);
});

test('the primary key of a configuration in use changes by linking alone', async () => {
  for (const change of [{ primaryKey: 'spare' }, { keys: ['spare'] }])
    assert.equal(await codeOf('PATCH', `${CONFIGURATIONS}/default`, change), 'KEY_CONFIGURATION_IN_USE');
  assert.equal(await codeOf('DELETE', `${CONFIGURATIONS}/default`), 'KEY_CONFIGURATION_IN_USE');
  assert.equal(
    await codeOf('POST', CONFIGURATIONS, { name: 'thief', keys: ['main'] }),
    'KEY_CONFIGURATION_IN_USE',
  );
  assert.equal((await configuration('default')).primaryKey, 'main');
});

test('what nothing stands on can be forgotten; its keys stay', async () => {
  const unlinked = await world.must(200, 'POST', `${SYSTEMS}/erp/unlink`);
  assert.deepEqual([unlinked.state, unlinked.key], ['unlinked', null]);
  await world.must(200, 'PATCH', `${SYSTEMS}/erp`, { service: null });
  await world.must(204, 'DELETE', `${SYSTEMS}/erp`);
  assert.equal(await codeOf('GET', `${SYSTEMS}/erp`), 'SYSTEM_UNKNOWN');
  await world.must(204, 'DELETE', `${CONFIGURATIONS}/second`);
  assert.equal(await codeOf('GET', `${CONFIGURATIONS}/second`), 'KEY_CONFIGURATION_UNKNOWN');
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/keys');
  assert.ok(items.some(({ alias }: { alias: string }) => alias === 'other'));
});

test("another tenant's configurations and systems are not there", async () => {
  await world.must(201, 'POST', SYSTEMS, { name: 'crm', kind: 'crm', externalId: '1' });
  for (const path of ['systems/crm', 'key-configurations/archive'])
    assert.equal((await world.call('GET', `/v1/tenants/rival/${path}`)).status, 404);
  assert.deepEqual((await world.must(200, 'GET', '/v1/tenants/rival/systems')).items, []);
  const { items } = await world.must(200, 'GET', `${SYSTEMS}?kind=crm&search=C`);
  assert.equal(items.length, 1);
});
