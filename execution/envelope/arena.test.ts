/** Slots: their sizes, their reuse, their limits, and that nothing is left in one that was freed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import fc from 'fast-check';
import { ARENA_BYTES, type MemorySlot, SLOT_SIZES_BYTES, takeSlot } from './arena.ts';
import {
  MAX_SECRET_BYTES,
  MAX_SECRET_MEMORY_BYTES,
  memoryLockStatus,
  SecretBytes,
  SecretMemoryFullError,
} from './index.ts';

const LARGEST_SLOT_BYTES = Math.max(...SLOT_SIZES_BYTES);

function bytesOf(slot: MemorySlot): Buffer {
  assert.ok(slot.bytes !== null);
  return slot.bytes;
}

describe('slots', () => {
  test('no two living slots share a byte, whatever is taken and freed in between', () => {
    const sizeBytes = fc.oneof(fc.nat(600), fc.constantFrom(32, 64, 4096, 4097, 70_000));
    fc.assert(
      fc.property(fc.array(fc.record({ sizeBytes, freeAt: fc.nat(20) }), { maxLength: 60 }), (steps) => {
        const living: { slot: MemorySlot; mark: number }[] = [];
        for (const [i, { sizeBytes: size, freeAt }] of steps.entries()) {
          const mark = (i % 255) + 1;
          const slot = takeSlot(size);
          assert.equal(bytesOf(slot).length, size);
          bytesOf(slot).fill(mark);
          living.push({ slot, mark });
          if (freeAt < living.length) for (const { slot: freed } of living.splice(freeAt, 1)) freed.free();
        }
        const intact = living.every(({ slot, mark }) => bytesOf(slot).every((byte) => byte === mark));
        for (const { slot } of living) slot.free();
        assert.ok(intact);
      }),
      { numRuns: 100 },
    );
  });

  test('a freed slot is zero, and freeing it again takes nothing from its next holder', () => {
    const slot = takeSlot(32);
    const lent = bytesOf(slot);
    lent.fill(7);
    slot.free();
    assert.ok(lent.every((byte) => byte === 0));
    const next = takeSlot(32);
    bytesOf(next).fill(9);
    slot.free();
    assert.ok(bytesOf(next).every((byte) => byte === 9));
    const other = takeSlot(32);
    bytesOf(other).fill(1);
    assert.ok(
      bytesOf(next).every((byte) => byte === 9),
      'the slot was not given out twice',
    );
    next.free();
    other.free();
  });

  test('keys share arenas: ten thousand of them take three', () => {
    const before = memoryLockStatus().wantedBytes;
    const slots = Array.from({ length: 20_000 }, () => takeSlot(32));
    assert.ok(memoryLockStatus().wantedBytes - before <= 3 * (ARENA_BYTES + 16));
    for (const slot of slots) slot.free();
    const again = Array.from({ length: 20_000 }, () => takeSlot(16));
    assert.ok(
      memoryLockStatus().wantedBytes - before <= 3 * (ARENA_BYTES + 16),
      'freed slots are used again',
    );
    for (const slot of again) slot.free();
  });

  test('a large secret takes memory of its own and gives it back', async () => {
    await turnOfTheLoop();
    const before = memoryLockStatus();
    const secret = SecretBytes.random(MAX_SECRET_BYTES);
    const held = memoryLockStatus();
    assert.ok(held.wantedBytes - before.wantedBytes >= MAX_SECRET_BYTES);
    assert.equal(secret.footprintBytes, held.wantedBytes - before.wantedBytes);
    assert.ok((held.lockedBytes ?? 0) >= MAX_SECRET_BYTES, 'it is locked');
    secret.wipe();
    secret.wipe();
    assert.equal(memoryLockStatus().wantedBytes, before.wantedBytes);
    await turnOfTheLoop();
    assert.equal(memoryLockStatus().lockedBytes, before.lockedBytes);
  });

  test('past the limit there is an error with a code; what is held stays whole, and room that is freed is used', () => {
    const held: SecretBytes[] = [];
    const fill = () => {
      for (let i = 0; i <= MAX_SECRET_MEMORY_BYTES / MAX_SECRET_BYTES; i++)
        held.push(SecretBytes.random(MAX_SECRET_BYTES));
    };
    try {
      assert.throws(fill, (error) => {
        assert.ok(error instanceof SecretMemoryFullError);
        assert.equal(error.code, 'OKCM_SECRET_MEMORY_FULL');
        return true;
      });
      assert.ok(memoryLockStatus().wantedBytes <= MAX_SECRET_MEMORY_BYTES);
      held.pop()?.wipe();
      held.push(SecretBytes.random(MAX_SECRET_BYTES));
    } finally {
      for (const secret of held) secret.wipe();
    }
  });

  test('what fails while it is being made leaves no slot behind', () => {
    let lent: Uint8Array | undefined;
    const failing = () =>
      SecretBytes.fill(32, (bytes) => {
        lent = bytes.fill(5);
        throw new Error('no');
      });
    assert.throws(failing, /^Error: no$/);
    assert.ok(lent?.every((byte) => byte === 0));
  });

  test('every size up to the largest slot comes from an arena, the next one does not', () => {
    for (const slotBytes of SLOT_SIZES_BYTES) {
      for (const sizeBytes of [slotBytes - 1, slotBytes]) {
        using secret = SecretBytes.random(sizeBytes);
        assert.equal(secret.footprintBytes, slotBytes);
      }
    }
    using large = SecretBytes.random(LARGEST_SLOT_BYTES + 1);
    assert.ok(large.footprintBytes > LARGEST_SLOT_BYTES);
  });
});
