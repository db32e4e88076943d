/** A region that holds more tenants than one report names: what its pages say adds up, and stays. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  LAST_EPOCH,
  MAX_REPORTED_LINKS,
  type RegionReport,
  type ReportedLink,
} from '../../contracts/index.ts';
import { testWorld } from '../../testkit/governance.ts';
import { EPOCHS_AHEAD } from '../limits.ts';
import type { TestRegion } from '../test-region.ts';
import { until, type World } from '../test-world.ts';

const TENANTS = 2_500;
const EPOCH = 7;
const EXPIRES_AT = '2031-01-01T00:00:00.000Z';

let world: World;
let region: TestRegion;

const nameOf = (index: number): string => `tenant-${String(index).padStart(5, '0')}`;
const pages = Array.from({ length: Math.ceil(TENANTS / MAX_REPORTED_LINKS) }, (_, page) =>
  Array.from(
    { length: Math.min(MAX_REPORTED_LINKS, TENANTS - page * MAX_REPORTED_LINKS) },
    (_, index): ReportedLink => ({
      tenant: nameOf(page * MAX_REPORTED_LINKS + index),
      epoch: EPOCH,
      state: 'open',
      expiresAt: EXPIRES_AT,
    }),
  ),
);

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [north] = world.regions;
  assert.ok(north);
  region = north;
  // As onboarding leaves them, without ten minutes of jobs.
  const names = Array.from({ length: TENANTS }, (_, index) => nameOf(index));
  await world.query(
    `INSERT INTO tenants (tenant, display_name, policy, quorum)
       SELECT name, name, 'development-quorum-one', 1 FROM unnest($1::text[]) AS name`,
    [names],
  );
  await world.query(
    `INSERT INTO tenant_regions (tenant, region, state)
       SELECT tenant, region, 'active' FROM unnest($1::text[]) AS tenant, unnest(ARRAY['north', 'south']) AS region`,
    [names],
  );
});
after(() => world.close());

async function heard(condition: string): Promise<number> {
  const rows = await world.query(`SELECT count(*)::int AS n FROM tenant_regions WHERE ${condition}`);
  return Number(rows[0]?.['n']);
}
const untilHeard = (count: number, condition: string): Promise<true> =>
  until(`${count} rows with ${condition}`, async () => (await heard(condition)) === count && true);

async function lastReport(): Promise<RegionReport> {
  const { items } = await world.must(200, 'GET', '/v1/regions');
  return items.find((item: { name: string }) => item.name === 'north').report;
}

test('pages add up: every epoch of 2,500 tenants is heard, of this region and no other', async () => {
  let sum = 0;
  for (const links of pages) {
    await region.report({ links });
    sum += links.length;
    await untilHeard(sum, `last_epoch = ${EPOCH} AND reported_state = 'open'`);
  }
  assert.equal(sum, TENANTS);
  assert.equal(await heard(`region = 'south' AND last_epoch > 0`), 0);
});

test('a page leaves what the others have said, and what has not changed is not written again', async () => {
  const before = await world.query(`SELECT sum(xmin::text::bigint)::text AS versions FROM tenant_regions`);
  const counts = { none: 0, prepared: 0, open: TENANTS, expired: 0, closed: 0 };
  const [page = []] = pages;
  await region.report({ links: page, linkCounts: counts });
  await until('the counts are shown', async () => (await lastReport()).linkCounts?.open === TENANTS);
  assert.ok(!('links' in (await lastReport())), 'the list of regions carries no links');
  const after = await world.query(`SELECT sum(xmin::text::bigint)::text AS versions FROM tenant_regions`);
  assert.deepEqual(after, before);
});

test('a change of one link shows at its tenant, beside what we hold true', async () => {
  const tenant = nameOf(TENANTS - 1);
  await region.report({ links: [{ tenant, epoch: EPOCH, state: 'closed' }] });
  await untilHeard(1, `reported_state = 'closed'`);
  const { regions } = await world.must(200, 'GET', `/v1/tenants/${tenant}/links`);
  assert.deepEqual(
    regions.map((link: { region: string; reported: unknown }) => [link.region, link.reported]),
    [
      ['north', { epoch: EPOCH, state: 'closed', expiresAt: null }],
      ['south', null],
    ],
  );
});

test('an epoch that goes back in a report is told, and gives no epoch out a second time', async () => {
  const tenant = nameOf(0);
  await region.report({ links: [{ tenant, epoch: EPOCH - 1, state: 'open', expiresAt: EXPIRES_AT }] });
  await untilHeard(1, `reported_epoch = ${EPOCH - 1}`);
  assert.equal(await heard(`tenant = '${tenant}' AND last_epoch = ${EPOCH}`), 1);
});

test('what a region says brings the count of epochs on by a few, and never to their end', async () => {
  const tenant = nameOf(3);
  const counted = (epoch: number) => heard(`tenant = '${tenant}' AND last_epoch = ${epoch}`);
  await region.report({ links: [{ tenant, epoch: LAST_EPOCH - 1, state: 'closed' }] });
  await untilHeard(1, `reported_epoch = ${LAST_EPOCH - 1}`);
  assert.equal(await counted(EPOCHS_AHEAD), 1);
  await region.report({ links: [{ tenant, epoch: LAST_EPOCH, state: 'closed' }] });
  await untilHeard(1, `reported_epoch = ${LAST_EPOCH}`);
  assert.equal(await counted(EPOCHS_AHEAD), 1);
});

test('a report of more links than a page, or of an instant that is none, is thrown away', async () => {
  const tooMany = Array.from({ length: MAX_REPORTED_LINKS + 1 }, (_, index) => ({
    tenant: nameOf(index),
    epoch: EPOCH + 1,
    state: 'open' as const,
  }));
  await region.report({ links: tooMany });
  await region.report({
    links: [{ tenant: nameOf(1), epoch: EPOCH + 1, state: 'open', expiresAt: 'tomorrow' }],
  });
  await region.report({ links: [{ tenant: nameOf(2), epoch: EPOCH + 1, state: 'prepared' }] });
  await untilHeard(1, `reported_state = 'prepared'`);
  assert.equal(await heard(`last_epoch = ${EPOCH + 1}`), 1);
});

test('the largest page, of the longest names, fits a message beside the most gateways', async () => {
  const longest = 'n'.repeat(63);
  const now = new Date().toISOString();
  const links = Array.from({ length: MAX_REPORTED_LINKS }, () => ({
    tenant: longest,
    epoch: 2 ** 31 - 1,
    state: 'prepared' as const,
    expiresAt: now,
  }));
  const gateways = Array.from({ length: 256 }, () => ({
    name: 'g'.repeat(128),
    connected: false,
    appliedHead: Number.MAX_SAFE_INTEGER,
    head: Number.MAX_SAFE_INTEGER,
    leases: Number.MAX_SAFE_INTEGER,
    backlog: Number.MAX_SAFE_INTEGER,
    lastSeenAt: now,
  }));
  await region.report({ links, gateways });
  await until('it is shown', async () => (await lastReport()).gateways.length === gateways.length);
});
