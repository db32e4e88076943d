/** What the REST API does about those who try it: guessed tokens, text that breaks things further in, paths that lead out. */
import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { until, type World } from '../test-world.ts';

/** Connections of one address. */
const SHARE = 24;

let world: World;

before(async () => {
  world = await testWorld({
    regions: ['north'],
    configure: (config) => ({ ...config, http: { ...config.http, connectionsPerAddress: SHARE } }),
  });
  await world.onboard('acme');
});
after(() => world.close());

test('text that PostgreSQL cannot store, or that would forge a line of a log, is refused', async () => {
  const key = { keystore: 'soft', alias: 'odd' };
  const region = { name: 'odd', keyId: 'region:odd', publicKey: 'x' };
  for (const odd of ['a\0b', 'a\nb', 'a\x1bb', 'a\x7fb', 'a\u2028b', 'a\ud800b']) {
    const refused: [string, string, object | undefined][] = [
      ['POST', '/v1/tenants', { id: 'fine', displayName: odd }],
      ['POST', '/v1/tenants/acme/unlink', { reason: odd }],
      ['POST', '/v1/tenants/acme/keys', { ...key, reference: odd }],
      ['POST', '/v1/keystores', { name: 'odd', kind: 'software', config: { path: odd } }],
      ['POST', '/v1/regions', { ...region, endpoints: { gateway: odd } }],
      ['POST', '/v1/regions', { ...region, publicKey: 'a\0b' }],
      ['POST', '/v1/issuers', { certificate: 'a\0b' }],
      [
        'POST',
        '/v1/tenants/acme/applications',
        { name: 'odd', services: ['service-0'], certificate: 'x', operations: [odd] },
      ],
    ];
    if (odd.isWellFormed()) {
      refused.push(['GET', `/v1/jobs?entity=${encodeURIComponent(odd)}`, undefined]);
      refused.push(['GET', `/v1/jobs?correlationId=${encodeURIComponent(odd)}`, undefined]);
    }
    for (const [method, path, body] of refused) {
      const answer = await world.call(method, path, body);
      assert.deepEqual(
        [answer.status, answer.body?.code],
        [400, 'INVALID_REQUEST'],
        `${method} ${path} ${JSON.stringify(body)}`,
      );
    }
  }
  const cursor = Buffer.from('a\0b').toString('base64url');
  for (const path of ['/v1/tenants', '/v1/keystores', '/v1/jobs', '/v1/audit'])
    assert.equal((await world.call('GET', `${path}?cursor=${cursor}`)).body.code, 'INVALID_CURSOR', path);
  const letters = await world.must(202, 'POST', '/v1/tenants', {
    id: 'letters',
    displayName: 'Zoë 漢字 👩‍🔬',
  });
  assert.equal(letters.tenant.displayName, 'Zoë 漢字 👩‍🔬');
});

test('no text that a client sends goes without a rule for its characters', async () => {
  const document = await world.must(200, 'GET', '/v1/openapi.json');
  const loose: string[] = [];
  const look = (schema: unknown, place: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { type } = schema as { type?: unknown };
    const ruled = ['pattern', 'format', 'enum', 'const'].some((rule) => rule in schema);
    if (type === 'string' && !ruled) loose.push(place);
    for (const [name, part] of Object.entries(schema)) look(part, `${place}/${name}`);
  };
  for (const [path, methods] of Object.entries<Record<string, Record<string, unknown>>>(document.paths))
    for (const [method, { parameters, requestBody }] of Object.entries(methods))
      look({ parameters, requestBody }, `${method} ${path}`);
  assert.deepEqual(loose, []);
});

test('one address has a share of the connections, and not all of them', async () => {
  const { hostname, port } = new URL(world.url());
  let closed = 0;
  const sockets = Array.from({ length: SHARE + 16 }, () =>
    connect(Number(port), hostname)
      .on('error', () => undefined)
      .on('close', () => closed++),
  );
  try {
    // Those that fetch keeps open count as well.
    await until('those beyond it are closed', async () => closed >= 16);
    await delay(200);
    assert.ok(closed < SHARE, `${closed} are closed`);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await until('there is room again', async () =>
    world.call('GET', '/v1/tenants').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

test('no answer is kept by whoever passes it on, nor taken for anything but what it says', async () => {
  for (const [path, headers] of [
    ['/v1/tenants', {}],
    ['/v1/tenants', { authorization: 'Bearer wrong' }],
    ['/v1/login', {}],
    ['/v1/nowhere', {}],
  ] as const) {
    const answer = await world.call('GET', path, undefined, headers);
    assert.equal(answer.headers.get('cache-control'), 'no-store', path);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path);
  }
});

test('a software keystore lies in the configured directory or nowhere', async () => {
  const directory = dirname(world.keystorePath);
  const outside = temporaryDirectory('outside');
  await symlink(outside, join(directory, 'leads-out'));
  for (const path of [
    '/etc/passwd',
    join(outside, 'keys.json'),
    join(directory, '..', 'keys.json'),
    `${directory}-sibling/keys.json`,
    join(directory, 'leads-out', 'keys.json'),
    'keys.json',
    directory,
  ]) {
    const answer = await world.call('POST', '/v1/keystores', {
      name: 'out',
      kind: 'software',
      config: { path },
    });
    assert.deepEqual([answer.status, answer.body.code], [422, 'KEYSTORE_PATH_REFUSED'], path);
  }
  const { items } = await world.must(200, 'GET', '/v1/audit?limit=1');
  assert.deepEqual(
    [items[0].action, items[0].outcome, items[0].detail.code],
    ['keystore.register', 'refused', 'KEYSTORE_PATH_REFUSED'],
  );
  const path = join(directory, 'second.json');
  await world.must(201, 'POST', '/v1/keystores', { name: 'second', kind: 'software', config: { path } });
});

test('failed authentication is in the audit log, counted, and slowed; a good token passes all the same', async () => {
  const refusals = async (): Promise<{ at: string; detail: { count: number; addresses: string[] } }[]> => {
    const { items } = await world.must(200, 'GET', '/v1/audit?limit=200');
    return items.filter((item: { action: string }) => item.action === 'auth.refused');
  };
  const count = async (): Promise<number> =>
    (await refusals()).reduce((sum, { detail }) => sum + detail.count, 0);
  const failures = async (): Promise<number> => {
    const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
    const counters = metrics.matchAll(/^okcm_cmk_authentication_failures_total\{[^}]*\} (\d+)/gm);
    return [...counters].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  // Earlier tests failed to authenticate too: their events are written first.
  await until('those are written', async () => (await count()) === (await failures()));
  const before = await count();
  const answers = [];
  for (let i = 0; i < 100; i++)
    answers.push(await world.call('GET', '/v1/tenants', undefined, { authorization: 'Bearer guess' }));
  assert.equal(answers[0]?.status, 401);
  const slowed = answers.at(-1);
  assert.deepEqual([slowed?.status, slowed?.body.code], [429, 'TOO_MANY_FAILURES']);
  assert.match(slowed?.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
  assert.equal((await world.call('GET', '/v1/tenants')).status, 200);

  await until('every failure is counted', async () => (await count()) - before === 100);
  const events = await refusals();
  assert.ok(events.every(({ detail }) => detail.addresses.includes('127.0.0.1')));
  const times = events.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
  for (const [i, at] of times.entries())
    assert.ok(i === 0 || at - (times[i - 1] ?? 0) >= 900, 'more than one event in a second');
  assert.equal((await world.must(200, 'GET', '/v1/audit/verify')).ok, true);
  assert.match(
    await (await fetch(`${world.healthUrl()}/metrics`)).text(),
    /^okcm_cmk_authentication_failures_total\{[^}]*\} [1-9]\d\d/m,
  );
});

test('failures of the last moment are in the audit log when CMK ends', async () => {
  await world.call('GET', '/v1/tenants', undefined, { authorization: 'Bearer late-guess' });
  const total = async (): Promise<number> => {
    const [row] = await world.query(
      `SELECT coalesce(sum((detail::jsonb ->> 'count')::int), 0)::int AS n FROM audit_events WHERE action = 'auth.refused'`,
    );
    return Number(row?.['n']);
  };
  const before = await total();
  await world.call('GET', '/v1/tenants', undefined, { authorization: 'Bearer late-guess' });
  await world.restart();
  assert.ok((await total()) > before);
});
