/** Leases (D7): how long they live, what ends them, and that nothing of them is left afterwards. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type EnvelopeContext,
  EnvelopeError,
  generateKeyPair,
  type KeyPair,
  l3Parent,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { type LeaseRequest, type LeaseResponse, MeshOperation } from '../../mesh/index.ts';
import {
  etagOf,
  FakeCore,
  freshStore,
  granted,
  REGION,
  SERVICE,
  silent,
  TENANT,
  type Terms,
} from '../fixture.test.ts';
import { MAX_LEASED_VERSIONS } from '../limits.ts';
import { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import { Tenants } from '../tenants.ts';
import type { Lease } from './held-lease.ts';
import { LeaseBook } from './lease-book.ts';
import { LeasedMemory } from './leased-memory.ts';

let keyPair: KeyPair;
let core: FakeCore;
let link: CoreLink;
let tenants: Tenants;
let book: LeaseBook;
let ended: string[];
let keys: Map<number, SecretBytes>;
let times: Terms;
/** What the core was asked, in order. */
let asked: LeaseRequest[];
const currency = { isCurrent: true, appliedHead: 0, syncs: 0 };

beforeEach(async () => {
  keyPair = await generateKeyPair();
  core = new FakeCore();
  link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  tenants = new Tenants(freshStore().registry);
  keys = new Map([[1, SecretBytes.random(32)]]);
  times = { ttlMs: 60_000, graceMs: 60_000 };
  ended = [];
  Object.assign(currency, { isCurrent: true, appliedHead: 0, syncs: 0 });
  asked = [];
  core.answers[MeshOperation.Lease] = (request) => {
    asked.push(request);
    return granted(request, keys, times);
  };
  book = newBook();
});

function newBook(memory = new LeasedMemory()): LeaseBook {
  return new LeaseBook({
    region: REGION,
    link,
    tenants,
    keyPair,
    logger: silent,
    memory,
    onEnded: (tenant, service) => ended.push(`${tenant}/${service}`),
    currency: {
      get isCurrent() {
        return currency.isCurrent;
      },
      get appliedHead() {
        return currency.appliedHead;
      },
      sync: async () => {
        currency.syncs += 1;
        currency.appliedHead = 7;
      },
      observeHead: () => undefined,
    },
  });
}

const place = { tenant: TENANT, service: SERVICE };
const context: EnvelopeContext = {
  region: REGION,
  ...place,
  level: 'test',
  objectId: 'x',
  version: 1,
  revision: 1,
};
const data = Buffer.from('what applications keep');

/** Data that somebody wrapped under this version. */
function under(version: number): Uint8Array {
  const key = keys.get(version);
  assert.ok(key);
  return seal(l3Parent(TENANT, SERVICE, version, key), data, context);
}

async function opens(version: number, envelope = under(version)): Promise<void> {
  const opened = await book.open(place, version, (session) => session.unwrapData(envelope, context));
  assert.deepEqual(opened, data);
}

function makeVersions(...versions: number[]): void {
  for (const version of versions) keys.set(version, SecretBytes.random(32));
}

function upTo(version: number): number[] {
  return Array.from({ length: version }, (_, i) => i + 1);
}

/** The version under which the lease wraps. */
function wraps(lease: Lease): number {
  const envelope = lease.wrap(data, context);
  const key = keys.get(lease.activeVersion);
  assert.ok(key);
  assert.equal(Buffer.from(envelope).readUInt32BE(6), lease.activeVersion);
  return lease.activeVersion;
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (look()) return;
    await delay(5);
  }
  assert.fail(`it never came to pass: ${what}`);
}

const renewal = (etag: string, ttlMs = 60_000) => [{ ...place, ttlMs, etag }];

async function refusedAs(refusal: RefusalCode, run: () => Promise<unknown>): Promise<void> {
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof GatewayRefusal, `${error}`);
    assert.equal(error.refusal, refusal);
    return true;
  });
}

describe('a lease', () => {
  it('is asked for once, however many want it', async () => {
    const leases = await Promise.all(Array.from({ length: 20 }, () => book.acquire(TENANT, SERVICE)));
    assert.equal(core.count(MeshOperation.Lease), 1);
    assert.equal(new Set(leases).size, 1);
    assert.equal(book.current(TENANT, SERVICE), leases[0]);
  });

  it('brings the very keys of the core, older versions for decryption only', async () => {
    makeVersions(2);
    assert.equal(wraps(await book.acquire(TENANT, SERVICE)), 2);
    for (const [version, key] of keys) {
      await book.open(place, version, (session) => assert.ok(session.parent.key.equals(key)));
    }
    assert.equal(asked.length, 1);
  });

  it('counts its TTL from when it was asked for, not from the answer', async () => {
    times = { ttlMs: 50, graceMs: 0 };
    core.answers[MeshOperation.Lease] = async (request) => {
      const response = await granted(request, keys, times);
      await delay(80);
      return response;
    };
    await refusedAs('LEASE_LOST', () => book.acquire(TENANT, SERVICE));
  });

  it('ends with its TTL while the core is in reach, and is asked for anew', async () => {
    times = { ttlMs: 400, graceMs: 60_000 };
    const first = await book.acquire(TENANT, SERVICE);
    await delay(420);
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.equal(await book.acquire(TENANT, SERVICE), first);
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[1]?.held, [1], 'keys that are there do not come again');
  });

  it('runs on for its grace while the core is out of reach, then fails closed', async () => {
    times = { ttlMs: 400, graceMs: 1_000 };
    const lease = await book.acquire(TENANT, SERVICE);
    link.markDown(new Error('test'));
    await delay(600);
    assert.equal(book.current(TENANT, SERVICE), lease);
    await delay(850);
    book.sweep();
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.equal(book.size, 0);
    assert.throws(() => wraps(lease));
    assert.equal(book.memory.heldBytes, 0);
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
    await refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE));
  });

  it('lives on by heartbeats, and ends when one leaves it out', async () => {
    times = { ttlMs: 600, graceMs: 0 };
    const lease = await book.acquire(TENANT, SERVICE);
    await delay(350);
    book.renew(book.held(), { renewed: renewal(etagOf([1]), 600), unknown: [] }, performance.now());
    await delay(350);
    assert.equal(book.current(TENANT, SERVICE), lease);
    book.renew(book.held(), { renewed: [], unknown: [] }, performance.now());
    assert.throws(() => wraps(lease));
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
  });

  it('runs on for its time when the core can say nothing of it', async () => {
    times = { ttlMs: 400, graceMs: 0 };
    const lease = await book.acquire(TENANT, SERVICE);
    const unknown = [{ tenant: TENANT, service: SERVICE }];
    book.renew(book.held(), { renewed: [], unknown }, performance.now());
    assert.equal(book.current(TENANT, SERVICE), lease, 'not ended');
    await delay(500);
    assert.equal(book.current(TENANT, SERVICE), undefined, 'and not renewed');
  });

  it('that was granted after a heartbeat was sent is not ended by its answer', async () => {
    const before = book.held();
    const lease = await book.acquire(TENANT, SERVICE);
    book.renew(before, { renewed: [], unknown: [] }, performance.now());
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
    await delay(20);
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

  it('remembers a refusal for a moment only', async () => {
    core.answers[MeshOperation.Lease] = () => ({ outcome: 'refused', reason: 'SERVICE_UNKNOWN', head: 0 });
    for (let i = 0; i < 5; i++) await refusedAs('SERVICE_UNKNOWN', () => book.acquire(TENANT, SERVICE));
    assert.equal(core.count(MeshOperation.Lease), 1);
    core.answers[MeshOperation.Lease] = (request) => granted(request, keys, times);
    await delay(1_050);
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
    const startedAt = performance.now();
    await refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE));
    assert.ok(performance.now() - startedAt < 50);
  });

  it('is not driven by whoever sends data under versions that do not exist', async () => {
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
    await delay(1_050);
    await opens(9);
    assert.equal(asked.length, 3);
    await rubbish(8);
    assert.equal(asked.length, 3, 'an older version that is not listed was destroyed');
  });
});

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
    book.renew(book.held(), { renewed: renewal(etagOf([1, 2])), unknown: [] }, performance.now());
    await delay(30);
    assert.equal(asked.length, 5, 'nothing is new');
    book.renew(book.held(), { renewed: renewal(etagOf([1, 2, 3])), unknown: [] }, performance.now());
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

describe('versions of a lease', () => {
  it('that live and are not in memory are fetched together, once each', async () => {
    makeVersions(...upTo(200));
    await book.acquire(TENANT, SERVICE);
    assert.equal(book.memory.versions, 17, 'the active one and the youngest others');
    await Promise.all([1, 1, 2, 2, 3, 1].map((version) => opens(version)));
    assert.deepEqual(
      asked.slice(1).map(({ wanted }) => wanted),
      [[1], [2, 3]],
    );
    await Promise.all(upTo(180).map((version) => opens(version)));
    assert.ok(asked.length <= 7, `${asked.length} questions for 177 versions`);
    assert.ok(asked.every(({ wanted }) => wanted.length <= 64));
  });

  it('are bounded in number, and come back when they are needed', async () => {
    const many = MAX_LEASED_VERSIONS + 60;
    makeVersions(...upTo(many));
    const lease = await book.acquire(TENANT, SERVICE);
    for (const version of upTo(many - 1)) await opens(version);
    assert.equal(book.memory.versions, MAX_LEASED_VERSIONS);
    assert.equal(wraps(lease), many, 'the active one stays, though nothing is opened with it');
    const questions = asked.length;
    await opens(1);
    assert.equal(asked.length, questions + 1);
    await opens(1);
    assert.equal(asked.length, questions + 1);
  });

  it('are bounded in locked memory, over all leases, and counted with their subkeys', async () => {
    const memory = new LeasedMemory(18 * 32);
    book.close();
    keyPair = await generateKeyPair();
    book = newBook(memory);
    makeVersions(2, 3, 4);
    const lease = await book.acquire(TENANT, SERVICE);
    assert.equal(memory.heldBytes, 4 * 32);
    for (let i = 0; i < 6; i++) for (const version of [1, 2, 3]) await opens(version);
    await opens(3);
    assert.ok(memory.heldBytes <= 18 * 32, `${memory.heldBytes}`);
    assert.ok(memory.versions < 4);
    assert.equal(wraps(lease), 4);
    for (const version of [1, 2, 3, 4]) await opens(version);
    book.drop(TENANT, undefined, 'TEST');
    assert.equal(memory.heldBytes, 0);
    assert.equal(memory.versions, 0);
  });

  it('that cannot be fetched fail with the reason, and what is held still opens', async () => {
    makeVersions(...upTo(40));
    await book.acquire(TENANT, SERVICE);
    core.isCut = true;
    await refusedAs('CORE_UNREACHABLE', () => opens(1));
    await refusedAs('CORE_UNREACHABLE', () => opens(2));
    await opens(40);
    await opens(30);
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

describe('the budget of wraps', () => {
  it('is asked for again when half of it is used, and only then', async () => {
    times = { ...times, wraps: 100 };
    const lease = await book.acquire(TENANT, SERVICE);
    for (let i = 0; i < 49; i++) wraps(lease);
    await delay(20);
    assert.equal(asked.length, 1);
    wraps(lease);
    await until('the core is asked', () => asked.length === 2);
    await delay(20);
    assert.deepEqual(asked[1]?.wraps, { version: 1, left: 50 }, 'half a block is enough for the core');
    for (let i = 0; i < 25; i++) wraps(lease);
    await until('the core is asked again', () => asked.length === 3);
    await delay(20);
    assert.equal(book.status()[0]?.wrapsLeft, 125);
  });

  it('ends where the core gives nothing more: wraps are refused and can be tried again, unwraps go on', async () => {
    times = { ...times, wraps: 3 };
    const lease = await book.acquire(TENANT, SERVICE);
    times = { ...times, wraps: 0 };
    for (let i = 0; i < 3; i++) wraps(lease);
    for (let i = 0; i < 20; i++) await refusedAs('WRAPS_SPENT', async () => wraps(lease));
    await opens(1);
    await delay(150);
    assert.ok(asked.length <= 4, `${asked.length} questions`);
    times = { ...times, wraps: 3 };
    makeVersions(2);
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(wraps(lease), 2);
  });

  it('is not asked for by refreshes that have another reason, and is worth nothing under another version', async () => {
    times = { ...times, wraps: 100 };
    const lease = await book.acquire(TENANT, SERVICE);
    wraps(lease);
    makeVersions(2);
    keys.set(1, keys.get(1) ?? SecretBytes.random(32));
    times = { ...times, activeVersion: 1 };
    book.rotated(TENANT, SERVICE);
    await until('the core is asked', () => asked.length === 2);
    await delay(20);
    assert.equal(book.status()[0]?.wrapsLeft, 99);
    times = { ttlMs: times.ttlMs, graceMs: times.graceMs, wraps: 10 };
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(book.status()[0]?.wrapsLeft, 10);
  });
});
