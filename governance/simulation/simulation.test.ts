/**
 * Simulations and drills as an operator meets them: REST on one side, regions' operators on the other. Above all, that
 * neither touches a link, whatever is asked in whatever order.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { sql } from 'kysely';
import type { JobKind } from '../../contracts/index.ts';
import { createCa, issue, type KeyAndCertificate } from '../../platform/pki.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { CmkDatabase } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import type { TestRegion } from '../test-region.ts';
import { SECOND_TOKEN, until, type World } from '../test-world.ts';
import { asReader } from './reading.ts';

const NOW = new Date().toISOString();
const TOUCHES_A_LINK: readonly string[] = [
  'LINK_PREPARE',
  'LINK',
  'ROTATE_LINK',
  'RENEW',
  'UNLINK',
] satisfies JobKind[];

let world: World;
let north: TestRegion;
let south: TestRegion;
let ca: KeyAndCertificate;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [first, second] = world.regions;
  assert.ok(first && second);
  [north, south] = [first, second];
  ca = await createCa({ commonName: 'applications', days: 2 });
  await live('acme');
  await addService('acme', 'dr-test');
  await world.onboard('lab');
  await addService('lab', 'payments');
});
after(() => world.close());

async function addService(tenant: string, name: string): Promise<void> {
  await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name });
  await until(`${name} is there`, async () => {
    const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/services`);
    return items.every((item: { state: string }) => item.state === 'active');
  });
}

async function register(tenant: string, name: string, services: readonly string[], told: object = {}) {
  const { certificatePem: certificate } = await issue({ ca, commonName: name, usages: ['client'], days: 1 });
  return await post(`${tenant}/applications`, { name, services, certificate, ...told });
}

/** A tenant in production: a service, an application, a link. */
async function live(tenant: string): Promise<void> {
  await world.onboard(tenant);
  await addService(tenant, 'payments');
  assert.equal((await register(tenant, 'shop', ['payments'])).status, 202);
  await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
  await world.linked(tenant, 'active');
}

const post = (path: string, body?: object) => world.call('POST', `/v1/tenants/${path}`, body);
const get = (path: string) => world.must(200, 'GET', `/v1/tenants/${path}`);

/** What the prober and a region's report change in between. */
const BY_ITSELF = ['checked_at', 'enabled_at', 'probe_at', 'updated_at'];

/** Everything that a link, a key and an identity are here, as a superuser sees it. */
async function protectedRows(): Promise<string> {
  const rows: unknown[] = [];
  for (const table of [
    'links',
    'tenants',
    'tenant_regions',
    'l1_keys',
    'services',
    'applications',
    'proposals',
  ])
    rows.push(
      await world.query(`SELECT to_jsonb(t) - $1::text[] AS row FROM ${table} t ORDER BY 1`, [BY_ITSELF]),
    );
  return JSON.stringify(rows);
}
const touched = (): number =>
  world.regions.reduce(
    (sum, { applied }) => sum + applied.filter((kind) => TOUCHES_A_LINK.includes(kind)).length,
    0,
  );

const complete = (tenant: string, id: string) =>
  until('the regions have answered', async () => {
    const report = await get(`${tenant}/simulations/${id}`);
    return report.state === 'complete' ? report : undefined;
  });
const ended = (tenant: string, id: string) =>
  until('the drill has ended', async () => {
    const drill = await get(`${tenant}/drills/${id}`);
    return drill.state === 'ended' ? drill : undefined;
  });
const settledJobs = () =>
  until('no job is on its way', async () => {
    const [row] = await world.query(
      `SELECT count(*)::int AS live FROM orbital_jobs WHERE state IN ('pending', 'processing')`,
    );
    return row?.['live'] === 0;
  });

test('a simulation asks the regions to look, tells what would stop, and changes nothing', async () => {
  await world.must(201, 'POST', '/v1/tenants/acme/systems', {
    name: 'erp',
    kind: 'sap',
    externalId: 'P01',
    service: 'payments',
  });
  const [row] = await world.query(`SELECT fingerprint FROM applications WHERE tenant = 'acme'`);
  north.use = {
    gateways: [
      {
        name: 'gw-1',
        connected: true,
        lastSeenAt: NOW,
        leasesEndBy: NOW,
        graceEndsBy: NOW,
        leases: [{ service: 'payments', lastUsedAt: NOW }],
      },
    ],
    applications: [{ fingerprint: String(row?.['fingerprint']), lastSeenAt: NOW }],
    omitted: 0,
  };
  const before = await protectedRows();
  const links = touched();
  const asked = await world.must(202, 'POST', '/v1/tenants/acme/simulations', { action: 'unlink' });
  const report = await complete('acme', asked.id);
  assert.equal(report.stops, true);
  assert.deepEqual(report.totals, {
    regions: 2,
    systems: 1,
    services: 2,
    versions: 6,
    objects: 0,
    applications: 1,
    gateways: 1,
    leases: 1,
    workflows: report.totals.workflows,
  });
  const [inNorth, inSouth] = report.regions;
  assert.deepEqual(
    [inNorth.region, inNorth.lastUsedAt, inNorth.leases[0].endsBy, inNorth.applications[0].lastSeenAt],
    ['north', NOW, NOW, NOW],
  );
  assert.deepEqual([inSouth.region, inSouth.stops, inSouth.leases], ['south', true, []]);
  assert.equal(await protectedRows(), before);
  assert.equal(touched(), links);
  assert.equal((await world.must(200, 'GET', '/v1/tenants/acme/links')).state, 'active');

  // It is evidence: the same report comes of it later, whatever has changed since.
  await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'later' });
  assert.deepEqual(await get(`acme/simulations/${asked.id}`), report);
  const { items } = await get('acme/simulations?limit=1');
  assert.deepEqual([items[0].id, items[0].state], [asked.id, 'complete']);
});

test('a report is exported as JSON, CSV and Markdown', async () => {
  const { id } = await world.must(202, 'POST', '/v1/tenants/acme/simulations', {
    action: 'disable-key',
    key: 'main',
  });
  await complete('acme', id);
  const fetched = async (format: string) => {
    const response = await fetch(`${world.url()}/v1/tenants/acme/simulations/${id}/export?format=${format}`, {
      headers: { authorization: 'Bearer a-token-of-the-first-operator' },
    });
    return [response.status, response.headers.get('content-type'), await response.text()] as const;
  };
  const [status, type, json] = await fetched('json');
  assert.deepEqual([status, type], [200, 'application/json']);
  assert.equal((JSON.parse(json) as { id: string }).id, id);
  const [, csvType, csv] = await fetched('csv');
  assert.match(csvType ?? '', /^text\/csv/);
  assert.match(csv, /^region,kind,name/);
  const [, markdownType, markdown] = await fetched('markdown');
  assert.match(markdownType ?? '', /^text\/markdown/);
  assert.match(markdown, /# Simulation: disable-key main \(acme\)/);
  assert.equal((await world.call('GET', `/v1/tenants/acme/simulations/${id}/export?format=pdf`)).status, 400);
});

test('a region that does not answer holds nobody up: its part is what governance knows', async () => {
  south.interfere = (kind) =>
    kind === 'USE_INSPECT'
      ? { failed: { code: 'UNAVAILABLE', message: 'away', retryable: true } }
      : undefined;
  const { id } = await world.must(202, 'POST', '/v1/tenants/acme/simulations', { action: 'unlink' });
  const report = await until('north has answered', async () => {
    const seen = await get(`acme/simulations/${id}`);
    return seen.regions[0].answers.every((each: { answeredAt: string | null }) => each.answeredAt !== null)
      ? seen
      : undefined;
  });
  assert.equal(report.state, 'asking');
  assert.equal(report.regions[1].stops, true);
  // A second one joins the question that is on its way, and both have its answer.
  const second = await world.must(202, 'POST', '/v1/tenants/acme/simulations', { action: 'unlink' });
  south.interfere = undefined;
  await complete('acme', id);
  await complete('acme', second.id);
});

test('what cannot be simulated is refused with a reason', async () => {
  const refused: [object, number, string][] = [
    [{ action: 'disable-key' }, 400, 'INVALID_REQUEST'],
    [{ action: 'unlink', key: 'main' }, 400, 'INVALID_REQUEST'],
    [{ action: 'unlink', service: 'payments' }, 400, 'INVALID_REQUEST'],
    [{ action: 'destroy-everything' }, 400, 'INVALID_REQUEST'],
    [{ action: 'disable-key', key: 'nobody' }, 404, 'KEY_UNKNOWN'],
    [{ action: 'drill', service: 'nobody' }, 404, 'SERVICE_UNKNOWN'],
    [{ action: 'unlink', regions: ['atlantis'] }, 404, 'REGION_UNKNOWN'],
  ];
  for (const [body, status, code] of refused) {
    const answer = await post('acme/simulations', body);
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body));
  }
  const unknown = await post('nobody/simulations', { action: 'unlink' });
  assert.equal(unknown.body.code, 'TENANT_UNKNOWN');
  const path = '/v1/tenants/lab/simulations/00000000-0000-4000-8000-000000000000';
  assert.equal((await world.call('GET', path)).body.code, 'SIMULATION_UNKNOWN');
});

test('PostgreSQL itself refuses to write where facts are read', async () => {
  const db = createDatabase<CmkDatabase>(
    createPool({ url: world.config.database.appUrl, applicationName: 'test' }),
  );
  try {
    await assert.rejects(
      asReader(db, 'acme', async (reading) => {
        // What the type forbids, in spite of it.
        await (reading as Trx)
          .updateTable('links')
          .set({ state: 'closed' })
          .where('tenant', '=', 'acme')
          .execute();
      }),
      /read-only transaction/,
    );
    await assert.rejects(
      asReader(db, 'acme', (reading) => sql`DELETE FROM links`.execute(reading)),
      /read-only transaction/,
    );
  } finally {
    await db.destroy();
  }
});

test('nothing that somebody may stand on becomes a target of drills', async () => {
  const linked = await post('acme/drill-targets', {});
  assert.deepEqual([linked.status, linked.body.code], [409, 'DRILL_TARGET_IN_USE']);
  const used = await post('acme/drill-targets', { service: 'payments' });
  assert.match(used.body.detail, /application shop/);
  assert.equal((await post('acme/drill-targets', { service: 'nobody' })).body.code, 'SERVICE_UNKNOWN');
  const drill = await post('acme/drills', { seconds: 1, confirm: 'acme' });
  assert.deepEqual([drill.status, drill.body.code], [409, 'NOT_A_DRILL_TARGET']);
  assert.equal(
    (await world.call('DELETE', '/v1/tenants/acme/drill-targets')).body.code,
    'NOT_A_DRILL_TARGET',
  );
  // The database says so, too: a drill without its designation cannot be written down.
  await assert.rejects(
    world.query(
      `INSERT INTO drills (id, tenant, service, target, state, started_by, correlation_id, started_at, restore_at, until)
         VALUES (gen_random_uuid(), 'acme', '', gen_random_uuid(), 'running', 'eve', 'c', now(), now() + '1 s', now() + '2 s')`,
    ),
    /foreign key/,
  );
});

/** The time of a drill passes at once: one that is short would be over before a busy machine has looked at it. */
async function comesToItsEnd(id: string): Promise<void> {
  await world.query(`UPDATE drills SET restore_at = now() WHERE id = $1`, [id]);
}

test('a drill cuts the designated tenant off in every region, and brings it back by itself', async () => {
  assert.equal((await post('lab/drill-targets', {})).status, 201);
  assert.equal((await post('lab/drill-targets', {})).status, 201, 'designated twice is designated');
  // From now on it is used and linked by those alone who say that they know what it is for.
  const untold = await register('lab', 'tester', ['payments']);
  assert.deepEqual([untold.status, untold.body.code], [409, 'DRILL_TARGET']);
  const link = await post('lab/link', { key: 'main' });
  assert.deepEqual([link.status, link.body.code], [409, 'DRILL_TARGET']);
  assert.equal((await register('lab', 'tester', ['payments'], { drillTarget: true })).status, 202);
  await world.must(202, 'POST', '/v1/tenants/lab/link', { key: 'main', drillTarget: true });
  await world.linked('lab', 'active');
  const links = touched();

  const wrong = await post('lab/drills', { seconds: 2, confirm: 'acme' });
  assert.deepEqual([wrong.status, wrong.body.code], [422, 'DRILL_NOT_CONFIRMED']);
  const beganAt = Date.now();
  const started = await world.must(202, 'POST', '/v1/tenants/lab/drills', { seconds: 600, confirm: 'lab' });
  assert.equal(started.state, 'running');
  assert.equal((await post('lab/drills', { seconds: 2, confirm: 'lab' })).body.code, 'DRILL_RUNNING');
  await until('both regions have cut it off', async () => north.cuts.has('lab') && south.cuts.has('lab'));
  // Each region would end it on its own, half a minute after governance.
  const untilMs = north.cuts.get('lab')?.untilMs ?? 0;
  assert.equal(untilMs - Date.parse(started.restoreAt), 30_000);
  await until('both have answered', async () => {
    const { regions } = await get(`lab/drills/${started.id}`);
    return regions.every(({ state }: { state: string }) => state === 'cut');
  });
  const knownMs = Date.now() - beganAt;
  await comesToItsEnd(started.id);

  const drill = await ended('lab', started.id);
  assert.ok(Date.parse(drill.restoringAt) >= Date.parse(drill.restoreAt));
  assert.deepEqual([north.cuts.size, south.cuts.size, drill.stoppedBy], [0, 0, null]);
  assert.ok(
    drill.timeToLastRefusalMs >= 0 && drill.timeToLastRefusalMs <= knownMs,
    `${drill.timeToLastRefusalMs} ms, and it was known after ${knownMs} ms`,
  );
  assert.ok(drill.timeBackMs >= 0, String(drill.timeBackMs));
  assert.deepEqual(
    drill.regions.map(({ region, state }: { region: string; state: string }) => [region, state]),
    [
      ['north', 'restored'],
      ['south', 'restored'],
    ],
  );
  assert.equal(touched(), links, 'no link was touched');
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=lab&limit=200');
  const actions = items
    .map(({ action }: { action: string }) => action)
    .filter((action: string) => action.startsWith('drill.'));
  assert.deepEqual(
    [...new Set(actions)].sort(),
    ['drill.cut', 'drill.designate', 'drill.end', 'drill.restore', 'drill.restored', 'drill.start'].sort(),
  );
  const end = items.find(({ action }: { action: string }) => action === 'drill.end');
  assert.deepEqual(end.detail, {
    timeToLastRefusalMs: drill.timeToLastRefusalMs,
    timeBackMs: drill.timeBackMs,
  });
});

test('what was asked for before a designation does not come to stand on it unsaid', async () => {
  await world.onboard('slow', 'four-eyes');
  await addService('slow', 'payments');
  await addService('slow', 'tests');
  const { proposal } = await world.must(202, 'POST', '/v1/tenants/slow/link', { key: 'main' });
  for (const scope of [{}, { service: 'tests' }])
    assert.equal((await post('slow/drill-targets', scope)).status, 201);
  const approved = await world.call('POST', `/v1/tenants/slow/proposals/${proposal.id}/approve`, undefined, {
    authorization: `Bearer ${SECOND_TOKEN}`,
  });
  assert.deepEqual(
    [approved.body.proposal.state, approved.body.proposal.error.code],
    ['failed', 'DRILL_TARGET'],
  );
  // With the tenant withdrawn, its designated service still is one, and the others are free.
  assert.equal((await world.call('DELETE', '/v1/tenants/slow/drill-targets')).status, 200);
  assert.equal((await register('slow', 'one', ['payments', 'tests'])).body.code, 'DRILL_TARGET');
  assert.equal((await register('slow', 'two', ['payments'])).status, 202);
  assert.equal((await post('slow/link', { key: 'main' })).status, 202);
});

test('a drill of one service survives a restart of CMK, and is ended by the one that comes back', async () => {
  assert.equal((await post('acme/drill-targets', { service: 'dr-test' })).status, 201);
  const { id } = await world.must(202, 'POST', '/v1/tenants/acme/drills', {
    service: 'dr-test',
    seconds: 600,
    confirm: 'acme/dr-test',
  });
  await until('it is cut off', async () => north.cuts.has('acme/dr-test') && south.cuts.has('acme/dr-test'));
  await world.stop();
  await comesToItsEnd(id);
  assert.ok(north.cuts.has('acme/dr-test'), 'nobody has ended it yet');
  await world.restart();
  const drill = await ended('acme', id);
  assert.equal(drill.regions.length, 2);
  assert.deepEqual([north.cuts.size, south.cuts.size], [0, 0]);
});

test('an operator ends a drill before its time; a region that refused the cut is restored all the same', async () => {
  south.interfere = (kind) =>
    kind === 'DRILL_CUT' ? { failed: { code: 'LIMIT_REACHED', message: 'no', retryable: false } } : undefined;
  const started = await world.must(202, 'POST', '/v1/tenants/lab/drills', { seconds: 600, confirm: 'lab' });
  await until('both have answered', async () => {
    const { regions } = await get(`lab/drills/${started.id}`);
    return regions[0].state === 'cut' && regions[1].state === 'failed';
  });
  south.interfere = undefined;
  // A repetition would cut off anew, behind the drill's back.
  const { regions } = await get(`lab/drills/${started.id}`);
  const retried = await world.call('POST', `/v1/jobs/${regions[1].cutJob}/retry`);
  assert.equal(retried.body.code, 'JOB_NOT_RETRYABLE');
  await world.must(202, 'POST', `/v1/tenants/lab/drills/${started.id}/stop`);
  const drill = await ended('lab', started.id);
  assert.equal(drill.stoppedBy, 'ada');
  assert.deepEqual([drill.timeToLastRefusalMs, drill.regions[1].cutError], [null, 'LIMIT_REACHED']);
  const again = await post(`lab/drills/${started.id}/stop`);
  assert.deepEqual([again.status, again.body.code], [409, 'DRILL_OVER']);
  assert.equal((await world.call('DELETE', '/v1/tenants/lab/drill-targets')).status, 200);
  assert.equal((await post('lab/drills', { seconds: 1, confirm: 'lab' })).body.code, 'NOT_A_DRILL_TARGET');
});

test('whatever is simulated and drilled in whatever order, no link is touched and nothing is cut off but targets', async () => {
  await settledJobs();
  const before = await protectedRows();
  const links = touched();
  const cut: string[] = [];
  const watch = (kind: JobKind, payload: unknown): undefined => {
    const { tenant, service } = payload as { tenant: string; service?: string };
    if (kind === 'DRILL_CUT') cut.push(service === undefined ? tenant : `${tenant}/${service}`);
    return undefined;
  };
  north.interfere = watch;
  south.interfere = watch;
  const tenant = fc.constantFrom('acme', 'lab');
  const service = fc.constantFrom(undefined, 'payments', 'dr-test', 'dr-test');
  const command = fc.oneof(
    fc.record({
      do: fc.constant('simulations' as const),
      tenant,
      body: fc.constantFrom(
        { action: 'unlink' },
        { action: 'block-tenant' },
        { action: 'terminate-tenant' },
        { action: 'disable-key', key: 'main' },
        { action: 'delete-key', key: 'main' },
        { action: 'drill' },
      ),
    }),
    fc.record({ do: fc.constant('drill-targets' as const), tenant, service }),
    fc.record({ do: fc.constant('drills' as const), tenant, service, confirmed: fc.boolean() }),
  );
  type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
  const run = async (one: Command): Promise<void> => {
    const path = `${one.tenant}/${one.do}`;
    if (one.do === 'simulations') {
      await post(path, one.body);
      return;
    }
    const scope = one.service === undefined ? {} : { service: one.service };
    const name = one.service === undefined ? one.tenant : `${one.tenant}/${one.service}`;
    if (one.do === 'drill-targets') await post(path, scope);
    else await post(path, { ...scope, seconds: 1, confirm: one.confirmed ? name : 'somebody-else' });
  };
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 8 }), async (commands) => {
      for (const one of commands) await run(one);
      assert.equal(touched(), links);
      assert.equal(await protectedRows(), before);
    }),
    { numRuns: 12 },
  );
  await until('every drill has ended', async () => {
    const [row] = await world.query(`SELECT count(*)::int AS left FROM drills WHERE state <> 'ended'`);
    return row?.['left'] === 0;
  });
  assert.deepEqual([north.cuts.size, south.cuts.size], [0, 0]);
  // Of all that was asked, dr-test of acme alone was ever designated.
  assert.deepEqual(
    [...new Set(cut)].filter((name) => name !== 'acme/dr-test'),
    [],
  );
  assert.equal(await protectedRows(), before);
});
