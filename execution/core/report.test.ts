/** Reports of a region that holds more tenants than one of them names. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Value } from 'typebox/value';
import {
  MAX_REPORTED_LINKS,
  parseTenantId,
  RegionReport,
  type ReportedLink,
  regionLog,
} from '../../contracts/index.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { AuditRounds } from './audit/rounds.ts';
import { TrailSigner } from './audit/signing.ts';
import { LinkRounds } from './link-rounds.ts';
import { Gateways } from './mesh/gateways.ts';
import { regionSummary } from './report.ts';
import { keysIn } from './store/tables.ts';
import { TestRegion } from './testing/region.ts';

const TENANTS = 2_500;
const CLOSED = 500;

const nameOf = (index: number): string => `tenant-${String(index).padStart(5, '0')}`;

describe('reports in pages', () => {
  let region: TestRegion;
  let rounds: LinkRounds;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core-report'));
    await region.start();
    rounds = new LinkRounds(region.core.keychain);
    const heads = Array.from({ length: TENANTS }, (_, index) => ({
      tenant: nameOf(index),
      closed_epoch: index < CLOSED ? 3 : 0,
      closed_at: index < CLOSED ? new Date() : null,
    }));
    await keysIn(region.core.db).insertInto('keychain.link_heads').values(heads).execute();
  });
  after(() => region.stop());

  async function round(pages: number): Promise<ReportedLink[][]> {
    const all: ReportedLink[][] = [];
    for (let page = 0; page < pages; page++) all.push(await rounds.next());
    return all;
  }

  test('a round names 2,500 tenants once each, in pages, and counts them when it is complete', async () => {
    const first = await round(2);
    assert.equal(rounds.counts, undefined);
    const all = [...first, ...(await round(1))];
    assert.deepEqual(
      all.map((page) => page.length),
      [MAX_REPORTED_LINKS, MAX_REPORTED_LINKS, 500],
    );
    assert.deepEqual(
      all.flat().map(({ tenant }) => tenant),
      Array.from({ length: TENANTS }, (_, index) => nameOf(index)),
    );
    assert.deepEqual(rounds.counts, {
      none: TENANTS - CLOSED,
      prepared: 0,
      open: 0,
      expired: 0,
      closed: CLOSED,
    });
  });

  test('who comes behind the page in hand is named by the next round', async () => {
    await round(1);
    const late = 'tenant-00000-late';
    await region.job('TENANT_PROVISION', { tenant: late });
    const rest = (await round(2)).flat();
    assert.ok(!rest.some(({ tenant }) => tenant === late));
    const next = (await round(3)).flat();
    assert.deepEqual(
      next.filter(({ tenant }) => tenant === late),
      [{ tenant: late, epoch: 0, state: 'none' }],
    );
    assert.equal(next.length, TENANTS + 1);
  });

  test('a page that ends with the last tenant is followed by an empty one, which completes the round', async () => {
    const links = Array.from({ length: MAX_REPORTED_LINKS }, (_, index) => ({
      tenant: parseTenantId(nameOf(index)),
      epoch: 0,
      state: 'none' as const,
    }));
    const exact = new LinkRounds({ links: async (page) => (page?.after === undefined ? links : []) });
    assert.equal((await exact.next()).length, MAX_REPORTED_LINKS);
    const counted = () => exact.counts?.none;
    assert.equal(counted(), undefined);
    assert.deepEqual(await exact.next(), []);
    assert.equal(counted(), MAX_REPORTED_LINKS);
  });

  test('a page and the summary beside it follow the contract', async () => {
    const { config, core } = region;
    const { db, keychain } = core;
    const { privateKey } = generateKeyPairSync('ed25519');
    const key = { keyId: 'region', privateKey };
    const audit = new AuditRounds(db, new TrailSigner(db, key, regionLog(config.region), () => undefined));
    const sources = { config, startedAt: new Date(), db, keychain, rounds, gateways: new Gateways(), audit };
    const links = await rounds.next();
    const { head: _ours, ...summary } = await regionSummary(sources);
    const auditCounts = await audit.counts();
    const report: unknown = JSON.parse(JSON.stringify({ ...summary, links, auditCounts }));
    assert.ok(Value.Check(RegionReport, report));
    assert.equal(links.length, MAX_REPORTED_LINKS);
  });
});
