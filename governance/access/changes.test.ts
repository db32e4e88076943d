/** Who belongs to a tenant, and how that changes: appointed once by the platform, then by the tenant's own rule alone. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { testWorld } from '../test-setup.test.ts';
import type { Answer, World } from '../test-world.ts';

let provider: OidcProvider;
let world: World;
const tokens = new Map<string, string>();

before(async () => {
  provider = await startOidcProvider();
  world = await testWorld({
    regions: ['north'],
    configure: (config) => ({
      ...config,
      auth: {
        ...config.auth,
        issuers: [
          { name: 'corp', issuer: provider.issuer, audience: OIDC_AUDIENCE, loginClientId: OIDC_CLIENT },
        ],
        operators: { principals: ['corp:olga'] },
      },
    }),
  });
  for (const name of ['olga', 'alice', 'bert', 'cleo', 'dora'])
    tokens.set(name, await provider.tokenOf(name));
});
after(async () => {
  await world?.close();
  await provider?.stop();
});

const as = (who: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  world.call(method, path, body, { authorization: `Bearer ${tokens.get(who)}` });
const code = ({ status, body }: Answer): [number, string | undefined] => [status, body?.code];
const appoint = (role: string, name: string, tenant = 'acme') =>
  as('olga', 'POST', `/v1/tenants/${tenant}/appointments`, { role, principal: `corp:${name}` });
const wish = (who: string, change: object) => as(who, 'POST', '/v1/tenants/acme/access-changes', change);
const approve = (who: string, id: string) => as(who, 'POST', `/v1/tenants/acme/proposals/${id}/approve`);

test('the platform onboards a tenant and names its first people, until the tenant decides for itself', async () => {
  assert.equal((await as('olga', 'POST', '/v1/tenants', { id: 'acme', policy: 'four-eyes' })).status, 202);
  assert.deepEqual(code(await appoint('administrator', 'olga')), [403, 'FORBIDDEN']);
  assert.equal((await appoint('administrator', 'alice')).status, 201);
  assert.equal((await appoint('approver', 'bert')).status, 201);
  assert.equal((await appoint('approver', 'cleo')).status, 201);
  assert.deepEqual(code(await appoint('approver', 'dora')), [403, 'FORBIDDEN']);
  const { items } = (await as('alice', 'GET', '/v1/tenants/acme/roles')).body;
  assert.deepEqual(
    items.map(({ role, principal }: { role: string; principal: string }) => `${role} ${principal}`).sort(),
    ['administrator corp:alice', 'approver corp:bert', 'approver corp:cleo'],
  );
});

test('the platform sees the tenant, and none of its keys or decisions', async () => {
  assert.equal((await as('olga', 'GET', '/v1/tenants/acme')).status, 200);
  for (const path of ['keys', 'links', 'proposals', 'services', 'inventory'])
    assert.deepEqual(code(await as('olga', 'GET', `/v1/tenants/acme/${path}`)), [403, 'FORBIDDEN'], path);
  assert.deepEqual(code(await as('olga', 'GET', '/v1/audit?tenant=acme')), [403, 'FORBIDDEN']);
});

test('nobody names people alone: a role takes effect with the approval of others', async () => {
  const asked = await wish('alice', { change: 'grant', role: 'key-administrator', principal: 'corp:dora' });
  assert.equal(asked.status, 202);
  assert.equal(asked.body.proposal.state, 'pending');
  assert.deepEqual(code(await as('dora', 'GET', '/v1/tenants/acme/keys')), [403, 'FORBIDDEN']);
  assert.deepEqual(code(await approve('alice', asked.body.proposal.id)), [403, 'FORBIDDEN']);
  const approvals = [await approve('bert', asked.body.proposal.id)];
  if (approvals[0]?.body.proposal?.state !== 'executed')
    approvals.push(await approve('cleo', asked.body.proposal.id));
  assert.equal(approvals.at(-1)?.body.proposal.state, 'executed');
  assert.equal((await as('dora', 'GET', '/v1/tenants/acme/keys')).status, 200);
});

test('what cannot be carried out is put before nobody', async () => {
  for (const [change, expected] of [
    [{ change: 'grant', role: 'auditor', group: 'none' }, [404, 'ACCESS_GROUP_UNKNOWN']],
    [{ change: 'withdraw', role: 'auditor', principal: 'corp:alice' }, [404, 'ROLE_UNKNOWN']],
    [{ change: 'withdraw', role: 'administrator', principal: 'corp:alice' }, [409, 'LAST_OF_ITS_ROLE']],
    [{ change: 'grant', role: 'king', principal: 'corp:alice' }, [400, 'INVALID_REQUEST']],
    [{ change: 'grant', role: 'auditor', principal: 'two words' }, [400, 'INVALID_REQUEST']],
    [{ change: 'grant', role: 'auditor' }, [400, 'INVALID_REQUEST']],
    [
      { change: 'grant', role: 'auditor', principal: 'corp:alice', group: 'keepers' },
      [400, 'INVALID_REQUEST'],
    ],
  ] as const)
    assert.deepEqual(code(await wish('alice', change)), expected, JSON.stringify(change));
});

test('a group: made, filled, given a role, and not removed while it holds one', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'beta' });
  const path = '/v1/tenants/beta';
  const change = (body: object) => world.call('POST', `${path}/access-changes`, body);
  await world.must(201, 'POST', `${path}/groups`, { name: 'night-shift' });
  assert.deepEqual(code(await world.call('POST', `${path}/groups`, { name: 'night-shift' })), [
    409,
    'ALREADY_EXISTS',
  ]);
  const member = { group: 'night-shift', principal: 'corp:cleo' };
  assert.equal((await change({ change: 'add-member', ...member })).status, 202);
  assert.equal((await change({ change: 'grant', role: 'auditor', group: 'night-shift' })).status, 202);
  assert.deepEqual((await as('cleo', 'GET', '/v1/me')).body.tenants.at(-1), {
    tenant: 'beta',
    roles: ['auditor'],
  });
  assert.deepEqual(code(await change({ change: 'remove-group', group: 'night-shift' })), [
    409,
    'ACCESS_GROUP_IN_USE',
  ]);
  assert.equal((await change({ change: 'withdraw', role: 'auditor', group: 'night-shift' })).status, 202);
  assert.deepEqual((await as('cleo', 'GET', `${path}/keys`)).status, 403);
  assert.equal((await change({ change: 'remove-member', ...member })).status, 202);
  assert.deepEqual(code(await change({ change: 'remove-member', ...member })), [404, 'MEMBER_UNKNOWN']);
  assert.equal((await change({ change: 'remove-group', group: 'night-shift' })).status, 202);
  assert.deepEqual((await world.must(200, 'GET', `${path}/groups`)).items, []);
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=beta&limit=200');
  for (const action of [
    'group.create',
    'access.grant',
    'access.withdraw',
    'access.add-member',
    'access.remove-group',
  ])
    assert.ok(
      items.some((event: { action: string }) => event.action === action),
      action,
    );
});

test('a workspace belongs to one tenant, and a service lives in one workspace', async () => {
  const path = '/v1/tenants/beta';
  for (const name of ['orders', 'billing']) await world.must(202, 'POST', `${path}/services`, { name });
  const linked = { name: 'shop', externalId: 'platform://space/17' };
  await world.must(201, 'POST', `${path}/workspaces`, linked);
  await world.must(201, 'POST', `${path}/workspaces`, { name: 'office' });
  const elsewhere = await world.call('POST', '/v1/tenants/acme/workspaces', { ...linked, name: 'mine' });
  assert.deepEqual(code(elsewhere), [409, 'WORKSPACE_TAKEN']);
  const services = (name: string, list: string[]) =>
    world.call('PUT', `${path}/workspaces/${name}/services`, { services: list });
  assert.deepEqual((await services('shop', ['orders', 'billing'])).body.services, ['billing', 'orders']);
  assert.deepEqual((await services('office', ['billing'])).body.services, ['billing']);
  assert.deepEqual(code(await services('office', ['none'])), [404, 'SERVICE_UNKNOWN']);
  const { items } = await world.must(200, 'GET', `${path}/workspaces`);
  assert.deepEqual(
    items.map(({ name, services: living }: { name: string; services: string[] }) => [name, living]),
    [
      ['office', ['billing']],
      ['shop', ['orders']],
    ],
  );
  await world.must(200, 'DELETE', `${path}/workspaces/shop`);
  await world.must(201, 'POST', '/v1/tenants/acme/workspaces', { ...linked, name: 'mine' });
});
