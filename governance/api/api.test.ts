/** The REST API as a client meets it: who may call, what is refused and how, and what each resource does. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { createCa, issue } from '../../platform/pki.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type TestPki, testPki } from '../../testkit/pki.ts';
import { CmkError, cmkErrors } from '../errors.ts';
import { keyJobKinds } from '../metrics.ts';
import { TOKEN, until, type World } from '../test-world.ts';
import { toCmkError, toProblem } from './problem.ts';

let world: World;
let pki: TestPki;

before(async () => {
  [world, pki] = await Promise.all([testWorld({ regions: ['north', 'south'] }), testPki('api test')]);
  await world.onboard('acme');
  await world.onboard('rival');
});
after(() => world.close());

const active = (path: string): Promise<unknown> =>
  until(`${path} is active`, async () => (await world.must(200, 'GET', path)).state === 'active');

test('without the token nothing but the OpenAPI document is answered', async () => {
  for (const authorization of ['', 'Bearer ', `Bearer ${TOKEN}x`, TOKEN, `Basic ${TOKEN}`]) {
    const answer = await world.call('GET', '/v1/tenants', undefined, { authorization });
    assert.equal(answer.status, 401);
    assert.equal(answer.body.code, 'UNAUTHENTICATED');
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  assert.equal((await world.call('GET', '/v1/nothing', undefined, { authorization: '' })).status, 401);
  assert.equal((await world.call('GET', '/v1/openapi.json', undefined, { authorization: '' })).status, 200);
});

test('the OpenAPI document tells every route and the problem document', async () => {
  const document = await world.must(200, 'GET', '/v1/openapi.json');
  assert.equal(document.openapi, '3.1.0');
  for (const path of [
    '/v1/regions',
    '/v1/tenants/{tenant}/link',
    '/v1/jobs/{id}/retry',
    '/v1/audit',
    '/v1/status',
  ])
    assert.ok(path in document.paths, path);
  assert.ok('4XX' in document.paths['/v1/tenants'].post.responses);
});

test('every answer has a schema that answers can be written by: none is compiled before it is needed', async () => {
  const { components, paths } = await world.must(200, 'GET', '/v1/openapi.json');
  const compile = SerializerSelector()();
  let compiled = 0;
  for (const [url, methods] of Object.entries<Record<string, { responses: object }>>(paths))
    for (const [method, { responses }] of Object.entries(methods))
      for (const [httpStatus, { content }] of Object.entries(responses))
        for (const { schema } of Object.values<{ schema: object }>(content ?? {})) {
          compile({ method, url, httpStatus, schema: { ...schema, components } });
          compiled++;
        }
  assert.ok(compiled > 200, String(compiled));
});

test('failures are problem documents with code, hint and correlation id', async () => {
  const answer = await world.call('GET', '/v1/tenants/nobody', undefined, {
    'x-correlation-id': 'support-case:7',
  });
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(answer.headers.get('x-correlation-id'), 'support-case:7');
  assert.deepEqual(answer.body, {
    type: 'urn:openkcm:error:tenant-unknown',
    title: cmkErrors.TENANT_UNKNOWN.title,
    status: 404,
    code: 'TENANT_UNKNOWN',
    detail: 'there is no tenant nobody',
    hint: cmkErrors.TENANT_UNKNOWN.hint,
    correlationId: 'support-case:7',
  });
  const odd = await world.call('GET', '/v1/tenants', undefined, { 'x-correlation-id': 'two words' });
  assert.match(odd.headers.get('x-correlation-id') ?? '', /^[0-9a-f-]{36}$/);
});

test('what does not follow the schema is refused, and nothing is coerced or dropped', async () => {
  const refused: [string, string, unknown, number, string][] = [
    ['POST', '/v1/tenants', { id: 'Upper' }, 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants', { id: 7 }, 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants', { id: 'fine', surprise: true }, 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants', {}, 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants', '{"id":', 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants', { id: 'fine', displayName: 'x'.repeat(70_000) }, 413, 'PAYLOAD_TOO_LARGE'],
    ['POST', '/v1/tenants', { id: 'fine', regions: ['atlantis'] }, 404, 'REGION_UNKNOWN'],
    ['GET', '/v1/tenants?limit=201', undefined, 400, 'INVALID_REQUEST'],
    ['GET', '/v1/tenants?cursor=!', undefined, 400, 'INVALID_CURSOR'],
    ['GET', '/v1/jobs?cursor=eA', undefined, 400, 'INVALID_CURSOR'],
    ['GET', '/v1/jobs/not-a-uuid', undefined, 400, 'INVALID_REQUEST'],
    ['GET', '/v1/nothing', undefined, 404, 'ROUTE_UNKNOWN'],
    ['POST', '/v1/tenants/acme/keys', { keystore: 'soft', alias: 'x' }, 400, 'INVALID_REQUEST'],
    ['POST', '/v1/tenants/acme/link', { key: 'none' }, 404, 'KEY_UNKNOWN'],
  ];
  for (const [method, path, body, status, code] of refused) {
    const answer = await world.call(method, path, body);
    assert.deepEqual(
      [answer.status, answer.body?.code],
      [status, code],
      `${method} ${path} ${JSON.stringify(body)?.slice(0, 60)}`,
    );
  }
  const text = await world.call('POST', '/v1/tenants', 'id=fine', { 'content-type': 'text/plain' });
  assert.equal(text.body.code, 'UNSUPPORTED_MEDIA_TYPE');
});

test('an unexpected failure says nothing of its cause', () => {
  const problem = toProblem(toCmkError(new Error('password=hunter2 at 10.0.0.7')), 'c');
  assert.equal(problem.code, 'INTERNAL');
  assert.ok(!JSON.stringify(problem).includes('hunter2'));
  assert.equal(
    toCmkError(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })).code,
    'DATABASE_UNAVAILABLE',
  );
  const error = new CmkError('NOT_LINKED', 'detail');
  assert.equal(toCmkError(error), error);
});

test('the README lists every error code with its status', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const [code, { status }] of Object.entries(cmkErrors))
    assert.match(readme, new RegExp(`^\\| \`${code}\` +\\| ${status} +\\|`, 'm'));
});

test('lists come in pages that neither repeat nor miss anything', async () => {
  for (let i = 0; i < 5; i++)
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name: `service-${i}` });
  const names: string[] = [];
  let path = '/v1/tenants/acme/services?limit=2';
  for (;;) {
    const page = await world.must(200, 'GET', path);
    assert.ok(page.items.length <= 2);
    names.push(...page.items.map((item: { name: string }) => item.name));
    if (page.next === undefined) break;
    path = `/v1/tenants/acme/services?limit=2&cursor=${page.next}`;
  }
  assert.deepEqual(names, ['service-0', 'service-1', 'service-2', 'service-3', 'service-4']);
});

test('services become active in every region and report their version', async () => {
  await until('the services are active', async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services');
    return items.every((item: { state: string }) => item.state === 'active');
  });
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services?limit=1');
  assert.deepEqual(
    items[0].regions.map(({ region, l3Version }: { region: string; l3Version: number }) => [
      region,
      l3Version,
    ]),
    [
      ['north', 1],
      ['south', 1],
    ],
  );
  assert.equal(
    (await world.call('POST', '/v1/tenants/acme/services', { name: 'service-0' })).body.code,
    'ALREADY_EXISTS',
  );
});

test('an application goes to every region; its key belongs to nobody else, whatever the tenant', async () => {
  const client = await pki.client('billing');
  const registration = { name: 'billing', services: ['service-0'], certificate: client.certificatePem };
  const { application, job, warnings } = await world.must(
    202,
    'POST',
    '/v1/tenants/acme/applications',
    registration,
  );
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /^no registered issuer has signed .*CN=billing.*UNTRUSTED_ISSUER/);
  assert.equal(application.state, 'provisioning');
  assert.match(application.certificate.subject, /CN=billing/);
  assert.ok(Date.parse(application.certificate.notAfter) > Date.now());
  await active('/v1/tenants/acme/applications/billing');
  assert.deepEqual(world.regions[0]?.identities.get(application.fingerprint), {
    fingerprint: application.fingerprint,
    role: 'application',
    name: 'billing',
    tenant: 'acme',
    services: ['service-0'],
  });
  assert.equal((await world.must(200, 'GET', `/v1/jobs/${job}`)).state, 'done');

  const again = await world.must(200, 'POST', '/v1/tenants/acme/applications', registration);
  assert.equal(again.job, null);
  await world.must(202, 'POST', '/v1/tenants/rival/services', { name: 'service-0' });
  for (const [tenant, change, code] of [
    ['rival', {}, 'KEY_FINGERPRINT_TAKEN'],
    ['acme', { name: 'other' }, 'KEY_FINGERPRINT_TAKEN'],
    ['acme', { services: ['service-1'] }, 'ALREADY_EXISTS'],
    ['acme', { services: ['nothing'] }, 'SERVICE_UNKNOWN'],
    ['acme', { name: 'bad', certificate: 'no certificate' }, 'INVALID_CERTIFICATE'],
    ['acme', { name: 'bad', certificate: pki.ca.certificatePem }, 'INVALID_CERTIFICATE'],
    ['acme', { name: 'bad', certificate: (await pki.server()).certificatePem }, 'INVALID_CERTIFICATE'],
  ] as const) {
    const answer = await world.call('POST', `/v1/tenants/${tenant}/applications`, {
      ...registration,
      ...change,
    });
    assert.equal(answer.body.code, code, JSON.stringify(change).slice(0, 60));
  }
});

test('a removed application is gone from every region, and its key is free again', async () => {
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/applications');
  const { fingerprint } = items[0];
  const { application } = await world.must(202, 'DELETE', '/v1/tenants/acme/applications/billing');
  assert.equal(application.state, 'removing');
  await until(
    'it is gone',
    async () => (await world.call('GET', '/v1/tenants/acme/applications/billing')).status === 404,
  );
  for (const region of world.regions) assert.ok(!region.identities.has(fingerprint));
  assert.deepEqual(await world.query('SELECT * FROM identities WHERE fingerprint = $1', [fingerprint]), []);
});

test('gateways are registered in their region alone, and can be removed', async () => {
  const gateway = { name: 'gateway-1', certificate: (await pki.both('gateway-1')).certificatePem };
  const { fingerprint } = await world.must(202, 'POST', '/v1/regions/north/gateways', gateway);
  await world.must(200, 'POST', '/v1/regions/north/gateways', gateway);
  assert.equal(
    (await world.call('POST', '/v1/regions/south/gateways', gateway)).body.code,
    'KEY_FINGERPRINT_TAKEN',
  );
  await until('north knows it', async () => world.regions[0]?.identities.has(fingerprint));
  assert.ok(!world.regions[1]?.identities.has(fingerprint));
  await until('CMK knows that', async () => {
    const { items } = await world.must(200, 'GET', '/v1/regions');
    return items[0].gateways[0]?.state === 'active';
  });
  await world.must(202, 'DELETE', '/v1/regions/north/gateways/gateway-1');
  await until(
    'it is gone',
    async () => (await world.must(200, 'GET', '/v1/regions')).items[0].gateways.length === 0,
  );
  await world.must(202, 'POST', '/v1/regions/south/gateways', gateway);
});

test('what every gateway would refuse is refused at registration, and what some may is said', async () => {
  const register = async (certificate: string, name = 'judged') =>
    await world.call('POST', '/v1/tenants/acme/applications', { name, services: ['service-0'], certificate });
  const refused = await register((await pki.server()).certificatePem);
  assert.match(refused.body.detail, /not meant for a client: its extended key usage lacks clientAuth/);

  const root = await createCa({ commonName: 'root', days: 3 });
  const intermediate = await createCa({ commonName: 'intermediate', days: 2, issuer: root });
  const leaf = await issue({ ca: intermediate, commonName: 'leaf', usages: ['client'], days: 1 });
  const warnings = async (): Promise<string[]> => (await register(leaf.certificatePem)).body.warnings;
  assert.match(
    (await warnings())[0] ?? '',
    /signed the certificate of "CN=leaf" \(issuer "CN=intermediate"\)/,
  );
  await world.must(202, 'POST', '/v1/issuers', { certificate: intermediate.certificatePem });
  assert.match((await warnings())[0] ?? '', /signed the certificate of "CN=intermediate"/);
  await world.must(202, 'POST', '/v1/issuers', { certificate: root.certificatePem });
  assert.deepEqual(await warnings(), []);
  await world.must(202, 'DELETE', '/v1/tenants/acme/applications/judged?reason=lost%20laptop');
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=acme&limit=200');
  const removal = items.find(
    ({ action, subject }: { action: string; subject: string }) =>
      action === 'application.remove' && subject === 'application:acme/judged',
  );
  assert.equal(removal?.detail.reason, 'lost laptop');
});

test('issuers go to every region, also to one that is enrolled later', async () => {
  const { fingerprint } = await world.must(202, 'POST', '/v1/issuers', {
    certificate: pki.ca.certificatePem,
  });
  await until('both have it', async () => world.regions.every((region) => region.issuers.has(fingerprint)));
  const { publicKey } = generateKeyPairSync('ed25519');
  const late = {
    name: 'late',
    keyId: 'region:late',
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
  await world.must(201, 'POST', '/v1/regions', late);
  await world.must(200, 'POST', '/v1/regions', late);
  const { items } = await world.must(200, 'GET', `/v1/jobs?entity=issuer:${fingerprint}@late`);
  assert.equal(items.length, 1);
  for (const change of [{ keyId: 'region:other' }, { name: 'thief' }])
    assert.equal(
      (await world.call('POST', '/v1/regions', { ...late, ...change })).body.code,
      'ALREADY_EXISTS',
    );
  const { privateKey } = generateKeyPairSync('ed25519');
  const given = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const answer = await world.call('POST', '/v1/regions', { ...late, name: 'given', publicKey: given });
  assert.equal(answer.body.code, 'INVALID_PUBLIC_KEY');
});

test('a job that failed says why and can be retried; one that goes on can be cancelled, a revocation cannot', async () => {
  const [north] = world.regions;
  assert.ok(north);
  north.interfere = (kind) =>
    kind === 'SERVICE_PROVISION'
      ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } }
      : undefined;
  const { job } = await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'stubborn' });
  const failed = await until('it has failed', async () => {
    const view = await world.must(200, 'GET', `/v1/jobs/${job}`);
    return view.state === 'failed' ? view : undefined;
  });
  assert.equal(failed.tasks[0].error.code, 'INVALID_PAYLOAD');
  const stubborn = async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services?limit=200');
    return items.find((item: { name: string }) => item.name === 'stubborn');
  };
  assert.equal((await stubborn()).state, 'failed');
  north.interfere = undefined;
  await world.must(202, 'POST', `/v1/jobs/${job}/retry`);
  await until('it is active', async () => (await stubborn()).state === 'active');
  const { items: events } = await world.must(200, 'GET', '/v1/audit?tenant=acme&action=job.retry');
  assert.equal(events[0]?.subject, `job:${job}`);
  assert.equal((await world.call('POST', `/v1/jobs/${job}/retry`)).body.code, 'JOB_NOT_RETRYABLE');
  assert.equal((await world.call('POST', `/v1/jobs/${job}/cancel`)).body.code, 'JOB_NOT_CANCELLABLE');

  // The late region has no operator: what it was asked waits.
  const { items } = await world.must(200, 'GET', '/v1/jobs?state=pending&kind=ISSUER_PUT');
  assert.equal((await world.must(202, 'POST', `/v1/jobs/${items[0].id}/cancel`)).state, 'cancelled');
  const gateway = { name: 'lost', certificate: (await pki.both('lost')).certificatePem };
  await world.must(202, 'POST', '/v1/regions/late/gateways', gateway);
  const { job: removal } = await world.must(202, 'DELETE', '/v1/regions/late/gateways/lost');
  assert.equal((await world.call('POST', `/v1/jobs/${removal}/cancel`)).body.code, 'JOB_NOT_CANCELLABLE');
});

test('a late retry brings back no application and no gateway that was removed, nor its old rights', async () => {
  const [north] = world.regions;
  assert.ok(north);
  const refuse = (): void => {
    north.interfere = (kind) =>
      kind === 'IDENTITY_PUT'
        ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } }
        : undefined;
  };
  const failedJob = async (path: string, body: object): Promise<string> => {
    refuse();
    const { job } = await world.must(202, 'POST', path, body);
    await until('it has failed', async () => (await jobState(job)) === 'failed');
    north.interfere = undefined;
    return job;
  };
  const jobState = async (job: string) => (await world.must(200, 'GET', `/v1/jobs/${job}`)).state;
  const gone = async (path: string, isGone: () => Promise<boolean>) => {
    await world.must(202, 'DELETE', path);
    await until(`${path} is gone`, isGone);
  };
  const retried = async (job: string) => {
    const { status, body } = await world.call('POST', `/v1/jobs/${job}/retry`);
    assert.deepEqual([status, body.code], [409, 'JOB_NOT_RETRYABLE']);
    assert.match(body.detail, /passing is not registered any more as this job would register it/);
  };

  const applications = '/v1/tenants/acme/applications';
  const { certificatePem: certificate } = await pki.client('passing');
  const passing = { name: 'passing', services: ['service-0'], certificate };
  const first = await failedJob(applications, passing);
  const { fingerprint } = await world.must(200, 'GET', `${applications}/passing`);
  const noSuch = async () => (await world.call('GET', `${applications}/passing`)).status === 404;
  await gone(`${applications}/passing`, noSuch);
  await retried(first);
  // The same name and key with other rights are another registration.
  const second = await failedJob(applications, { ...passing, services: ['service-1'] });
  await retried(first);
  await world.must(202, 'POST', `/v1/jobs/${second}/retry`);
  await until('it is done', async () => (await jobState(second)) === 'done');
  await gone(`${applications}/passing`, noSuch);
  assert.ok(!north.identities.has(fingerprint));

  const gateways = '/v1/regions/north/gateways';
  const put = await failedJob(gateways, {
    name: 'passing',
    certificate: (await pki.both('g')).certificatePem,
  });
  await gone(`${gateways}/passing`, async () => {
    const { gateways: left } = await world.must(200, 'GET', '/v1/regions/north');
    return left.every(({ name }: { name: string }) => name !== 'passing');
  });
  await retried(put);
});

test('a late retry of a removal takes nothing away that was registered again since', async () => {
  const [north] = world.regions;
  assert.ok(north);
  const applications = '/v1/tenants/acme/applications';
  const { certificatePem: certificate } = await pki.client('returning');
  const returning = { name: 'returning', services: ['service-0'], certificate };
  const jobState = async (job: string) => (await world.must(200, 'GET', `/v1/jobs/${job}`)).state;
  const register = async () => {
    const { job } = await world.must(202, 'POST', applications, returning);
    await until('it is registered', async () => (await jobState(job)) === 'done');
  };
  const remove = async (): Promise<string> =>
    (await world.must(202, 'DELETE', `${applications}/returning`)).job;
  await register();
  const { fingerprint } = await world.must(200, 'GET', `${applications}/returning`);
  north.interfere = (kind) =>
    kind === 'IDENTITY_REMOVE'
      ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } }
      : undefined;
  const first = await remove();
  await until('it has failed', async () => (await jobState(first)) === 'failed');
  north.interfere = undefined;
  await remove();
  await until(
    'it is gone',
    async () => (await world.call('GET', `${applications}/returning`)).status === 404,
  );
  await register();
  const { status, body } = await world.call('POST', `/v1/jobs/${first}/retry`);
  assert.deepEqual([status, body.code], [409, 'JOB_NOT_RETRYABLE']);
  assert.match(body.detail, /registered again since/);
  assert.ok(north.identities.has(fingerprint));
  const second = await remove();
  await until('it is removed', async () => (await jobState(second)) === 'done');
  await world.must(202, 'POST', `/v1/jobs/${first}/retry`);
  await until('what is gone is removed once more', async () => (await jobState(first)) === 'done');
});

test('an answer that breaks its contract is a failure, not a state', async () => {
  const [, south] = world.regions;
  assert.ok(south);
  south.answerInstead = (kind) => (kind === 'SERVICE_PROVISION' ? { done: { l3Version: 'one' } } : undefined);
  await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'odd' });
  const odd = await until('south has answered', async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services?limit=200');
    const found = items.find((item: { name: string }) => item.name === 'odd');
    return found.state === 'failed' ? found : undefined;
  });
  south.answerInstead = undefined;
  assert.equal(odd.regions[1].error, 'INVALID_RESULT');
});

test('a key is the L1 of one tenant only', async () => {
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/keys');
  const { reference } = items[0];
  const answer = await world.call('POST', '/v1/tenants/rival/keys', {
    keystore: 'soft',
    alias: 'theirs',
    reference,
  });
  assert.equal(answer.body.code, 'KEY_BELONGS_TO_OTHER_TENANT');
  const unknown = await world.call('POST', '/v1/tenants/acme/keys', {
    keystore: 'soft',
    alias: 'x',
    reference: 'none',
  });
  assert.equal(unknown.body.code, 'KEY_NOT_USABLE');
});

test('reports show in regions and status; one that speaks for another region is thrown away', async () => {
  await world.regions[0]?.report();
  await world.regions[1]?.report({ region: 'north' });
  await until('north has reported', async () => {
    const { items } = await world.must(200, 'GET', '/v1/regions');
    return items.find((item: { name: string }) => item.name === 'north').stale === false;
  });
  const status = await world.must(200, 'GET', '/v1/status');
  assert.equal(status.broker.healthy, true);
  const byName = new Map(status.regions.map((region: { name: string }) => [region.name, region]));
  const seal = (name: string) => (byName.get(name) as { seal: string }).seal;
  assert.deepEqual([seal('north'), seal('south'), seal('late')], ['unsealed', 'unknown', 'unknown']);
  assert.ok((byName.get('late') as { lagMs: number }).lagMs > 0);
  assert.equal(status.tenants, 2);
});

test('decisions and refusals are in the audit log with who asked, and the chain holds', async () => {
  await world.call('POST', '/v1/tenants/acme/unlink', { reason: 'x' }, { 'x-correlation-id': 'who-asked' });
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=acme&limit=1');
  assert.deepEqual(
    { actor: items[0].actor, action: items[0].action, outcome: items[0].outcome, id: items[0].correlationId },
    { actor: 'ada', action: 'unlink.propose', outcome: 'refused', id: 'who-asked' },
  );
  assert.equal(items[0].detail.code, 'NOT_LINKED');
  await world.call('POST', '/v1/tenants/nobody/unlink', { reason: 'x' });
  assert.deepEqual((await world.must(200, 'GET', '/v1/audit?tenant=nobody')).items, []);
  for (const query of ['', '?tenant=acme', '?tenant=rival'])
    assert.equal((await world.must(200, 'GET', `/v1/audit/verify${query}`)).ok, true);
});

test('health and metrics answer beside the API', async () => {
  const health = await fetch(`${world.healthUrl()}/healthz`);
  assert.equal(health.status, 200);
  assert.equal(((await health.json()) as { component: string }).component, 'cmk');
  const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
  for (const name of ['okcm_cmk_kill_switch_total', 'okcm_cmk_links', 'okcm_orbital_tasks_sent_total'])
    assert.match(metrics, new RegExp(`^${name}`, 'm'));
  // What has not happened yet is 0, not absent.
  for (const kind of keyJobKinds)
    for (const outcome of ['done', 'failed'])
      assert.match(
        metrics,
        new RegExp(`^okcm_cmk_key_jobs_total\\{kind="${kind}",outcome="${outcome}".*\\} 0$`, 'm'),
      );
});
