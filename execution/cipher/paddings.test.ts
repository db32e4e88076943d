/** Taking paddings off, against the plainest reading of each. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BlockPadding, paddingAfter, sizeWithoutPadding } from './paddings.ts';

function plainly(padding: BlockPadding, block: Uint8Array): number {
  const size = block.at(-1) ?? 0;
  if (size < 1 || size > block.length) return -1;
  const rest = [...block.subarray(block.length - size, block.length - 1)];
  const expected = padding === 'pkcs5' ? size : 0;
  const isGood = padding === 'iso10126' || rest.every((byte) => byte === expected);
  return isGood ? block.length - size : -1;
}

describe('paddings', () => {
  for (const padding of ['pkcs5', 'x9.23', 'iso10126'] as const) {
    it(`${padding} is found where it is, and nowhere else`, () => {
      // Few values, so that what looks like a padding is common.
      const byte = fc.oneof(fc.nat({ max: 17 }), fc.nat({ max: 255 }));
      const anyBlock = fc.oneof(...[8, 16].map((n) => fc.array(byte, { minLength: n, maxLength: n })));
      fc.assert(
        fc.property(anyBlock, fc.nat({ max: 15 }), (bytes, used) => {
          const block = Uint8Array.from(bytes);
          assert.equal(sizeWithoutPadding(padding, block), plainly(padding, block));
          const data = used % block.length;
          block.set(paddingAfter(padding, data, block.length), data);
          assert.equal(sizeWithoutPadding(padding, block), data);
          if (data < block.length - 1 && padding !== 'iso10126') {
            block.set(paddingAfter(padding, data, block.length), data);
            block[data] = (block[data] ?? 0) ^ 1;
            assert.equal(sizeWithoutPadding(padding, block), -1);
          }
        }),
        { numRuns: 500 },
      );
    });
  }

  it('zeros fill the block and stay', () => {
    assert.deepEqual(paddingAfter('zeros', 5, 8), Buffer.alloc(3));
    assert.deepEqual(paddingAfter('zeros', 0, 8), Buffer.alloc(0));
    assert.equal(sizeWithoutPadding('zeros', Buffer.alloc(8)), 8);
  });
});
