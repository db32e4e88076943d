/** Signing in to the portal, as a browser does it, at a real provider and at a development installation's own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../../platform/log.ts';
import { freePort } from '../../platform/ports.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { CookieJar } from '../../testkit/cookie-jar.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_PORTAL, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { type RogueProvider, startRogueProvider } from '../../testkit/rogue-oidc.ts';
import { startCmk } from '../cmk.ts';
import type { CmkDatabase } from '../store/schema.ts';
import { TOKEN, until, type World } from '../test-world.ts';
import { PortalSessions, type Refresh } from './sessions.ts';

const PASSWORD = 'a-password-of-bob-alone';
const SESSION = 'okcm-portal';
/** Access tokens are replaced a quarter of a minute before they end (limits.ts): these from their second second on. */
const TOKEN_LIFETIME_S = 16;

let world: World;
let provider: OidcProvider;
let rogue: RogueProvider;

before(async () => {
  rogue = await startRogueProvider();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  provider = await startOidcProvider({
    portalCallback: `${origin}/portal/callback/corp`,
    tokenLifetimeS: TOKEN_LIFETIME_S,
  });
  const directory = temporaryDirectory('portal');
  const people = join(directory, 'people.json');
  await writeFile(people, JSON.stringify({ people: [{ name: 'bob', password: PASSWORD }], machines: [] }), {
    mode: 0o600,
  });
  const clientSecretFile = join(directory, 'secret');
  await writeFile(clientSecretFile, `${OIDC_PORTAL.secret}\n`, { mode: 0o600 });
  world = await testWorld({
    regions: [],
    configure: (config) => ({
      ...config,
      http: { ...config.http, port },
      auth: {
        ...config.auth,
        developmentIssuer: people,
        issuers: [
          { name: 'corp', issuer: provider.issuer, audience: OIDC_AUDIENCE },
          { name: 'rogue', issuer: rogue.issuer, audience: OIDC_AUDIENCE },
          { name: 'broken', issuer: rogue.brokenIssuer, audience: OIDC_AUDIENCE },
        ],
      },
      portal: {
        origin,
        clients: [
          {
            issuer: 'corp',
            clientId: OIDC_PORTAL.clientId,
            clientSecretFile,
            scope: 'openid cmk',
            title: 'Corp',
          },
          { issuer: 'rogue', clientId: 'portal', scope: 'cmk' },
          { issuer: 'broken', clientId: 'portal' },
        ],
      },
    }),
  });
});
after(async () => {
  await world?.close();
  await provider?.stop();
  await rogue?.stop();
});

interface Wish {
  readonly method?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As the page asks: with the cookies, and the header that changes need. */
async function ask(jar: CookieJar, path: string, wish: Wish = {}): Promise<Response> {
  const { method = 'GET', body, headers } = wish;
  const response = await fetch(`${world.url()}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      cookie: jar.header(),
      'x-openkcm-portal': '1',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  jar.take(response);
  return response;
}

const principalOf = async (jar: CookieJar): Promise<unknown> => {
  const response = await ask(jar, '/v1/me');
  return response.status === 200
    ? ((await response.json()) as { principal: string }).principal
    : response.status;
};

async function signedInAtCorp(person: string, page = '/portal/tenants'): Promise<CookieJar> {
  const jar = new CookieJar();
  const address = `${world.url()}/portal/sign-in/corp?return=${encodeURIComponent(page)}`;
  const arrived = await provider.browse(address, person, { jar, until: ({ pathname }) => pathname === page });
  assert.equal(arrived.pathname, page);
  return jar;
}

test('a person signs in at a provider, comes back to where they were, and is who the provider says', async () => {
  const jar = await signedInAtCorp('alice');
  assert.equal(await principalOf(jar), 'corp:alice');
  const shown = (await (await ask(jar, '/portal/session')).json()) as Record<string, unknown>;
  assert.deepEqual(
    [shown['principal'], shown['person'], shown['cluster'], shown['development']],
    ['corp:alice', true, 'test', true],
  );
  const [{ count }] = (await world.query(
    "SELECT count(*)::int AS count FROM audit_events WHERE action = 'portal.sign-in' AND actor = 'corp:alice'",
  )) as [{ count: number }];
  assert.equal(count, 1);
});

test('the browser holds no token, and the database none that opens without the browser', async () => {
  const jar = await signedInAtCorp('carla');
  const cookie = jar.get(SESSION) ?? '';
  assert.match(cookie, /^[A-Za-z0-9_-]{64}$/);
  const rows = await world.query('SELECT id, sealed FROM portal_sessions WHERE principal = $1', [
    'corp:carla',
  ]);
  assert.equal(rows.length, 1);
  // A token of a provider begins so; and what the database names a session by is no part of the cookie.
  for (const { id, sealed } of rows) {
    assert.ok(!(sealed as Buffer).includes('eyJ'));
    assert.ok(!cookie.includes(String(id)));
  }
  // A cookie of the same name with another key, as whoever has read the database would have to guess it.
  const other = jar.copy().set(SESSION, `${cookie.slice(0, 22)}${'A'.repeat(42)}`);
  assert.equal(await principalOf(other), 401);
  assert.equal(await principalOf(jar), 'corp:carla');
});

test('the cookie is kept from scripts and from other sites', async () => {
  const begun = await ask(new CookieJar(), '/portal/session', { method: 'POST', body: { token: TOKEN } });
  assert.equal(begun.status, 200);
  const [cookie = ''] = begun.headers.getSetCookie();
  for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Expires='])
    assert.ok(cookie.includes(attribute));
});

test('a change that the portal itself did not ask for is not made', async () => {
  const jar = await signedInAtCorp('dora');
  const path = '/v1/tenants';
  const body = { id: 'forged', displayName: 'Forged', regions: [] };
  for (const headers of [
    { 'x-openkcm-portal': '' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])
    assert.equal((await ask(jar, path, { method: 'POST', body, headers })).status, 401);
  assert.equal((await ask(jar, '/v1/me', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 401);
  // With both it is heard, and refused as anybody's who may not.
  assert.equal(
    (await ask(jar, path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin' } })).status,
    403,
  );
});

test('a session outlives its first token, and many requests at once cost the provider one', async () => {
  const jar = await signedInAtCorp('emil');
  const tokenEnds = async (): Promise<number> => {
    const [row] = await world.query(
      'SELECT token_expires_at AS ends FROM portal_sessions WHERE principal = $1',
      ['corp:emil'],
    );
    assert.ok(row !== undefined);
    return (row['ends'] as Date).getTime();
  };
  const first = await tokenEnds();
  await delay(1_500);
  const answers = await Promise.all(Array.from({ length: 8 }, () => principalOf(jar)));
  assert.deepEqual(answers, Array(8).fill('corp:emil'));
  assert.ok((await tokenEnds()) > first);
});

test('a session ends when its provider gives no further token, and not because the provider is away', async () => {
  const db = createDatabase<CmkDatabase>(
    createPool({ url: world.config.database.appUrl, applicationName: 'portal test' }),
  );
  const sessionWith = async (refresh: Refresh) => {
    const logger = createLogger({ name: 'test', level: 'silent' });
    const sessions = new PortalSessions({ db, refresh, revoke: async () => undefined, logger });
    const tokens = { access: 'of now', refresh: 'for later', expiresAtMs: Date.now() + 10_000 };
    const begun = await sessions.begin('corp:fay', 'corp', tokens, async () => undefined);
    assert.ok(begun !== undefined);
    const found = await sessions.find(begun.cookie, undefined);
    return { token: found?.accessToken, kept: await isKept() };
  };
  const isKept = async (): Promise<boolean> =>
    (await world.query("SELECT 1 FROM portal_sessions WHERE principal = 'corp:fay'")).length > 0;
  try {
    assert.deepEqual(await sessionWith(async () => undefined), { token: undefined, kept: false });
    const away = await sessionWith(() => Promise.reject(new Error('nobody answers')));
    assert.deepEqual(away, { token: 'of now', kept: true });
  } finally {
    await db.destroy();
  }
});

test('whoever signs out while the next token is on its way is out, and the provider is told of that one', async () => {
  const db = createDatabase<CmkDatabase>(
    createPool({ url: world.config.database.appUrl, applicationName: 'portal test' }),
  );
  const revoked: string[] = [];
  let cookie = '';
  const sessions: PortalSessions = new PortalSessions({
    db,
    logger: createLogger({ name: 'test', level: 'silent' }),
    revoke: async (_issuer, token) => void revoked.push(token),
    async refresh() {
      await sessions.end(cookie, undefined);
      return { access: 'of then', refresh: 'the next', expiresAtMs: Date.now() + 600_000 };
    },
  });
  try {
    const tokens = { access: 'of now', refresh: 'the first', expiresAtMs: Date.now() + 10_000 };
    const begun = await sessions.begin('corp:gil', 'corp', tokens, async () => undefined);
    cookie = begun?.cookie ?? '';
    assert.equal(await sessions.find(cookie, undefined), undefined);
    assert.deepEqual(revoked, ['the first', 'the next']);
  } finally {
    await db.destroy();
  }
});

test('whoever signs out is out, also with a copy of the cookie', async () => {
  const jar = await signedInAtCorp('gus');
  const copy = jar.copy();
  assert.equal((await ask(jar, '/portal/session', { method: 'DELETE' })).status, 204);
  assert.equal(jar.get(SESSION), undefined);
  assert.equal(await principalOf(copy), 401);
});

test('whoever signs out is out at the provider, too', async () => {
  const jar = await signedInAtCorp('hana');
  assert.equal(provider.refreshTokens('hana'), 1);
  await ask(jar, '/portal/session', { method: 'DELETE' });
  await until('the refresh token is revoked', async () => provider.refreshTokens('hana') === 0);
});

test('who signs in anew with the same browser ends the session before', async () => {
  const jar = await signedInAtCorp('ivo');
  const copy = jar.copy();
  assert.equal((await ask(jar, '/portal/session', { method: 'POST', body: { token: TOKEN } })).status, 200);
  assert.equal(await principalOf(jar), 'ada');
  assert.equal(await principalOf(copy), 401);
});

test('so does who goes to a provider for that, though no cookie comes back from there with them', async () => {
  const jar = await signedInAtCorp('iva');
  const copy = jar.copy();
  const address = `${world.url()}/portal/sign-in/corp`;
  await provider.browse(address, 'iva', { jar, until: ({ pathname }) => pathname === '/portal/' });
  assert.equal(await principalOf(jar), 'corp:iva');
  assert.equal(await principalOf(copy), 401);
  await until('its refresh token is revoked', async () => provider.refreshTokens('iva') === 1);
  // Another site's link ends no session.
  const kept = jar.copy();
  await ask(jar, '/portal/sign-in/corp', { headers: { 'sec-fetch-site': 'cross-site' } });
  assert.equal(await principalOf(kept), 'corp:iva');
});

test('of one person’s sessions the one that was not used for longest makes room', async () => {
  const jars: CookieJar[] = [];
  for (let n = 0; n < 9; n++) {
    const jar = new CookieJar();
    await ask(jar, '/portal/session', { method: 'POST', body: { token: TOKEN } });
    jars.push(jar);
  }
  const [first, ...rest] = await Promise.all(jars.map(principalOf));
  assert.equal(first, 401);
  assert.deepEqual(rest, Array(8).fill('ada'));
});

test('nobody comes back who did not leave from here, and nobody is led away', async () => {
  const stranger = await ask(new CookieJar(), '/portal/callback/corp?code=x&state=y');
  assert.equal(stranger.headers.get('location'), '/portal/sign-in?error=not-begun-here');
  const jar = new CookieJar();
  await ask(jar, '/portal/sign-in/corp?return=/portal/keys');
  const forged = await ask(jar, '/portal/callback/corp?code=x&state=of-somebody-else');
  assert.equal(forged.headers.get('location'), '/portal/sign-in?error=refused-by-provider');
  assert.equal(jar.get(SESSION), undefined);
  for (const wish of ['https://evil.example/', '//evil.example/', '/portal/\\evil.example', '/v1/me']) {
    const away = new CookieJar();
    await ask(away, `/portal/sign-in/corp?return=${encodeURIComponent(wish)}`);
    const kept = Buffer.from(away.get('okcm-portal-leaving') ?? '', 'base64url').toString();
    assert.equal((JSON.parse(kept) as { back: string }).back, '/portal/');
  }
});

const LEFT = 'okcm-portal-leaving';
/** Comes back with a code, as if `name` had sent this browser; returns where it is led. */
async function comeBack(jar: CookieJar, name: string): Promise<string | null> {
  const kept = Buffer.from(jar.get(LEFT) ?? '', 'base64url').toString();
  const { state } = JSON.parse(kept) as { state: string };
  const answer = await ask(jar, `/portal/callback/${name}?code=some-code&state=${state}`);
  return answer.headers.get('location');
}

test('no provider is given another’s code, and none signs in another’s people', async () => {
  for (const [left, arrived] of [
    ['rogue', 'corp'],
    ['corp', 'rogue'],
  ] as const) {
    const jar = new CookieJar();
    await ask(jar, `/portal/sign-in/${left}`);
    assert.equal(await comeBack(jar, arrived), '/portal/sign-in?error=not-begun-here');
  }
  assert.equal(rogue.asked.tokens, 0);

  const jar = new CookieJar();
  const leaving = await ask(jar, '/portal/sign-in/rogue');
  const redirect = new URL(leaving.headers.get('location') ?? '').searchParams.get('redirect_uri');
  assert.equal(redirect, `${world.url()}/portal/callback/rogue`);
  rogue.token = await provider.tokenOf('alice');
  assert.equal(await comeBack(jar, 'rogue'), '/portal/sign-in?error=not-accepted-here');
  assert.equal(rogue.asked.tokens, 1);
  assert.equal(jar.get(SESSION), undefined);
});

test('a session ends when its provider gives a token of somebody else', async () => {
  for (const path of ['/v1/me', '/portal/session']) {
    const jar = await signedInAtCorp('jon');
    const [own] = await world.query(
      `UPDATE portal_sessions SET principal = 'corp:jan' WHERE principal = 'corp:jon' RETURNING id`,
    );
    assert.equal((await ask(jar, path)).status, 401);
    assert.deepEqual(await world.query('SELECT 1 FROM portal_sessions WHERE id = $1', [own?.['id']]), []);
  }
});

test('a provider that answers without end is not listened to, and one that does not answer is left alone', async () => {
  const jar = new CookieJar();
  await ask(jar, '/portal/sign-in/rogue');
  rogue.padding = 512 * 1024;
  assert.equal(await comeBack(jar, 'rogue'), '/portal/sign-in?error=refused-by-provider');
  rogue.padding = 0;
  for (let n = 0; n < 3; n++) {
    const away = await ask(new CookieJar(), '/portal/sign-in/broken');
    assert.equal(away.headers.get('location'), '/portal/sign-in?error=provider-away');
  }
  assert.equal(rogue.asked.brokenDiscovery, 1);
});

test('in a development installation its people sign in with their password', async () => {
  const jar = new CookieJar();
  const offered = (await (await ask(jar, '/portal/sign-in')).json()) as { providers: { name: string }[] };
  assert.deepEqual(
    offered.providers.map(({ name }) => name),
    ['corp', 'rogue', 'broken', 'development'],
  );
  const leaving = await ask(jar, '/portal/sign-in/development?return=/portal/keys');
  const page = new URL(leaving.headers.get('location') ?? '');
  assert.equal((await fetch(page)).status, 200);
  const form = new URLSearchParams([...page.searchParams, ['name', 'bob']]);
  const submit = (password: string): Promise<Response> =>
    fetch(`${page.origin}${page.pathname}`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams([...form, ['password', password]]),
    });
  assert.equal((await submit('wrong')).status, 403);
  const back = new URL((await submit(PASSWORD)).headers.get('location') ?? '');
  const arrived = await ask(jar, `${back.pathname}${back.search}`);
  assert.equal(arrived.headers.get('location'), '/portal/keys');
  assert.equal(await principalOf(jar), 'development:bob');
  // The code is good once.
  const again = await ask(jar, `${back.pathname}${back.search}`);
  assert.match(again.headers.get('location') ?? '', /error=/);
});

test('a wrong token is refused, and counts as any failed credential', async () => {
  const failures = async (): Promise<number> => {
    const text = await (await fetch(`${world.healthUrl()}/metrics`)).text();
    return Number(/^okcm_cmk_authentication_failures_total\S* (\d+)$/m.exec(text)?.[1]);
  };
  const before = await failures();
  const refused = await ask(new CookieJar(), '/portal/session', {
    method: 'POST',
    body: { token: 'a-token-of-nobody-at-all' },
  });
  assert.equal(refused.status, 401);
  assert.deepEqual(refused.headers.getSetCookie(), []);
  assert.equal(await failures(), before + 1);
  const guess = new CookieJar().set(SESSION, 'A'.repeat(64));
  assert.ok([401, 429].includes((await ask(guess, '/portal/session')).status));
  assert.equal(guess.get(SESSION), undefined);
  assert.equal(await failures(), before + 2);
  const jar = new CookieJar();
  await ask(jar, '/portal/sign-in/corp');
  assert.equal(await comeBack(jar, 'corp'), '/portal/sign-in?error=refused-by-provider');
  assert.equal(await failures(), before + 3);
});

test('the page may load nothing from anywhere else, and no other page may frame it', async () => {
  const { headers } = await ask(new CookieJar(), '/portal/', { headers: { accept: 'text/html' } });
  const policy = headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|http/);
});

test('it does not start with an origin to which cookies and codes would go on a plain line, or that is more than one', async () => {
  const { config } = world;
  const issuers = [{ name: 'corp', issuer: 'https://idp.example.com', audience: OIDC_AUDIENCE }];
  for (const origin of [
    undefined,
    'http://kms.example.com',
    'https://kms.example.com/portal',
    'https://kms.example.com/?x=1',
    'kms.example.com',
  ]) {
    const portal = origin === undefined ? {} : { origin };
    await assert.rejects(startCmk({ ...config, development: false, auth: { issuers }, portal }), {
      code: 'CMK_PORTAL',
    });
  }
});

// Last, since it leaves no failures to be answered at once.
test('cookies that somebody has made up leave connections to those who come with a token', async () => {
  const strangers = await withClient({ url: world.config.database.ownerUrl }, async (client) => {
    await client.query('BEGIN');
    // As slow as can be: nobody's session is read while this lasts.
    await client.query('LOCK TABLE portal_sessions IN ACCESS EXCLUSIVE MODE');
    const asked = Array.from({ length: 40 }, (_, n) => {
      const jar = new CookieJar().set(SESSION, randomBytes(48).toString('base64url'));
      return ask(jar, n % 2 === 0 ? '/v1/tenants' : '/portal/session');
    });
    await delay(300);
    const answer = await fetch(`${world.url()}/v1/tenants`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: AbortSignal.timeout(3_000),
    });
    assert.equal(answer.status, 200);
    await client.query('ROLLBACK');
    return await Promise.all(asked);
  });
  assert.ok(strangers.every(({ status }) => status === 401 || status === 429));
});
