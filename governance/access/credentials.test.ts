/**
 * Who is let in as whom: tokens of a real OpenID Connect provider and what is wrong with others, machines with certificates,
 * and the provider that a development installation brings along.
 */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { logIn, logInForDevelopment, logInMachine } from '../../cli/access/login.ts';
import { createLogger } from '../../platform/log.ts';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { pemFiles, type TestPki, testPki } from '../../testkit/pki.ts';
import { type RunningCmk, startCmk } from '../cmk.ts';
import { type Answer, SECOND_TOKEN, TOKEN, type World } from '../test-world.ts';

const MACHINE_SECRET = 'the-secret-of-the-pipeline-itself';
const PASSWORD = 'a-password-for-development';
const quiet = createLogger({ name: 'cmk-test', level: 'silent' });

let provider: OidcProvider;
let world: World;
let pki: TestPki;
/** The same installation on a port that speaks TLS. */
let secure: RunningCmk;
let machine: KeyAndCertificate;

before(async () => {
  [provider, pki] = await Promise.all([
    startOidcProvider({ machines: { pipeline: MACHINE_SECRET }, groups: { alice: ['key-people'] } }),
    testPki('access test'),
  ]);
  machine = await pki.client('backup');
  const people = join(temporaryDirectory('people'), 'people.json');
  const known = {
    people: [{ name: 'bob', password: PASSWORD, groups: ['reviewers'] }],
    machines: [{ name: 'robot', secret: PASSWORD }],
  };
  await writeFile(people, JSON.stringify(known), { mode: 0o600 });
  world = await testWorld({
    regions: ['north'],
    configure: (config) => ({
      ...config,
      auth: {
        ...config.auth,
        developmentIssuer: people,
        issuers: [
          {
            name: 'corp',
            issuer: provider.issuer,
            audience: OIDC_AUDIENCE,
            loginClientId: OIDC_CLIENT,
            people: { clients: ['web'] },
          },
        ],
      },
    }),
  });
  await world.onboard('acme');
  const files = await pemFiles(await pki.server(), pki.ca);
  const tls = { cert: files.certFile, key: files.keyFile, ca: files.caFile };
  secure = await startCmk({ ...world.config, http: { ...world.config.http, tls } }, { logger: quiet });
});
after(async () => {
  await secure?.close();
  await world?.close();
  await provider?.stop();
});

const me = (token: string): Promise<Answer> =>
  world.call('GET', '/v1/me', undefined, { authorization: `Bearer ${token}` });

/** Over TLS, with a certificate or without. */
function overTls(
  path: string,
  client?: KeyAndCertificate,
  token?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: { code?: string; principal?: string } }> {
  return new Promise((resolve, reject) => {
    const headers = { ...more, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const identity = client === undefined ? {} : { cert: client.certificatePem, key: client.privateKeyPem };
    const options = {
      ca: pki.ca.certificatePem,
      headers,
      agent: false,
      servername: 'localhost',
      ...identity,
    };
    request(new URL(path, secure.url), options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    })
      .on('error', reject)
      .end();
  });
}

const change = (wish: object): Promise<unknown> =>
  world.must(202, 'POST', '/v1/tenants/acme/access-changes', wish);

test('a person logs in at the provider by the device flow, and is who the provider says', async () => {
  await world.must(201, 'POST', '/v1/tenants/acme/groups', { name: 'keepers', claim: 'corp:key-people' });
  await change({ change: 'grant', role: 'key-administrator', group: 'keepers' });
  let shown: Promise<unknown> = Promise.resolve();
  const session = await logIn(world.url(), { provider: 'corp', scope: 'openid cmk' }, (address) => {
    shown = provider.browse(address, 'alice');
  });
  await shown;
  const { body } = await me(session.token);
  assert.deepEqual(body, {
    principal: 'corp:alice',
    name: 'alice',
    person: true,
    duty: null,
    tenants: [{ tenant: 'acme', roles: ['key-administrator'] }],
  });
  assert.ok(Date.parse(session.expiresAt) > Date.now());
});

test('a person logs in through a browser, which comes back to the command', async () => {
  let shown: Promise<unknown> = Promise.resolve();
  const session = await logIn(
    world.url(),
    { provider: 'corp', browser: true, scope: 'openid cmk' },
    (address) => {
      shown = provider.browse(address, 'alice');
    },
  );
  await shown;
  assert.equal((await me(session.token)).body.principal, 'corp:alice');
});

test('a machine gets a token by client credentials, and is known as a machine', async () => {
  const session = await logInMachine(world.url(), {
    provider: 'corp',
    clientId: 'pipeline',
    secret: MACHINE_SECRET,
  });
  const { body } = await me(session.token);
  assert.deepEqual([body.principal, body.person], ['corp:pipeline', false]);
  await assert.rejects(
    logInMachine(world.url(), { provider: 'corp', clientId: 'pipeline', secret: 'guess' }),
    { code: 'LOGIN_FAILED' },
  );
});

test('a token that is not for us, not fresh, or not the provider’s lets nobody in', async () => {
  const now = Math.floor(Date.now() / 1000);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = (claims: object, alg = 'ES256', key: Parameters<SignJWT['sign']>[0] = privateKey) =>
    new SignJWT({
      iss: provider.issuer,
      sub: 'alice',
      aud: OIDC_AUDIENCE,
      iat: now,
      exp: now + 60,
      ...claims,
    })
      .setProtectedHeader({ alg, kid: 'test' })
      .sign(key);
  const good = await provider.tokenOf('alice');
  assert.equal((await me(good)).status, 200);
  for (const type of ['JWT', 'application/at+jwt'])
    assert.equal((await me(await provider.tokenOf('alice', { type }))).status, 200, type);
  const [head = '', body = '', signature = ''] = good.split('.');
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  const secret = publicKey.export({ type: 'spki', format: 'der' });
  for (const [what, token] of [
    ['another audience', await provider.tokenOf('alice', { audience: 'https://other.test' })],
    ['another key', await forged({})],
    ['another issuer', await forged({ iss: 'https://other.test' })],
    ['no issuer', await forged({ iss: undefined })],
    ['a symmetric algorithm', await forged({}, 'HS256', secret)],
    ['no signature', `${unsigned}.${body}.`],
    ['a changed byte', `${head}.${body}.${signature.slice(0, -2)}AA`],
    ['half of it', good.slice(0, good.length / 2)],
    ['nothing', '.'],
    ['far too much', 'x'.repeat(9_000)],
    ['a subject that is none', await provider.tokenOf('two words')],
    [
      'bound to a certificate that was not shown',
      await provider.tokenOf('alice', { certificate: 'x'.repeat(43) }),
    ],
    ['an ID token', await provider.tokenOf('alice', { claims: { nonce: 'n-0S6' } })],
    [
      'an ID token of the code flow',
      await provider.tokenOf('alice', { claims: { at_hash: 'x'.repeat(22) } }),
    ],
    ['an ID token of Keycloak', await provider.tokenOf('alice', { type: 'JWT', claims: { typ: 'ID' } })],
    ['of another type', await provider.tokenOf('alice', { type: 'logout+jwt' })],
    ['bound to a key in a way that is not served', await provider.tokenOf('alice', { jkt: 'x'.repeat(43) })],
  ] as const) {
    const answer = await me(token);
    assert.deepEqual([answer.status, answer.body.code], [401, 'UNAUTHENTICATED'], what);
    if (token.length > 40) assert.ok(!JSON.stringify(answer.body).includes(token.slice(0, 40)), what);
  }
});

test('a token is a person’s only where a client of people holds it and nothing in it says otherwise', async () => {
  const personOf = async (claims: object, client?: string): Promise<unknown> =>
    (await me(await provider.tokenOf('4711', { claims: { ...claims }, ...(client && { client }) }))).body
      .person;
  assert.equal(await personOf({}), true);
  assert.equal(await personOf({ azp: 'web', client_id: undefined }), true);
  for (const [what, claims, client] of [
    ['of a client that is not of people', {}, 'pipeline'],
    ['of Keycloak', { azp: 'batch', client_id: 'batch', preferred_username: 'service-account-batch' }],
    ['of Keycloak, of a client that has both', { azp: 'web', preferred_username: 'service-account-web' }],
    ['of Auth0', { sub: 'web@clients', azp: 'web', gty: 'client-credentials', client_id: undefined }],
    ['of Okta', { sub: 'web', cid: 'web', client_id: undefined }],
    ['of Entra', { azp: 'web', client_id: undefined, oid: '4711' }],
    ['of Entra, which says so', { azp: 'web', client_id: undefined, idtyp: 'app' }],
    ['of somebody who acts for another', { act: { sub: 'robot' } }],
    ['of two clients', { azp: 'batch' }],
    ['of no client at all', { client_id: undefined }],
  ] as const)
    assert.equal(await personOf(claims, client), false, what);
});

test('a machine with every role of a tenant proposes, and approves nothing', async () => {
  const { principal } = (await me(await provider.tokenOf('batch', { client: 'pipeline' }))).body;
  for (const role of ['administrator', 'approver'])
    await world.must(202, 'POST', '/v1/tenants/acme/access-changes', { change: 'grant', role, principal });
  const approve = async (client?: string): Promise<Answer> =>
    await world.call(
      'POST',
      `/v1/tenants/acme/proposals/${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}/approve`,
      {},
      {
        authorization: `Bearer ${await provider.tokenOf('batch', client === undefined ? {} : { client })}`,
      },
    );
  assert.deepEqual(
    [(await approve('pipeline')).body.code, (await approve()).body.code],
    ['FORBIDDEN', 'PROPOSAL_UNKNOWN'],
  );
});

test('an expired token is refused', async () => {
  const token = await provider.tokenOf('alice', { lifetimeS: -60 }).catch(() => undefined);
  // The provider may refuse to make one: then nothing of the kind can reach us from it.
  if (token !== undefined) assert.equal((await me(token)).status, 401);
});

test('a provider that does not answer is no verdict on the token, and is not asked again at once', async () => {
  const token = await provider.tokenOf('alice');
  await provider.stop();
  await world.restart();
  for (let i = 0; i < 3; i++) {
    const answer = await me(token);
    assert.deepEqual([answer.status, answer.body.code], [503, 'ISSUER_UNAVAILABLE']);
  }
  // Whoever has another credential is not concerned.
  assert.equal((await world.call('GET', '/v1/me')).body.principal, 'ada');
  await provider.start();
});

test('a machine with a registered certificate is let in, and with none, another’s or a removed one it is not', async () => {
  const register = { name: 'backup', certificate: machine.certificatePem };
  assert.deepEqual((await overTls('/v1/me', machine)).status, 401);
  const { principal } = await world.must(201, 'POST', '/v1/tenants/acme/clients', register);
  assert.equal(principal, 'client:acme/backup');
  const answer = await overTls('/v1/me', machine);
  assert.deepEqual([answer.status, answer.body.principal], [200, principal]);
  assert.equal((await overTls('/v1/tenants/acme/keys', machine)).body.code, 'FORBIDDEN');
  await change({ change: 'grant', role: 'auditor', principal });
  assert.equal((await overTls('/v1/tenants/acme/keys', machine)).status, 200);
  assert.equal((await overTls('/v1/audit?tenant=acme', machine)).status, 200);

  assert.equal((await overTls('/v1/me')).status, 401);
  assert.equal((await overTls('/v1/me', await pki.client('stranger'))).status, 401);
  const foreign = await testPki('somebody else');
  assert.equal((await overTls('/v1/me', await foreign.client('backup'))).status, 401);
  // A bad certificate is not made up for by a good token: whoever shows it is told.
  assert.equal((await overTls('/v1/me', await foreign.client('backup'), TOKEN)).status, 401);
  assert.equal((await overTls('/v1/me', undefined, TOKEN)).body.principal, 'ada');

  await world.must(200, 'DELETE', '/v1/tenants/acme/clients/backup');
  assert.equal((await overTls('/v1/me', machine)).status, 401);
  await world.must(201, 'POST', '/v1/tenants/acme/clients', register);
  // Its roles went with it: a name alone brings nothing back.
  assert.equal((await overTls('/v1/tenants/acme/keys', machine)).body.code, 'FORBIDDEN');
});

test('a browser’s certificate does nothing for another site’s page', async () => {
  const shown = await pki.client('laptop');
  const register = { name: 'laptop', certificate: shown.certificatePem };
  await world.must(201, 'POST', '/v1/tenants/acme/clients', register);
  const asked = async (from: string, token?: string): Promise<number> =>
    (await overTls('/v1/me', shown, token, { 'sec-fetch-site': from })).status;
  assert.deepEqual(
    await Promise.all(['cross-site', 'same-site', 'same-origin', 'none'].map((from) => asked(from))),
    [401, 401, 200, 200],
  );
  // No other site knows a token.
  assert.equal(await asked('cross-site', TOKEN), 200);
});

test('a role goes to no machine that is not there, and to none of another tenant', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'rival' });
  const certificate = (await pki.client('theirs')).certificatePem;
  await world.must(201, 'POST', '/v1/tenants/rival/clients', { name: 'theirs', certificate });
  for (const principal of ['client:acme/nobody', 'client:rival/theirs']) {
    const wish = { change: 'grant', role: 'auditor', principal };
    const answer = await world.call('POST', '/v1/tenants/acme/access-changes', wish);
    assert.deepEqual([answer.status, answer.body.code], [404, 'CLIENT_UNKNOWN'], principal);
  }
  const taken = await world.call('POST', '/v1/tenants/acme/clients', { name: 'copy', certificate });
  assert.equal(taken.body.code, 'KEY_FINGERPRINT_TAKEN');
});

test('a role goes to the key that was proposed, and to no other that took the machine’s name since', async () => {
  const path = '/v1/tenants/careful';
  await world.must(202, 'POST', '/v1/tenants', { id: 'careful', policy: 'four-eyes' });
  await world.must(201, 'POST', `${path}/groups`, { name: 'machines' });
  const register = async () =>
    await world.must(201, 'POST', `${path}/clients`, {
      name: 'backup',
      certificate: (await pki.client('backup')).certificatePem,
    });
  const { fingerprint, principal } = await register();
  const changes = [
    { change: 'grant', role: 'auditor', principal },
    { change: 'add-member', group: 'machines', principal },
  ];
  const proposals = await Promise.all(
    changes.map(async (change) => {
      const { proposal } = await world.must(202, 'POST', `${path}/access-changes`, change);
      assert.deepEqual(proposal.parameters, { ...change, fingerprint });
      return proposal;
    }),
  );
  await world.must(200, 'DELETE', `${path}/clients/backup`);
  const swapped = await register();
  for (const { id } of proposals) {
    const { body } = await world.call('POST', `${path}/proposals/${id}/approve`, undefined, {
      authorization: `Bearer ${SECOND_TOKEN}`,
    });
    assert.deepEqual([body.proposal.state, body.proposal.error?.code], ['failed', 'CLIENT_KEY_DIFFERS']);
  }
  const [grant = {}] = changes;
  const stale = await world.call('POST', `${path}/access-changes`, { ...grant, fingerprint });
  assert.deepEqual([stale.status, stale.body.code], [409, 'CLIENT_KEY_DIFFERS']);
  await world.must(202, 'POST', `${path}/access-changes`, { ...grant, fingerprint: swapped.fingerprint });
});

test('a token that is bound to a certificate is good with that certificate alone', async () => {
  const hash = (pair: KeyAndCertificate): string =>
    createHash('sha256').update(new X509Certificate(pair.certificatePem).raw).digest('base64url');
  const token = await provider.tokenOf('alice', { certificate: hash(machine) });
  assert.equal((await overTls('/v1/me', machine, token)).body.principal, 'corp:alice');
  assert.equal((await overTls('/v1/me', await pki.client('thief'), token)).status, 401);
  assert.equal((await overTls('/v1/me', undefined, token)).status, 401);
});

test('people of a development installation log in at CMK itself', async () => {
  const session = await logInForDevelopment(world.url(), { name: 'bob', password: PASSWORD });
  const { body } = await me(session.token);
  assert.deepEqual([body.principal, body.person, body.duty], ['development:bob', true, null]);
  await assert.rejects(logInForDevelopment(world.url(), { name: 'bob', password: 'a-guess-at-a-password' }), {
    code: 'LOGIN_FAILED',
  });
  await assert.rejects(logInForDevelopment(world.url(), { name: 'eve', password: '' }), {
    code: 'LOGIN_FAILED',
  });
  const robot = { provider: 'development', clientId: 'robot', secret: PASSWORD };
  const { body: machineBody } = await me((await logInMachine(world.url(), robot)).token);
  assert.deepEqual([machineBody.principal, machineBody.person], ['development:robot', false]);
});

test('GET /v1/login tells anybody whose tokens are accepted', async () => {
  const { body } = await world.call('GET', '/v1/login', undefined, { authorization: '' });
  assert.deepEqual(
    body.issuers.map(({ name, clientId }: { name: string; clientId: string }) => [name, clientId]),
    [
      ['corp', OIDC_CLIENT],
      ['development', 'okcm'],
    ],
  );
});

for (const [what, auth, message] of [
  ['two providers of one name', { issuers: ['a', 'a'] }, /named twice/],
  ['a provider over plain http', { issuers: ['a'], issuer: 'http://provider.test' }, /not https/],
  [
    'a provider that calls the API and a client the same',
    { issuers: ['a'], loginClientId: OIDC_AUDIENCE },
    /ID tokens/,
  ],
  ['a provider that poses as ourselves', { issuers: ['client'] }, /is taken/],
] as const)
  test(`it does not start with ${what}`, async () => {
    const issuers = auth.issuers.map((name, at) => ({
      name,
      issuer: 'issuer' in auth ? auth.issuer : `https://provider-${at}.test`,
      audience: OIDC_AUDIENCE,
      ...('loginClientId' in auth && { loginClientId: auth.loginClientId }),
    }));
    const config = { ...world.config, auth: { ...world.config.auth, issuers } };
    await assert.rejects(startCmk(config, { logger: quiet }), { code: 'CMK_CREDENTIALS', message });
  });

test('it does not start for production with credentials that are for development', async () => {
  const config = { ...world.config, development: false };
  await assert.rejects(startCmk(config, { logger: quiet }), { code: 'CMK_CREDENTIALS' });
});
