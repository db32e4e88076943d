/** CMAC with AES (NIST SP 800-38B, RFC 4493) as a pseudorandom function for key derivation. */
import { createCipheriv } from 'node:crypto';
import { withRawKey } from '../../../../contracts/raw-key.ts';
import type { SecretBytes } from '../../../envelope/index.ts';
import { KmipError } from '../../../kmip/index.ts';
import type { Prf } from './hashes.ts';

const BLOCK_BYTES = 16;
const keySizes: readonly number[] = [16, 24, 32];

/** Multiplication by x in GF(2^128), in place. */
function double(block: Buffer): Buffer {
  const carry = (block[0] ?? 0) >> 7;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    block[i] = (((block[i] ?? 0) << 1) | ((block[i + 1] ?? 0) >> 7)) & 0xff;
  }
  block[BLOCK_BYTES - 1] = (block[BLOCK_BYTES - 1] ?? 0) ^ (carry * 0x87);
  return block;
}

/** `key` must outlive the function. @throws KmipError Invalid Field: no AES key has that size. */
export function cmacPrf(key: SecretBytes): Prf {
  if (!keySizes.includes(key.sizeBytes)) {
    throw KmipError.invalidField('CMAC derives from AES keys of 128, 192 or 256 bits');
  }
  const name = `aes-${key.sizeBytes * 8}-`;
  const cipher = (mode: 'ecb' | 'cbc') =>
    key
      .use((bytes) =>
        withRawKey(() =>
          createCipheriv(name + mode, bytes, mode === 'ecb' ? null : Buffer.alloc(BLOCK_BYTES)),
        ),
      )
      .setAutoPadding(false);
  return (...parts) => {
    const message = Buffer.concat(parts);
    const subkey = double(cipher('ecb').update(Buffer.alloc(BLOCK_BYTES)));
    const isWhole = message.length > 0 && message.length % BLOCK_BYTES === 0;
    if (!isWhole) double(subkey);
    const start = isWhole ? message.length - BLOCK_BYTES : message.length - (message.length % BLOCK_BYTES);
    const last = Buffer.alloc(BLOCK_BYTES);
    message.copy(last, 0, start);
    if (!isWhole) last[message.length - start] = 0x80;
    for (let i = 0; i < BLOCK_BYTES; i++) last[i] = (last[i] ?? 0) ^ (subkey[i] ?? 0);
    const chain = cipher('cbc');
    chain.update(message.subarray(0, start));
    const tag = chain.update(last);
    for (const bytes of [message, subkey, last]) bytes.fill(0);
    return tag;
  };
}
