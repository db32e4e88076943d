/** Propagating CBC (KMIP 1.4 §9.1.3.2.14, mode PCBC), which OpenSSL does not have. */
import type { Flow } from './paddings.ts';

/**
 * Each block is mixed with the plain and the encrypted one before it.
 * Exclusive ors over OpenSSL's ECB, so that no table is looked up by anything secret.
 */
export function pcbc(direction: 'encrypt' | 'decrypt', ecb: Flow, iv: Uint8Array): Flow {
  const size = iv.length;
  const chain = Buffer.from(iv);
  let rest = Buffer.alloc(0);
  const encryptBlock = (block: Buffer): Buffer => {
    const mixed = Buffer.alloc(size);
    for (let i = 0; i < size; i++) mixed[i] = (block[i] ?? 0) ^ (chain[i] ?? 0);
    const out = ecb.update(mixed);
    mixed.fill(0);
    for (let i = 0; i < size; i++) chain[i] = (block[i] ?? 0) ^ (out[i] ?? 0);
    return out;
  };
  const decryptBlock = (block: Buffer): Buffer => {
    const out = ecb.update(block);
    for (let i = 0; i < size; i++) {
      const plain = (out[i] ?? 0) ^ (chain[i] ?? 0);
      out[i] = plain;
      chain[i] = plain ^ (block[i] ?? 0);
    }
    return out;
  };
  const step = direction === 'encrypt' ? encryptBlock : decryptBlock;
  return {
    update(data) {
      const all = Buffer.concat([rest, data]);
      const whole = all.length - (all.length % size);
      const out = Buffer.alloc(whole);
      for (let at = 0; at < whole; at += size) {
        const block = step(all.subarray(at, at + size));
        out.set(block, at);
        block.fill(0);
      }
      rest.fill(0);
      rest = Buffer.from(all.subarray(whole));
      all.fill(0);
      return out;
    },
    final() {
      chain.fill(0);
      rest.fill(0);
      return ecb.final();
    },
  };
}
