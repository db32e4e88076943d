/**
 * Propagating CBC (KMIP 1.4 §9.1.3.2.14, mode PCBC), which OpenSSL does not have: each block is mixed with the plain and
 * the encrypted one before it. So it is CBC over the differences of neighbouring plain blocks, and CBC is OpenSSL's.
 */
import type { Flow } from './paddings.ts';

export function pcbc(direction: 'encrypt' | 'decrypt', cbc: Flow, blockSizeBytes: number): Flow {
  /** The last block of plain text, oldest byte at `at`; nothing precedes the first block. */
  const last = Buffer.alloc(blockSizeBytes);
  let at = 0;
  const differences = (plain: Uint8Array): Buffer => {
    const out = Buffer.alloc(plain.length);
    for (let i = 0; i < plain.length; i++) {
      const byte = plain[i] ?? 0;
      out[i] = byte ^ (last[at] ?? 0);
      last[at] = byte;
      at = (at + 1) % blockSizeBytes;
    }
    return out;
  };
  const undone = (bytes: Buffer): Buffer => {
    for (let i = 0; i < bytes.length; i++) {
      const byte = (bytes[i] ?? 0) ^ (last[at] ?? 0);
      bytes[i] = byte;
      last[at] = byte;
      at = (at + 1) % blockSizeBytes;
    }
    return bytes;
  };
  return {
    update(data) {
      if (direction === 'decrypt') return undone(cbc.update(data));
      const mixed = differences(data);
      try {
        return cbc.update(mixed);
      } finally {
        mixed.fill(0);
      }
    },
    final() {
      last.fill(0);
      return cbc.final();
    },
    end() {
      last.fill(0);
      cbc.end();
    },
  };
}
