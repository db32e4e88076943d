/** Leases (D7): how long they live, what ends them, and that nothing of them is left afterwards. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPair, type KeyPair, SecretBytes } from '../../envelope/index.ts';
import { type LeaseResponse, MeshOperation } from '../../mesh/index.ts';
import { FakeCore, freshStore, granted, REGION, SERVICE, silent, TENANT } from '../fixture.test.ts';
import { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import { Tenants } from '../tenants.ts';
import { LeaseBook } from './lease-book.ts';

let keyPair: KeyPair;
let core: FakeCore;
let link: CoreLink;
let tenants: Tenants;
let book: LeaseBook;
let ended: string[];
let keys: Map<number, SecretBytes>;
let times: { ttlMs: number; graceMs: number };
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
  core.answers[MeshOperation.Lease] = (request) => granted(request, keys, times);
  book = new LeaseBook({
    region: REGION,
    link,
    tenants,
    keyPair,
    logger: silent,
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
});

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
    keys.set(2, SecretBytes.random(32));
    const lease = await book.acquire(TENANT, SERVICE);
    assert.equal(lease.active.parent.version, 2);
    for (const [version, key] of keys) assert.ok(lease.version(version)?.parent.key.equals(key));
    assert.equal(lease.version(3), undefined);
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
    times = { ttlMs: 100, graceMs: 60_000 };
    const first = await book.acquire(TENANT, SERVICE);
    await delay(120);
    assert.equal(book.current(TENANT, SERVICE), undefined);
    const second = await book.acquire(TENANT, SERVICE);
    assert.notEqual(second, first);
    assert.throws(() => first.active.wrap(Buffer.alloc(1), never()), 'the replaced keys are wiped');
  });

  it('runs on for its grace while the core is out of reach, then fails closed', async () => {
    times = { ttlMs: 60, graceMs: 150 };
    const lease = await book.acquire(TENANT, SERVICE);
    link.markDown(new Error('test'));
    await delay(90);
    assert.equal(book.current(TENANT, SERVICE), lease);
    await delay(150);
    book.sweep();
    assert.equal(book.current(TENANT, SERVICE), undefined);
    assert.equal(book.size, 0);
    assert.ok(lease.active.parent.key.isWiped);
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
    await refusedAs('CORE_UNREACHABLE', () => book.acquire(TENANT, SERVICE));
  });

  it('lives on by heartbeats, and ends when one leaves it out', async () => {
    times = { ttlMs: 150, graceMs: 0 };
    const lease = await book.acquire(TENANT, SERVICE);
    await delay(100);
    book.renew(book.held(), [{ tenant: TENANT, service: SERVICE, ttlMs: 150 }], performance.now());
    await delay(100);
    assert.equal(book.current(TENANT, SERVICE), lease);
    const asked = book.held();
    book.renew(asked, [], performance.now());
    assert.ok(lease.active.parent.key.isWiped);
    assert.deepEqual(ended, [`${TENANT}/${SERVICE}`]);
  });

  it('that was granted after a heartbeat was sent is not ended by its answer', async () => {
    const asked = book.held();
    const lease = await book.acquire(TENANT, SERVICE);
    book.renew(asked, [], performance.now());
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

  it('again, for a younger version, is not driven by whoever sends rubbish', async () => {
    await book.acquire(TENANT, SERVICE);
    for (let i = 0; i < 5; i++) await book.refresh(TENANT, SERVICE);
    assert.equal(core.count(MeshOperation.Lease), 1);
  });
});

function never(): Parameters<Awaited<ReturnType<LeaseBook['acquire']>>['active']['wrap']>[1] {
  return {
    region: REGION,
    tenant: TENANT,
    service: SERVICE,
    level: 'L4',
    objectId: 'x',
    version: 1,
    revision: 1,
  };
}
