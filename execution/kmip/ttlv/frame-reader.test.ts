import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeTtlv, FrameError, FrameReader, ItemType, structureItem, Tag } from '../index.ts';

const message = (sizeBytes: number, fill = 7): Uint8Array =>
  encodeTtlv(
    structureItem(Tag.RequestMessage, [
      { tag: Tag.Data, type: ItemType.ByteString, value: Buffer.alloc(sizeBytes, fill) },
    ]),
  );

function refusal(reader: FrameReader, chunk: Uint8Array): FrameError {
  try {
    reader.push(chunk);
  } catch (error) {
    assert.ok(error instanceof FrameError, String(error));
    return error;
  }
  return assert.fail('the chunk was accepted');
}

describe('FrameReader', () => {
  it('finds the same messages however the stream is cut', () => {
    const input = fc.record({
      sizes: fc.array(fc.nat({ max: 9000 }), { maxLength: 6 }),
      cuts: fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }),
    });
    fc.assert(
      fc.property(input, ({ sizes, cuts }) => {
        const messages = sizes.map((size, index) => Buffer.from(message(size, index + 1)));
        const stream = Buffer.concat(messages);
        const reader = new FrameReader();
        const found: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          found.push(...reader.push(stream.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(
          found.map((frame) => Buffer.from(frame)),
          messages,
        );
        assert.equal(reader.pendingBytes, 0);
      }),
      { numRuns: 200 },
    );
  });

  it('takes one byte at a time', () => {
    const wanted = Buffer.from(message(100));
    const reader = new FrameReader();
    const found = [...wanted].flatMap((byte) => reader.push(Buffer.from([byte])));
    assert.deepEqual(
      found.map((frame) => Buffer.from(frame)),
      [wanted],
    );
  });

  it('refuses a stream that is not KMIP at its first byte', () => {
    assert.equal(refusal(new FrameReader(), Buffer.from('G')).code, 'TTLV_NOT_KMIP');
    assert.equal(refusal(new FrameReader(), Buffer.from([0x42, 0, 0x78, 2])).code, 'TTLV_NOT_KMIP');
    assert.deepEqual(new FrameReader().push(Buffer.from([0x42])), []);
  });

  it('refuses a message beyond the limit as soon as its length is known', () => {
    const reader = new FrameReader({ maxFrameBytes: 1024 });
    assert.deepEqual(reader.push(Buffer.from([0x42, 0x00, 0x78, 0x01, 0xff, 0xff, 0xff])), []);
    const error = refusal(reader, Buffer.from([0xf8]));
    assert.equal(error.code, 'TTLV_TOO_LARGE');
    assert.match(error.message, /4294967296 bytes exceeds the limit of 1024/);
    assert.equal(reader.pendingBytes, 0);
    assert.throws(() => reader.push(message(8)), FrameError);
  });

  it('takes a message of exactly the limit', () => {
    const wanted = message(1000);
    assert.equal(new FrameReader({ maxFrameBytes: wanted.length }).push(wanted).length, 1);
    assert.equal(
      refusal(new FrameReader({ maxFrameBytes: wanted.length - 1 }), wanted).code,
      'TTLV_TOO_LARGE',
    );
  });

  it('hands over the whole messages before the one it refuses, and the head of that one', () => {
    const good = message(16);
    const error = refusal(new FrameReader({ maxFrameBytes: 100 }), Buffer.concat([good, good, message(500)]));
    assert.equal(error.frames.length, 2);
    assert.deepEqual(Buffer.from(error.frames[1] ?? []), Buffer.from(good));
    assert.deepEqual(Buffer.from(error.head), Buffer.from(message(500).subarray(0, 64)));
  });

  it('does not allocate what a header merely claims', () => {
    const readers = Array.from({ length: 200 }, () => new FrameReader({ maxFrameBytes: 64 * 1024 * 1024 }));
    const before = process.memoryUsage().arrayBuffers;
    const header = Buffer.from([0x42, 0x00, 0x78, 0x01, 0x03, 0xff, 0xff, 0xf0]);
    for (const reader of readers) reader.push(Buffer.concat([header, Buffer.alloc(64)]));
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
    assert.equal(readers[0]?.pendingBytes, 72);
  });
});
