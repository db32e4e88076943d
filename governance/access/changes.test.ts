/** Who belongs to a tenant, and how that changes: appointed once by the platform, then by the tenant's own rule alone. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { SignJWT } from 'jose';
import { withClient } from '../../platform/postgres-admin.ts';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { testPki } from '../../testkit/pki.ts';
import { startCmk } from '../cmk.ts';
import { type Answer, until, type World } from '../test-world.ts';

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

test('an identity provider names no approvers', async () => {
  const path = '/v1/tenants/eta';
  await as('olga', 'POST', '/v1/tenants', { id: 'eta', policy: 'four-eyes' });
  assert.equal((await appoint('administrator', 'alice', 'eta')).status, 201);
  await world.must(201, 'POST', `${path}/groups`, { name: 'officers', claim: 'corp:officers' });
  const grant = (role: string) =>
    as('alice', 'POST', `${path}/access-changes`, { change: 'grant', role, group: 'officers' });
  const refused = await grant('approver');
  assert.deepEqual(code(refused), [422, 'APPROVER_BY_CLAIM']);
  assert.match(refused.body.hint, /without a claim/);
  const asked = await grant('auditor');
  assert.equal(asked.body.proposal.state, 'pending');

  // One that was granted earlier makes nobody an approver, nor a tenant that decides for itself.
  await world.query(
    `INSERT INTO role_grants (id, tenant, role, group_name, granted_by)
     VALUES (gen_random_uuid(), 'eta', 'approver', 'officers', 'test')`,
  );
  tokens.set('dora', await provider.tokenOf('dora', { groups: ['officers'] }));
  assert.ok(
    !(await as('dora', 'GET', '/v1/me')).body.tenants.some(
      (each: { tenant: string }) => each.tenant === 'eta',
    ),
  );
  const approval = await as('dora', 'POST', `${path}/proposals/${asked.body.proposal.id}/approve`);
  assert.deepEqual(code(approval), [403, 'FORBIDDEN']);
  for (const name of ['bert', 'cleo']) assert.equal((await appoint('approver', name, 'eta')).status, 201);
});

test('an approval counts while whoever gave it is an approver', async () => {
  const path = '/v1/tenants/theta';
  await world.must(202, 'POST', '/v1/tenants', { id: 'theta' });
  const roles = { alice: 'administrator', bert: 'approver', cleo: 'approver', dora: 'approver' };
  for (const [name, role] of Object.entries(roles))
    await world.must(202, 'POST', `${path}/access-changes`, {
      change: 'grant',
      role,
      principal: `corp:${name}`,
    });
  await world.must(202, 'PUT', `${path}/approval-rules/any`, { approvals: 2 });
  const ask = async (change: object): Promise<string> =>
    (await as('alice', 'POST', `${path}/access-changes`, change)).body.proposal.id;
  const decide = (who: string, id: string, verb = 'approve', body?: object) =>
    as(who, 'POST', `${path}/proposals/${id}/${verb}`, body);
  const state = ({ body }: Answer) => body.proposal?.state ?? body.code;

  const asked = await ask({ change: 'grant', role: 'auditor', principal: 'corp:erik' });
  assert.equal(state(await decide('bert', asked)), 'pending');
  const withdrawal = await ask({ change: 'withdraw', role: 'approver', principal: 'corp:bert' });
  await decide('cleo', withdrawal);
  assert.equal(state(await decide('dora', withdrawal)), 'executed');
  assert.equal(state(await decide('cleo', asked)), 'pending');

  // Of somebody whose role is taken while their request is being let in.
  await withClient({ url: world.config.database.ownerUrl }, async (client) => {
    await client.query(
      `SELECT set_config('okcm.scope', 'platform', false), set_config('okcm.reach', 'system', false)`,
    );
    await client.query('BEGIN');
    await client.query(`SELECT FROM tenants WHERE tenant = 'theta' FOR UPDATE`);
    const deciding = [decide('dora', asked), decide('dora', asked, 'reject', { reason: 'late' })];
    await until('both wait', async () => {
      const [waiting] = await world.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return Number(waiting?.['n']) >= 2;
    });
    await client.query(`DELETE FROM role_grants WHERE tenant = 'theta' AND principal = 'corp:dora'`);
    await client.query('COMMIT');
    for (const answer of await Promise.all(deciding)) assert.deepEqual(code(answer), [403, 'NOT_APPROVER']);
  });
  // Whoever gets the role back has their approval back.
  await world.query(`INSERT INTO role_grants (id, tenant, role, principal, granted_by)
    VALUES (gen_random_uuid(), 'theta', 'approver', 'corp:bert', 'test')`);
  assert.equal(state(await decide('cleo', asked)), 'executed');
});

test('an operator of the platform has a region asked once more that has refused to close a linked tenant', async () => {
  const [north] = world.regions;
  assert.ok(north);
  await world.onboard('gamma');
  await world.must(202, 'POST', '/v1/tenants/gamma/link', { key: 'main' });
  await world.linked('gamma', 'active');
  north.interfere = (kind) =>
    kind === 'UNLINK' ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } } : undefined;
  await world.must(202, 'POST', '/v1/tenants/gamma/block', { reason: 'a court order' });
  const look = async () => (await as('olga', 'GET', '/v1/tenants/gamma')).body;
  await until('north has refused', async () => (await look()).change?.failed === true);
  north.interfere = undefined;
  const retried = await as('olga', 'POST', '/v1/tenants/gamma/retry');
  assert.deepEqual([retried.status, retried.body.change?.failed], [202, false], JSON.stringify(retried.body));
  await until('it is blocked', async () => (await look()).state === 'blocked');
  await world.linked('gamma', 'closed');
});

/** CMK as it runs for customers, on the same database, with a provider that speaks https; and how its operator asks. */
async function production() {
  const pki = await testPki();
  const { certificatePem: cert, privateKeyPem: key } = await pki.server();
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const documents: Record<string, object> = {
    '/jwks': { keys: [{ ...signing.publicKey.export({ format: 'jwk' }), kid: 'test', alg: 'ES256' }] },
  };
  const server = createServer({ cert, key }, ({ url = '' }, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(documents[url])),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  documents['/.well-known/openid-configuration'] = { issuer, jwks_uri: `${issuer}/jwks` };
  const before = getCACertificates();
  setDefaultCACertificates([...before, pki.ca.certificatePem]);
  const cmk = await startCmk({
    ...world.config,
    development: false,
    auth: {
      operators: { principals: ['corp:olga'] },
      issuers: [{ name: 'corp', issuer, audience: OIDC_AUDIENCE }],
    },
  });
  const token = await new SignJWT({ iss: issuer, sub: 'olga', aud: OIDC_AUDIENCE })
    .setProtectedHeader({ alg: 'ES256', kid: 'test' })
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(signing.privateKey);
  return {
    async onboard(tenant: object): Promise<Pick<Answer, 'status' | 'body'>> {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body: JSON.stringify(tenant) };
      const response = await fetch(`${cmk.url}/v1/tenants`, request);
      return { status: response.status, body: JSON.parse(await response.text()) };
    },
    async [Symbol.asyncDispose]() {
      await cmk.close();
      setDefaultCACertificates(before);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('outside development a tenant has four eyes, and no policy that makes do with two', async () => {
  await using cmk = await production();
  const given = await cmk.onboard({ id: 'delta' });
  assert.deepEqual(
    [given.status, given.body.tenant?.policy, given.body.tenant?.quorum],
    [202, 'four-eyes', 2],
  );
  assert.equal((await cmk.onboard({ id: 'zeta', policy: 'four-eyes' })).status, 202);
  const refused = await cmk.onboard({ id: 'epsilon', policy: 'development-quorum-one' });
  assert.deepEqual(
    [refused.status, refused.body.code],
    [422, 'POLICY_REFUSED'],
    JSON.stringify(refused.body),
  );
  assert.equal((await world.call('GET', '/v1/tenants/epsilon')).status, 404);
});
