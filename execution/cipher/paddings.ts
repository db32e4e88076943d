/**
 * Paddings of block modes (KMIP 1.4 §9.1.3.2.15): PKCS#5, ANSI X9.23, ISO 10126 and zeros, over the stream of blocks
 * that a mode encrypts. Taking them off looks at every byte of the last block, whatever is found, and one error tells
 * of any failure.
 */
import { randomFillSync } from 'node:crypto';
import { KmipError } from '../kmip/index.ts';

/** `none`: the data fills whole blocks by itself. */
export type BlockPadding = 'none' | 'pkcs5' | 'x9.23' | 'iso10126' | 'zeros';

/** What goes through a cipher part by part. The results are the caller's to wipe. */
export interface Flow {
  update(data: Uint8Array): Buffer;
  final(): Buffer;
  /** For one that never came to its `final`: OpenSSL cleanses the key's schedule with the last call of a cipher. */
  end(): void;
}

/** Both in one buffer; the parts are zeroised. */
export function joined(first: Buffer, last: Buffer): Buffer {
  if (last.length === 0) return first;
  const whole = Buffer.concat([first, last]);
  first.fill(0);
  last.fill(0);
  return whole;
}

/** The one error of a Decrypt that fails, so that it tells nothing of where it failed. */
export function decryptFailure(): KmipError {
  return KmipError.cryptographicFailure('the data does not decrypt under this key with these parameters');
}

function requireWholeBlocks(sizeBytes: number, blockSizeBytes: number): void {
  if (sizeBytes % blockSizeBytes === 0) return;
  throw KmipError.invalidField(`Data must fill whole blocks of ${blockSizeBytes} bytes without padding`);
}

/** What is put after `used` bytes of the last block. Zeros, unlike the others, add nothing to a block that is full. */
export function paddingAfter(padding: BlockPadding, used: number, blockSizeBytes: number): Buffer {
  if (padding === 'none') return Buffer.alloc(0);
  if (padding === 'zeros') return Buffer.alloc((blockSizeBytes - used) % blockSizeBytes);
  const size = blockSizeBytes - used;
  const bytes = Buffer.alloc(size, padding === 'pkcs5' ? size : 0);
  if (padding === 'iso10126') randomFillSync(bytes);
  bytes[size - 1] = size;
  return bytes;
}

/** 1 when `a < b`, else 0; both below 2^31. */
function isLess(a: number, b: number): number {
  return (a - b) >>> 31;
}

/** 1 when `a` is 0, else 0; below 2^31. */
function isZero(a: number): number {
  return ((a - 1) & ~a) >>> 31;
}

/** Bytes of data in the last block, or -1 when it does not end in this padding. */
export function sizeWithoutPadding(padding: BlockPadding, block: Uint8Array): number {
  // Where the data ends and the zeros begin nobody can tell: they stay.
  if (padding === 'none' || padding === 'zeros') return block.length;
  const size = block.at(-1) ?? 0;
  let isGood = (1 - isZero(size)) & isLess(size, block.length + 1);
  const expected = padding === 'pkcs5' ? size : 0;
  for (let fromEnd = 1; fromEnd < block.length; fromEnd++) {
    const byte = block[block.length - 1 - fromEnd] ?? 0;
    const isChecked = padding === 'iso10126' ? 0 : isLess(fromEnd, size);
    isGood &= (1 - isChecked) | isZero(byte ^ expected);
  }
  return isGood * (block.length - size) - (1 - isGood);
}

/** @throws KmipError Invalid Field: without padding the data must fill whole blocks. */
export function padded(cipher: Flow, padding: BlockPadding, blockSizeBytes: number): Flow {
  let sizeBytes = 0;
  return {
    update(data) {
      sizeBytes += data.length;
      return cipher.update(data);
    },
    final() {
      if (padding === 'none') requireWholeBlocks(sizeBytes, blockSizeBytes);
      const first = cipher.update(paddingAfter(padding, sizeBytes % blockSizeBytes, blockSizeBytes));
      return joined(first, cipher.final());
    },
    end: () => cipher.end(),
  };
}

/** The last block is held back until it is known to be the last. @throws KmipError Invalid Field, Cryptographic Failure. */
export function unpadded(decipher: Flow, padding: BlockPadding, blockSizeBytes: number): Flow {
  let held = Buffer.alloc(0);
  let sizeBytes = 0;
  return {
    update(data) {
      sizeBytes += data.length;
      const out = decipher.update(data);
      if (padding === 'none' || padding === 'zeros') return out;
      const all = Buffer.concat([held, out]);
      held.fill(0);
      out.fill(0);
      const ready = Math.max(0, all.length - blockSizeBytes);
      held = Buffer.from(all.subarray(ready));
      all.fill(0, ready);
      return all.subarray(0, ready);
    },
    final() {
      requireWholeBlocks(sizeBytes, blockSizeBytes);
      const rest = decipher.final();
      if (padding === 'none' || padding === 'zeros') return rest;
      const size = held.length === blockSizeBytes ? sizeWithoutPadding(padding, held) : -1;
      if (size < 0) {
        held.fill(0);
        throw decryptFailure();
      }
      held.fill(0, size);
      return held.subarray(0, size);
    },
    end() {
      held.fill(0);
      decipher.end();
    },
  };
}
