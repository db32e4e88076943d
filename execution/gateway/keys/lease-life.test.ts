/** Leases (D7): how long they live, who is asked for them, and that nothing of them is left afterwards. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { standingClocks } from '../../../testkit/clocks.ts';
import { EnvelopeError } from '../../envelope/index.ts';
import { type LeaseResponse, MeshOperation } from '../../mesh/index.ts';
import { etagOf, granted, SERVICE, TENANT } from '../fixture.test.ts';
import { LEASE_REFRESH_MIN_MS, LEASE_REFUSAL_CACHE_MS } from '../limits.ts';
import { leaseNowMs } from './lease-clock.ts';
import {
  asked,
  book,
  core,
  currency,
  ended,
  freshLeases,
  keys,
  link,
  makeVersions,
  opens,
  place,
  refusedAs,
  renewal,
  setTerms,
  tenants,
  times,
  until,
  wraps,
} from './lease-fixture.test.ts';

/** Terms that are counted by clocks which only the test moves. */
const TTL_MS = 60_000;
const GRACE_MS = 60_000;

beforeEach(freshLeases);

describe('a lease', () => {
  it('is asked for once, however many want it', async () => {
    const leases = await Promise.all(Array.from({ length: 20 }, () => book.acquire(TENANT, SERVICE)));
    assert.equal(core.count(MeshOperation.Lease), 1);
    assert.equal(new Set(leases).size, 1);
    assert.equal(book.current(TENANT, SERVICE), leases[0]);
  });

  it('tells how long it was idle, counted from the last request that needed it', async (t) => {
    const clocks = standingClocks(t);
    await book.acquire(TENANT, SERVICE);
    clocks.advance(30);
    assert.equal(book.held()[0]?.idleMs, 30);
    book.current(TENANT, SERVICE);
    assert.equal(book.held()[0]?.idleMs, 0);
  });

  it('brings the very keys of the core, older versions for decryption only', async () => {
    makeVersions(2);
    assert.equal(wraps(await book.acquire(TENANT, SERVICE)), 2);
    for (const [version, key] of keys) {
      await book.open(place, version, (session) => assert.ok(session.parent.key.equals(key)));
    }
    assert.equal(asked.length, 1);
  });

  it('counts its TTL from when it was asked for, not from the answer', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: 0 });
    core.answers[MeshOperation.Lease] = async (request) => {
      const response = await granted(request, keys, times);
      clocks.advance(TTL_MS + 1);
      return response;
    };
    await refusedAs('LEASE_LOST', () => book.acquire(TENANT, SERVICE));
  });

  it('ends with its TTL while the core is in reach, and is asked for anew', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: GRACE_MS });
    const first = await book.acquire(TENANT, SERVICE);
    clocks.advance(TTL_MS - 1);
    assert.equal(book.current(TENANT, SERVICE), first);
    clocks.advance(2);
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.equal(await book.acquire(TENANT, SERVICE), first);
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[1]?.held, [1], 'keys that are there do not come again');
  });

  it('runs on for its grace while the core is out of reach, then fails closed', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: GRACE_MS });
    const lease = await book.acquire(TENANT, SERVICE);
    link.markDown(new Error('test'));
    clocks.advance(TTL_MS + GRACE_MS - 1);
    assert.equal(book.current(TENANT, SERVICE), lease);
    clocks.advance(2);
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.equal(book.size, 0);
    assert.throws(() => wraps(lease));
    assert.equal(book.memory.heldBytes, 0);
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
    await refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE));
  });

  it('is wiped when it is over, though nobody asks for it and nobody else does anything', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: GRACE_MS });
    const lease = await book.acquire(TENANT, SERVICE);
    link.markDown(new Error('test'));
    assert.ok((book.status()[0]?.heldBytes ?? 0) > 0);
    clocks.advance(TTL_MS + GRACE_MS + 1);
    await until('the key is wiped', () => book.memory.heldBytes === 0);
    assert.throws(() => wraps(lease));
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
  });

  it('is over when the machine was suspended for as long', async (t) => {
    setTerms({ ttlMs: 60_000, graceMs: 60_000 });
    const lease = await book.acquire(TENANT, SERVICE);
    const real = Date.now.bind(Date);
    let suspendedMs = -3_600_000;
    t.mock.method(Date, 'now', () => real() + suspendedMs);
    assert.equal(book.current(TENANT, SERVICE), lease, 'a clock that is set back');
    suspendedMs += 50_000;
    assert.equal(book.current(TENANT, SERVICE), lease);
    suspendedMs += 80_000;
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.throws(() => wraps(lease));
  });

  it('lives on by heartbeats, and ends when one leaves it out', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: 0 });
    const lease = await book.acquire(TENANT, SERVICE);
    clocks.advance(TTL_MS - 1);
    book.renew(book.held(), { renewed: renewal(etagOf([1]), TTL_MS), unknown: [] }, leaseNowMs());
    clocks.advance(TTL_MS - 1);
    assert.equal(book.current(TENANT, SERVICE), lease);
    book.renew(book.held(), { renewed: [], unknown: [] }, leaseNowMs());
    assert.throws(() => wraps(lease));
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
  });

  it('runs on for its time when the core can say nothing of it', async (t) => {
    const clocks = standingClocks(t);
    setTerms({ ttlMs: TTL_MS, graceMs: 0 });
    const lease = await book.acquire(TENANT, SERVICE);
    const unknown = [{ tenant: TENANT, service: SERVICE }];
    book.renew(book.held(), { renewed: [], unknown }, leaseNowMs());
    assert.equal(book.current(TENANT, SERVICE), lease, 'not ended');
    clocks.advance(TTL_MS + 1);
    assert.equal(book.current(TENANT, SERVICE), undefined, 'and not renewed');
  });

  it('that was granted after a heartbeat was sent is not ended by its answer', async () => {
    const before = book.held();
    const lease = await book.acquire(TENANT, SERVICE);
    book.renew(before, { renewed: [], unknown: [] }, leaseNowMs());
    assert.equal(book.current(TENANT, SERVICE), lease);
  });

  it('that is withdrawn on its way is never used', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    core.answers[MeshOperation.Lease] = async (request) => {
      const response = await granted(request, keys, times);
      await held;
      return response;
    };
    const wanted = book.acquire(TENANT, SERVICE);
    await until('the core is asked', () => core.count(MeshOperation.Lease) === 1);
    book.drop(TENANT, undefined, 'LINK_CLOSED');
    release();
    await refusedAs('LEASE_LOST', () => wanted);
    assert.equal(book.size, 0);
  });

  it('is not served while changes of the core are missing here', async () => {
    await book.acquire(TENANT, SERVICE);
    currency.isCurrent = false;
    assert.equal(book.current(TENANT, SERVICE), undefined);
    link.markDown(new Error('test'));
    await refusedAs('NOT_SYNCED', () => book.acquire(TENANT, SERVICE));
  });

  it('is not served for a closed tenant, and not asked for', async () => {
    const lease = await book.acquire(TENANT, SERVICE);
    tenants.close(TENANT, 1);
    assert.equal(book.current(TENANT, SERVICE), undefined);
    await refusedAs('LINK_CLOSED', () => book.acquire(TENANT, SERVICE));
    assert.equal(core.count(MeshOperation.Lease), 1);
    tenants.open(TENANT, 1);
    assert.equal(book.current(TENANT, SERVICE), undefined, 'the closed epoch does not come back');
    tenants.open(TENANT, 2);
    assert.equal(book.current(TENANT, SERVICE), lease);
  });
});

describe('asking for a lease', () => {
  it('syncs first when the core says that we are behind', async () => {
    core.answers[MeshOperation.Lease] = (request) =>
      request.appliedHead < 7
        ? ({ outcome: 'behind', head: 7 } satisfies LeaseResponse)
        : granted(request, keys, { ...times });
    await book.acquire(TENANT, SERVICE);
    assert.equal(currency.syncs, 1);
  });

  it('remembers a refusal for a moment only', async (t) => {
    const clocks = standingClocks(t);
    core.answers[MeshOperation.Lease] = () => ({ outcome: 'refused', reason: 'SERVICE_UNKNOWN', head: 0 });
    for (let i = 0; i < 5; i++) await refusedAs('SERVICE_UNKNOWN', () => book.acquire(TENANT, SERVICE));
    assert.equal(core.count(MeshOperation.Lease), 1);
    core.answers[MeshOperation.Lease] = (request) => granted(request, keys, times);
    clocks.advance(LEASE_REFUSAL_CACHE_MS + 1);
    await book.acquire(TENANT, SERVICE);
  });

  it('refuses what was sealed for another place', async () => {
    core.answers[MeshOperation.Lease] = (request) =>
      granted({ ...request, service: 'parcels' as typeof SERVICE }, keys, times);
    await refusedAs('LEASE_LOST', () => book.acquire(TENANT, SERVICE));
  });

  it('fails at once when the core is away', async () => {
    core.isCut = true;
    await refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE));
    assert.equal(link.isUp, false);
    const refused = refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE)).then(() => 'refused');
    assert.equal(await Promise.race([refused, turnOfTheLoop('waits')]), 'refused', 'no timer, no question');
  });

  it('is not driven by whoever sends data under versions that do not exist', async (t) => {
    const clocks = standingClocks(t);
    await book.acquire(TENANT, SERVICE);
    const rubbish = (version: number) =>
      assert.rejects(
        book.open(place, version, () => assert.fail('no such version')),
        EnvelopeError,
      );
    for (let i = 0; i < 5; i++) await rubbish(2 + i);
    assert.equal(asked.length, 2, 'one question for all of them');
    keys.delete(1);
    makeVersions(7, 9);
    clocks.advance(LEASE_REFRESH_MIN_MS + 1);
    await opens(9);
    assert.equal(asked.length, 3);
    await rubbish(8);
    assert.equal(asked.length, 3, 'an older version that is not listed was destroyed');
  });
});
