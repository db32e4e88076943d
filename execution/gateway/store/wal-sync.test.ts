/** A flush of the log that fails: nothing is acknowledged any more, and what was stays. */
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
    it(`takes no key with it that is acknowledged (${isShared ? 'shared' : 'alone'})`, async () => {
      const file = storePath();
      const log = `${file}-wal`;
      if (isShared) freshStore(file).close();
      const told: unknown[] = [];
      const unheard = (): void => undefined;
      const events = {
        ruined: (error: unknown) => void told.push(error),
        logGrows: unheard,
        checkpointsOver: unheard,
      };
      const store = Store.open(file, REGION, { isShared, events });
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
      assert.match(String(told), /EIO/);
      const lost = readFileSync(log).subarray(from);
      assert.ok(lost.length > 0);
      await assert.rejects(put(), (error) => error instanceof KmipError);
      assert.throws(() => store.transaction(() => undefined), /takes nothing any more/);
      assert.equal(told.length, 1);
      store.close();

      // The power goes: what the failed flush was to write is not on the disk.
      const copy = storePath();
      copyFileSync(file, copy);
      const bytes = readFileSync(log);
      bytes.subarray(from, from + lost.length).fill(0);
      writeFileSync(`${copy}-wal`, bytes);
      const survivor = freshStore(copy);
      assert.ok(survivor.objects.get(TENANT, first) !== undefined);
      survivor.close();
    });
  }
});
