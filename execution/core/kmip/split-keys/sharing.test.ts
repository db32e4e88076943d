// A split secret comes back from any parts that are enough, and from fewer comes nothing.
import assert from 'node:assert/strict';
import { generatePrimeSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { KmipError, ResultReason, SplitKeyMethod } from '../../../kmip/index.ts';
import { gf256, gf65536 } from './fields.ts';
import { join, type Share, type Sharing, split } from './sharing.ts';

const M = SplitKeyMethod;
/** 2^256 + 297, the first prime above 2^256. */
const PRIME = 2n ** 256n + 297n;

function numbered(parts: readonly Uint8Array[]): Share[] {
  return parts.map((bytes, i) => ({ identifier: i + 1, bytes }));
}

const methods: readonly (readonly [name: string, method: number, primeFieldSize?: bigint])[] = [
  ['XOR', M.XOR],
  ['GF(2^8)', M.PolynomialSharingGF2_8],
  ['GF(2^16)', M.PolynomialSharingGF2_16],
  ['a prime field', M.PolynomialSharingPrimeField, PRIME],
];

function sharingOf(parts: number, threshold: number, method: number, primeFieldSize?: bigint): Sharing {
  return {
    parts,
    threshold: method === M.XOR ? parts : threshold,
    method,
    ...(primeFieldSize === undefined ? {} : { primeFieldSize }),
  };
}

const sizes = fc.tuple(fc.integer({ min: 2, max: 9 }), fc.nat()).map(([parts, n]) => {
  return [parts, 2 + (n % (parts - 1))] as const;
});
const secrets = fc.uint8Array({ minLength: 2, maxLength: 32 }).map((b) => b.subarray(0, b.length & ~1));

for (const [name, method, prime] of methods) {
  describe(`splitting by ${name}`, () => {
    test('any parts that are enough give the secret back', async () => {
      await fc.assert(
        fc.asyncProperty(
          secrets,
          sizes,
          fc.infiniteStream(fc.nat()),
          async (secret, [parts, least], random) => {
            const sharing = sharingOf(parts, least, method, prime);
            const shares = numbered(await split(secret, sharing));
            const shuffled = shares
              .map((share) => ({ share, key: random.next().value ?? 0 }))
              .sort((a, b) => a.key - b.key)
              .map(({ share }) => share);
            const enough = shuffled.slice(0, sharing.threshold);
            assert.deepEqual(Uint8Array.from(join(enough, sharing, secret.length)), Uint8Array.from(secret));
            assert.deepEqual(
              Uint8Array.from(join(shuffled, sharing, secret.length)),
              Uint8Array.from(secret),
            );
          },
        ),
        { numRuns: 40 },
      );
    });

    test('fewer are refused, and would give another secret', async () => {
      const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
      const sharing = sharingOf(5, 3, method, prime);
      const shares = numbered(await split(secret, sharing));
      const few = shares.slice(0, sharing.threshold - 1);
      assert.throws(
        () => join(few, sharing, 32),
        (error) => error instanceof KmipError && error.resultReason === ResultReason.CryptographicFailure,
      );
      let guess: Uint8Array | undefined;
      try {
        guess = join(few, { ...sharing, threshold: few.length }, 32);
      } catch (error) {
        assert.ok(error instanceof KmipError);
      }
      assert.notDeepEqual(guess && Uint8Array.from(guess), secret);
    });
  });
}

test('one part alone says nothing: it looks the same whatever the secret', async () => {
  // With all secrets 0, parts are as evenly spread as with all 1: a bit that showed through would tip the scales.
  for (const bit of [0x00, 0xff]) {
    const [part] = await split(new Uint8Array(8_192).fill(bit), sharingOf(3, 2, M.PolynomialSharingGF2_8));
    const ones = (part ?? new Uint8Array()).reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
      0,
    );
    assert.ok(Math.abs(ones - 32_768) < 1_000, `${ones} of 65536 bits are set`);
  }
});

describe('fields', () => {
  test('FIPS 197 section 4.2: {57}·{83} = {c1}, {57}·{13} = {fe}', () => {
    assert.equal(gf256.multiply(0x57, 0x83), 0xc1);
    assert.equal(gf256.multiply(0x57, 0x13), 0xfe);
  });

  for (const [name, field, order] of [
    ['GF(2^8)', gf256, 256],
    ['GF(2^16)', gf65536, 65_536],
  ] as const) {
    test(`${name} is a field`, () => {
      const element = fc.nat({ max: order - 1 });
      fc.assert(
        fc.property(element, element, element, (a, b, c) => {
          const { multiply, inverse } = field;
          assert.equal(multiply(a, b), multiply(b, a));
          assert.equal(multiply(a, multiply(b, c)), multiply(multiply(a, b), c));
          assert.equal(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c));
          assert.equal(multiply(a, 1), a);
          if (a !== 0) assert.equal(multiply(a, inverse(a)), 1);
          if (a !== 0 && b !== 0) assert.notEqual(multiply(a, b), 0);
        }),
        { numRuns: 500 },
      );
    });
  }

  test('y·y = y + m in GF(2^16), as the specification builds it', () => {
    assert.equal(gf65536.multiply(0x0100, 0x0100), 0x013a);
  });
});

test('known parts: a line over GF(2^8), a parabola over a prime field', () => {
  // f(x) = 0x42 + 0x17·x: f(1) = 0x55, f(2) = 0x6c.
  const line = [
    { identifier: 1, bytes: Uint8Array.of(0x55) },
    { identifier: 2, bytes: Uint8Array.of(0x6c) },
  ];
  assert.deepEqual([...join(line, sharingOf(3, 2, M.PolynomialSharingGF2_8))], [0x42]);
  // f(x) = 1234 + 166x + 94x² modulo 1613: the textbook's example.
  const shares = [2, 4, 5].map((identifier) => {
    const value = (1234 + 166 * identifier + 94 * identifier * identifier) % 1613;
    return { identifier, bytes: Uint8Array.of(value >> 8, value & 0xff) };
  });
  const sharing = sharingOf(6, 3, M.PolynomialSharingPrimeField, 1613n);
  assert.deepEqual([...join(shares, sharing, 2)], [1234 >> 8, 1234 & 0xff]);
});

test('a field that is too small or none is refused', async () => {
  const isInvalid = (error: unknown) =>
    error instanceof KmipError && error.resultReason === ResultReason.InvalidField;
  const secret = new Uint8Array(32).fill(7);
  const inPrime = (p: bigint) => split(secret, sharingOf(3, 2, M.PolynomialSharingPrimeField, p));
  await assert.rejects(inPrime(2n ** 256n + 299n), isInvalid);
  await assert.rejects(inPrime(generatePrimeSync(256, { bigint: true })), isInvalid);
  await assert.rejects(split(new Uint8Array(3), sharingOf(3, 2, M.PolynomialSharingGF2_16)), isInvalid);
});

test('a key that its parts call larger than their field is not made', () => {
  const shares = [1, 2].map((identifier) => ({ identifier, bytes: Uint8Array.of(1) }));
  const sharing = sharingOf(3, 2, M.PolynomialSharingPrimeField, 251n);
  for (const sizeBytes of [2, 2 ** 24, 2 ** 28]) {
    assert.throws(
      () => join(shares, sharing, sizeBytes),
      (error) => error instanceof KmipError && error.resultReason === ResultReason.CryptographicFailure,
    );
  }
});
