/** Audit chains in a real PostgreSQL: written by the serving role, tampered with by one who may do anything. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { orbitalManagerMigrations } from '../../orbital/index.ts';
import { isSignedBy } from '../../platform/chain-checkpoints.ts';
import { GENESIS_HASH } from '../../platform/hash-chain.ts';
import { createLogger } from '../../platform/log.ts';
import { createRegistry } from '../../platform/metrics.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { cmkMigrations, grantToAppRole } from '../store/migrations.ts';
import type { CmkDatabase } from '../store/schema.ts';
import { asTenant, type Db } from '../store/transactions.ts';
import type { AuditSigner } from './checkpoints.ts';
import { hashOf } from './event.ts';
import { checkpointFile, readCheckpoint } from './keep.ts';
import { createAuditMetrics } from './metrics.ts';
import { eventsAfter, listAudit } from './read.ts';
import { audit } from './record.ts';
import { CheckpointWorker } from './signing.ts';
import { verifyChain } from './verify.ts';

const EVENTS = 6;
const who = { actor: 'ada', correlationId: 'test', origin: '192.0.2.7' };
const signer: AuditSigner = {
  keyId: 'audit',
  log: 'cmk/test',
  privateKey: generateKeyPairSync('ed25519').privateKey,
};
const logger = createLogger({ name: 'audit-test', level: 'silent' });
const metrics = createAuditMetrics(createRegistry());

let database: TestDatabase;
let db: Db;
let chain = '';
let chains = 0;

before(async () => {
  database = await testDatabase();
  const ownerUrl = await database.roleUrl('audit_owner');
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO audit_owner`),
  );
  const owner = createDatabase<unknown>(createPool({ url: ownerUrl, applicationName: 'owner' }));
  await migrate(owner, orbitalManagerMigrations, { table: 'orbital_migrations' });
  await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
  const appUrl = await database.roleUrl('audit_app');
  await grantToAppRole(owner, 'audit_app');
  await owner.destroy();
  db = createDatabase<CmkDatabase>(createPool({ url: appUrl, applicationName: 'app' }));
});
after(() => db.destroy());

/** Each test has a chain of its own. */
beforeEach(async () => {
  chain = `chain-${++chains}`;
  await write(EVENTS);
});

async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    await asTenant(db, chain, (trx) =>
      audit(trx, who, {
        tenant: chain,
        action: `thing.do-${index}`,
        subject: `thing:${index}`,
        outcome: 'accepted',
        detail: { index, text: 'ä "=|\\ \u2028' },
      }),
    );
}

/** `$1` is the chain. */
const tamper = (sql: string): Promise<unknown> =>
  withClient({ url: database.url }, (client) => client.query(sql, [chain]));

const verdict = async () => {
  const { ok, faults } = await verifyChain(db, signer, chain);
  return { ok, faults };
};
const stored = () => asTenant(db, chain, (trx) => eventsAfter(trx, chain, 0, EVENTS));
const worker = (directory?: string): CheckpointWorker =>
  new CheckpointWorker({ db, signer, logger, metrics, directory });

async function signed(directory?: string): Promise<number> {
  const found = await worker(directory).sign(chain);
  assert.ok('checkpoint' in found, JSON.stringify(found));
  return found.checkpoint?.sequence ?? 0;
}

describe('what is written', () => {
  test('is who, what, on what, from where, with which outcome, under which correlation id', async () => {
    const { items } = await listAudit({ db }, chain, { action: 'thing.do-2' }, {});
    const [event] = items;
    assert.ok(event);
    const { at, hash, previousHash, ...said } = event;
    assert.match(at, /^\d{4}-\d\d-\d\dT/);
    assert.match(hash + previousHash, /^[0-9a-f]{128}$/);
    assert.deepEqual(said, {
      sequence: 3,
      actor: 'ada',
      action: 'thing.do-2',
      subject: 'thing:2',
      outcome: 'accepted',
      origin: '192.0.2.7',
      correlationId: 'test',
      detail: { index: 2, text: 'ä "=|\\ \u2028' },
    });
  });

  test('at the same time forms one chain', async () => {
    await Promise.all(Array.from({ length: 8 }, () => write(1)));
    const { ok, events, complete } = await verifyChain(db, signer, chain);
    assert.deepEqual({ ok, events, complete }, { ok: true, events: EVENTS + 8, complete: true });
  });

  test('is checked in steps that go on where the last one ended', async () => {
    const first = await verifyChain(db, signer, chain, undefined, 4);
    assert.deepEqual([first.ok, first.complete, first.events], [true, false, 4]);
    const second = await verifyChain(db, signer, chain, { after: first.events, hash: first.head });
    assert.deepEqual([second.ok, second.complete, second.events], [true, true, EVENTS]);
    const wrong = await verifyChain(db, signer, chain, { after: 4, hash: 'f'.repeat(64) });
    assert.deepEqual(wrong.faults, [{ kind: 'NOT_FOLLOWING', sequence: 5 }]);
  });

  test('before origins were kept is whole, too; taking one away later is found', async () => {
    const later = (await stored()).map((event) => ({ ...event }));
    await tamper(`UPDATE audit_events SET origin = NULL WHERE tenant = $1 AND sequence = 2`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'CHANGED', sequence: 2 }]);
    let previous_hash = GENESIS_HASH;
    for (const event of later) {
      const earlier = { ...event, origin: null, previous_hash };
      previous_hash = hashOf(earlier);
      await tamper(`UPDATE audit_events SET origin = NULL, previous_hash = '${earlier.previous_hash}',
        hash = '${previous_hash}' WHERE tenant = $1 AND sequence = ${event.sequence}`);
    }
    await tamper(`UPDATE audit_heads SET hash = '${previous_hash}' WHERE tenant = $1`);
    assert.deepEqual(await verdict(), { ok: true, faults: [] });
  });

  test('can be neither changed nor removed by the serving role, and no checkpoint either', async () => {
    await signed();
    for (const change of [
      (trx: Db) => trx.updateTable('audit_events').set({ actor: 'nobody' }).execute(),
      (trx: Db) => trx.deleteFrom('audit_events').execute(),
      (trx: Db) => trx.updateTable('audit_checkpoints').set({ hash: 'x' }).execute(),
      (trx: Db) => trx.deleteFrom('audit_checkpoints').execute(),
      (trx: Db) => trx.updateTable('audit_keys').set({ public_key: 'x' }).execute(),
    ])
      await assert.rejects(
        asTenant<unknown>(db, chain, (trx) => change(trx)),
        /permission denied/,
      );
  });
});

describe('what somebody with every right does to a chain', () => {
  for (const [column, sql] of Object.entries({
    actor: `actor = 'eve'`,
    at: `at = replace(at, 'Z', 'z')`,
    action: `action = action || ' '`,
    subject: `subject = 'thing:9'`,
    outcome: `outcome = 'refused'`,
    origin: `origin = '192.0.2.8'`,
    'correlation id': `correlation_id = 'another'`,
    detail: `detail = replace(detail, '{', '{ ')`,
    'previous hash': `previous_hash = overlay(previous_hash placing 'x' from 5)`,
    hash: `hash = overlay(hash placing 'x' from 5)`,
  }))
    test(`one changed byte of the ${column} is found`, async () => {
      await tamper(`UPDATE audit_events SET ${sql} WHERE tenant = $1 AND sequence = 3`);
      assert.deepEqual(await verdict(), { ok: false, faults: [{ kind: 'CHANGED', sequence: 3 }] });
    });

  test('a removed row is found', async () => {
    await tamper(`DELETE FROM audit_events WHERE tenant = $1 AND sequence = 3`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'REMOVED', sequence: 3, to: 3 }]);
  });

  test('the first row removed is found', async () => {
    await tamper(`DELETE FROM audit_events WHERE tenant = $1 AND sequence = 1`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'REMOVED', sequence: 1, to: 1 }]);
  });

  test('the last row removed is found by the head', async () => {
    await tamper(`DELETE FROM audit_events WHERE tenant = $1 AND sequence = ${EVENTS}`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'REMOVED_AT_END', sequence: EVENTS, to: EVENTS }]);
  });

  const CUT = `WITH gone AS (DELETE FROM audit_events WHERE tenant = $1 AND sequence = ${EVENTS})
    UPDATE audit_heads SET sequence = ${EVENTS - 1},
      hash = (SELECT hash FROM audit_events WHERE tenant = $1 AND sequence = ${EVENTS - 1}) WHERE tenant = $1`;

  test('the last row removed and the head set back is found by the checkpoint', async () => {
    assert.equal(await signed(), EVENTS);
    await tamper(CUT);
    assert.deepEqual((await verdict()).faults, [{ kind: 'REMOVED_AT_END', sequence: EVENTS, to: EVENTS }]);
  });

  test('and with the checkpoint gone as well, by the one that was kept elsewhere', async () => {
    const directory = temporaryDirectory('checkpoints');
    assert.equal(await signed(directory), EVENTS);
    await tamper(CUT);
    await tamper(`DELETE FROM audit_checkpoints WHERE tenant = $1`);
    assert.equal((await verdict()).ok, true, 'the database alone looks whole');
    assert.deepEqual(await worker(directory).sign(chain), {
      faults: [{ kind: 'REMOVED_AT_END', sequence: EVENTS, to: EVENTS }],
    });
    const kept = await readCheckpoint(checkpointFile(directory, chain));
    assert.equal(kept?.sequence, EVENTS, 'what was kept stays');
  });

  test('and without a directory by whoever signed it before, as long as it runs', async () => {
    const signing = worker();
    const written = await signing.sign(chain);
    await tamper(`DELETE FROM audit_checkpoints WHERE tenant = $1`);
    assert.deepEqual(
      Object.keys(await signing.sign(chain)),
      ['checkpoint'],
      'what is as it was is signed again',
    );
    await tamper(`DELETE FROM audit_checkpoints WHERE tenant = $1`);
    await tamper(CUT);
    assert.deepEqual(await signing.sign(chain), {
      faults: [{ kind: 'REMOVED_AT_END', sequence: EVENTS, to: EVENTS }],
    });
    await tamper(`DELETE FROM audit_events WHERE tenant = $1`);
    await tamper(`DELETE FROM audit_heads WHERE tenant = $1`);
    await write(EVENTS + 2);
    assert.deepEqual(await signing.sign(chain), { faults: [{ kind: 'REWRITTEN', sequence: EVENTS }] });
    assert.equal('checkpoint' in written && written.checkpoint?.sequence, EVENTS);
    assert.equal(await signed(), EVENTS + 2, 'one that has just begun knows of nothing');
  });

  test('two swapped rows are found, in either way of swapping', async () => {
    await tamper(`UPDATE audit_events SET sequence = -sequence WHERE tenant = $1 AND sequence IN (2, 5)`);
    await tamper(
      `UPDATE audit_events SET sequence = CASE sequence WHEN -2 THEN 5 ELSE 2 END WHERE tenant = $1 AND sequence < 0`,
    );
    assert.deepEqual((await verdict()).faults, [{ kind: 'SWAPPED', sequence: 2, with: 5 }]);
    chain = `chain-${++chains}`;
    await write(EVENTS);
    await tamper(`
      UPDATE audit_events e SET at = o.at, actor = o.actor, action = o.action, subject = o.subject, detail = o.detail
        FROM audit_events o WHERE e.tenant = $1 AND o.tenant = $1
          AND (e.sequence, o.sequence) IN ((3, 4), (4, 3))`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'SWAPPED', sequence: 3, with: 4 }]);
  });

  test('a chain written anew, hashes and all, is found by its checkpoint', async () => {
    await signed();
    await tamper(`DELETE FROM audit_events WHERE tenant = $1`);
    await tamper(`DELETE FROM audit_heads WHERE tenant = $1`);
    await write(EVENTS);
    assert.deepEqual((await verdict()).faults, [{ kind: 'REWRITTEN', sequence: EVENTS }]);
  });

  test('a head that is gone, set back or changed is found', async () => {
    for (const sql of [
      `UPDATE audit_heads SET sequence = 2 WHERE tenant = $1`,
      `UPDATE audit_heads SET sequence = ${EVENTS}, hash = repeat('0', 64) WHERE tenant = $1`,
      `DELETE FROM audit_heads WHERE tenant = $1`,
    ]) {
      await tamper(sql);
      assert.deepEqual((await verdict()).faults, [{ kind: 'HEAD_DIFFERS', sequence: EVENTS }], sql);
    }
  });

  test('a checkpoint that was changed is found, and one that another key signed', async () => {
    await signed();
    await tamper(`UPDATE audit_checkpoints SET at = replace(at, 'Z', 'z') WHERE tenant = $1`);
    assert.deepEqual((await verdict()).faults, [{ kind: 'CHECKPOINT_FORGED', sequence: EVENTS }]);
    const thief = { ...signer, privateKey: generateKeyPairSync('ed25519').privateKey };
    const { faults } = await verifyChain(db, thief, chain);
    assert.deepEqual(faults, [{ kind: 'CHECKPOINT_FORGED', sequence: EVENTS }]);
  });
});

describe('checkpoints', () => {
  test('are signed once for what is there, and again when there is more', async () => {
    const directory = temporaryDirectory('checkpoints');
    assert.equal(await signed(directory), EVENTS);
    assert.equal(await signed(directory), EVENTS);
    await write(2);
    assert.equal(await signed(directory), EVENTS + 2);
    assert.deepEqual(await readdir(directory), [`${chain}.json`]);
    const kept = await readCheckpoint(checkpointFile(directory, chain));
    assert.ok(kept && isSignedBy(kept, createPublicKey(signer.privateKey)));
  });

  test('are never signed over what was tampered with, which is told once in the platform’s chain', async () => {
    await signed();
    await write(3);
    await tamper(`UPDATE audit_events SET actor = 'eve' WHERE tenant = $1 AND sequence = ${EVENTS + 2}`);
    const suspicious = worker();
    const faults = [{ kind: 'CHANGED', sequence: EVENTS + 2 }];
    assert.deepEqual(await suspicious.sign(chain), { faults });
    await suspicious.run();
    const { items } = await listAudit({ db }, undefined, { action: 'audit.verify' }, {});
    const told = items.filter(({ subject }) => subject === `chain:${chain}`);
    assert.deepEqual(
      told.map(({ actor, outcome, detail }) => ({ actor, outcome, detail })),
      [
        {
          actor: 'system:audit',
          outcome: 'failed',
          detail: { faults: [`event ${EVENTS + 2} is not what was written`] },
        },
      ],
    );
  });

  test('are beside the point for what is old: a walk through all chains comes to it by itself', async () => {
    await signed();
    await tamper(`UPDATE audit_events SET actor = 'eve' WHERE tenant = $1 AND sequence = 2`);
    const walking = worker();
    const told = async () =>
      (await listAudit({ db }, undefined, { action: 'audit.verify' }, { limit: 200 })).items.some(
        ({ subject }) => subject === `chain:${chain}`,
      );
    for (let rounds = 0; !(await told()); rounds++) {
      assert.ok(rounds < 5, 'it has been all around');
      await walking.run();
    }
  });

  test('of every chain that has grown are signed in one round, whatever one of them is like', async () => {
    const broken = chain;
    await tamper(`DELETE FROM audit_events WHERE tenant = $1 AND sequence = 2`);
    const others: string[] = [];
    for (let count = 0; count < 3; count++) {
      chain = `chain-${++chains}`;
      others.push(chain);
      await write(2);
    }
    await worker().run();
    const { rows } = await withClient({ url: database.url }, (client) =>
      client.query('SELECT tenant FROM audit_checkpoints WHERE tenant = ANY ($1) ORDER BY tenant', [
        [broken, ...others],
      ]),
    );
    assert.deepEqual(
      rows.map(({ tenant }) => tenant),
      others.sort(),
    );
  });
});
