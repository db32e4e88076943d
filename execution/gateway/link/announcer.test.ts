/** Announcements (D6): every key reaches the core once it is there, and the core's word on each is final. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../testkit/until.ts';
import { type AnnounceOutcome, MeshOperation } from '../../mesh/index.ts';
import { type ManagedObject, NAME_CONFLICT, withoutNames } from '../../objects/index.ts';
import { Audit } from '../audit.ts';
import { anObject, FakeCore, freshStore, OTHER_TENANT, silent, storePath, TENANT } from '../fixture.test.ts';
import { ANNOUNCE_BATCH } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';
import { Announcer } from './announcer.ts';
import { CoreLink } from './core-link.ts';

function setUp(core: FakeCore, store: Store = freshStore()) {
  const link = new CoreLink({ open: core.open, logger: silent });
  const changed: string[] = [];
  const announcer = new Announcer({
    link,
    store,
    audit: new Audit(store, silent),
    logger: silent,
    onChanged: (uid) => changed.push(uid),
  });
  return { link, store, announcer, changed };
}

function accepting(core: FakeCore): ManagedObject[] {
  const taken: ManagedObject[] = [];
  core.answers[MeshOperation.Announce] = ({ objects }) => {
    taken.push(...objects);
    return { outcomes: objects.map(({ uid }) => ({ uid, outcome: 'accepted' })) };
  };
  return taken;
}

describe('announcing', () => {
  it('goes in batches, oldest first, until nothing waits', async () => {
    const core = new FakeCore();
    const taken = accepting(core);
    const { link, store, announcer } = setUp(core);
    const objects = Array.from({ length: 600 }, () => anObject());
    store.transaction(() => {
      for (const object of objects) store.objects.insertNew(object);
    });
    link.markUp();
    while (store.objects.backlog > 0) await delay(5);
    assert.deepEqual(
      taken.map(({ uid }) => uid),
      objects.map(({ uid }) => uid),
    );
    assert.equal(core.count(MeshOperation.Announce), 3);
    await announcer.stop();
  });

  it('asks a core for less at once that does not manage much', async () => {
    const core = new FakeCore();
    const { link, store, announcer } = setUp(core);
    store.transaction(() => {
      for (let n = 0; n < 300; n++) store.objects.insertNew(anObject());
    });
    const sizes: number[] = [];
    core.answers[MeshOperation.Announce] = ({ objects }) => {
      sizes.push(objects.length);
      if (objects.length > 100) throw new Error('too much');
      return { outcomes: objects.map(({ uid }) => ({ uid, outcome: 'accepted' })) };
    };
    link.markUp();
    while (store.objects.backlog > 0) await delay(5);
    assert.deepEqual(sizes.slice(0, 3), [256, 128, 64]);
    await announcer.stop();
  });

  it('survives a restart and an answer that was lost', async () => {
    const path = storePath();
    const before = setUp(new FakeCore(), freshStore(path));
    const object = anObject();
    before.store.objects.insertNew(object);
    await before.announcer.stop();
    before.store.close();

    const core = new FakeCore();
    const { link, store, announcer } = setUp(core, freshStore(path));
    let attempts = 0;
    core.answers[MeshOperation.Announce] = ({ objects }) => {
      if (++attempts === 1) throw new Error('lost');
      return { outcomes: objects.map(({ uid }) => ({ uid, outcome: 'known' })) };
    };
    link.markUp();
    while (store.objects.backlog > 0) await delay(5);
    assert.equal(attempts, 2);
    await announcer.stop();
  });

  it('goes on where the core’s answers ended, in order, and tells again only what was not answered for', async () => {
    const core = new FakeCore();
    const { link, store, announcer } = setUp(core);
    const objects = Array.from({ length: 5 }, (_, i) => anObject(i % 2 ? {} : { tenant: OTHER_TENANT }));
    store.transaction(() => {
      for (const object of objects) store.objects.insertNew(object);
    });
    const asked: string[][] = [];
    core.answers[MeshOperation.Announce] = ({ objects: told }) => {
      asked.push(told.map(({ uid }) => uid));
      return { outcomes: told.slice(0, 2).map(({ uid }) => ({ uid, outcome: 'accepted' })) };
    };
    link.markUp();
    while (store.keys.backlog > 0) await delay(5);
    const uids = objects.map(({ uid }) => uid);
    assert.deepEqual(asked, [uids, uids.slice(2), uids.slice(4)]);
    await announcer.stop();
  });

  it('applies what the core says of each', async () => {
    const core = new FakeCore();
    const { link, store, announcer, changed } = setUp(core);
    const [dead, loser, unwanted, good] = [anObject(), anObject({ name: 'taken' }), anObject(), anObject()];
    for (const object of [dead, loser, unwanted, good]) store.objects.insertNew(object);
    core.answers[MeshOperation.Announce] = ({ objects }) => ({
      outcomes: objects.map(({ uid }): AnnounceOutcome => {
        if (uid === dead.uid) return { uid, outcome: 'tombstone' };
        if (uid === loser.uid) {
          return { uid, outcome: 'name-conflict', object: withoutNames(loser, new Set(['taken']), 1) };
        }
        return uid === unwanted.uid
          ? { uid, outcome: 'refused', reason: 'SERVICE_UNKNOWN' }
          : { uid, outcome: 'accepted' };
      }),
    });
    link.markUp();
    await announcer.flush(TENANT);
    assert.equal(store.objects.get(TENANT, dead.uid), undefined);
    const kept = store.objects.get(TENANT, loser.uid);
    assert.ok(kept?.announced);
    assert.deepEqual(
      kept.object.attributes.map(({ attributeName }) => attributeName),
      [NAME_CONFLICT],
    );
    assert.equal(store.objects.nameHolder(TENANT, 'taken'), undefined);
    assert.equal(store.objects.get(TENANT, unwanted.uid)?.announced, false, 'kept');
    assert.equal(store.objects.backlog, 0, 'and not waiting');
    assert.deepEqual(changed.sort(), [dead.uid, loser.uid].sort());
    const isTold = () => store.audit.oldest(10).events.at(-1)?.event === 'ANNOUNCE_REFUSED';
    await until('the refusal is told', isTold);
    const asked = core.count(MeshOperation.Announce);
    announcer.kick();
    await announcer.flush(TENANT);
    await delay(100);
    assert.equal(core.count(MeshOperation.Announce), asked, 'a refused key is not offered for ever');
    await announcer.stop();
  });

  it('offers a refused key once more when the gateway starts, and never between', async () => {
    const path = storePath();
    const refusing = new FakeCore();
    refusing.answers[MeshOperation.Announce] = ({ objects }) => ({
      outcomes: objects.map(({ uid }) => ({ uid, outcome: 'refused', reason: 'SERVICE_UNKNOWN' })),
    });
    const before = setUp(refusing, freshStore(path));
    const object = anObject();
    before.store.objects.insertNew(object);
    before.link.markUp();
    while (before.store.objects.backlog > 0) await delay(5);
    await before.announcer.stop();
    before.store.close();

    const core = new FakeCore();
    const taken = accepting(core);
    const { link, store, announcer } = setUp(core, freshStore(path));
    assert.equal(store.objects.backlog, 1);
    link.markUp();
    while (store.objects.backlog > 0) await delay(5);
    assert.deepEqual(
      taken.map(({ uid }) => uid),
      [object.uid],
    );
    assert.equal(store.objects.get(TENANT, object.uid)?.announced, true);
    await announcer.stop();
  });

  it('passes over a record that cannot be read, and says so', async () => {
    const path = storePath();
    const first = freshStore(path);
    const damaged = Array.from({ length: ANNOUNCE_BATCH + 1 }, () => anObject());
    const good = anObject();
    first.transaction(() => {
      for (const object of [...damaged, good]) first.objects.insertNew(object);
    });
    first.close();
    const raw = new DatabaseSync(path);
    const spoil = raw.prepare("UPDATE objects SET body = x'00' WHERE uid = ?");
    for (const { uid } of damaged) spoil.run(uid);
    raw.close();

    const core = new FakeCore();
    const taken = accepting(core);
    const { link, store, announcer } = setUp(core, freshStore(path));
    link.markUp();
    for (let i = 0; i < 400 && store.objects.backlog > 0; i++) await delay(5);
    assert.equal(store.objects.backlog, 0);
    assert.deepEqual(
      taken.map(({ uid }) => uid),
      [good.uid],
    );
    await store.commit(() => undefined);
    const { events } = store.audit.oldest(10);
    assert.equal(events[0]?.reason, 'OBJECT_MALFORMED');
    assert.equal(events[0]?.uid, damaged[0]?.uid);
    await announcer.stop();
  });
});

describe('asked for all that was made', () => {
  it('announces it, whoever made it, and says so in the end', async () => {
    const core = new FakeCore();
    const told: { uids: string[]; answers: number | undefined }[] = [];
    const { link, store, announcer } = setUp(core);
    let late: ManagedObject | undefined;
    core.answers[MeshOperation.Announce] = ({ objects, answers }) => {
      told.push({ uids: objects.map(({ uid }) => uid), answers });
      if (late === undefined) {
        // Asked once more while the answer is on its way: what was made meanwhile belongs to that.
        const object = anObject();
        late = object;
        store.transaction(() => store.objects.insertNew(object));
        announcer.asked(8);
      }
      return { outcomes: objects.map(({ uid }) => ({ uid, outcome: 'accepted' })) };
    };
    const objects = [anObject(), anObject({ tenant: OTHER_TENANT })];
    store.transaction(() => {
      for (const object of objects) store.objects.insertNew(object);
    });
    link.markUp();
    announcer.asked(7);
    while (told.at(-1)?.answers !== 8) await delay(5);
    const first = told.findIndex(({ answers }) => answers !== undefined);
    const before = told.slice(0, first).flatMap(({ uids }) => uids);
    assert.deepEqual(
      before.slice(0, 2),
      objects.map(({ uid }) => uid),
    );
    assert.ok(told.flatMap(({ uids }) => uids).includes(late?.uid ?? ''));
    assert.equal(store.objects.backlog, 0);
    await announcer.stop();
  });

  it('with nothing to announce says just that', async () => {
    const core = new FakeCore();
    const told: (number | undefined)[] = [];
    core.answers[MeshOperation.Announce] = ({ answers }) => {
      told.push(answers);
      return { outcomes: [] };
    };
    const { link, announcer } = setUp(core);
    link.markUp();
    announcer.asked(7);
    while (told.length === 0) await delay(5);
    assert.deepEqual(told, [7]);
    await announcer.stop();
  });
});

describe('flushing a tenant', () => {
  it('does not wait for others, and costs nothing when nothing waits', async () => {
    const core = new FakeCore();
    const taken = accepting(core);
    const { link, store, announcer } = setUp(core);
    for (let i = 0; i < 300; i++) store.objects.insertNew(anObject({ tenant: OTHER_TENANT }));
    const mine = anObject();
    store.objects.insertNew(mine);
    link.markUp();
    await announcer.flush(TENANT);
    assert.deepEqual(
      taken.map(({ uid }) => uid),
      [mine.uid],
    );
    await announcer.flush(TENANT);
    assert.equal(core.count(MeshOperation.Announce), 1);
    await announcer.stop();
  });

  it('fails at once while the core is away', async () => {
    const { store, announcer } = setUp(new FakeCore());
    store.objects.insertNew(anObject());
    await assert.rejects(announcer.flush(TENANT), (error) => error instanceof GatewayRefusal);
    await announcer.stop();
  });
});
