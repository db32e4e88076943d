/** A region's trail: what is done to it is named, what reports say of it, and how an operator reads it. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { MAX_REPORTED_AUDIT_COUNTS, RegionReport, regionLog } from '../../../contracts/index.ts';
import { type Checkpoint, type CheckpointSigner, isSignedBy } from '../../../platform/chain-checkpoints.ts';
import { ChainCheck } from '../../../platform/hash-chain.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { withClient } from '../../../platform/postgres-admin.ts';
import { waitedMs } from '../../../testkit/clocks.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { type TestDatabase, testDatabase } from '../../../testkit/postgres.ts';
import { HEAD_IDLE_MS } from '../limits.ts';
import { askAdmin } from '../testing/holders.ts';
import { type TestIdentity, TestRegion } from '../testing/region.ts';
import { auditClassOf } from './classes.ts';
import { hashOf, trailLink } from './link.ts';
import type { TrailPage } from './pages.ts';
import { AuditRounds } from './rounds.ts';
import { TrailSigner } from './signing.ts';
import { appendAudit, type NewAuditEvent } from './trail.ts';
import { checkTrail } from './verify.ts';

describe('the trail of a region', () => {
  let database: TestDatabase;
  let region: TestRegion;
  let operator: TestIdentity;

  before(async () => {
    database = await testDatabase();
    region = await TestRegion.create(database.url, temporaryDirectory('core-trail'));
    operator = await region.identity('operator');
    region.config.admin = {
      host: '127.0.0.1',
      port: 0,
      operators: [{ name: 'olivia', fingerprint: operator.fingerprint }],
    };
    await region.start();
    for (const tenant of ['acme', 'rival']) await region.job('TENANT_PROVISION', { tenant });
    await region.job('SERVICE_PROVISION', { tenant: 'acme', service: 'payments' });
  });
  after(() => region.stop());

  const append = (...events: NewAuditEvent[]): Promise<void> =>
    inTransaction(region.core.db, (tx) => appendAudit(tx, { source: 'test' }, events));
  const rounds = async (): Promise<AuditRounds> => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return new AuditRounds(region.core.db, signerOf({ keyId: 'k', privateKey }));
  };
  const signerOf = (key: CheckpointSigner): TrailSigner =>
    new TrailSigner(region.core.db, key, regionLog('eu-test-1'), () => undefined);
  const counts = async () => {
    const rows = await region.core.db.selectFrom('core.audit_counts').selectAll().execute();
    return new Map(rows.map((row) => [`${row.tenant}/${row.class}/${row.outcome}`, Number(row.events)]));
  };

  test('a core that is frozen with the trail in hand keeps the region waiting for moments, not for a minute', async () => {
    const [held, thawed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const frozen = inTransaction(region.core.db, async (tx) => {
      await appendAudit(tx, { source: 'frozen' }, [{ event: 'FROZEN', outcome: 'success' }]);
      held.resolve();
      await thawed.promise;
    });
    const lost = assert.rejects(frozen);
    await held.promise;
    const tookMs = await waitedMs(() => append({ event: 'AFTER', outcome: 'success' }));
    assert.ok(tookMs < HEAD_IDLE_MS + 2_000, `took ${tookMs} ms`);
    thawed.resolve();
    await lost;
  });

  /** What is seen while that is done to it; then it is as it was. */
  async function tampered<T>(statements: readonly string[], look: () => Promise<T>): Promise<T> {
    await withClient({ url: database.url }, async (client) => {
      await client.query('ALTER TABLE core.audit_events DISABLE TRIGGER keep_audit');
      await client.query('CREATE TABLE kept AS SELECT * FROM core.audit_events');
      await client.query('CREATE TABLE kept_head AS SELECT * FROM core.audit_head');
      for (const statement of statements) await client.query(statement);
    });
    const seen = await look();
    await withClient({ url: database.url }, async (client) => {
      await client.query('DELETE FROM core.audit_events');
      await client.query('INSERT INTO core.audit_events SELECT * FROM kept');
      await client.query('UPDATE core.audit_head h SET seq = k.seq, hash = k.hash FROM kept_head k');
      await client.query('DROP TABLE kept, kept_head');
      await client.query('ALTER TABLE core.audit_events ENABLE TRIGGER keep_audit');
    });
    return seen;
  }
  /** Written anew from that event on, hashes and all. */
  async function rewrite(first: number): Promise<void> {
    const { db } = region.core;
    const rows = await db
      .selectFrom('core.audit_events')
      .selectAll()
      .where('seq', '>=', first)
      .orderBy('seq')
      .execute();
    let prev = rows[0]?.prev_hash ?? Buffer.alloc(32);
    await withClient({ url: database.url }, async (client) => {
      for (const { seq, body } of rows) {
        const changed = body.replace('success', 'failed');
        const hash = hashOf(prev, Number(seq), changed);
        await client.query(
          'UPDATE core.audit_events SET body = $2, prev_hash = $3, hash = $4 WHERE seq = $1',
          [seq, changed, prev, hash],
        );
        prev = hash;
      }
      await client.query('UPDATE core.audit_head SET hash = $1', [prev]);
    });
  }

  test('begins with how the region was unsealed', async () => {
    const first = await region.core.db
      .selectFrom('core.audit_events')
      .select(['event', 'outcome', 'reason'])
      .orderBy('seq')
      .executeTakeFirst();
    assert.deepEqual(first, { event: 'UNSEALED', outcome: 'success', reason: 'development-key-file' });
  });

  test('says that the region was sealed, and that it opened again', async () => {
    region.core.keychain.seal('a test');
    const names = async () =>
      (
        await region.core.db
          .selectFrom('core.audit_events')
          .select('event')
          .where('event', 'in', ['SEALED', 'UNSEALED'])
          .orderBy('seq')
          .execute()
      ).map(({ event }) => event);
    // The seal is tried again by itself.
    for (let waitedMs = 0; (await names()).length < 3 && waitedMs < 8_000; waitedMs += 20) await delay(20);
    assert.deepEqual(await names(), ['UNSEALED', 'SEALED', 'UNSEALED']);
  });

  test('is counted by tenant, class and outcome; a tenant that nobody knows counts as none', async () => {
    const before = await counts();
    const event = { outcome: 'refused', reason: 'X' } as const;
    await append(
      { event: 'OPERATION_REFUSED', tenant: 'acme', ...event },
      { event: 'TUNNEL_REFUSED', tenant: 'acme', ...event },
      { event: 'OPERATION_REFUSED', tenant: 'invented', ...event },
      { event: 'WHATEVER', outcome: 'success' },
    );
    const now = await counts();
    const grown = [...now].filter(([key, events]) => events !== before.get(key));
    assert.deepEqual(grown.map(([key, events]) => [key, events - (before.get(key) ?? 0)]).sort(), [
      ['/operation/refused', 1],
      ['/other/success', 1],
      ['acme/operation/refused', 2],
    ]);
    assert.ok([...now.keys()].every((key) => !key.startsWith('invented')));
    assert.equal(now.get('acme/registry/success'), 2);
  });

  test('an event that comes twice is counted once', async () => {
    const event = { id: 'twice', event: 'OBJECT_READ', outcome: 'success', tenant: 'rival' } as const;
    await append(event);
    await append(event, event);
    assert.equal((await counts()).get('rival/use/success'), 1);
  });

  test('is reported: the head signed by the region, news first, and everything round and round', async () => {
    const told = await rounds();
    const all = await told.counts();
    assert.equal(all.length, (await counts()).size);
    await append({ event: 'LINK_CLOSED', outcome: 'success', tenant: 'rival' });
    const [news] = await told.counts();
    assert.deepEqual(
      { ...news, lastAt: '' },
      { tenant: 'rival', class: 'link', outcome: 'success', events: 1, lastAt: '' },
    );
    for (let waitedMs = 0; !Value.Check(RegionReport, region.report) && waitedMs < 5_000; waitedMs += 20)
      await delay(20);
    assert.ok(Value.Check(RegionReport, region.report));
    const { audit, auditCounts = [] } = region.report;
    assert.ok(audit && auditCounts.length > 0 && auditCounts.length <= MAX_REPORTED_AUDIT_COUNTS);
  });

  test('an operator reads it in order, with a checkpoint that the region has signed', async () => {
    const ask = async <T>(path: string): Promise<T> =>
      (await askAdmin<T>(region.core.adminPort ?? 0, region.ca.certificatePem, operator, 'GET', path)).body;
    const { checkpoint } = await ask<{ checkpoint: Checkpoint }>('/audit/checkpoint');
    const key = createPublicKey(await readFile(region.config.orbital.signingKey));
    assert.ok(isSignedBy(checkpoint, key));
    assert.deepEqual([checkpoint.log, checkpoint.chain], ['region/eu-test-1', 'trail']);
    const check = new ChainCheck();
    check.expect(checkpoint);
    let head: TrailPage['head'] | undefined;
    for (let more = true; more; ) {
      const page = await ask<TrailPage>(`/audit?after=${check.sequence}&limit=3`);
      for (const event of page.events) check.take(trailLink(event));
      ({ more, head } = page);
    }
    assert.deepEqual(check.end(head).faults, []);
    assert.ok(check.sequence >= checkpoint.sequence);
    const refused = await ask<{ error: { code: string } }>('/audit?limit=501');
    assert.equal(refused.error.code, 'INVALID_REQUEST');
  });

  test('what somebody with every right does to it is found and named', async () => {
    const { core } = region;
    const told = await rounds();
    const signed = await told.checkpoint();
    assert.ok(signed);
    const last = signed.sequence;
    const faults = async () => (await checkTrail(core.db, [signed])).faults;
    assert.deepEqual(await faults(), []);
    const tamper = async (statements: string[], wanted: object) =>
      assert.deepEqual(await tampered(statements, faults), [wanted], statements.join('; '));
    // Nothing else may be written meanwhile: what is put back is what was there.
    await tamper([`UPDATE core.audit_events SET body = body || ' ' WHERE seq = 2`], {
      kind: 'CHANGED',
      sequence: 2,
    });
    await tamper([`DELETE FROM core.audit_events WHERE seq = 2`], { kind: 'REMOVED', sequence: 2, to: 2 });
    await tamper(
      [
        `DELETE FROM core.audit_events WHERE seq = ${last}`,
        `UPDATE core.audit_head SET seq = ${last - 1}, hash = (SELECT hash FROM core.audit_events WHERE seq = ${last - 1})`,
      ],
      { kind: 'REMOVED_AT_END', sequence: last, to: last },
    );
    await tamper(
      [
        `UPDATE core.audit_events SET seq = -seq WHERE seq IN (2, 3)`,
        `UPDATE core.audit_events SET seq = 5 + seq WHERE seq < 0`,
      ],
      { kind: 'SWAPPED', sequence: 2, with: 3 },
    );
    await assert.rejects(core.db.deleteFrom('core.audit_events').execute(), /never changed/);
  });

  test('is signed only where it follows from what was signed, by a core that has just started, too', async () => {
    const { keyId, signingKey } = region.config.orbital;
    const key = { keyId, privateKey: createPrivateKey(await readFile(signingKey)) };
    const event = { event: 'OBJECT_READ', outcome: 'success' } as const;
    const running = signerOf(key);
    await append(event, event, event);
    const signed = await running.sign();
    const last = signed.checkpoint?.sequence ?? 0;
    assert.deepEqual([signed.fault, last > 3], [undefined, true]);
    await append(event, event);

    const { seq, ...row } = await region.core.db
      .selectFrom('core.audit_signed')
      .selectAll()
      .executeTakeFirstOrThrow();
    assert.equal(Number(seq), last);
    const both = async () => {
      // The region itself signs, too, as soon as it reports.
      await region.core.db
        .updateTable('core.audit_signed')
        .set({ seq, ...row })
        .execute();
      const told = [await running.sign(), await signerOf(key).sign()];
      assert.deepEqual(new Set(told.map(({ checkpoint }) => checkpoint?.sequence)), new Set([last]));
      return told.map(({ fault }) => fault);
    };
    const behind = `UPDATE core.audit_events SET body = body || ' ' WHERE seq = ${last + 1}`;
    assert.deepEqual(await tampered([behind], both), ['REWRITTEN', 'REWRITTEN']);
    const cut = [
      `DELETE FROM core.audit_events WHERE seq >= ${last}`,
      `UPDATE core.audit_head SET seq = ${last - 1}, hash = (SELECT hash FROM core.audit_events WHERE seq = ${last - 1})`,
    ];
    assert.deepEqual(await tampered(cut, both), ['REWOUND', 'REWOUND']);
    const anew = async () => {
      await rewrite(2);
      return await both();
    };
    assert.deepEqual(await tampered([], anew), ['REWRITTEN', 'REWRITTEN']);

    // Another key believes nothing that it has not signed, and begins at the beginning.
    const other = { keyId: 'other', privateKey: generateKeyPairSync('ed25519').privateKey };
    assert.deepEqual(
      await tampered([], async () => {
        await rewrite(2);
        return await signerOf(other).sign();
      }),
      { checkpoint: undefined, fault: 'REWRITTEN' },
    );
    const again = await running.sign();
    assert.deepEqual([again.fault, again.checkpoint?.sequence], [undefined, last + 2]);
    assert.equal((await signerOf(key).sign()).checkpoint?.sequence, last + 2);
  });
});

test('every event has a class', () => {
  for (const [event, wanted] of [
    ['OBJECT_CREATED', 'lifecycle'],
    ['OBJECT_READ', 'use'],
    ['ATTRIBUTE_CHANGED', 'lifecycle'],
    ['OPERATION_REFUSED', 'operation'],
    ['CONNECTION_REFUSED_AT_GATEWAY', 'connection'],
    ['LINK_CLOSED', 'link'],
    ['KEY_ROTATED', 'key'],
    ['SHARE_ACCEPTED', 'seal'],
    ['UNSEALED', 'seal'],
    ['IDENTITY_REMOVED', 'registry'],
    ['X', 'other'],
  ] as const)
    assert.equal(auditClassOf(event), wanted, event);
});
