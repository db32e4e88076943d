/** The log of the store's file, while writes come without a pause. This file is its own child. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../../testkit/children.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { anObject, freshStore, REGION, storePath } from '../fixture.test.ts';
import { CHECKPOINT_ROWS_AT_MOST } from '../limits.ts';
import { Checkpoints } from './checkpoints.ts';
import { Store } from './store.ts';

const PAGE_BYTES = 4_096;
const KEYS = 3_000;
const AT_ONCE = 10;
/** Enough to begin the first checkpoint, and the thread with it. */
const FIRST_KEYS = 300;
const THREAD_STARTS_MS = 1_000;
const PARTS = 15;
const BETWEEN_PARTS_MS = 50;
const LEFT_OPEN = '--left-open';

const [, , mode] = process.argv;
if (mode === LEFT_OPEN) await leaveOpen();
else tests();

async function fill(store: Store, keys: number): Promise<void> {
  for (let made = 0; made < keys; made += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => store.commit(() => store.objects.insertNew(anObject()))),
    );
  }
}

async function started(store: Store): Promise<void> {
  await fill(store, FIRST_KEYS);
  await sleep(THREAD_STARTS_MS);
}

async function leaveOpen(): Promise<void> {
  await started(freshStore());
  console.log('left open');
}

function tests(): void {
  describe('the log', () => {
    it('is brought into the database before a commit has to', async () => {
      const file = storePath();
      const store = freshStore(file);
      await started(store);
      await fill(store, KEYS);
      const pages = statSync(`${file}-wal`).size / PAGE_BYTES;
      assert.ok(pages < CHECKPOINT_ROWS_AT_MOST / 2, `${Math.round(pages)} pages`);
      assert.equal(store.objects.held, FIRST_KEYS + KEYS);
      store.close();
    });

    it('is gone once the store is closed, also in the middle of that', async () => {
      const file = storePath();
      for (let time = 1; time <= 3; time++) {
        const store = freshStore(file);
        // Just so many that the last of them has begun a checkpoint.
        await fill(store, FIRST_KEYS);
        store.close();
        assert.ok(!existsSync(`${file}-wal`));
      }
      const again = freshStore(file);
      assert.equal(again.objects.held, 3 * FIRST_KEYS);
      again.close();
    });

    it('says once that its thread has died, and asks no more of it', async () => {
      const told: unknown[] = [];
      const over = Promise.withResolvers<void>();
      const onOver = (reason: unknown): void => {
        told.push(reason);
        over.resolve();
      };
      const gone = join(temporaryDirectory('gone'), 'folder', 'store.sqlite');
      const never = (): void => assert.fail('nothing was written');
      const checkpoints = new Checkpoints(gone, { onWhole: never, onFailure: never, onOver });
      assert.ok(checkpoints.begin());
      await over.promise;
      assert.ok(!checkpoints.begin());
      checkpoints.close();
      assert.match(String(told[0]), /unable to open database file/);
      assert.equal(told.length, 1);
    });

    it('keeps no process from ending that has left its store open', async () => {
      const args = [fileURLToPath(import.meta.url), LEFT_OPEN];
      const child = await startChild({ name: 'left open', command: process.execPath, args });
      await child.waitForLine(/left open/);
      await child.expectCleanExit();
    });

    it('is shared by processes that each bring it into the database', async () => {
      const file = storePath();
      freshStore(file).close();
      const stores = [1, 2].map(() => Store.open(file, REGION, { isShared: true }));
      await Promise.all(stores.map((store) => started(store)));
      // Two threads and two stores have one process: each gets its turn.
      for (let part = 0; part < PARTS; part++) {
        await Promise.all(stores.map((store) => fill(store, KEYS / 2 / PARTS)));
        await sleep(BETWEEN_PARTS_MS);
      }
      const pages = statSync(`${file}-wal`).size / PAGE_BYTES;
      assert.ok(pages < CHECKPOINT_ROWS_AT_MOST / 2, `${Math.round(pages)} pages`);
      for (const store of stores) {
        assert.equal(store.objects.held, 2 * FIRST_KEYS + KEYS);
        store.close();
      }
    });
  });
}
