/**
 * Both sides converge from any state: a real CMK and real cores do random things; then the region's database, governance's, or
 * both are put back to what they were at some moment before. What is left must serve nobody whom governance does not want served,
 * lack nothing that a job can make, and rest.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { parseServiceName, parseTenantId } from '../contracts/index.ts';
import { findingKinds, mendOf } from '../governance/drift/findings.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { testPki } from '../testkit/pki.ts';
import { cmkTables, REGION_TABLES, takeBackup } from './support/backups.ts';
import { type Planes, startPlanes } from './support/planes.ts';
import { until } from './support/region.ts';

const RUNS = 6;
const WAIT_MS = 60_000;
/** Rounds of the whole manifest in which nothing moves. */
const CALM_ROUNDS = 2;

let planes: Planes;
let tables: string[];

before(async () => {
  planes = await startPlanes({
    drift: { checkEveryMs: 50, settleMs: 0, retryMs: 300 },
    manifest: { everyMs: 150 },
  });
  tables = await cmkTables(planes.cmkUrl);
});
after(() => planes?.close());

const query = (url: string, sql: string) =>
  withClient({ url }, async (client) => (await client.query(sql)).rows);
const cmk = (sql: string) => query(planes.cmkUrl, sql);
const eu = (sql: string) => query(planes.eu.databaseUrl, sql);

/** What is done about; a service of a tenant that nobody links again waits for that. */
const MENDED = findingKinds
  .filter((kind) => mendOf(kind) !== 'tell' && kind !== 'service-missing')
  .map((kind) => `'${kind}'`)
  .join(', ');
const UNDER_WAY = `SELECT count(*) FROM orbital_tasks WHERE state IN ('pending', 'processing')
  AND NOT (kind IN ('SERVICE_PROVISION', 'KEY_ROTATE') AND coalesce(error->>'code', '') = 'LINK_CLOSED')`;

async function idle(): Promise<void> {
  await until('nothing is under way', async () => Number((await cmk(UNDER_WAY))[0]?.count) === 0, WAIT_MS);
}

/** Until everything that both regions hold was told anew, looked at, and led to nothing, again and again. */
async function calm(): Promise<void> {
  for (let round = 0; round < CALM_ROUNDS; round++) {
    const [{ now }] = await cmk(`SELECT now()::text AS now`);
    let seen: unknown;
    await until(
      'both sides rest',
      async () => {
        const [row] = await cmk(`SELECT
          (SELECT count(*) FROM drift_pages WHERE told_at < '${now}' OR due OR checked_at IS NULL OR checked_at < '${now}') AS pages,
          (SELECT count(*) FROM drift_reads) AS reads,
          (SELECT count(*) FROM drift_findings WHERE finding IN (${MENDED})) AS mending,
          (${UNDER_WAY}) AS tasks`);
        seen = row;
        return Object.values(row).every((value) => Number(value) === 0);
      },
      WAIT_MS,
    ).catch(async (error: unknown) => {
      const left = await cmk('SELECT region, class, item, finding, wanted, told, attempts FROM drift_findings');
      throw new Error(`${String(error)}: ${JSON.stringify({ seen, left })}`);
    });
  }
}

const post = (path: string, body: unknown = {}) => planes.world.call('POST', path, body);

async function addApplication(tenant: string, name: string): Promise<void> {
  const pair = await (await testPki()).client(name);
  await post(`/v1/tenants/${tenant}/applications`, {
    name,
    services: ['payments'],
    certificate: pair.certificatePem,
  });
}

/** What may happen to the tenants `…-a`, which is linked, and `…-b`, which is not; refused where it does not fit. */
const deeds = {
  'unlink a': (name: string) => post(`/v1/tenants/${name}-a/unlink`, { reason: 'test' }),
  'rotate a': (name: string) => post(`/v1/tenants/${name}-a/link/rotate`),
  'link a': (name: string) => post(`/v1/tenants/${name}-a/link`, { key: 'main' }),
  'link b': (name: string) => post(`/v1/tenants/${name}-b/link`, { key: 'main' }),
  'block b': (name: string) => post(`/v1/tenants/${name}-b/block`, { reason: 'test' }),
  'unblock b': (name: string) => post(`/v1/tenants/${name}-b/unblock`, { reason: 'test' }),
  'terminate b': (name: string) => post(`/v1/tenants/${name}-b/terminate`, { reason: 'test' }),
  'add a service': (name: string) => post(`/v1/tenants/${name}-a/services`, { name: 'orders' }),
  'add an application': (name: string) => addApplication(`${name}-a`, `${name}-late`),
  'remove an application': (name: string) =>
    planes.world.call('DELETE', `/v1/tenants/${name}-a/applications/${name}-shop`),
  'rotate a key': (name: string) => post(`/v1/tenants/${name}-a/rotations`),
  'onboard c': async (name: string) => {
    const { status } = await planes.world.call('GET', `/v1/tenants/${name}-c`);
    if (status !== 200) await planes.onboard(`${name}-c`, 'payments');
  },
} as const;
type Deed = keyof typeof deeds;

async function act(name: string, list: readonly Deed[]): Promise<void> {
  for (const deed of list) {
    await deeds[deed](name);
    await idle();
    await until(
      'no link is being made',
      async () => {
        const [row] = await cmk(
          `SELECT count(*) FROM links WHERE state IN ('preparing', 'sealing', 'linking', 'closing')`,
        );
        return Number(row.count) === 0;
      },
      WAIT_MS,
    );
  }
}

interface Served {
  readonly tenant: string;
  readonly open: number;
}

/** Whose keys the region gives out, as its rows say, and not as it tells. */
const served = async (): Promise<Served[]> =>
  await eu(`SELECT h.tenant, coalesce(max(l.epoch) FILTER (WHERE l.state = 'open'), 0) AS open
      FROM keychain.link_heads h LEFT JOIN keychain.links l ON l.tenant = h.tenant AND l.epoch > h.closed_epoch
      WHERE h.manifest_counter IS NOT NULL
      GROUP BY h.tenant, h.closed_epoch
      HAVING h.closed_epoch = 0 OR count(*) FILTER (WHERE l.state = 'open') > 0`);

/** Both databases against each other, in words of their own. */
async function check(about: string): Promise<void> {
  const findings = await cmk(`SELECT item, finding FROM drift_findings WHERE region = 'eu'`);
  const told = (item: string, ...kinds: string[]): boolean =>
    findings.some((row) => row.item === item && kinds.includes(row.finding));
  const wanted = await cmk(`SELECT r.tenant, s.state, r.state AS row,
      coalesce(max(l.epoch) FILTER (WHERE l.state = 'active'), 0) AS open,
      coalesce(bool_or(l.state = 'closed'), false) OR EXISTS (
        SELECT FROM tenant_closings c WHERE c.tenant = r.tenant AND c.region = 'eu') AS closed
    FROM tenant_regions r JOIN tenant_states s ON s.tenant = r.tenant
    LEFT JOIN links l ON l.tenant = r.tenant AND l.region = r.region
    WHERE r.region = 'eu' GROUP BY r.tenant, s.state, r.state`);
  const byTenant = new Map(wanted.map((row) => [row.tenant, row]));
  const inUse = await served();
  for (const { tenant, open } of inUse) {
    const want = byTenant.get(tenant);
    const why = `${about}: ${tenant} is served under epoch ${open}, wanted ${JSON.stringify(want)}`;
    assert.equal(want?.state, 'active', why);
    assert.ok((open === want.open && (open > 0 || !want.closed)) || told(tenant, 'link-ahead'), why);
  }
  for (const { tenant, state, open, closed } of wanted) {
    const isServed = inUse.some((row) => row.tenant === tenant);
    if (state === 'active' && (open > 0 || !closed))
      assert.ok(isServed || told(tenant, 'link-lost', 'tenant-ended-there'), `${about}: ${tenant} is not served`);
  }
  const registered = await cmk(`SELECT a.fingerprint FROM applications a JOIN application_regions r
      ON r.tenant = a.tenant AND r.application = a.name WHERE r.region = 'eu'
    UNION ALL SELECT fingerprint FROM gateways WHERE region = 'eu' ORDER BY 1`);
  assert.deepEqual(
    await eu('SELECT fingerprint FROM core.identities ORDER BY 1'),
    registered,
    `${about}: who is let in`,
  );
  const services = await cmk(`SELECT tenant, service FROM service_regions WHERE region = 'eu' AND state = 'active'`);
  for (const { tenant, service } of services) {
    if (!inUse.some((row) => row.tenant === tenant)) continue;
    const held = await planes.eu.core.keychain.hasService(parseTenantId(tenant), parseServiceName(service));
    assert.ok(held, `${about}: ${tenant} lacks ${service}`);
  }
}

interface Story {
  readonly before: readonly Deed[];
  readonly after: readonly Deed[];
  /** Who is put back to the moment between; both: governance to the moment before all of it. */
  readonly back: 'region' | 'governance' | 'both';
}
const some = fc.uniqueArray(fc.constantFrom(...(Object.keys(deeds) as Deed[])), { maxLength: 4 });
const stories: fc.Arbitrary<Story> = fc.record({
  before: some,
  after: some,
  back: fc.constantFrom('region', 'governance', 'both'),
});

let stories_told = 0;

async function play({ before: first, after: then, back }: Story): Promise<void> {
  const name = `s${++stories_told}`;
  for (const tenant of [`${name}-a`, `${name}-b`]) await planes.onboard(tenant, 'payments');
  await addApplication(`${name}-a`, `${name}-shop`);
  await planes.link(`${name}-a`);
  await idle();
  const earliest = back === 'both' ? await takeBackup(planes.cmkUrl, tables) : undefined;
  await act(name, first);
  const region = back === 'governance' ? undefined : await takeBackup(planes.eu.databaseUrl, REGION_TABLES);
  const governance = back === 'governance' ? await takeBackup(planes.cmkUrl, tables) : earliest;
  await act(name, then);
  if (governance !== undefined) await planes.world.stop();
  await region?.restore();
  await governance?.restore();
  planes.eu.core.keychain.recheck();
  if (governance !== undefined) await planes.world.restart();
  await calm();
  await check(JSON.stringify({ first, then, back }));
}

test('whoever is put back to whatever they were, both sides come together again', async () => {
  await fc.assert(fc.asyncProperty(stories, play), {
    numRuns: RUNS,
    endOnFailure: true,
    ...(process.env['OKCM_DRIFT_SEED'] === undefined ? {} : { seed: Number(process.env['OKCM_DRIFT_SEED']) }),
    examples: [
      [{ before: [], after: ['unlink a', 'block b', 'remove an application', 'onboard c'], back: 'region' }],
      [{ before: [], after: ['link b', 'add an application', 'add a service', 'onboard c'], back: 'governance' }],
    ],
  });
});

test('a region that has lost everything gets everything that is wanted, and serves nobody who is to be linked first', async () => {
  const name = `s${++stories_told}`;
  for (const tenant of [`${name}-a`, `${name}-b`]) await planes.onboard(tenant, 'payments');
  await planes.link(`${name}-a`);
  await idle();
  await withClient({ url: planes.eu.databaseUrl }, async (client) => {
    await client.query(`BEGIN; SET LOCAL session_replication_role = replica;
      ${REGION_TABLES.map((table) => `DELETE FROM ${table}`).join(';')}; COMMIT`);
  });
  planes.eu.core.keychain.recheck();
  await calm();
  await check('everything lost');
  const tenants = (await served()).map(({ tenant }) => tenant);
  assert.ok(tenants.includes(`${name}-b`) && !tenants.includes(`${name}-a`));
});
