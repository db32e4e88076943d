/** Regions that hold something else than governance wants, over a real database and broker: what is mended, told, and refused. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LAST_EPOCH, type ManifestItem, manifestDigest } from '../../contracts/index.ts';
import { MAX_DRIFT_ATTEMPTS } from '../limits.ts';
import { until } from '../test-world.ts';
import { type DriftWorld, startDriftWorld } from './test-drift.test.ts';
import type { RegionDriftView } from './view.ts';

let world: DriftWorld['world'];
let north: DriftWorld['north'];
let count: DriftWorld['count'];
let looked: DriftWorld['looked'];
let everything: DriftWorld['everything'];
let tell: DriftWorld['tell'];
let settle: DriftWorld['settle'];
let drift: DriftWorld['drift'];
let kinds: DriftWorld['kinds'];
let applied: DriftWorld['applied'];
let chainsWith: DriftWorld['chainsWith'];
let onboarded: DriftWorld['onboarded'];
let linked: DriftWorld['linked'];
let held: DriftWorld['held'];
before(async () => {
  ({
    world,
    north,
    count,
    looked,
    everything,
    tell,
    settle,
    drift,
    kinds,
    applied,
    chainsWith,
    onboarded,
    linked,
    held,
  } = await startDriftWorld());
});
after(() => world?.close());

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
