/** Which versions of a leased key are in memory (D3, D7), and how often the active one may wrap (D5). */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { standingClocks } from '../../../testkit/clocks.ts';
import { SecretBytes } from '../../envelope/index.ts';
import { SERVICE, TENANT } from '../fixture.test.ts';
import { MAX_LEASED_VERSIONS } from '../limits.ts';
import {
  asked,
  book,
  core,
  freshLeases,
  keys,
  makeVersions,
  opens,
  refusedAs,
  renewBook,
  setTerms,
  times,
  until,
  upTo,
  wraps,
} from './lease-fixture.test.ts';
import { LeasedMemory } from './leased-memory.ts';

beforeEach(freshLeases);

/** The answer is here, and not only asked for. */
const taken = (answers: number): Promise<void> =>
  until(`${answers} answers are taken`, () => book.held()[0]?.generation === answers);

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
    await renewBook(memory);
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

describe('the budget of wraps', () => {
  it('is asked for again when half of it is used, and only then', async () => {
    setTerms({ ...times, wraps: 100 });
    const lease = await book.acquire(TENANT, SERVICE);
    for (let i = 0; i < 49; i++) wraps(lease);
    await delay(20);
    assert.equal(asked.length, 1);
    wraps(lease);
    await until('the core is asked', () => asked.length === 2);
    await taken(2);
    assert.deepEqual(asked[1]?.wraps, { version: 1, left: 50 }, 'half a block is enough for the core');
    for (let i = 0; i < 25; i++) wraps(lease);
    await until('the core is asked again', () => asked.length === 3);
    await taken(3);
    assert.equal(book.status()[0]?.wrapsLeft, 125);
  });

  it('ends where the core gives nothing more: wraps are refused and can be tried again, unwraps go on', async (t) => {
    standingClocks(t);
    setTerms({ ...times, wraps: 3 });
    const lease = await book.acquire(TENANT, SERVICE);
    setTerms({ ...times, wraps: 0 });
    for (let i = 0; i < 3; i++) wraps(lease);
    for (let i = 0; i < 20; i++) await refusedAs('WRAPS_SPENT', async () => wraps(lease));
    await opens(1);
    await delay(150);
    assert.ok(asked.length <= 4, `${asked.length} questions`);
    setTerms({ ...times, wraps: 3 });
    makeVersions(2);
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(wraps(lease), 2);
  });

  it('is not asked for by refreshes that have another reason, and is worth nothing under another version', async () => {
    setTerms({ ...times, wraps: 100 });
    const lease = await book.acquire(TENANT, SERVICE);
    wraps(lease);
    makeVersions(2);
    keys.set(1, keys.get(1) ?? SecretBytes.random(32));
    setTerms({ ...times, activeVersion: 1 });
    book.rotated(TENANT, SERVICE);
    await until('the core is asked', () => asked.length === 2);
    await taken(2);
    assert.equal(book.status()[0]?.wrapsLeft, 99);
    setTerms({ ttlMs: times.ttlMs, graceMs: times.graceMs, wraps: 10 });
    book.rotated(TENANT, SERVICE, 2);
    await until('the new version is active', () => lease.activeVersion === 2);
    assert.equal(book.status()[0]?.wrapsLeft, 10);
  });
});
