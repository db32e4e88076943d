/** The format of sealed data: what it holds, what it notices, and that README.md describes it. */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ChunkOpener, ChunkSealer, TAG_BYTES } from './chunks.ts';
import { encodeHead, type KeyReference, readHeader, referenceId } from './header.ts';
import { deriveMessageKeys, openMessageKey } from './message-keys.ts';
import { SealedDataError, type SealedDataErrorCode } from './sealed-data-error.ts';
import { SecretKey } from './secret-key.ts';

const EXPONENT = 12;
const CHUNK = 2 ** EXPONENT;
const NONE = new Uint8Array();
const material = randomBytes(32);
const dataKey = (bytes: Uint8Array = material): SecretKey => SecretKey.take(Buffer.from(bytes));
const reference: KeyReference = { kind: 'created', uid: '0190a3c1-0000-7000-8000-000000000000' };

function seal(plain: Uint8Array, aad: Uint8Array = NONE, cuts: readonly number[] = []): Buffer {
  const salt = randomBytes(32);
  const head = encodeHead({ reference, chunkExponent: EXPONENT, salt });
  const { key, commitment } = deriveMessageKeys(dataKey(), salt, head, aad);
  const sealer = new ChunkSealer(key, CHUNK);
  const chunks = pieces(plain, cuts).flatMap((piece) => sealer.push(piece));
  return Buffer.concat([head, commitment, ...chunks, sealer.finish()]);
}

function open(
  sealed: Uint8Array,
  aad: Uint8Array = NONE,
  cuts: readonly number[] = [],
  key = dataKey(),
): Buffer {
  const header = readHeader(sealed);
  if (header === undefined) throw new SealedDataError('TRUNCATED');
  const opener = new ChunkOpener(openMessageKey(key, header, aad), 2 ** header.chunkExponent);
  const plain = pieces(sealed.subarray(header.sizeBytes), cuts).flatMap((piece) => opener.push(piece));
  return Buffer.concat([...plain, opener.finish()]);
}

function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

function refused(sealed: Uint8Array, ...codes: SealedDataErrorCode[]): void {
  assert.throws(
    () => open(sealed),
    (error) => error instanceof SealedDataError && (codes.length === 0 || codes.includes(error.code)),
  );
}

/** Sizes around those of chunks, and any others. */
const size = fc.oneof(
  fc.nat(3 * CHUNK),
  fc.constantFrom(0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1),
);
const plainText = size.map((bytes) => randomBytes(bytes));
const someCuts = fc.array(fc.nat(4 * CHUNK), { maxLength: 6 });
const headerBytes = readHeader(seal(NONE))?.sizeBytes ?? 0;

describe('sealed data', () => {
  it('opens to what was sealed, however the bytes come', () => {
    fc.assert(
      fc.property(
        plainText,
        fc.uint8Array({ maxLength: 40 }),
        someCuts,
        someCuts,
        (plain, aad, ins, outs) => {
          const sealed = seal(plain, aad, ins);
          assert.deepEqual(open(sealed, aad, outs), plain);
          const chunks = Math.max(1, Math.ceil(plain.length / CHUNK));
          assert.equal(sealed.length, headerBytes + plain.length + chunks * TAG_BYTES);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('notices every changed bit', () => {
    fc.assert(
      fc.property(plainText, fc.nat(), fc.nat(7), (plain, at, bit) => {
        const sealed = seal(plain);
        const place = at % sealed.length;
        sealed[place] = (sealed[place] ?? 0) ^ (1 << bit);
        refused(sealed);
      }),
      { numRuns: 200 },
    );
    // Every bit of a header once.
    const small = seal(Buffer.from('x'));
    for (let at = 0; at < headerBytes * 8; at++) {
      const changed = Buffer.from(small);
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
      refused(changed, 'MALFORMED', 'UNSUPPORTED', 'WRONG_KEY', 'TRUNCATED');
    }
  });

  it('notices that it was cut short, wherever', () => {
    fc.assert(
      fc.property(plainText, fc.nat(), (plain, at) => {
        const sealed = seal(plain);
        refused(sealed.subarray(0, at % sealed.length), 'TRUNCATED', 'NOT_AUTHENTIC', 'MALFORMED');
      }),
      { numRuns: 100 },
    );
    const sealed = seal(randomBytes(3 * CHUNK));
    for (const chunks of [1, 2])
      refused(sealed.subarray(0, headerBytes + chunks * (CHUNK + TAG_BYTES)), 'TRUNCATED');
    refused(sealed.subarray(0, headerBytes), 'TRUNCATED');
  });

  it('notices that something was added', () => {
    fc.assert(
      fc.property(plainText, fc.uint8Array({ minLength: 1, maxLength: 2 * CHUNK }), (plain, more) => {
        refused(Buffer.concat([seal(plain), more]), 'NOT_AUTHENTIC');
      }),
      { numRuns: 40 },
    );
  });

  it('notices that chunks were moved, repeated, left out, or taken from another message', () => {
    const plain = randomBytes(4 * CHUNK);
    const cutUp = (sealed: Buffer): Buffer[] =>
      [0, 1, 2, 3].map((i) =>
        sealed.subarray(headerBytes + i * (CHUNK + TAG_BYTES), headerBytes + (i + 1) * (CHUNK + TAG_BYTES)),
      );
    const sealed = seal(plain);
    const header = sealed.subarray(0, headerBytes);
    const own = cutUp(sealed);
    const foreign = cutUp(seal(plain));
    fc.assert(
      fc.property(fc.array(fc.nat(7), { minLength: 1, maxLength: 6 }), (order) => {
        const chosen = order.map((i) => (i < 4 ? own[i] : foreign[i - 4]) ?? header);
        const message = Buffer.concat([header, ...chosen]);
        if (order.join() === '0,1,2,3') assert.deepEqual(open(message), plain);
        else refused(message, 'NOT_AUTHENTIC', 'TRUNCATED');
      }),
      { numRuns: 200 },
    );
  });

  it('has one form: an empty last chunk only where there is nothing', () => {
    const salt = randomBytes(32);
    const head = encodeHead({ reference, chunkExponent: EXPONENT, salt });
    const { key, commitment } = deriveMessageKeys(dataKey(), salt, head, NONE);
    const first = gcm(key, 0, 0, randomBytes(CHUNK));
    refused(Buffer.concat([head, commitment, first, gcm(key, 1, 1, NONE)]), 'NOT_AUTHENTIC');
    // The same with something in it is in order.
    assert.equal(
      open(Buffer.concat([head, commitment, first, gcm(key, 1, 1, Buffer.from('x'))])).length,
      CHUNK + 1,
    );
  });

  it('opens under its own key, header and associated data alone: the commitment tells before a chunk is opened', () => {
    const sealed = seal(Buffer.from('text'), Buffer.from('row 1'));
    const wrong = (error: unknown): boolean => error instanceof SealedDataError && error.code === 'WRONG_KEY';
    assert.throws(() => open(sealed, Buffer.from('row 2')), wrong);
    assert.throws(() => open(sealed), wrong);
    assert.throws(() => open(sealed, Buffer.from('row 1'), [], dataKey(randomBytes(32))), wrong);
    assert.equal(open(sealed, Buffer.from('row 1')).toString(), 'text');
  });

  it('refuses what is no sealed data with bounded work', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refused(bytes, 'MALFORMED', 'TRUNCATED')),
    );
    const sealed = seal(NONE);
    const changed = (at: number, ...bytes: number[]): Buffer => {
      const copy = Buffer.from(sealed);
      copy.set(bytes, at);
      return copy;
    };
    refused(changed(4, 2), 'UNSUPPORTED');
    refused(changed(5, 2), 'UNSUPPORTED');
    refused(changed(6, 9), 'UNSUPPORTED');
    refused(changed(7, 11), 'MALFORMED');
    refused(changed(7, 21), 'MALFORMED');
    refused(changed(8, 0, 0), 'MALFORMED');
    refused(changed(8, 0xff, 0xff), 'MALFORMED');
    refused(changed(10, 0xff), 'MALFORMED'); // no UTF-8
  });

  it('carries both kinds of references', () => {
    const references: KeyReference[] = [
      reference,
      { kind: 'service', service: 'orders', wrapped: randomBytes(150) },
    ];
    for (const one of references) {
      const head = encodeHead({ reference: one, chunkExponent: 16, salt: randomBytes(32) });
      const read = readHeader(Buffer.concat([head, Buffer.alloc(32)]));
      assert.deepEqual(read?.reference, one);
      assert.equal(read?.chunkExponent, 16);
    }
    assert.notEqual(...(references.map(referenceId) as [string, string]));
  });

  it('is read by a second reader, written from README.md', () => {
    const plain = randomBytes(2 * CHUNK + 77);
    const aad = Buffer.from('customers/7');
    assert.deepEqual(readByTheBook(seal(plain, aad), material, aad), plain);
  });
});

/** One chunk, as no writer of ours makes it. */
function gcm(key: SecretKey, number: number, last: number, plain: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 7);
  nonce[11] = last;
  const cipher = key.use((bytes) => createCipheriv('aes-256-gcm', bytes, nonce));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** By the tables of README.md, with Node's own HKDF, and nothing of this folder. */
function readByTheBook(sealed: Buffer, key: Uint8Array, aad: Uint8Array): Buffer {
  assert.equal(sealed.subarray(0, 6).toString('hex'), '4f4b53440101');
  const chunk = 2 ** sealed.readUInt8(7);
  const headEnd = 10 + sealed.readUInt16BE(8) + 32;
  const salt = sealed.subarray(headEnd - 32, headEnd);
  const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
  const context = Buffer.concat([digest(sealed.subarray(0, headEnd)), digest(aad)]);
  const derive = (label: string): Buffer =>
    Buffer.from(
      hkdfSync(
        'sha256',
        key,
        salt,
        Buffer.concat([Buffer.from(`openkcm/sealed-data/v1/${label}`), context]),
        32,
      ),
    );
  assert.deepEqual(sealed.subarray(headEnd, headEnd + 32), derive('commitment'));
  const plain: Buffer[] = [];
  for (let at = headEnd + 32, number = 0; at < sealed.length; at += chunk + 16, number++) {
    const end = Math.min(at + chunk + 16, sealed.length);
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(number, 5, 6);
    nonce[11] = end === sealed.length ? 1 : 0;
    const decipher = createDecipheriv('aes-256-gcm', derive('key'), nonce);
    decipher.setAuthTag(sealed.subarray(end - 16, end));
    plain.push(decipher.update(sealed.subarray(at, end - 16)), decipher.final());
  }
  return Buffer.concat(plain);
}
