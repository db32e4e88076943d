/**
 * Every route × every role × one's own and another's tenant, over REST, with tokens of a real OpenID Connect provider. What is
 * expected stands here in words of its own, by permission; nothing of it is read from the policies.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { until, type World } from '../test-world.ts';

const A = 'administrator';
const K = 'key-administrator';
const U = 'auditor';
const P = 'approver';
const O = 'operator';
const ALL = [A, K, U, P];
const EVERYBODY = [...ALL, O, 'nobody'];

/** Whose it is to do this in a tenant: their own. An operator has none, and stands where any tenant is meant. */
const ofTenant: Readonly<Record<string, readonly string[]>> = {
  'access.appoint': [],
  'access.propose': [A],
  'application.read': ALL,
  'application.register': [A],
  'application.remove': [A],
  'audit.checkpoint': [U],
  'audit.export': [U],
  'audit.read': [U],
  'audit.verify': [U],
  'client.read': ALL,
  'client.register': [A],
  'client.remove': [A],
  'drill.read': ALL,
  'drill.run': [K],
  'drill.stop': [K],
  'group.create': [A],
  'group.read': ALL,
  'inventory.read': ALL,
  'job.read': [...ALL, O],
  'job.retry': [A, K, O],
  'key-configuration.change': [K],
  'key-configuration.create': [K],
  'key-configuration.read': ALL,
  'key-configuration.remove': [K],
  'key.compromise': [K],
  'key.destroy': [K],
  'key.import': [K],
  'key.inspect': [K],
  'key.link': [K],
  'key.prove': [K],
  'key.read': ALL,
  'key.register': [K],
  'key.rotate': [K],
  'key.unlink': [K],
  'keystore.read': ALL,
  'keystore.register': [K],
  'link.read': ALL,
  'notification.configure': [A],
  'notification.read': ALL,
  'notification.retry': [A],
  'proposal.approve': [P],
  'proposal.read': ALL,
  'proposal.reject': [P],
  'proposal.revoke': [A, K],
  'role.read': ALL,
  'rotation.configure': [K],
  'rotation.read': ALL,
  'rule.propose': [A],
  'rule.read': ALL,
  'service.add': [A],
  'service.read': ALL,
  'simulation.read': ALL,
  'simulation.run': [K],
  'system.add': [A],
  'system.change': [A],
  'system.link': [K],
  'system.read': ALL,
  'system.remove': [A],
  'system.unlink': [K],
  'tenant.block': [A],
  'tenant.change': [A],
  'tenant.provision': [O],
  'tenant.read': [...ALL, O],
  'tenant.terminate': [A],
  'tenant.unblock': [A],
  'workspace.change': [A],
  'workspace.create': [A],
  'workspace.read': ALL,
  'workspace.remove': [A],
};

/** The same of what belongs to no tenant. */
const ofInstallation: Readonly<Record<string, readonly string[]>> = {
  'audit.checkpoint': [O],
  'audit.export': [O],
  'audit.read': [O],
  'audit.verify': [O],
  'audit-key.read': EVERYBODY,
  'drift.read': [O],
  'gateway.register': [O],
  'gateway.remove': [O],
  'issuer.read': [O],
  'issuer.register': [O],
  'job.cancel': [O],
  'job.read': [O],
  'job.retry': [O],
  'keystore.read': [O],
  'keystore.register': [O],
  'me.read': EVERYBODY,
  'region.enrol': [O],
  'region-key.rotate': [O],
  'region.read': [O],
  'signing-key.read': [O],
  'signing-key.rotate': [O],
  'status.read': [O],
  'tenant.list': EVERYBODY,
  'tenant.onboard': [O],
};

interface Route {
  readonly method: string;
  /** As OpenAPI writes it. */
  readonly path: string;
  readonly permission: string;
  /** A tenant may stand in its query. */
  readonly narrowed: boolean;
}

interface Operation {
  readonly 'x-permission': string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
}

let provider: OidcProvider;
let world: World;
let routes: Route[];
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
        operators: { groups: ['corp:platform'] },
      },
    }),
  });
  for (const tenant of ['acme', 'rival']) {
    await world.onboard(tenant);
    for (const role of ALL)
      await world.must(202, 'POST', `/v1/tenants/${tenant}/access-changes`, {
        change: 'grant',
        role,
        principal: `corp:${tenant}-${role}`,
      });
  }
  for (const tenant of ['acme', 'rival'])
    for (const role of ALL) tokens.set(`${tenant}-${role}`, await provider.tokenOf(`${tenant}-${role}`));
  tokens.set(O, await provider.tokenOf('olga', { groups: ['platform'] }));
  for (const who of ['nobody', 'visitor', 'passer-by', 'flooder'])
    tokens.set(who, await provider.tokenOf(who));

  const { paths } = await world.must(200, 'GET', '/v1/openapi.json');
  routes = Object.entries<Record<string, Operation>>(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security?.length !== 0)
      .map(([name, operation]) => {
        const method = name.toUpperCase();
        const narrowed =
          operation.parameters?.some((each) => each.in === 'query' && each.name === 'tenant') === true;
        return { method, path, narrowed, permission: operation['x-permission'] };
      }),
  );
});
after(async () => {
  await world?.close();
  await provider?.stop();
});

const UUID = '00000000-0000-4000-8000-000000000000';
const placed = (path: string, tenant: string): string =>
  path
    .replaceAll('{tenant}', tenant)
    .replaceAll('{id}', UUID)
    .replaceAll('{region}', 'north')
    .replaceAll(/\{[^}]+\}/g, 'none-such');

/** True for let in, false for kept out. A body that fits nothing: whoever is let in is told so, and nothing happens. */
async function isLetIn(who: string, method: string, path: string): Promise<boolean> {
  const token = tokens.get(who);
  const body = method === 'GET' || method === 'DELETE' ? undefined : { 'no such field': true };
  const answer = await world.call(method, path, body, {
    authorization: token === undefined ? '' : `Bearer ${token}`,
  });
  if (answer.status === 403) {
    assert.equal(answer.body.code, 'FORBIDDEN', `${who} ${method} ${path}`);
    return false;
  }
  // So often kept out that they are to wait.
  if (answer.body?.code === 'TOO_MANY_FAILURES') return false;
  assert.ok(answer.status < 500 && answer.status !== 401, `${who} ${method} ${path}: ${answer.status}`);
  return true;
}

const inTenant = ({ path }: Route): boolean => path.includes('{tenant}');

test('the walk knows who may what of every route', () => {
  assert.ok(routes.length >= 50, `only ${routes.length} routes`);
  const unknown = routes.filter(
    (route) =>
      (inTenant(route) ? ofTenant : ofInstallation)[route.permission] === undefined ||
      (route.narrowed && ofTenant[route.permission] === undefined),
  );
  assert.deepEqual(unknown, [], 'say in the tables above who may do this');
});

test('route × role × own and other tenant: exactly those who may are let in', async () => {
  const wrong: string[] = [];
  const walk = async (who: string, { method }: Route, path: string, may: boolean): Promise<void> => {
    if ((await isLetIn(who, method, path)) !== may)
      wrong.push(`${who} is ${may ? 'kept out of' : 'let into'} ${method} ${path}`);
  };
  /** As people of both tenants, an operator and a stranger, what is of acme. */
  const walkTenant = (route: Route, path: string): Promise<void>[] => {
    const may = ofTenant[route.permission] ?? [];
    return [
      ...ALL.map((role) => walk(`acme-${role}`, route, path, may.includes(role))),
      ...ALL.map((role) => walk(`rival-${role}`, route, path, false)),
      walk(O, route, path, may.includes(O)),
      walk('nobody', route, path, false),
    ];
  };
  for (const route of routes) {
    const path = placed(route.path, 'acme');
    if (inTenant(route)) {
      await Promise.all(walkTenant(route, path));
      continue;
    }
    const may = ofInstallation[route.permission] ?? [];
    await Promise.all([
      ...ALL.map((role) => walk(`acme-${role}`, route, path, may.includes(role))),
      walk(O, route, path, may.includes(O)),
      walk('nobody', route, path, may.includes('nobody')),
      ...(route.narrowed ? walkTenant(route, `${path}?tenant=acme`) : []),
    ]);
  }
  assert.deepEqual(wrong, []);
});

test('naming one’s own tenant in the query opens nothing that does not ask for one', async () => {
  const wrong: string[] = [];
  for (const route of routes.filter(({ narrowed }) => !narrowed)) {
    const may = inTenant(route) ? [] : (ofInstallation[route.permission] ?? []);
    const path = `${placed(route.path, 'acme')}?tenant=rival`;
    await Promise.all(
      ALL.map(async (role) => {
        if ((await isLetIn(`rival-${role}`, route.method, path)) !== may.includes(role))
          wrong.push(`rival-${role} ${route.method} ${path}`);
      }),
    );
  }
  assert.deepEqual(wrong, []);
});

test('no route takes a query that it does not know', async () => {
  for (const { method, path } of routes) {
    const { status, body } = await world.call(method, `${placed(path, 'acme')}?no-such-query=1`);
    assert.deepEqual([status, body?.code], [400, 'INVALID_REQUEST'], `${method} ${path}`);
  }
});

test('without a credential nothing of the API is answered', async () => {
  for (const { method, path } of routes) {
    const answer = await world.call(method, placed(path, 'acme'), undefined, { authorization: '' });
    assert.ok(answer.status === 401 || answer.status === 429, `${method} ${path}: ${answer.status}`);
  }
});

test('who is let in sees their own tenants, and of a stranger’s not even whether it is there', async () => {
  const as = async (who: string, path: string) =>
    await world.call('GET', path, undefined, { authorization: `Bearer ${tokens.get(who)}` });
  const listed = await as(`acme-${U}`, '/v1/tenants');
  assert.deepEqual(
    listed.body.items.map(({ id }: { id: string }) => id),
    ['acme'],
  );
  assert.deepEqual((await as('nobody', '/v1/tenants')).body.items, []);
  assert.equal((await as(O, '/v1/tenants')).body.items.length, 2);
  const [there, notThere] = [
    await as('visitor', '/v1/tenants/rival'),
    await as('visitor', '/v1/tenants/nowhere'),
  ];
  assert.deepEqual([there.status, notThere.status], [403, 403]);
  assert.equal(there.body.detail.replace('rival', ''), notThere.body.detail.replace('nowhere', ''));
  const me = await as(`acme-${K}`, '/v1/me');
  assert.deepEqual(me.body, {
    principal: `corp:acme-${K}`,
    name: `acme-${K}`,
    person: true,
    duty: null,
    tenants: [{ tenant: 'acme', roles: [K] }],
  });
});

test('a job belongs to the tenant that it is for', async () => {
  const { items } = await world.must(200, 'GET', '/v1/jobs?entity=tenant:acme');
  const path = `/v1/jobs/${items[0].id}`;
  assert.equal(await isLetIn(`acme-${U}`, 'GET', path), true);
  assert.equal(await isLetIn(`rival-${U}`, 'GET', path), false);
  assert.equal(await isLetIn(`acme-${A}`, 'POST', `${path}/retry`), true);
  assert.equal(await isLetIn(`acme-${P}`, 'POST', `${path}/retry`), false);
  // Whoever runs the platform helps it along, and does not take it back.
  assert.equal(await isLetIn(O, 'POST', `${path}/retry`), true);
  assert.equal(await isLetIn(O, 'POST', `${path}/cancel`), false);
  // Whoever belongs to another tenant gets no nearer by naming that one.
  for (const [role, method, verb] of [
    [U, 'GET', ''],
    [A, 'POST', '/retry'],
    [A, 'POST', '/cancel'],
  ] as const)
    assert.equal(await isLetIn(`rival-${role}`, method, `${path}${verb}?tenant=rival`), false, verb);
});

test('who is kept out stands in the audit log: one’s own people in the tenant’s, strangers in the platform’s', async () => {
  const newcomer = { change: 'grant', role: U, principal: 'corp:newcomer' };
  await world.must(202, 'POST', '/v1/tenants/acme/access-changes', newcomer);
  tokens.set('newcomer', await provider.tokenOf('newcomer'));
  await isLetIn('newcomer', 'POST', '/v1/tenants/acme/unlink');
  await isLetIn('passer-by', 'GET', '/v1/tenants/acme/keys');
  const last = async (actor: string, query: string) => {
    const { items } = await world.must(200, 'GET', `/v1/audit?limit=20${query}`);
    return items.find((event: { actor: string }) => event.actor === actor);
  };
  const inside = await last('corp:newcomer', '&tenant=acme');
  assert.deepEqual(
    [inside.action, inside.outcome, inside.detail.code],
    ['unlink.propose', 'refused', 'FORBIDDEN'],
  );
  const outside = await until('it is in the log', () => last('corp:passer-by', ''));
  assert.deepEqual([outside.action, outside.subject], ['key.read', 'GET /v1/tenants/acme/keys']);
});

test('a stranger who asks again and again is told to wait, and does not fill the audit log', async () => {
  const answers = [];
  for (let i = 0; i < 60; i++)
    answers.push(
      await world.call('DELETE', '/v1/tenants/acme/workspaces/none', undefined, {
        authorization: `Bearer ${tokens.get('flooder')}`,
      }),
    );
  assert.deepEqual([answers[0]?.status, answers[0]?.body.code], [403, 'FORBIDDEN']);
  const slowed = answers.find(({ status }) => status !== 403);
  assert.deepEqual([slowed?.status, slowed?.body.code], [429, 'TOO_MANY_FAILURES']);
  assert.match(slowed?.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
  assert.equal(await isLetIn('flooder', 'GET', '/v1/tenants'), true);
  const counts = await until('every refusal is counted', async () => {
    const { items } = await world.must(200, 'GET', '/v1/audit?limit=200&actor=corp:flooder');
    const seen = items.map(({ detail }: { detail: { count: number } }) => detail.count);
    return seen.reduce((sum: number, count: number) => sum + count, 0) === 60 && seen;
  });
  assert.ok(counts.length < 10, `${counts.length} events`);
  assert.equal((await world.must(200, 'GET', '/v1/audit/verify')).ok, true);
});

test('a role that is taken away is gone with the next request', async () => {
  const change = (what: string) =>
    world.must(202, 'POST', '/v1/tenants/acme/access-changes', {
      change: what,
      role: U,
      principal: 'corp:temporary',
    });
  tokens.set('temporary', await provider.tokenOf('temporary'));
  await change('grant');
  assert.equal(await isLetIn('temporary', 'GET', '/v1/audit?tenant=acme'), true);
  await change('withdraw');
  assert.equal(await isLetIn('temporary', 'GET', '/v1/audit?tenant=acme'), false);
});
