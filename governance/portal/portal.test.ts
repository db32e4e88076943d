/** Signing in to the portal, as a browser does it, at a real provider and at a development installation's own. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../../platform/log.ts';
import { freePort } from '../../platform/ports.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_PORTAL, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import type { CmkDatabase } from '../store/schema.ts';
import { TOKEN, until, type World } from '../test-world.ts';
import { PortalSessions, type Refresh } from './sessions.ts';

const PASSWORD = 'a-password-of-bob-alone';
const SESSION = 'okcm-portal';
/** Access tokens are replaced a quarter of a minute before they end (limits.ts): these from their second second on. */
const TOKEN_LIFETIME_S = 16;

let world: World;
let provider: OidcProvider;

before(async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  provider = await startOidcProvider({
    portalCallback: `${origin}/portal/callback`,
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
        issuers: [{ name: 'corp', issuer: provider.issuer, audience: OIDC_AUDIENCE }],
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
        ],
      },
    }),
  });
});
after(async () => {
  await world?.close();
  await provider?.stop();
});

type Jar = Map<string, string>;
interface Wish {
  readonly method?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As the page asks: with the cookies, and the header that changes need. */
async function ask(jar: Jar, path: string, wish: Wish = {}): Promise<Response> {
  const { method = 'GET', body, headers } = wish;
  const response = await fetch(`${world.url()}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
      'x-openkcm-portal': '1',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  for (const cookie of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    if (value === '') jar.delete(name);
    else jar.set(name, value);
  }
  return response;
}

const principalOf = async (jar: Jar): Promise<unknown> => {
  const response = await ask(jar, '/v1/me');
  return response.status === 200
    ? ((await response.json()) as { principal: string }).principal
    : response.status;
};

async function signedInAtCorp(person: string, page = '/portal/tenants'): Promise<Jar> {
  const jar: Jar = new Map();
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
  const other = new Map(jar).set(SESSION, `${cookie.slice(0, 22)}${'A'.repeat(42)}`);
  assert.equal(await principalOf(other), 401);
  assert.equal(await principalOf(jar), 'corp:carla');
});

test('the cookie is kept from scripts and from other sites', async () => {
  const begun = await ask(new Map(), '/portal/session', { method: 'POST', body: { token: TOKEN } });
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
    const sessions = new PortalSessions({ db, refresh, logger });
    const tokens = { access: 'of now', refresh: 'for later', expiresAtMs: Date.now() + 10_000 };
    const begun = await sessions.begin('corp:fay', 'corp', tokens, async () => undefined);
    assert.ok(begun !== undefined);
    const found = await sessions.find(begun.cookie);
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

test('whoever signs out is out, also with a copy of the cookie', async () => {
  const jar = await signedInAtCorp('gus');
  const copy = new Map(jar);
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
  const copy = new Map(jar);
  assert.equal((await ask(jar, '/portal/session', { method: 'POST', body: { token: TOKEN } })).status, 200);
  assert.equal(await principalOf(jar), 'ada');
  assert.equal(await principalOf(copy), 401);
});

test('of one person’s sessions the one that was not used for longest makes room', async () => {
  const jars: Jar[] = [];
  for (let n = 0; n < 9; n++) {
    const jar: Jar = new Map();
    await ask(jar, '/portal/session', { method: 'POST', body: { token: TOKEN } });
    jars.push(jar);
  }
  const [first, ...rest] = await Promise.all(jars.map(principalOf));
  assert.equal(first, 401);
  assert.deepEqual(rest, Array(8).fill('ada'));
});

test('nobody comes back who did not leave from here, and nobody is led away', async () => {
  const stranger = await ask(new Map(), '/portal/callback?code=x&state=y');
  assert.equal(stranger.headers.get('location'), '/portal/sign-in?error=not-begun-here');
  const jar: Jar = new Map();
  await ask(jar, '/portal/sign-in/corp?return=/portal/keys');
  const forged = await ask(jar, '/portal/callback?code=x&state=of-somebody-else');
  assert.equal(forged.headers.get('location'), '/portal/sign-in?error=refused-by-provider');
  assert.equal(jar.get(SESSION), undefined);
  for (const wish of ['https://evil.example/', '//evil.example/', '/portal/\\evil.example', '/v1/me']) {
    const away: Jar = new Map();
    await ask(away, `/portal/sign-in/corp?return=${encodeURIComponent(wish)}`);
    const kept = Buffer.from(away.get('okcm-portal-leaving') ?? '', 'base64url').toString();
    assert.equal((JSON.parse(kept) as { back: string }).back, '/portal/');
  }
});

test('in a development installation its people sign in with their password', async () => {
  const jar: Jar = new Map();
  const offered = (await (await ask(jar, '/portal/sign-in')).json()) as { providers: { name: string }[] };
  assert.deepEqual(
    offered.providers.map(({ name }) => name),
    ['corp', 'development'],
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
  const refused = await ask(new Map(), '/portal/session', {
    method: 'POST',
    body: { token: 'a-token-of-nobody-at-all' },
  });
  assert.equal(refused.status, 401);
  assert.deepEqual(refused.headers.getSetCookie(), []);
  assert.equal(await failures(), before + 1);
});

test('the page may load nothing from anywhere else, and no other page may frame it', async () => {
  const { headers } = await ask(new Map(), '/portal/', { headers: { accept: 'text/html' } });
  const policy = headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|http/);
});
