/** What one region says or leaves out harms itself: no other waits for it, and governance does no more than it may. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { manifestClasses, manifestDigest } from '../../contracts/index.ts';
import { reportChannel } from '../../orbital/index.ts';
import { type ReportMessage, signMessage } from '../../orbital/messages.ts';
import { DRIFT_ALLOWANCE } from '../limits.ts';
import type { TestRegion } from '../test-region.ts';
import { until } from '../test-world.ts';
import { certificateOf, type DriftWorld, startDriftWorld } from './test-drift.test.ts';

let world: DriftWorld['world'];
let north: DriftWorld['north'];
let south: DriftWorld['south'];
let count: DriftWorld['count'];
let settle: DriftWorld['settle'];
let drift: DriftWorld['drift'];
let chainsWith: DriftWorld['chainsWith'];
let onboarded: DriftWorld['onboarded'];
before(async () => {
  ({ world, north, south, count, settle, drift, chainsWith, onboarded } = await startDriftWorld());
});
after(() => world?.close());

const later = { failed: { code: 'UNAVAILABLE', message: 'later', retryable: true } } as const;

test('a region that does not answer holds up no mend in another', async () => {
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

  await world.must(202, 'POST', '/v1/tenants/lime/applications', {
    name: 'lime-late',
    services: ['payments'],
    certificate: await certificateOf('lime-late'),
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
    until(
      what,
      async () => {
        await north.tellManifest();
        return is();
      },
      60_000,
    );
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
  // Asked again at once, instead of after longer and longer whiles.
  await world.query(`UPDATE orbital_tasks SET next_attempt_at = now() WHERE kind = 'IDENTITY_REMOVE'`);
  north.identities.delete(fingerprint);
  await world.query(`UPDATE drift_allowances SET since = now() - interval '2 hours' WHERE region = 'north'`);
  await settle();
  assert.deepEqual(north.identities.get(fingerprint), identity);
  assert.deepEqual(await drift(), []);
});

test('what was recorded hides nothing: a manifest that is older than the last, or far from our clock, is refused', async () => {
  const MINUTE_MS = 60_000;
  const manifestOf = (region: TestRegion) => ({
    kind: 'manifest',
    region: region.name,
    pages: manifestClasses.map((of) => {
      const items = region.holds(of);
      return { class: of, items: items.length, digest: manifestDigest(items) };
    }),
  });
  /** As somebody who has recorded it plays it out, once the frames that were seen are forgotten. */
  const play = (region: TestRegion, report: object, atMs: number): Promise<void> => {
    const said = { type: 'report', source: region.name, at: new Date(atMs).toISOString(), report } as const;
    return region.transport.publish(reportChannel(), signMessage(region.signer, said as ReportMessage));
  };
  const refused = (code: string, region: TestRegion): Promise<number> =>
    count(`SELECT coalesce(sum(count), 0) AS n FROM refused_messages
             WHERE code = '${code}' AND channel = '${reportChannel()}' AND claims = '${region.name}'`);

  await settle();
  const recorded = manifestOf(north);
  const planted = 'bd'.repeat(32);
  north.interfere = (kind) => (kind === 'IDENTITY_REMOVE' ? later : undefined);
  north.identities.set(planted, { fingerprint: planted, role: 'gateway', name: 'planted' });
  const finding = await until('it is found', async () => {
    await north.tellManifest();
    return (await drift('&mend=revoke'))[0];
  });
  assert.equal(finding.item, planted);
  const before = await refused('REPLAYED', north);
  // A moment ago another core may have said so honestly: it is passed over, and nobody is told.
  for (const agoMs of [MINUTE_MS / 2, 3 * MINUTE_MS, 6 * MINUTE_MS, 24 * 60 * MINUTE_MS])
    await play(north, recorded, Date.now() - agoMs);
  await until('they are refused', async () => (await refused('REPLAYED', north)) === before + 3);
  const [still] = await drift('&mend=revoke');
  assert.deepEqual([still?.item, still?.foundAt], [planted, finding.foundAt]);
  const [page] = await world.query(
    `SELECT agrees FROM drift_pages WHERE region = 'north' AND class = 'identity'`,
  );
  assert.equal(page?.['agrees'], false);

  // Of a region that has told nothing yet.
  await play(south, manifestOf(south), Date.now() - 6 * MINUTE_MS);
  await play(south, manifestOf(south), Date.now() + 6 * MINUTE_MS);
  await until('the old one is refused', async () => (await refused('REPLAYED', south)) === 1);
  await until('the one from ahead is refused', async () => (await refused('CLOCK_AHEAD', south)) === 1);
  const pages = `SELECT count(*) AS n FROM drift_pages WHERE region = 'south'`;
  assert.equal(await count(pages), 0);
  const ages = async (): Promise<number[]> => {
    const text = await (await fetch(`${world.healthUrl()}/metrics`)).text();
    return [...text.matchAll(/^okcm_cmk_manifest_age_seconds\{[^}]*region="south"[^}]*\} (\S+)$/gm)].map(
      ([, age]) => Number(age),
    );
  };
  await world.query(`UPDATE regions SET enrolled_at = now() - interval '1 day' WHERE name = 'south'`);
  await until('its silence is measured', async () => {
    const told = await ages();
    return told.length === manifestClasses.length && told.every((age) => age > 3_600);
  });

  // Several pages of one class in one report, the next in another: a round.
  const [issuers] = manifestOf(south).pages.filter((each) => each.class === 'issuer');
  assert.ok(issuers);
  const parts = (...ranges: { after?: string; upTo?: string }[]) => ({
    kind: 'manifest',
    region: 'south',
    pages: ranges.map((range) => ({ ...issuers, ...range })),
  });
  await south.say(parts({ upTo: 'b' }, { after: 'b', upTo: 'd' }));
  await until('two pages are there', async () => (await count(pages)) === 2);
  await south.say(parts({ after: 'd' }));
  await until('and the third', async () => (await count(pages)) === 3);
  await south.tellManifest();
  await until('all is told', async () => (await count(pages)) === manifestClasses.length);
  await until('it is measured', async () => (await ages()).every((age) => age < 3_600));

  north.interfere = undefined;
  await world.query(`UPDATE orbital_tasks SET next_attempt_at = now() WHERE kind = 'IDENTITY_REMOVE'`);
  await settle();
  assert.ok(!north.identities.has(planted));
  assert.deepEqual(await drift(), []);
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
