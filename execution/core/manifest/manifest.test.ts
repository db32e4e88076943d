/** A region's manifest: every thing in one page and no more, in the order that governance compares, also while damaged or sealed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { Value } from 'typebox/value';
import {
  type JobPayload,
  MAX_MANIFEST_ITEMS,
  type ManifestClass,
  type ManifestItem,
  ManifestReport,
  manifestClasses,
  manifestDigest,
} from '../../../contracts/index.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { keysIn } from '../store/tables.ts';
import { TestRegion } from '../testing/region.ts';
import { ManifestRounds } from './pages.ts';

/** A hyphen sorts before a letter byte by byte, and nowhere in many a language. */
const TENANTS = ['a-b', 'a', 'ab', 'a-b-c', 'b'];
const SERVICES = ['pay-ments', 'pay', 'payments'];
const CLOSED = 300;

describe('the manifest', () => {
  let region: TestRegion;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core-manifest'));
    await region.start();
    for (const tenant of TENANTS) {
      await region.job('TENANT_PROVISION', { tenant });
      for (const service of SERVICES) await region.job('SERVICE_PROVISION', { tenant, service });
    }
    // As UNLINKs of tenants that never came would leave them.
    const heads = Array.from({ length: CLOSED }, (_, index) => ({
      tenant: `gone-${String(index).padStart(3, '0')}`,
      closed_epoch: 3,
      closed_at: new Date(),
    }));
    await keysIn(region.core.db).insertInto('keychain.link_heads').values(heads).execute();
    await region.application('shop', 'a', ['pay']);
    await region.gateway();
  });
  after(() => region.stop());

  const rounds = () => new ManifestRounds(region.core.db, region.core.keychain);
  const read = (payload: JobPayload<'MANIFEST_READ'>) => region.job('MANIFEST_READ', payload);
  async function all(of: ManifestClass): Promise<ManifestItem[]> {
    const items: ManifestItem[] = [];
    for (let after: string | undefined; ; ) {
      const answer = await read({ class: of, ...(after === undefined ? {} : { after }) });
      assert.ok(answer.items.length <= MAX_MANIFEST_ITEMS);
      items.push(...answer.items);
      if (answer.upTo === undefined) return items;
      after = answer.upTo;
    }
  }
  async function round(from = rounds()) {
    const pages = [];
    for (;;) {
      const next = await from.next();
      pages.push(...next);
      const ended = next.at(-1);
      if (ended === undefined || (ended.class === 'issuer' && ended.upTo === undefined)) return pages;
    }
  }

  test('names every thing once, in the order of bytes', async () => {
    const tenants = await all('tenant');
    assert.equal(tenants.length, TENANTS.length + CLOSED);
    for (const of of manifestClasses) {
      const keys = (await all(of)).map(({ key }) => key);
      assert.deepEqual(keys, [...new Set(keys)].sort(), of);
    }
    assert.deepEqual(
      tenants.filter(({ state }) => state !== 'bare').map(({ key, state }) => [key, state]),
      [...TENANTS].sort().map((tenant) => [tenant, 'none']),
    );
    assert.deepEqual(
      (await all('service')).map(({ key }) => key),
      TENANTS.flatMap((tenant) => SERVICES.map((service) => `${tenant} ${service}`)).sort(),
    );
    assert.equal((await all('identity')).length, 2);
  });

  test('pages follow one another without a gap, and their digests are of what a read of them answers', async () => {
    const pages = await round();
    assert.ok(Value.Check(ManifestReport, { kind: 'manifest', region: 'eu', pages }));
    for (const of of manifestClasses) {
      const own = pages.filter((page) => page.class === of);
      assert.ok(own.length > 0, of);
      own.forEach((page, index) => {
        assert.equal(page.after, own[index - 1]?.upTo);
        assert.equal(page.upTo === undefined, index === own.length - 1);
      });
      for (const { after, upTo, digest, items } of own) {
        const answer = await read({
          class: of,
          ...(after === undefined ? {} : { after }),
          ...(upTo === undefined ? {} : { upTo }),
        });
        assert.deepEqual([answer.items.length, manifestDigest(answer.items)], [items, digest], of);
      }
    }
    assert.equal(pages.filter((page) => page.class === 'tenant').length, 3);
  });

  test('a page of services begins and ends within a tenant', async () => {
    const { items } = await read({ class: 'service', after: 'a pay', upTo: 'a-b pay' });
    assert.deepEqual(
      items.map(({ key }) => key),
      ['a pay-ments', 'a payments', 'a-b pay'],
    );
  });

  test('a change shows in the pages that it is in, and in no other', async () => {
    const before = await round();
    await region.job('UNLINK', { tenant: 'b', epoch: 1, reason: 'test' });
    const after = await round();
    const changed = after.filter(({ digest }, index) => digest !== before[index]?.digest);
    // The closure is recorded in the manifest of its keys, too.
    assert.deepEqual(
      changed.map((page) => page.class),
      ['tenant', 'key'],
    );
    assert.ok((await all('tenant')).some(({ key, state }) => key === 'b' && state === 'closed'));
  });

  test('keys go on with every change, and a damaged manifest is its tenant’s alone', async () => {
    const counters = async () =>
      new Map((await all('key')).map(({ key, state }) => [key, Number(state.split(':')[0])]));
    const before = await counters();
    await region.job('KEY_ROTATE', { tenant: 'ab' });
    const after = await counters();
    assert.ok((after.get('ab') ?? 0) > (before.get('ab') ?? 0));
    assert.equal(after.get('a'), before.get('a'));
    // Of a tenant that has nothing to do: what follows a rotation writes the manifest anew.
    const { db } = region.core;
    await db.transaction().execute(async (trx) => {
      await sql`select set_config('keychain.tenant', 'a-b-c', true)`.execute(trx);
      await keysIn(trx)
        .updateTable('keychain.tenants')
        .set({ manifest: Buffer.alloc(200, 7) })
        .where('tenant', '=', 'a-b-c')
        .execute();
    });
    const states = new Map((await all('key')).map(({ key, state }) => [key, state]));
    assert.equal(states.get('a-b-c'), 'damaged');
    assert.match(states.get('a') ?? '', /^\d+:/);
    assert.ok(!(await all('service')).some(({ key }) => key.startsWith('a-b-c ')));
  });

  test('a sealed region tells what it can', async () => {
    region.core.keychain.seal('test');
    const told = new Set((await round()).map((page) => page.class));
    assert.deepEqual([...told].sort(), ['identity', 'issuer', 'tenant']);
    await region.core.keychain.unseal();
  });
});
