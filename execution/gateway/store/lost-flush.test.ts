/** A flush of the database file that fails, of the thread's or of anybody's. This file is its own child. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../../testkit/children.ts';
import { hasFlushed, loseNextFlush, loseWhatIsNotFlushed, losingDisk } from '../../../testkit/losing-disk.ts';
import { anObject, freshStore, REGION, storePath, TENANT } from '../fixture.test.ts';
import { Store } from './store.ts';

const AT_ONCE = 4;
/** And a checkpoint before the one whose flush is lost. */
const KEYS_BEFORE = 1_000;
const KEYS_AT_MOST = 20_000;
const FILLER = '--fill';

const [, , mode, path = '', acknowledged = ''] = process.argv;
if (mode === FILLER) await fill();
else tests();

/** Writes down each key that is acknowledged, and ends as a gateway does. */
async function fill(): Promise<void> {
  const ruined = (): void => void process.kill(process.pid, 'SIGKILL');
  const ignored = (): void => undefined;
  const store = Store.open(path, REGION, {
    isShared: true,
    events: { ruined, logGrows: ignored, checkpointsOver: ignored },
  });
  let made = 0;
  let isOrdered = false;
  const makeSome = async (): Promise<void> => {
    while (made < KEYS_AT_MOST) {
      made += 1;
      if (!isOrdered && made >= KEYS_BEFORE && hasFlushed(path)) {
        isOrdered = true;
        loseNextFlush(path);
      }
      const object = anObject();
      await store.commit(() => store.objects.insertNew(object));
      appendFileSync(acknowledged, `${object.uid}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, makeSome));
  console.log('nothing was told');
}

function tests(): void {
  describe('a flush of the database file that fails', () => {
    it('takes no acknowledged key with it: all end at once, and the next start has all of the log', async () => {
      const file = storePath();
      freshStore(file).close();
      const list = `${file}.acknowledged`;
      const args = [fileURLToPath(import.meta.url), FILLER, file, list];
      const env = { ...process.env, LD_PRELOAD: losingDisk() };
      const child = await startChild({ name: 'filler', command: process.execPath, args, env });
      const { signal } = await child.exited;
      assert.equal(signal, 'SIGKILL', child.output());
      const uids = readFileSync(list, 'utf8').trim().split('\n');
      assert.ok(uids.length >= KEYS_BEFORE - AT_ONCE, `${uids.length} keys`);
      loseWhatIsNotFlushed(file);
      const survivor = freshStore(file);
      const lost = uids.filter((uid) => survivor.objects.get(TENANT, uid) === undefined);
      assert.deepEqual(lost, []);
      survivor.close();
    });
  });
}
