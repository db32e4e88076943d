/** Memory that is used again must never be in two hands, nor tell the next what it held. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OUTPUT_BUFFER_BYTES, OutputBuffer } from './output-buffer.ts';

describe('memory for answers', () => {
  it('is given to one at a time, however often it is given back', () => {
    const first = OutputBuffer.take();
    first.giveBack();
    first.giveBack();
    const [one, other] = [OutputBuffer.take(), OutputBuffer.take()];
    assert.equal(one, first, 'it is used again');
    assert.notEqual(one, other);
    one.giveBack();
    other.giveBack();
  });

  it('is zeroised when what it held was secret, as far as it was used', () => {
    for (const [isSecret, left] of [
      [true, 0],
      [false, 7],
    ] as const) {
      const buffer = OutputBuffer.take();
      buffer.bytes.fill(7, 0, 100);
      assert.deepEqual(buffer.first(100, isSecret), Buffer.alloc(100, 7));
      buffer.giveBack();
      assert.ok(buffer.bytes.subarray(0, 100).every((byte) => byte === left));
    }
  });

  it('keeps only so many', () => {
    const many = Array.from({ length: 200 }, () => OutputBuffer.take());
    assert.equal(new Set(many).size, many.length);
    for (const buffer of many) buffer.giveBack();
    const again = Array.from({ length: 200 }, () => OutputBuffer.take());
    assert.ok(again.filter((buffer) => many.includes(buffer)).length <= 64);
    assert.equal(again[0]?.bytes.length, OUTPUT_BUFFER_BYTES);
  });
});
