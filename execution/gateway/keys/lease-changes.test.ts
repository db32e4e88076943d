/** What changes or ends a lease (D7): rotations are followed in the background, a flush or a refusal ends it at once. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EnvelopeError } from '../../envelope/index.ts';
import { MeshOperation } from '../../mesh/index.ts';
import { etagOf, granted, SERVICE, TENANT } from '../fixture.test.ts';
import { leaseNowMs } from './lease-clock.ts';
import {
  asked,
  book,
  core,
  ended,
  freshLeases,
  keys,
  makeVersions,
  opens,
  place,
  renewal,
  times,
  under,
  until,
  wraps,
} from './lease-fixture.test.ts';

beforeEach(freshLeases);

describe('a rotation', () => {
  it('is followed in the background: the lease serves meanwhile, and what it opened stays', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    core.answers[MeshOperation.Lease] = async (request) => {
      asked.push(request);
      await held;
      return granted(request, keys, times);
    };
    makeVersions(2);
    book.rotated(TENANT, SERVICE, 2);
    await until('the core is asked', () => asked.length === 2);
    assert.equal(book.current(TENANT, SERVICE), lease);
    assert.equal(wraps(lease), 1);
    release();
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(wraps(lease), 2);
    await opens(1);
    assert.deepEqual(asked[1]?.held, [1]);
    assert.deepEqual(ended, []);
  });

  it('is followed once more when another comes while the answer is on its way', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    core.answers[MeshOperation.Lease] = async (request) => {
      asked.push(request);
      const response = await granted(request, keys, times);
      if (asked.length === 2) {
        makeVersions(3);
        book.rotated(TENANT, SERVICE);
      }
      return response;
    };
    makeVersions(2);
    book.rotated(TENANT, SERVICE);
    await until('the youngest version is active', () => lease.activeVersion === 3);
    assert.equal(asked.length, 3);
  });

  it('is followed when it comes while the first lease is on its way', async () => {
    core.answers[MeshOperation.Lease] = async (request) => {
      asked.push(request);
      const response = await granted(request, keys, times);
      if (asked.length === 1) {
        makeVersions(2);
        book.rotated(TENANT, SERVICE);
      }
      return response;
    };
    const lease = await book.acquire(TENANT, SERVICE);
    await until('the new version is active', () => lease.activeVersion === 2);
  });

  it('is followed however often it fails at first, and by heartbeat when its push is lost', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    let failures = 3;
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      if (failures-- > 0) throw new Error('not now');
      return granted(request, keys, times);
    };
    makeVersions(2);
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(asked.length, 5);
    makeVersions(3);
    book.renew(book.held(), { renewed: renewal(etagOf([1, 2])), unknown: [] }, leaseNowMs());
    await delay(30);
    assert.equal(asked.length, 5, 'nothing is new');
    book.renew(book.held(), { renewed: renewal(etagOf([1, 2, 3])), unknown: [] }, leaseNowMs());
    await until('the new version is active', () => lease.activeVersion === 3);
  });

  it('is asked for again while the core does not know of it yet', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    makeVersions(2);
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      return granted(request, asked.length < 4 ? new Map([...keys].slice(0, 1)) : keys, times);
    };
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(asked.length, 4);
  });

  it('is not undone by a core that remembers an older state: what our data stands under stays', async () => {
    makeVersions(2);
    const lease = await book.acquire(TENANT, SERVICE);
    const made = under(2);
    const old = new Map([...keys].slice(0, 1));
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      return granted(request, asked.length < 5 ? old : keys, times);
    };
    makeVersions(3);
    book.rotated(TENANT, SERVICE, 3);
    await until('the core is asked', () => asked.length === 3);
    assert.equal(wraps(lease), 2);
    await opens(2, made);
    await until('the new version is active', () => lease.activeVersion === 3);
    assert.equal(asked.length, 5);
  });

  it('that a push told of is waited for by data that came before the core had heard of it', async () => {
    const old = new Map(keys);
    makeVersions(2);
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      return granted(request, asked.length < 4 ? old : keys, times);
    };
    book.rotated(TENANT, SERVICE, 2);
    await book.acquire(TENANT, SERVICE);
    await opens(2);
    assert.equal(asked.length, 4);
  });

  it('wipes versions that do not live any more, and keeps the others as they are', async () => {
    makeVersions(2, 3);
    const lease = await book.acquire(TENANT, SERVICE);
    const sessions = new Map<number, unknown>();
    for (const version of [1, 2, 3])
      await book.open(place, version, (session) => sessions.set(version, session));
    const gone = under(2);
    keys.delete(2);
    makeVersions(4);
    book.rotated(TENANT, SERVICE, 4);
    await until('the new version is active', () => lease.activeVersion === 4);
    await assert.rejects(opens(2, gone), EnvelopeError);
    for (const version of [1, 3]) {
      await book.open(place, version, (session) => assert.equal(session, sessions.get(version)));
    }
    assert.equal(book.memory.versions, 3);
  });

  it('of a service that nobody uses asks nothing', async () => {
    book.rotated(TENANT, SERVICE, 2);
    await delay(30);
    assert.equal(asked.length, 0);
  });
});

describe('a flush', () => {
  it('ends the lease at once, and one that is on its way is asked for again', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    book.flushed(TENANT, SERVICE);
    assert.throws(() => wraps(lease));
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
    core.answers[MeshOperation.Lease] = async (request) => {
      asked.push(request);
      const response = await granted(request, keys, times);
      if (asked.length === 2) {
        keys.clear();
        makeVersions(2);
        book.flushed(TENANT, SERVICE);
      }
      return response;
    };
    const next = await book.acquire(TENANT, SERVICE);
    assert.equal(wraps(next), 2);
    assert.equal(asked.length, 3);
    assert.deepEqual(asked[2]?.held, []);
  });

  it('that told of a newer version is not answered by a core that has not heard of it', async () => {
    await book.acquire(TENANT, SERVICE);
    const old = new Map(keys);
    makeVersions(2);
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      return granted(request, asked.length < 4 ? old : keys, times);
    };
    book.flushed(TENANT, SERVICE, 2);
    assert.equal(wraps(await book.acquire(TENANT, SERVICE)), 2);
    assert.equal(asked.length, 4);
  });
});

describe('a refusal', () => {
  it('ends the lease that was to be refreshed, but for that of a sealed core', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    let reason: 'SEALED' | 'LINK_CLOSED' = 'SEALED';
    core.answers[MeshOperation.Lease] = (request) => {
      asked.push(request);
      return { outcome: 'refused', reason, head: 0 };
    };
    book.rotated(TENANT, SERVICE, 2);
    await until('the core is asked', () => asked.length === 2);
    await delay(20);
    assert.equal(book.current(TENANT, SERVICE), lease);
    reason = 'LINK_CLOSED';
    await until('the lease has ended', () => book.size === 0);
    assert.throws(() => wraps(lease));
  });
});
