/**
 * A file with many keys costs a start nothing: no look at each of them, no memory for each of them. `OKCM_STORE_KEYS=1000000
 * npm test -- store/scale` does it with as many; the test itself with few. This file is its own child.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../../testkit/children.ts';
import { SecretBytes } from '../../envelope/index.ts';
import { anObject, freshStore, storePath, TENANT } from '../fixture.test.ts';
import { KeyCache } from '../keys/key-cache.ts';
import { MAX_CACHED_KEYS } from '../limits.ts';
import type { Store } from './store.ts';

const KEYS = Number(process.env['OKCM_STORE_KEYS'] ?? 5_000);
const PER_TRANSACTION = 10_000;
/** Processor time: far more than it takes, and less than a look at a million keys. */
const START_MS = 2_000;
const START_HEAP_BYTES = 4 * 1024 * 1024;
/** Heap that an opened key takes, beside its slot of locked memory. */
const OPEN_KEY_HEAP_BYTES = 4_096;
const OPEN_KEYS = 2_000;

const [, , mode, path = ''] = process.argv;
if (mode === '--measure') measure();
else tests();

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** In a process of its own, so that nothing else is in its heap. */
function measure(): void {
  freshStore(storePath()).close(); // what the first use of SQLite takes is not the keys'
  const heapBefore = heapBytes();
  const startedAt = process.cpuUsage();
  const store = freshStore(path);
  const { held, backlog } = store.keys;
  const first = store.objects.waiting(256).objects.length;
  const { user, system } = process.cpuUsage(startedAt);
  const startMs = (user + system) / 1_000;
  const startHeap = heapBytes() - heapBefore;
  const openHeap = openKeyHeap(store);
  console.log(JSON.stringify({ held, backlog, first, startMs, startHeap, openHeap }));
  store.close();
}

function openKeyHeap(store: Store): number {
  const cache = new KeyCache();
  const { objects } = store.objects.waiting(OPEN_KEYS);
  const uids = objects.map(({ uid }) => uid);
  const before = heapBytes();
  for (const uid of uids) {
    const row = store.keys.peek(TENANT, uid);
    if (row !== undefined) cache.put(row.object, SecretBytes.random(32));
  }
  const bytes = (heapBytes() - before) / cache.size;
  cache.clear();
  return bytes;
}

function tests(): void {
  describe(`a file with ${KEYS} keys`, () => {
    it('is open at once, and takes no memory for each key', async (t) => {
      const file = storePath();
      const store = freshStore(file);
      for (let at = 0; at < KEYS; at += PER_TRANSACTION) {
        store.transaction(() => {
          for (let i = at; i < Math.min(KEYS, at + PER_TRANSACTION); i++) store.objects.insertNew(anObject());
        });
      }
      store.close();
      const args = ['--expose-gc', fileURLToPath(import.meta.url), '--measure', file];
      const child = await startChild({ name: 'measure', command: process.execPath, args });
      const line = await child.waitForLine(/^\{/);
      const seen = JSON.parse(line) as Record<
        'held' | 'backlog' | 'first' | 'startMs' | 'startHeap' | 'openHeap',
        number
      >;
      t.diagnostic(`${line}, ${Math.round(statSync(file).size / KEYS)} bytes on disk for each key`);
      assert.deepEqual([seen.held, seen.backlog, seen.first], [KEYS, KEYS, 256]);
      assert.ok(seen.startMs < START_MS, `${seen.startMs} ms`);
      assert.ok(seen.startHeap < START_HEAP_BYTES, `${seen.startHeap} bytes`);
      assert.ok(
        seen.openHeap < OPEN_KEY_HEAP_BYTES,
        `${seen.openHeap} bytes, ${MAX_CACHED_KEYS} of them at most`,
      );
      await child.expectCleanExit();
    });
  });
}
