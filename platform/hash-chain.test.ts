/** Whatever is done to a chain is found and named; what is whole is never doubted. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isSignedBy, signCheckpoint } from './chain-checkpoints.ts';
import {
  ChainCheck,
  type ChainFault,
  type ChainLink,
  type ChainVerdict,
  describeFault,
  GENESIS_HASH,
  MAX_NAMED_FAULTS,
} from './hash-chain.ts';

interface Row {
  sequence: number;
  previousHash: string;
  hash: string;
  text: string;
}

const hashOf = (sequence: number, previousHash: string, text: string): string =>
  createHash('sha256').update(`${sequence}\n${previousHash}\n${text}`).digest('hex');

function chain(texts: readonly string[]): Row[] {
  let previousHash = GENESIS_HASH;
  return texts.map((text, index) => {
    const row = { sequence: index + 1, previousHash, hash: hashOf(index + 1, previousHash, text), text };
    previousHash = row.hash;
    return row;
  });
}

const linkOf = ({ text, ...link }: Row): ChainLink => ({
  ...link,
  rehash: (sequence, previousHash) => hashOf(sequence, previousHash, text),
});

type Head = { sequence: number; hash: string };
const headOf = (rows: readonly Row[]): Head => {
  const last = rows.at(-1);
  return last === undefined
    ? { sequence: 0, hash: GENESIS_HASH }
    : { sequence: last.sequence, hash: last.hash };
};

function verdictOf(rows: readonly Row[], head: Head | undefined, signed: readonly Head[] = []): ChainVerdict {
  const check = new ChainCheck();
  for (const anchor of signed) check.expect(anchor);
  for (const row of rows) check.take(linkOf(row));
  return check.end(head);
}

/** As the database gives them. */
const sorted = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => a.sequence - b.sequence);

const texts = fc.array(fc.string(), { minLength: 2, maxLength: 30 });
/** A chain, and a place in it. */
const placed = texts.chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 0, max: all.length - 1 })));
const pairs = texts.chain((all) =>
  fc
    .uniqueArray(fc.integer({ min: 0, max: all.length - 1 }), { minLength: 2, maxLength: 2 })
    .map(([a = 0, b = 0]) => [all, Math.min(a, b), Math.max(a, b)] as const),
);

describe('a chain', () => {
  test('that nobody touched is whole, however it is cut into parts and whatever was signed of it', () => {
    fc.assert(
      fc.property(placed, ([all, at]) => {
        const rows = chain(all);
        const head = headOf(rows);
        assert.deepEqual(verdictOf(rows, head, rows).faults, []);
        const first = new ChainCheck();
        for (const row of rows.slice(0, at)) first.take(linkOf(row));
        const half = first.pause();
        const second = new ChainCheck(half);
        for (const row of rows.slice(at)) second.take(linkOf(row));
        assert.deepEqual(second.end(head), { ok: true, ...head, faults: [], faultCount: 0 });
      }),
    );
    assert.equal(verdictOf([], headOf([])).ok, true);
  });

  test('with one field changed names its record', () => {
    const change = fc.constantFrom('text', 'hash', 'previousHash' as const);
    fc.assert(
      fc.property(placed, change, ([all, at], field) => {
        const rows = chain(all);
        const head = headOf(rows);
        const row = rows[at];
        assert.ok(row);
        row[field as 'text'] = field === 'text' ? `${row.text}!` : 'f'.repeat(64);
        const { faults } = verdictOf(rows, head);
        assert.deepEqual(faults, [{ kind: 'CHANGED', sequence: at + 1 }]);
      }),
    );
  });

  test('with one record changed and its hash with it is found at the next one', () => {
    fc.assert(
      fc.property(placed, ([all, at]) => {
        const rows = chain(all);
        const head = headOf(rows);
        const row = rows[at];
        assert.ok(row);
        row.text += '!';
        row.hash = hashOf(row.sequence, row.previousHash, row.text);
        const kind = at === rows.length - 1 ? 'HEAD_DIFFERS' : 'NOT_FOLLOWING';
        const sequence = at === rows.length - 1 ? at + 1 : at + 2;
        assert.deepEqual(verdictOf(rows, head).faults, [{ kind, sequence }]);
      }),
    );
  });

  test('without one record names it, at the end by the head, by what was signed, or by both', () => {
    fc.assert(
      fc.property(placed, ([all, at]) => {
        const rows = chain(all);
        const head = headOf(rows);
        const rest = rows.filter((_, index) => index !== at);
        const atEnd = at === rows.length - 1;
        const fault = { kind: atEnd ? 'REMOVED_AT_END' : 'REMOVED', sequence: at + 1, to: at + 1 };
        assert.deepEqual(verdictOf(rest, head).faults, [fault]);
        assert.deepEqual(verdictOf(rest, headOf(rest), [head]).faults, [fault]);
      }),
    );
  });

  test('with two records swapped names both, whether they kept their own hashes or took those of the place', () => {
    fc.assert(
      fc.property(pairs, fc.boolean(), ([all, a, b], keepsHashes) => {
        const rows = chain(all);
        const head = headOf(rows);
        const [one, other] = [rows[a], rows[b]];
        assert.ok(one && other);
        if (keepsHashes) [one.sequence, other.sequence] = [other.sequence, one.sequence];
        else [one.text, other.text] = [other.text, one.text];
        if (one.text === other.text && !keepsHashes) return;
        assert.deepEqual(verdictOf(sorted(rows), head).faults, [
          { kind: 'SWAPPED', sequence: a + 1, with: b + 1 },
        ]);
      }),
    );
  });

  test('that was written anew as a whole is found by what was signed before', () => {
    fc.assert(
      fc.property(placed, ([all, at]) => {
        const signed = headOf(chain(all));
        const rewritten = chain(all.map((text, index) => (index === at ? `${text}!` : text)));
        assert.equal(verdictOf(rewritten, headOf(rewritten)).ok, true, 'by itself it looks whole');
        assert.deepEqual(verdictOf(rewritten, headOf(rewritten), [signed]).faults, [
          { kind: 'REWRITTEN', sequence: all.length },
        ]);
      }),
    );
  });

  test('of which lines of a file were swapped names what stands elsewhere', () => {
    const rows = chain(['a', 'b', 'c', 'd']);
    const [a, b, c, d] = rows;
    assert.ok(a && b && c && d);
    assert.deepEqual(verdictOf([a, c, b, d], headOf(rows)).faults, [{ kind: 'MISPLACED', sequence: 2 }]);
    assert.deepEqual(verdictOf([b, a, c, d], headOf(rows)).faults, [{ kind: 'MISPLACED', sequence: 1 }]);
  });

  test('names a bounded number of faults and counts the rest', () => {
    const rows = chain(Array.from({ length: 300 }, (_, index) => `${index}`));
    const head = headOf(rows);
    for (const row of rows) row.text += '!';
    const { faults, faultCount } = verdictOf(rows, head);
    assert.deepEqual([faults.length, faultCount], [MAX_NAMED_FAULTS, 300]);
  });

  test('with a line that cannot be read goes on behind it', () => {
    const [a, , c] = chain(['a', 'b', 'c']);
    assert.ok(a && c);
    const check = new ChainCheck();
    check.take(linkOf(a));
    check.unreadable();
    check.take(linkOf(c));
    assert.deepEqual(check.end().faults, [{ kind: 'UNREADABLE', sequence: 2 }]);
  });
});

test('faults are told in one line each', () => {
  const lines: [ChainFault, string][] = [
    [{ kind: 'CHANGED', sequence: 7 }, 'event 7 is not what was written'],
    [{ kind: 'REMOVED', sequence: 7, to: 7 }, 'event 7 is missing'],
    [{ kind: 'REMOVED', sequence: 7, to: 9 }, 'events 7 to 9 are missing'],
    [{ kind: 'REMOVED_AT_END', sequence: 7, to: 8 }, 'events 7 to 8 were cut off at the end'],
    [{ kind: 'SWAPPED', sequence: 2, with: 5 }, 'events 2 and 5 were swapped'],
  ];
  for (const [fault, line] of lines) assert.equal(describeFault(fault), line);
});

test('a checkpoint holds for what was signed, by that key, and nothing else', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const said = { log: 'cmk/test', chain: 'acme', sequence: 7, hash: 'a'.repeat(64) };
  const checkpoint = signCheckpoint({ keyId: 'k', privateKey }, said);
  assert.ok(isSignedBy(checkpoint, publicKey));
  assert.ok(!isSignedBy(checkpoint, generateKeyPairSync('ed25519').publicKey));
  const changes = {
    log: 'cmk/other',
    chain: 'rival',
    sequence: 8,
    hash: 'b'.repeat(64),
    at: 'x',
    keyId: 'l',
  };
  for (const [field, value] of Object.entries(changes))
    assert.ok(!isSignedBy({ ...checkpoint, [field]: value }, publicKey), field);
});
