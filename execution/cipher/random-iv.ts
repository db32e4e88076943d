/** Random IVs out of a pool: asking the system for each costs as much as a small encryption. */
import { randomFillSync } from 'node:crypto';

/** Some three hundred IVs of GCM. */
const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let at = POOL_BYTES;

/** Bytes that were given to nobody before and will be to nobody after. At most POOL_BYTES. */
export function randomIv(sizeBytes: number): Buffer {
  const iv = Buffer.alloc(sizeBytes);
  writeRandomIv(iv, 0, sizeBytes);
  return iv;
}

/** The same, written into `into` from `start`. */
export function writeRandomIv(into: Uint8Array, start: number, sizeBytes: number): void {
  if (at + sizeBytes > POOL_BYTES) {
    randomFillSync(pool);
    at = 0;
  }
  for (let i = 0; i < sizeBytes; i++) into[start + i] = pool[at + i] ?? 0;
  at += sizeBytes;
}
