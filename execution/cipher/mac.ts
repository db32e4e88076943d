/**
 * Message authentication codes (KMIP 1.4 §4.33, §4.34): HMAC with any key, CMAC (NIST SP 800-38B) and CBC-MAC with a
 * block cipher's. OpenSSL's CMAC is out of Node's reach; here it is OpenSSL's CBC with the last block of SP 800-38B §6.2.
 */
import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import { type SecretBytes, SecretWipedError } from '../envelope/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  enumName,
  HashingAlgorithm,
  KmipError,
} from '../kmip/index.ts';
import { type CipherDefinition, cipherDefinitions, opensslName, tripleDesKey } from './ciphers.ts';
import { hashFunctionOf, requireWeakAllowed } from './hashes.ts';

export interface MacParameters {
  readonly cryptographicAlgorithm?: number | undefined;
  readonly hashingAlgorithm?: number | undefined;
  readonly blockCipherMode?: number | undefined;
}

/** The Hashing Algorithm of each HMAC. */
const hmacs: Readonly<Record<number, number>> = {
  [CryptographicAlgorithm.HMAC_SHA1]: HashingAlgorithm.SHA_1,
  [CryptographicAlgorithm.HMAC_SHA224]: HashingAlgorithm.SHA_224,
  [CryptographicAlgorithm.HMAC_SHA256]: HashingAlgorithm.SHA_256,
  [CryptographicAlgorithm.HMAC_SHA384]: HashingAlgorithm.SHA_384,
  [CryptographicAlgorithm.HMAC_SHA512]: HashingAlgorithm.SHA_512,
  [CryptographicAlgorithm.HMAC_MD5]: HashingAlgorithm.MD5,
  [CryptographicAlgorithm.HMAC_SHA3_224]: HashingAlgorithm.SHA_3_224,
  [CryptographicAlgorithm.HMAC_SHA3_256]: HashingAlgorithm.SHA_3_256,
  [CryptographicAlgorithm.HMAC_SHA3_384]: HashingAlgorithm.SHA_3_384,
  [CryptographicAlgorithm.HMAC_SHA3_512]: HashingAlgorithm.SHA_3_512,
};
export const servedHmacs: readonly number[] = Object.keys(hmacs).map(Number);

export type MacPlan =
  | { readonly kind: 'hmac'; readonly hash: string }
  | { readonly kind: 'cmac' | 'cbc-mac'; readonly cipher: CipherDefinition };

/** A code being computed. The key is inside; `discard` ends one that is not wanted any more. */
export interface Mac {
  update(data: Uint8Array): void;
  final(): Buffer;
  discard(): void;
}

/**
 * Which code a key of `keyAlgorithm` makes under `parameters`: the HMAC that they name, or the key's own; CMAC with a
 * block cipher's key.
 *
 * @throws KmipError Invalid Field (contradiction), Feature Not Supported, Missing Data (a key of no such algorithm, and
 * no Cryptographic Algorithm named).
 */
export function macPlanOf(
  keyAlgorithm: number | undefined,
  parameters: MacParameters | undefined,
  allowWeak: boolean,
): MacPlan {
  const { cryptographicAlgorithm, hashingAlgorithm, blockCipherMode } = parameters ?? {};
  const named = cryptographicAlgorithm ?? (isHmac(keyAlgorithm) ? keyAlgorithm : undefined);
  if (isHmac(named)) {
    const hash = hmacs[named] ?? 0;
    if (blockCipherMode !== undefined || (hashingAlgorithm ?? hash) !== hash) {
      throw KmipError.invalidField('an HMAC takes no Block Cipher Mode and no other Hashing Algorithm');
    }
    return { kind: 'hmac', hash: hashFunctionOf(hash, allowWeak).name };
  }
  // A Hashing Algorithm alone says what HMAC is meant, whatever else the key serves for.
  if (named === undefined && blockCipherMode === undefined && hashingAlgorithm !== undefined) {
    return { kind: 'hmac', hash: hashFunctionOf(hashingAlgorithm, allowWeak).name };
  }
  return blockMac(named, keyAlgorithm, blockCipherMode, allowWeak);
}

function isHmac(algorithm: number | undefined): algorithm is number {
  return algorithm !== undefined && Object.hasOwn(hmacs, algorithm);
}

function blockMac(
  named: number | undefined,
  keyAlgorithm: number | undefined,
  mode: number | undefined,
  allowWeak: boolean,
): MacPlan {
  if (keyAlgorithm === undefined) throw KmipError.missingData('name the Cryptographic Algorithm of the MAC');
  const own = enumName(CryptographicAlgorithm, keyAlgorithm);
  if (named !== undefined && named !== keyAlgorithm) {
    const name = enumName(CryptographicAlgorithm, named);
    throw KmipError.invalidField(`Cryptographic Algorithm ${name} makes no MAC with a key of ${own}`);
  }
  const cipher = Object.hasOwn(cipherDefinitions, keyAlgorithm) ? cipherDefinitions[keyAlgorithm] : undefined;
  if (cipher === undefined || cipher.blockSizeBytes === 1) {
    throw KmipError.missingData(
      `a key of ${own} makes no MAC by itself; name an HMAC as Cryptographic Algorithm`,
    );
  }
  if (cipher.isWeak) requireWeakAllowed(allowWeak, own);
  if (mode === undefined || mode === BlockCipherMode.CMAC) return { kind: 'cmac', cipher };
  if (mode === BlockCipherMode.CBC_MAC) {
    // Whoever sees codes of messages of several lengths can make others (NIST SP 800-38B was made for that).
    requireWeakAllowed(allowWeak, 'CBC-MAC');
    return { kind: 'cbc-mac', cipher };
  }
  throw KmipError.invalidField(`Block Cipher Mode ${enumName(BlockCipherMode, mode)} makes no MAC; use CMAC`);
}

/** @throws KmipError Cryptographic Failure: the key has no size of its cipher. */
export function macOf(key: SecretBytes, plan: MacPlan): Mac {
  try {
    if (plan.kind !== 'hmac') return new BlockMac(key, plan.cipher, plan.kind);
    const hmac = key.use((bytes) => withRawKey(() => createHmac(plan.hash, bytes)));
    let isEnded = false;
    const final = (): Buffer => {
      isEnded = true;
      return hmac.digest();
    };
    return {
      update: (data) => void hmac.update(data),
      final,
      discard: () => void (isEnded || final()),
    };
  } catch (error) {
    if (error instanceof KmipError || error instanceof SecretWipedError) throw error;
    throw KmipError.cryptographicFailure('the MAC could not be computed with this key');
  }
}

/** In constant time, but for a difference in length. */
export function isSameMac(computed: Uint8Array, given: Uint8Array): boolean {
  return computed.length === given.length && timingSafeEqual(computed, given);
}

/** SP 800-38B §5.3: R_b for blocks of 64 and 128 bits. */
const REDUCTION: Readonly<Record<number, number>> = { 8: 0x1b, 16: 0x87 };

class BlockMac implements Mac {
  readonly #size: number;
  readonly #kind: 'cmac' | 'cbc-mac';
  readonly #cbc: ReturnType<typeof createCipheriv>;
  /** K1 and K2 of CMAC (SP 800-38B §6.1). */
  readonly #subkeys: readonly Buffer[];
  /** The last block, whole or not: which it is shows only at the end. */
  #last: Buffer = Buffer.alloc(0);
  #state: Buffer;
  #isEnded = false;

  constructor(key: SecretBytes, cipher: CipherDefinition, kind: 'cmac' | 'cbc-mac') {
    this.#size = cipher.blockSizeBytes;
    this.#kind = kind;
    this.#state = Buffer.alloc(this.#size);
    const open = (mode: 'cbc' | 'ecb') =>
      key.use((bytes) => {
        const name = opensslName(cipher, mode, bytes.length);
        const material = cipher.repeatsKey === true ? tripleDesKey(bytes) : bytes;
        try {
          const iv = mode === 'cbc' ? Buffer.alloc(this.#size) : null;
          return withRawKey(() => createCipheriv(name, material, iv)).setAutoPadding(false);
        } finally {
          if (material !== bytes) material.fill(0);
        }
      });
    this.#cbc = open('cbc');
    if (kind === 'cbc-mac') {
      this.#subkeys = [];
      return;
    }
    const ecb = open('ecb');
    const first = doubled(ecb.update(Buffer.alloc(this.#size)));
    ecb.final();
    this.#subkeys = [first, doubled(Buffer.from(first))];
  }

  update(data: Uint8Array): void {
    const all = Buffer.concat([this.#last, data]);
    this.#last.fill(0);
    const ready = Math.max(0, Math.ceil(all.length / this.#size) - 1) * this.#size;
    this.#through(all.subarray(0, ready));
    this.#last = Buffer.from(all.subarray(ready));
    all.fill(0);
  }

  final(): Buffer {
    const block = Buffer.alloc(this.#size);
    block.set(this.#last);
    const isWhole = this.#last.length === this.#size;
    if (this.#kind === 'cmac') {
      if (!isWhole) block[this.#last.length] = 0x80;
      const subkey = this.#subkeys[isWhole ? 0 : 1];
      for (let i = 0; i < this.#size; i++) block[i] = (block[i] ?? 0) ^ (subkey?.[i] ?? 0);
    }
    this.#through(block);
    block.fill(0);
    this.discard();
    return this.#state;
  }

  /** OpenSSL cleanses the key's schedule with the last call of its cipher. */
  discard(): void {
    for (const bytes of [this.#last, ...this.#subkeys]) bytes.fill(0);
    if (!this.#isEnded) this.#cbc.final();
    this.#isEnded = true;
  }

  /** Keeps the last block of what CBC makes of it: ISO/IEC 9797-1 §6.3. */
  #through(blocks: Buffer): void {
    if (blocks.length === 0) return;
    const out = this.#cbc.update(blocks);
    this.#state = Buffer.from(out.subarray(out.length - this.#size));
    out.fill(0);
  }
}

/** Times x in the field of SP 800-38B §6.1, in place and without a branch on the secret. */
function doubled(block: Buffer): Buffer {
  const mask = -((block[0] ?? 0) >>> 7) & (REDUCTION[block.length] ?? 0);
  for (let i = 0; i < block.length; i++) {
    block[i] = (((block[i] ?? 0) << 1) | ((block[i + 1] ?? 0) >>> 7)) & 0xff;
  }
  const end = block.length - 1;
  block[end] = (block[end] ?? 0) ^ mask;
  return block;
}
