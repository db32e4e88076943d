/** A flush that fails once: what comes after it is not lost with what it lost. */
import assert from 'node:assert/strict';
import fs, { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, it, mock } from 'node:test';
import { KmipError } from '../../kmip/index.ts';
import { anObject, freshStore, REGION, storePath, TENANT } from '../fixture.test.ts';
import { Store } from './store.ts';

/** The next flush beside the event loop fails, as a disk that is full or broken has it. */
function failNextFlush(): void {
  const fail = (_file: number, done: (error: Error) => void): void =>
    void setImmediate(done, new Error('EIO'));
  mock.method(fs, 'fdatasync', fail, { times: 1 });
  syncBuiltinESMExports();
}

describe('a flush that fails', () => {
  for (const isShared of [false, true]) {
    it(`takes no key with it that is acknowledged later (${isShared ? 'shared' : 'alone'})`, async () => {
      const file = storePath();
      const log = `${file}-wal`;
      if (isShared) freshStore(file).close();
      const store = Store.open(file, REGION, { isShared });
      const put = async () => {
        const object = anObject();
        await store.commit(() => store.objects.insertNew(object));
        return object.uid;
      };
      const first = await put();
      const from = statSync(log).size;
      failNextFlush();
      await assert.rejects(put(), (error) => error instanceof KmipError);
      mock.restoreAll();
      syncBuiltinESMExports();
      const lost = readFileSync(log).subarray(from);
      assert.ok(lost.length > 0);
      const later = await put();

      // The power goes: what the failed flush was to write is not on the disk.
      const copy = storePath();
      copyFileSync(file, copy);
      const bytes = readFileSync(log);
      const there = bytes.subarray(from, from + lost.length);
      if (there.equals(lost)) there.fill(0);
      writeFileSync(`${copy}-wal`, bytes);
      const survivor = freshStore(copy);
      for (const uid of [first, later]) assert.ok(survivor.objects.get(TENANT, uid) !== undefined);
      survivor.close();
      store.close();
    });
  }
});
