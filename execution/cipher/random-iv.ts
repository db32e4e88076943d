/** Random IVs out of a pool: asking the system for each costs as much as a small encryption. */
import { randomFillSync } from 'node:crypto';

/** Some three hundred IVs of GCM. */
const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let at = POOL_BYTES;

/** Bytes that were given to nobody before and will be to nobody after. At most POOL_BYTES. */
export function randomIv(sizeBytes: number): Buffer {
  if (at + sizeBytes > POOL_BYTES) {
    randomFillSync(pool);
    at = 0;
  }
  const iv = Buffer.from(pool.subarray(at, at + sizeBytes));
  at += sizeBytes;
  return iv;
}
