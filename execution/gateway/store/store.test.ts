/** The store's promise: what was acknowledged is there, whatever ends the process. This file is its own child. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { OkcmError } from '../../../platform/errors.ts';
import { startChild } from '../../../testkit/children.ts';
import { KmipError } from '../../kmip/index.ts';
import { decodeAuditEvents, encodeAuditEvent } from '../../mesh/index.ts';
import { isFresh } from '../../objects/index.ts';
import {
  anIdentity,
  anObject,
  freshStore,
  OTHER_TENANT,
  REGION,
  storePath,
  TENANT,
} from '../fixture.test.ts';
import { nobodyElseHas } from './owner.ts';
import { Store } from './store.ts';

const WRITER = '--writer';
/** So many that to look at each takes several milliseconds. */
const AUDIT_ENTRIES = 50_000;
const COUNTS = 20;
const COUNT_MS = 1;
const [, , mode, path] = process.argv;

if (mode === WRITER && path !== undefined) await writeForEver(path);
else tests();

/** Sixteen writers at once; a UID is printed only when its commit has been acknowledged. */
async function writeForEver(storeFile: string): Promise<void> {
  const store = freshStore(storeFile);
  const writer = async (): Promise<void> => {
    for (;;) {
      const object = anObject();
      await store.commit(() => store.objects.insertNew(object));
      process.stdout.write(`${object.uid}\n`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, writer));
}

function tests(): void {
  describe('a store whose process is killed', () => {
    for (const wanted of [1, 300, 2_000]) {
      it(`holds every key that was acknowledged, ${wanted} or more`, async () => {
        const file = storePath();
        const child = await startChild({
          name: 'writer',
          command: process.execPath,
          args: [fileURLToPath(import.meta.url), WRITER, file],
        });
        while (child.output().length < wanted * 37) await new Promise((resolve) => setTimeout(resolve, 1));
        await child.kill();
        const acknowledged = child.output().split('\n').slice(0, -1);
        assert.ok(acknowledged.length >= wanted - 1);
        const store = freshStore(file);
        const missing = acknowledged.filter((uid) => store.objects.get(TENANT, uid) === undefined);
        assert.deepEqual(missing, []);
        assert.ok(
          store.objects.backlog >= acknowledged.length,
          'all of them still wait for their announcement',
        );
        assert.equal(store.objects.backlog, store.objects.waiting(1_000_000).objects.length, 'counted right');
        store.close();
      });
    }

    it('holds every key that was acknowledged before the write that the power cut tore', async () => {
      const file = storePath();
      const log = `${file}-wal`;
      const store = freshStore(file);
      const written: { readonly uid: string; readonly logBytes: number }[] = [];
      for (let i = 0; i < 40; i++) {
        const object = anObject();
        await store.commit(() => store.objects.insertNew(object));
        written.push({ uid: object.uid, logBytes: statSync(log).size });
      }
      const tear = fc.record({
        // The last write that reached the disk whole, and where in the next one it broke off.
        whole: fc.nat(written.length - 2),
        part: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        left: fc.constantFrom('nothing', 'zeros', 'garbage'),
      });
      fc.assert(
        fc.property(tear, ({ whole, part, left }) => {
          const from = written[whole]?.logBytes ?? 0;
          const at = from + Math.floor(part * ((written[whole + 1]?.logBytes ?? from) - from));
          const copy = storePath();
          copyFileSync(file, copy);
          const bytes = readFileSync(log);
          const behind =
            left === 'garbage' ? randomBytes(bytes.length - at) : Buffer.alloc(bytes.length - at);
          const torn = bytes.subarray(0, at);
          writeFileSync(`${copy}-wal`, left === 'nothing' ? torn : Buffer.concat([torn, behind]));
          const survivor = freshStore(copy);
          const missing = written.slice(0, whole + 1).filter(({ uid }) => !survivor.objects.get(TENANT, uid));
          assert.deepEqual(missing, []);
          assert.equal(survivor.objects.backlog, survivor.objects.waiting(1_000).objects.length);
          survivor.close();
        }),
        { numRuns: 40 },
      );
      store.close();
    });

    it('comes back with a whole beginning when the end of its log is torn', async () => {
      const file = storePath();
      const store = freshStore(file);
      const uids: string[] = [];
      for (let i = 0; i < 60; i++) {
        const object = anObject();
        await store.commit(() => store.objects.insertNew(object));
        uids.push(object.uid);
      }
      for (const torn of [1, 100, 4096, 20_000, 100_000]) {
        const copy = storePath();
        copyFileSync(file, copy);
        assert.ok(existsSync(`${file}-wal`), 'the test needs a log that is still there');
        copyFileSync(`${file}-wal`, `${copy}-wal`);
        truncateSync(`${copy}-wal`, Math.max(0, statSync(`${copy}-wal`).size - torn));
        const survivor = reopen(copy);
        if (survivor === undefined) continue; // torn down to nothing: not even the tables were in the main file
        const there = uids.map((uid) => survivor.objects.get(TENANT, uid) !== undefined);
        assert.ok(
          !there.includes(true) || there.lastIndexOf(true) === there.filter(Boolean).length - 1,
          'a gap',
        );
        assert.equal(survivor.objects.backlog, there.filter(Boolean).length);
        survivor.close();
      }
      store.close();
    });
  });

  describe('grouped commits', () => {
    it('fail alone', async () => {
      const store = freshStore();
      const good = anObject();
      const bad = anObject();
      const results = await Promise.allSettled([
        store.commit(() => store.objects.insertNew(good)),
        store.commit(() => {
          store.objects.insertNew(bad);
          throw KmipError.invalidField('no');
        }),
        store.commit(() => store.objects.insertNew(good)), // the same UID again
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected'],
      );
      assert.ok(store.objects.get(TENANT, good.uid));
      assert.equal(store.objects.get(TENANT, bad.uid), undefined);
      assert.equal(store.objects.backlog, 1);
      store.close();
    });

    it('are finished by close, and refused after it', async () => {
      const file = storePath();
      const store = freshStore(file);
      const object = anObject();
      const pending = store.commit(() => store.objects.insertNew(object));
      store.close();
      await pending;
      await assert.rejects(
        store.commit(() => undefined),
        KmipError,
      );
      const again = freshStore(file);
      assert.ok(again.objects.get(TENANT, object.uid));
      again.close();
    });
  });

  describe('what the core says of an object', () => {
    it('wins by revision, and old news changes nothing', () => {
      const store = freshStore();
      const object = anObject({ name: 'mine' });
      store.objects.insertNew(object);
      assert.equal(store.objects.backlogOf(TENANT), 1);
      assert.equal(store.objects.apply({ ...object, revision: 3, usageMask: 8, attributes: [] }), true);
      assert.equal(store.objects.backlogOf(TENANT), 0, 'what the core tells us of, it knows');
      assert.equal(store.objects.nameHolder(TENANT, 'mine'), undefined, 'the name was taken away');
      assert.equal(store.objects.apply({ ...object, revision: 2 }), false);
      assert.equal(store.objects.apply({ ...object, revision: 3 }), false);
      assert.equal(store.objects.get(TENANT, object.uid)?.object.usageMask, 8);
      store.close();
    });

    it('does not make a key fresh again that was given out here, and waits for the core to hear of that', () => {
      const store = freshStore();
      const { objects } = store;
      const object = anObject();
      objects.insertNew(object);
      objects.markAnnounced(object.tenant, object.uid, object);
      assert.equal(objects.backlog, 0);
      objects.markServed(TENANT, object.uid);
      objects.markServed(TENANT, object.uid);
      assert.equal(objects.backlog, 1, 'announced anew, once');
      assert.ok(objects.apply({ ...object, revision: 5 }), 'the core did not know when it wrote this');
      const held = objects.get(TENANT, object.uid);
      assert.ok(held !== undefined && !isFresh(held.object) && held.object.revision === 5);
      objects.markAnnounced(object.tenant, object.uid, object);
      assert.equal(objects.backlog, 1, 'that announcement was made before');
      objects.markAnnounced(object.tenant, object.uid, held.object);
      assert.equal(objects.backlog, 0);
      store.close();
    });

    it('is final when it destroys', () => {
      const store = freshStore();
      const object = anObject();
      store.objects.insertNew(object);
      store.objects.destroy(TENANT, object.uid);
      assert.equal(store.objects.apply({ ...object, revision: 99 }), false);
      assert.equal(store.objects.get(TENANT, object.uid), undefined);
      assert.equal(store.objects.backlog, 0);
      store.close();
    });

    it('leaves names of other tenants alone', () => {
      const store = freshStore();
      const mine = anObject({ name: 'shared' });
      const theirs = anObject({ name: 'shared', tenant: OTHER_TENANT });
      store.objects.insertNew(mine);
      store.objects.insertNew(theirs);
      assert.equal(store.objects.nameHolder(TENANT, 'shared'), mine.uid);
      assert.equal(store.objects.nameHolder(OTHER_TENANT, 'shared'), theirs.uid);
      store.close();
    });
  });

  describe('the file', () => {
    it('is private, belongs to one process and to one region', () => {
      const file = storePath();
      const store = freshStore(file);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.throws(
        () => freshStore(file),
        (error) => error instanceof OkcmError && error.code === 'STORE_UNUSABLE',
      );
      store.close();
      assert.throws(
        () => Store.open(file, 'us-east-1'),
        (error) => error instanceof OkcmError && error.code === 'STORE_OTHER_REGION',
      );
    });

    it('belongs to one process by whatever name, and also without its lock', () => {
      const file = storePath();
      const store = freshStore(file);
      assert.equal(statSync(`${file}.owner`).mode & 0o777, 0o600);
      const isRefused = (pattern: RegExp, open: () => unknown): void =>
        assert.throws(open, (error) => {
          assert.ok(error instanceof OkcmError && error.code === 'STORE_UNUSABLE', String(error));
          assert.match(error.message, pattern);
          return true;
        });
      isRefused(/open in another process/, () => nobodyElseHas(file, 100));
      const alias = storePath();
      linkSync(file, alias);
      for (const path of [alias, file]) {
        rmSync(`${path}.owner`, { force: true });
        isRefused(/a second name/, () => freshStore(path));
      }
      rmSync(alias);
      store.close();
      nobodyElseHas(file, 100);
    });

    it('keeps callers, closed tenants, audit events and the head', () => {
      const file = storePath();
      const store = freshStore(file);
      const identity = anIdentity('a');
      store.transaction(() => {
        store.registry.putIdentity(identity);
        store.registry.putTenant({ tenant: TENANT, closedEpoch: 2, openedEpoch: 1 });
        store.audit.append({ id: '1', at: '2026-01-01T00:00:00.000Z', event: 'X', outcome: 'refused' });
        store.setAppliedHead(42);
      });
      store.close();
      const again = freshStore(file);
      assert.deepEqual(again.registry.identities(), [identity]);
      assert.deepEqual(again.registry.tenants(), [{ tenant: TENANT, closedEpoch: 2, openedEpoch: 1 }]);
      assert.equal(again.appliedHead, 42);
      const { events, upTo } = again.audit.oldest(10);
      assert.equal(events[0]?.event, 'X');
      again.audit.acknowledge(upTo);
      assert.equal(again.audit.size, 0);
      again.close();
    });

    it('of an earlier version is counted when it is opened', () => {
      const file = storePath();
      const store = freshStore(file);
      const [waiting, known] = [anObject(), anObject({ tenant: OTHER_TENANT })];
      store.objects.insertNew(waiting);
      store.objects.apply(known);
      store.close();
      const raw = new DatabaseSync(file);
      raw.exec(`DROP TRIGGER objects_added; DROP TRIGGER objects_announced; DROP TRIGGER objects_removed;
        DROP INDEX objects_in_line; DROP INDEX objects_refused; DROP TABLE key_counts;
        DROP TABLE audit_encoded; DROP TABLE audit_waiting; PRAGMA user_version = 1`);
      raw.close();
      const again = freshStore(file);
      const { objects } = again;
      assert.deepEqual([objects.held, objects.backlog], [2, 1]);
      assert.deepEqual([objects.heldBy(TENANT), objects.heldBy(OTHER_TENANT)], [1, 1]);
      objects.insertNew(anObject());
      assert.deepEqual([objects.held, objects.backlogOf(TENANT)], [3, 2]);
      again.close();
    });

    it('of a version that did not count its audit events has their number when it is opened', () => {
      const file = storePath();
      const store = freshStore(file);
      const body = Buffer.alloc(1);
      store.transaction(() => {
        for (const events of [2, 3, 4]) store.audit.appendEncoded(body, events);
      });
      store.close();
      const raw = new DatabaseSync(file);
      raw.exec('DROP TRIGGER audit_encoded_added; DROP TABLE audit_waiting; PRAGMA user_version = 3');
      raw.close();
      const again = freshStore(file);
      assert.equal(again.audit.size, 9);
      again.transaction(() => again.audit.appendEncoded(body, 5));
      const { encodedUpTo, encodedEvents } = again.audit.oldest(5);
      assert.equal(encodedEvents, 5);
      again.transaction(() => again.audit.acknowledge(0, encodedUpTo));
      assert.equal(again.audit.size, 9);
      again.close();
      const last = freshStore(file);
      assert.equal(last.audit.size, 9);
      last.close();
    });

    it('is counted at once, however many audit events wait in it', () => {
      const file = storePath();
      freshStore(file).close();
      const store = Store.open(file, REGION, { isShared: true });
      store.transaction(() => {
        for (let entry = 0; entry < AUDIT_ENTRIES; entry++) store.audit.appendEncoded(Buffer.alloc(200), 2);
      });
      const tookMs = Array.from({ length: COUNTS }, () => {
        const startedAt = performance.now();
        store.refresh();
        return performance.now() - startedAt;
      });
      assert.equal(store.audit.size, 2 * AUDIT_ENTRIES);
      // The quickest: whatever else runs on the machine takes time now and then.
      assert.ok(Math.min(...tookMs) < COUNT_MS, `${Math.min(...tookMs)} ms`);
      store.close();
    });

    it('has no audit events where none are, whatever an older program has left in their number', () => {
      const file = storePath();
      const store = freshStore(file);
      store.transaction(() => store.audit.appendEncoded(Buffer.alloc(1), 7));
      store.close();
      const older = new DatabaseSync(file);
      older.exec('DELETE FROM audit_encoded');
      older.close();
      const again = freshStore(file);
      assert.equal(again.audit.size, 0);
      again.close();
    });

    it('is never searched through for the line, however long it is', () => {
      const file = storePath();
      freshStore(file).close();
      const raw = new DatabaseSync(file);
      for (const query of [
        'SELECT uid, tenant, body FROM objects WHERE announced = 0 ORDER BY seq LIMIT 256',
        "SELECT uid, tenant, body FROM objects WHERE announced = 0 AND tenant = 'a' ORDER BY seq LIMIT 256",
        'UPDATE objects SET announced = 0 WHERE announced = 2',
        "SELECT body, announced, revision FROM objects WHERE uid = 'u' AND tenant = 'a'",
      ]) {
        const plan = raw.prepare(`EXPLAIN QUERY PLAN ${query}`).all() as { detail: string }[];
        for (const { detail } of plan) {
          assert.doesNotMatch(detail, /TEMP B-TREE/, query);
          assert.match(detail, /USING (?:COVERING )?INDEX/, query);
        }
      }
      raw.close();
    });

    it('counts the audit events that are there, and not those of a transaction that was taken back', async () => {
      const file = storePath();
      const store = freshStore(file);
      const event = { id: '1', at: '2026-01-01T00:00:00.000Z', event: 'X', outcome: 'refused' } as const;
      const both = Buffer.concat([
        encodeAuditEvent({ ...event, id: '2' }),
        encodeAuditEvent({ ...event, id: '3' }),
      ]);
      await store.commit(() => {
        store.audit.append(event);
        store.audit.appendEncoded(both, 2);
      });
      const failing = store.commit(() => {
        store.audit.appendEncoded(both, 2);
        throw new Error('taken back');
      });
      await assert.rejects(failing, /taken back/);
      assert.equal(store.audit.size, 3);
      store.close();
      const again = freshStore(file);
      assert.equal(again.audit.size, 3);
      assert.equal(again.audit.oldest(2).encoded.length, 0, 'no room for two beside the one');
      const { events, upTo, encoded, encodedUpTo } = again.audit.oldest(3);
      assert.deepEqual(
        [...events, ...encoded.flatMap(decodeAuditEvents)].map(({ id }) => id),
        ['1', '2', '3'],
      );
      again.audit.acknowledge(upTo, encodedUpTo);
      assert.equal(again.audit.size, 0);
      again.close();
    });

    it('is left alone by a program that is older than it', () => {
      const file = storePath();
      freshStore(file).close();
      const raw = new DatabaseSync(file);
      raw.exec('PRAGMA user_version = 99');
      raw.close();
      assert.throws(() => freshStore(file), /newer/);
    });
  });
}

function reopen(file: string): Store | undefined {
  try {
    return freshStore(file);
  } catch (error) {
    assert.ok(error instanceof OkcmError);
    return undefined;
  }
}
