/** Regions that hold something else than governance wants, over a real database and broker: what is mended, told, and refused. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { LAST_EPOCH, type ManifestItem, manifestClasses, manifestDigest } from '../../contracts/index.ts';
import { issue } from '../../platform/pki.ts';
import { testPki } from '../../testkit/pki.ts';
import { DRIFT_ALLOWANCE, MAX_DRIFT_ATTEMPTS } from '../limits.ts';
import type { TestRegion } from '../test-region.ts';
import { testWorld } from '../test-setup.test.ts';
import { until, type World } from '../test-world.ts';
import type { DriftView, RegionDriftView } from './view.ts';

const RETRY_MS = 100;
const CLASSES = manifestClasses.length;

let world: World;
let north: TestRegion;

before(async () => {
  world = await testWorld({
    regions: ['north', 'south'],
    configure: (config) => ({ ...config, drift: { checkEveryMs: 50, settleMs: 0, retryMs: RETRY_MS } }),
  });
  const [region] = world.regions;
  assert.ok(region);
  north = region;
});
after(() => world.close());

const count = async (sql: string): Promise<number> => Number((await world.query(sql))[0]?.['n']);

/**
 * Until everything that was told has been looked at, and what was asked of the region is done; but for a service whose tenant is
 * to be made first, which waits for what the region tells next.
 */
const looked = (region = north): Promise<true> =>
  until('what was told is looked at', async () => {
    const open = await count(`
      SELECT (SELECT count(*) FROM drift_pages WHERE region = '${region.name}'
                AND (due OR checked_at IS NULL OR checked_at < told_at))
           + (SELECT count(*) FROM drift_reads WHERE region = '${region.name}')
           + (SELECT count(*) FROM orbital_tasks WHERE target = '${region.name}'
                AND state IN ('pending', 'processing')
                AND coalesce(error->>'code', '') <> 'TENANT_UNKNOWN') AS n`);
    return open === 0 && true;
  });

const everything = (region: TestRegion): string =>
  JSON.stringify(manifestClasses.map((of) => region.holds(of)));

/** Tells all that the region holds, and waits until that has led to whatever it leads to. */
async function tell(region = north): Promise<void> {
  const [{ now } = {}] = await world.query('SELECT now()::text AS now');
  await region.tellManifest();
  await until('it is told', async () => {
    const told = `FROM drift_pages WHERE region = '${region.name}' AND told_at >= '${String(now)}'`;
    return (await count(`SELECT count(*) AS n ${told}`)) === CLASSES;
  });
  await looked(region);
}

/** Until what the region holds is the same for two rounds. */
async function settle(region = north): Promise<void> {
  for (let before = '', same = 0; same < 2; ) {
    before = everything(region);
    await tell(region);
    same = everything(region) === before ? same + 1 : 0;
  }
}

async function drift(query = ''): Promise<DriftView[]> {
  return (await world.must(200, 'GET', `/v1/drift?region=north${query}`)).items;
}
const kinds = async (): Promise<string[]> => (await drift()).map(({ finding }) => finding).sort();
const applied = (kind: string): number => north.applied.filter((each) => each === kind).length;

async function chainsWith(action: string, subject: string): Promise<unknown[]> {
  const rows = await world.query(
    'SELECT tenant FROM audit_events WHERE action = $1 AND subject = $2 ORDER BY tenant',
    [action, subject],
  );
  return rows.map(({ tenant }) => tenant);
}

const later = { failed: { code: 'UNAVAILABLE', message: 'later', retryable: true } } as const;

async function application(tenant: string, name: string): Promise<string> {
  const pki = await testPki();
  const pair = await issue({ ca: pki.ca, commonName: name, usages: ['client'], days: 1 });
  await world.must(202, 'POST', `/v1/tenants/${tenant}/applications`, {
    name,
    services: ['payments'],
    certificate: pair.certificatePem,
  });
  const path = `/v1/tenants/${tenant}/applications/${name}`;
  return await until(`${name} is active`, async () => {
    const { state, fingerprint } = await world.must(200, 'GET', path);
    return state === 'active' && String(fingerprint);
  });
}

async function onboarded(tenant: string): Promise<string> {
  await world.onboard(tenant);
  await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name: 'payments' });
  return await application(tenant, `${tenant}-shop`);
}

async function linked(tenant: string): Promise<string> {
  const fingerprint = await onboarded(tenant);
  await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
  await world.linked(tenant, 'active');
  return fingerprint;
}

function held(tenant: string) {
  const found = north.tenants.get(tenant);
  assert.ok(found, tenant);
  return found;
}

test('what agrees is told once more and asked for no more', async () => {
  await onboarded('acme');
  await linked('bolt');
  await settle();
  assert.deepEqual(await drift(), []);
  const asked = applied('MANIFEST_READ');
  await tell();
  assert.equal(applied('MANIFEST_READ'), asked);
  const { items } = await world.must(200, 'GET', '/v1/drift/regions');
  const told = items.find(({ region }: RegionDriftView) => region === 'north');
  assert.deepEqual([told.pages, told.agreeing, told.findings], [5, 5, 0]);
});

test('what the region lacks is made anew, and as it was', async () => {
  const fingerprint = await onboarded('crux');
  await settle();
  const before = everything(north);
  const identity = north.identities.get(fingerprint);
  north.identities.delete(fingerprint);
  held('crux').keys.services.clear();
  await settle();
  assert.deepEqual(north.identities.get(fingerprint), identity);
  assert.equal(everything(north), before);
  north.identities.set(fingerprint, { ...(identity as object), services: ['payments', 'everything'] });
  await settle();
  assert.deepEqual(north.identities.get(fingerprint), identity);
  assert.deepEqual(await drift(), []);
});

test('a region that has lost a tenant gets it again; one that was linked, only behind a closure', async () => {
  await onboarded('dune');
  await linked('eden');
  await settle();
  north.tenants.delete('dune');
  north.tenants.delete('eden');
  await settle();
  assert.equal(held('dune').closed, 0);
  assert.ok(held('dune').keys.services.has('payments'));
  assert.deepEqual([held('eden').open, held('eden').closed], [0, 1]);
  // What its keys opened is lost; the customer decides whether new ones are linked.
  await until('nothing but the link is missed', async () => {
    await tell();
    return (await kinds()).join() === 'link-lost';
  });
  await world.must(202, 'POST', '/v1/tenants/eden/unlink', { reason: 'lost' });
  await world.linked('eden', 'closed');
  await settle();
  assert.deepEqual(await drift(), []);
});

test('what governance does not know is revoked and closed, and nobody else is touched', async () => {
  const fingerprint = await onboarded('fern');
  await settle();
  const stranger = 'ab'.repeat(32);
  north.identities.set(stranger, { fingerprint: stranger, role: 'gateway', name: 'evil' });
  const { keys } = held('fern');
  north.tenants.set('ghost', { ...held('fern'), keys, open: 4, expiresAt: '2031-01-01T00:00:00.000Z' });
  await settle();
  assert.ok(!north.identities.has(stranger));
  assert.ok(north.identities.has(fingerprint));
  assert.deepEqual([held('ghost').open, held('ghost').closed], [0, 4]);
  // Nobody has a chain of that name; whoever has once will not find in it what a region has made up.
  assert.deepEqual(await chainsWith('link.closed', 'link:ghost/north/4'), ['_platform']);
  assert.equal(held('fern').closed, 0);
  assert.deepEqual(await kinds(), ['service-unknown', 'tenant-residue']);
  const { items } = await world.must(200, 'GET', '/v1/audit?action=drift.revoke');
  assert.equal(items[0].subject, `identity:${stranger}@north`);
  assert.deepEqual([items[0].actor, items[0].outcome], ['system:drift', 'accepted']);
  north.tenants.delete('ghost');
  await settle();
  assert.deepEqual(await drift(), []);
});

test('an epoch that is closed for governance is closed at once in a region that was put back', async () => {
  await linked('gale');
  await settle();
  const before = { ...held('gale') };
  await world.must(202, 'POST', '/v1/tenants/gale/unlink', { reason: 'withdrawn' });
  await world.linked('gale', 'closed');
  Object.assign(held('gale'), before);
  await settle();
  assert.equal(held('gale').open, 0);
  assert.ok(held('gale').closed >= before.open);
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=gale&action=drift.close');
  assert.deepEqual(items[0].detail.finding, 'link-open');
  assert.equal((await world.must(200, 'GET', '/v1/tenants/gale/links')).state, 'closed');
});

test('a region that serves a tenant without its link is closed; one that has lost the link is told, and mended by nobody', async () => {
  await linked('hull');
  await settle();
  Object.assign(held('hull'), { open: 0, closed: 0 });
  await settle();
  assert.ok(held('hull').closed > 0);
  assert.deepEqual(await kinds(), ['link-lost']);
  const [finding] = await drift();
  assert.deepEqual([finding?.item, finding?.mend, finding?.wanted], ['hull', 'tell', 'open:1']);
  const closures = applied('UNLINK');
  await settle();
  assert.equal(applied('UNLINK'), closures);
  await world.must(202, 'POST', '/v1/tenants/hull/unlink', { reason: 'as it is there' });
  await world.linked('hull', 'closed');
  await settle();
  assert.deepEqual(await drift(), []);
});

test('a terminated tenant that comes back from a backup is ended once more', async () => {
  await world.onboard('iris');
  await world.must(202, 'POST', '/v1/tenants/iris/block', { reason: 'over' });
  const state = async (): Promise<string> => (await world.must(200, 'GET', '/v1/tenants/iris')).state;
  await until('it is blocked', async () => (await state()) === 'blocked');
  await world.must(202, 'POST', '/v1/tenants/iris/terminate', { reason: 'over' });
  await until('it is terminated', async () => (await state()) === 'terminated');
  Object.assign(held('iris'), { open: 0, closed: 0 });
  await settle();
  assert.equal(held('iris').closed, LAST_EPOCH);
  assert.equal(await state(), 'terminated');
  assert.deepEqual(await drift(), []);
});

test('an answer that is older than what governance has done since leads to nothing', async () => {
  await onboarded('jade');
  await settle();
  const stale = north.holds('tenant');
  // The region is asked now, because of something that really differs, and is slow to answer.
  let asked = 0;
  let answer: readonly ManifestItem[] | undefined;
  north.interfere = (kind, payload) => {
    if (kind !== 'MANIFEST_READ' || (payload as { class?: string }).class !== 'tenant') return undefined;
    asked += 1;
    if (answer !== undefined) return { done: { items: [...answer] } as never };
    return { failed: { code: 'UNAVAILABLE', message: 'later', retryable: true } };
  };
  await north.say({
    kind: 'manifest',
    region: 'north',
    pages: [{ class: 'tenant', items: stale.length, digest: manifestDigest([]) }],
  });
  await until('it is asked', async () => asked > 0);
  const closures = applied('UNLINK');
  await world.must(202, 'POST', '/v1/tenants/jade/link', { key: 'main' });
  await world.linked('jade', 'active');
  answer = stale;
  await looked();
  north.interfere = undefined;
  assert.equal(applied('UNLINK'), closures);
  assert.equal(held('jade').open, 1);
  await settle();
  assert.deepEqual(await drift(), []);
});

test('what a region says against the rules is thrown away, and what it says next is heard', async () => {
  const page = { class: 'identity', items: 0, digest: manifestDigest([]) };
  const before = everything(north);
  const last = await count('SELECT max(position) AS n FROM orbital_jobs');
  for (const bad of [
    { kind: 'manifest', region: 'south', pages: [page] },
    { kind: 'manifest', region: 'north', pages: [] },
    { kind: 'manifest', region: 'north', pages: [{ ...page, class: 'secret' }] },
    { kind: 'manifest', region: 'north', pages: [{ ...page, after: "' OR true --" }] },
    { kind: 'manifest', region: 'north', pages: Array.from({ length: 65 }, () => page) },
  ])
    await north.say(bad);
  // These follow the schema; nothing comes of them but a question, and an answer of nonsense is none.
  let nonsense = 0;
  north.interfere = (kind) => {
    if (kind !== 'MANIFEST_READ') return undefined;
    nonsense += 1;
    const items = [
      { key: 'b', state: 'none' },
      { key: 'a', state: 'none' },
    ];
    return { done: { items } as never };
  };
  await north.say({
    kind: 'manifest',
    region: 'north',
    pages: [
      { ...page, after: 'bb', upTo: 'aa' },
      { ...page, after: 'aa', upTo: 'cc', digest: '0'.repeat(64) },
      { ...page, after: 'bb', upTo: 'dd' },
      { ...page, after: 'aa', upTo: 'cc', digest: '1'.repeat(64) },
    ],
  });
  await until('it was asked', async () => nonsense > 0);
  await looked();
  north.interfere = undefined;
  assert.equal(everything(north), before);
  const made = await world.query(`SELECT DISTINCT kind FROM orbital_jobs WHERE position > ${last}`);
  assert.deepEqual(
    made.map(({ kind }) => kind),
    ['MANIFEST_READ'],
  );
  await settle();
  assert.deepEqual(await drift(), []);
});

test('a mend that does not take is tried so often, and then left to people', async () => {
  const stubborn = 'cd'.repeat(32);
  north.identities.set(stubborn, { fingerprint: stubborn, role: 'gateway', name: 'stubborn' });
  north.interfere = (kind) =>
    kind === 'IDENTITY_REMOVE' ? { done: { fingerprint: stubborn } as never } : undefined;
  await until('it is given up', async () => {
    await tell();
    const [finding] = await drift('&mend=revoke');
    return finding?.givenUp === true;
  });
  const tries = await count(
    `SELECT count(*) AS n FROM orbital_jobs WHERE entity = 'identity:${stubborn}' AND kind = 'IDENTITY_REMOVE'`,
  );
  assert.equal(tries, MAX_DRIFT_ATTEMPTS);
  north.interfere = undefined;
  north.identities.delete(stubborn);
  await settle();
  assert.deepEqual(await drift(), []);
});

test('a region that does not answer holds up no mend in another', async () => {
  const [, south] = world.regions;
  assert.ok(south);
  const fingerprint = await onboarded('lime');
  await settle();
  const identity = north.identities.get(fingerprint) ?? null;
  south.interfere = (kind) => (kind === 'IDENTITY_REMOVE' || kind === 'IDENTITY_PUT' ? later : undefined);
  await world.must(202, 'DELETE', '/v1/tenants/lime/applications/lime-shop');
  await until('it is removed here', async () => !north.identities.has(fingerprint));
  await settle();
  // The job of both regions lives on, and this one has nothing left to do in it.
  north.identities.set(fingerprint, identity);
  await settle();
  assert.ok(!north.identities.has(fingerprint));
  // The tenant has no such application here any more, so that it is not told once more.
  assert.deepEqual(await chainsWith('identity.removed', `identity:${fingerprint}@north`), [
    '_platform',
    'lime',
  ]);

  const pair = await issue({
    ca: (await testPki()).ca,
    commonName: 'lime-late',
    usages: ['client'],
    days: 1,
  });
  await world.must(202, 'POST', '/v1/tenants/lime/applications', {
    name: 'lime-late',
    services: ['payments'],
    certificate: pair.certificatePem,
  });
  const late = async () =>
    [...north.identities].find(([, each]) => (each as { name?: string }).name === 'lime-late');
  const [put] = await until('it is let in here', async () => (await late()) ?? false);
  await settle();
  north.identities.delete(put);
  await settle();
  assert.ok(north.identities.has(put));
  south.interfere = undefined;
  await until('the other region has done all of it', async () => south.identities.has(put));
  await settle();
  assert.deepEqual(await drift(), []);
});

test('what a region owes is counted as tried, and shown as given up in the end', async () => {
  const owed = 'ef'.repeat(32);
  const identity = { fingerprint: owed, role: 'gateway', name: 'owed' };
  const found = async () => (await drift('&mend=revoke'))[0];
  const jobs = `SELECT count(*) AS n FROM orbital_jobs WHERE entity LIKE 'identity:${owed}%'`;
  north.interfere = (kind) => (kind === 'IDENTITY_REMOVE' ? later : undefined);
  north.identities.set(owed, identity);
  const told = (what: string, is: () => Promise<boolean>) =>
    until(what, async () => {
      await north.tellManifest();
      return is();
    });
  await told('it is asked to', async () => (await found())?.job != null);
  // What it says meanwhile makes governance forget the finding, and neither the job nor that it was not done.
  north.identities.delete(owed);
  await told('it is not found any more', async () => (await found()) === undefined);
  north.identities.set(owed, identity);
  await told('it is given up', async () => (await found())?.givenUp === true);
  assert.equal(await count(jobs), 1);
  north.interfere = undefined;
  await until('it is done', async () => !north.identities.has(owed));
  await settle();
  assert.deepEqual(await drift(), []);
});

test('what a region makes up leads to so many jobs and events and no more, which is said once', async () => {
  const { live } = DRIFT_ALLOWANCE.unknown;
  const { perHour } = DRIFT_ALLOWANCE.told;
  const NAMES = 8;
  await world.query('DELETE FROM drift_allowances');
  const removals = (): Promise<number> =>
    count(`SELECT count(*) AS n FROM drift_mends m JOIN orbital_jobs j ON j.id = m.job
             WHERE m.region = 'north' AND m.allowance = 'unknown' AND j.state IN ('pending', 'processing')`);
  const heldBack = (): Promise<number> =>
    count(`SELECT count(*) AS n FROM audit_events WHERE action = 'drift.held-back'`);
  let answers = 0;
  let made: 'identity' | 'issuer' = 'identity';
  north.interfere = (kind, payload) => {
    if (kind === 'IDENTITY_REMOVE') return later;
    if (kind !== 'MANIFEST_READ' || (payload as { class?: string }).class !== made) return undefined;
    answers += 1;
    const keys = Array.from({ length: NAMES }, () => randomBytes(32).toString('hex')).sort();
    return { done: { items: keys.map((key) => ({ key, state: 'made-up' })) } as never };
  };
  const lie = async (): Promise<void> => {
    const before = answers;
    await until('it is asked', async () => {
      const digest = randomBytes(32).toString('hex');
      await north.say({ kind: 'manifest', region: 'north', pages: [{ class: made, items: 0, digest }] });
      return answers > before;
    });
    await until('it is looked at', async () => {
      const open = `SELECT count(*) AS n FROM drift_reads WHERE region = 'north' AND class = '${made}'`;
      return (await count(open)) === 0;
    });
  };
  // All but a few of the jobs that may be under way.
  await world.query(
    `WITH entities AS (
       INSERT INTO orbital_entities (entity, last_sequence)
         SELECT 'identity:earlier-' || n, 1 FROM generate_series(1, ${live - NAMES - 2}) n RETURNING entity),
     made AS (
       INSERT INTO orbital_jobs (id, kind, entity, entity_sequence, lane, state, cancels_older, correlation_id)
         SELECT gen_random_uuid(), 'IDENTITY_REMOVE', entity, 1, 'urgent', 'pending', false, 'earlier'
           FROM entities RETURNING id)
     INSERT INTO drift_mends (job, region, allowance) SELECT id, 'north', 'unknown' FROM made`,
  );
  for (let lies = 0; lies < 3; lies++) await lie();
  assert.equal(await removals(), live);
  assert.equal(await heldBack(), 1);
  await until('it is measured', async () => {
    const text = await (await fetch(`${world.healthUrl()}/metrics`)).text();
    return /okcm_cmk_drift_held_back_regions\{?[^}]*\}? 1/.test(text);
  });
  // The other bound, of the hour, on what nobody mends.
  made = 'issuer';
  const told = (): Promise<number> =>
    count(`SELECT count(*) AS n FROM audit_events WHERE action = 'drift.found' AND subject LIKE 'issuer:%'`);
  await lie();
  assert.equal(await told(), NAMES);
  await world.query(`UPDATE drift_allowances SET spent = ${perHour - 3} WHERE allowance = 'told'`);
  for (let lies = 0; lies < 2; lies++) await lie();
  assert.equal(await told(), NAMES + 3);
  assert.equal(await heldBack(), 2);
  // What governance wants has its own; the next hour begins anew.
  const [fingerprint = ''] = north.identities.keys();
  const identity = north.identities.get(fingerprint);
  north.interfere = undefined;
  await world.query(`DELETE FROM orbital_jobs WHERE correlation_id = 'earlier'`);
  north.identities.delete(fingerprint);
  await world.query(`UPDATE drift_allowances SET since = now() - interval '2 hours' WHERE region = 'north'`);
  await settle();
  assert.deepEqual(north.identities.get(fingerprint), identity);
  assert.deepEqual(await drift(), []);
});

test('keys that are older than the region has told before are a finding', async () => {
  await onboarded('kite');
  await settle();
  held('kite').keys.l2.add(0);
  await settle();
  assert.deepEqual(await drift(), []);
  held('kite').keys.l2.versions.pop();
  await settle();
  assert.deepEqual(await kinds(), ['keys-rewound']);
  held('kite').keys.l2.add(0);
  held('kite').keys.l2.add(0);
  await settle();
  assert.deepEqual(await drift(), []);
});

test('metrics tell of every finding, from the start', async () => {
  const text = await (await fetch(`${world.healthUrl()}/metrics`)).text();
  assert.match(text, /okcm_cmk_drift_found_total\{[^}]*finding="link-ahead"[^}]*\} 0/);
  assert.match(text, /okcm_cmk_drift_mends_total\{[^}]*finding="identity-unknown"[^}]*\} [1-9]/);
  assert.match(text, /okcm_cmk_drift_findings\{[^}]*finding="tenant-ended"[^}]*\} 0/);
});

test('a region that tells much holds up nobody, and what waits keeps its place', async () => {
  const pages = 2_000;
  await world.stop();
  await world.query(`UPDATE drift_pages SET checked_at = told_at WHERE checked_at < told_at`);
  await world.query(
    `INSERT INTO drift_pages (region, class, after, up_to, items, digest, told_at)
       SELECT 'north', 'issuer', 'z' || lpad(n::text, 6, '0'), 'z' || lpad((n + 1)::text, 6, '0'), 0, $1,
              now() - interval '1 hour' + n * interval '1 millisecond'
         FROM generate_series(1, ${pages}) n
       UNION ALL SELECT 'south', 'issuer', 'z1', 'z2', 0, $1, now()`,
    [manifestDigest([])],
  );
  await world.restart();
  const last = { after: `z00${pages}`, upTo: `z00${pages + 1}` };
  await north.say({
    kind: 'manifest',
    region: 'north',
    pages: [{ class: 'issuer', ...last, items: 7, digest: manifestDigest([]) }],
  });
  const told = `FROM drift_pages WHERE after = '${last.after}' AND items = 7`;
  await until('it is told again', async () => (await count(`SELECT count(*) AS n ${told}`)) === 1);
  assert.equal(
    await count(`SELECT count(*) AS n ${told} AND told_at < now() - interval '30 minutes'`),
    1,
    'it keeps its place',
  );
  await until('the other region is looked at', async () => {
    const south = `FROM drift_pages WHERE region = 'south' AND after = 'z1' AND checked_at IS NOT NULL`;
    return (await count(`SELECT count(*) AS n ${south}`)) === 1;
  });
  const before = await count(`SELECT count(*) AS n FROM drift_pages n JOIN drift_pages s
    ON s.region = 'south' AND s.after = 'z1' WHERE n.region = 'north' AND n.after LIKE 'z%' AND n.checked_at < s.checked_at`);
  assert.ok(before < 4, `${before} pages came before it`);
  await world.query(`DELETE FROM drift_pages WHERE after LIKE 'z%'`);
});
