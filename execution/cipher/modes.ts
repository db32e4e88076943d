/**
 * The modes themselves, on top of OpenSSL: what takes data as it comes (`flow`), and what needs it whole (`whole`). Key
 * and IV are inside, and nothing else of the key is kept.
 */
import {
  type CipherCCM,
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  type DecipherCCM,
  type DecipherGCM,
} from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import type { SecretBytes } from '../envelope/index.ts';
import { KmipError } from '../kmip/index.ts';
import { opensslName, tripleDesKey } from './ciphers.ts';
import { decryptFailure, type Flow, joined, padded, unpadded } from './paddings.ts';
import type { CipherPlan } from './parameters.ts';
import { pcbc } from './pcbc.ts';

/** Takes all data at once; the result is the caller's to wipe. */
export interface Whole {
  run(data: Uint8Array, tag?: Uint8Array): Buffer;
  /** As that of a `Flow`. */
  end(): void;
}

export type Ready = ({ readonly kind: 'flow' } & Flow) | ({ readonly kind: 'whole' } & Whole);
/** `tag`: once all data has gone through; undefined for a mode without. */
export type ReadyToEncrypt = Ready & { readonly tag?: () => Buffer };

/** RFC 3394 §2.2.3.1 and RFC 5649 §3: the initial values that prove integrity when unwrapping. */
export const keyWrapIvs = {
  wrap: Buffer.from('a6a6a6a6a6a6a6a6', 'hex'),
  'wrap-pad': Buffer.from('a65959a6', 'hex'),
} as const;

/** IEEE 1619-2018 §5.1: blocks of one data unit. */
const MAX_XTS_BYTES = 2 ** 20 * 16;

const NO_IV = new Uint8Array(0);

type Direction = 'encrypt' | 'decrypt';

/** A last call, whatever it says: the key's schedule is cleansed with it. */
function endOf(cipher: { final(): Buffer }): () => void {
  return () => {
    try {
      cipher.final().fill(0);
    } catch {
      // It had ended, or had no data that it takes.
    }
  };
}

/** OpenSSL's cipher with its key. Its own padding is off. */
function rawCipher(direction: Direction, key: SecretBytes, plan: CipherPlan, iv: Uint8Array | null): Flow {
  const name = opensslName(plan.cipher, plan.mode, key.sizeBytes);
  const create = direction === 'encrypt' ? createCipheriv : createDecipheriv;
  const cipher = key.use((bytes) => {
    if (plan.cipher.repeatsKey !== true) return withRawKey(() => create(name, bytes, iv));
    const whole = tripleDesKey(bytes);
    try {
      return withRawKey(() => create(name, whole, iv));
    } finally {
      whole.fill(0);
    }
  });
  cipher.setAutoPadding(false);
  return { update: (data) => cipher.update(data), final: () => cipher.final(), end: endOf(cipher) };
}

/** With the client's IV, or the one that was made for it; `iv` is null for a mode without. */
export function readyToEncrypt(
  key: SecretBytes,
  plan: CipherPlan,
  iv: Uint8Array | undefined,
  aad: Uint8Array | undefined,
): ReadyToEncrypt {
  switch (plan.mode) {
    case 'gcm':
    case 'poly1305': {
      const cipher = aeadCipher(key, plan, iv);
      if (aad !== undefined) cipher.setAAD(aad);
      return {
        kind: 'flow',
        update: (data) => cipher.update(data),
        final: () => cipher.final(),
        end: endOf(cipher),
        tag: () => cipher.getAuthTag(),
      };
    }
    case 'ccm': {
      const cipher = ccmCipher(key, plan, iv);
      return {
        kind: 'whole',
        run(data) {
          requireCcmSize(data, iv);
          cipher.setAAD(aad ?? new Uint8Array(0), { plaintextLength: data.length });
          const out = cipher.update(data);
          cipher.final();
          return out;
        },
        end: endOf(cipher),
        tag: () => cipher.getAuthTag(),
      };
    }
    default:
      return unauthenticated('encrypt', key, plan, iv);
  }
}

/** Whatever has a tag needs the data whole: nothing of it is given out before the tag is found right. */
export function readyToDecrypt(
  key: SecretBytes,
  plan: CipherPlan,
  iv: Uint8Array | undefined,
  aad: Uint8Array | undefined,
): Ready {
  switch (plan.mode) {
    case 'gcm':
    case 'poly1305': {
      const decipher = aeadDecipher(key, plan, iv);
      if (aad !== undefined) decipher.setAAD(aad);
      const run: Whole['run'] = (data, tag) => openAead(decipher, data, tag);
      return { kind: 'whole', run, end: endOf(decipher) };
    }
    case 'ccm': {
      const decipher = ccmDecipher(key, plan, iv);
      return {
        kind: 'whole',
        run(data, tag) {
          requireCcmSize(data, iv);
          if (tag === undefined) throw decryptFailure();
          decipher.setAuthTag(tag);
          decipher.setAAD(aad ?? new Uint8Array(0), { plaintextLength: data.length });
          return finished(decipher, data);
        },
        end: endOf(decipher),
      };
    }
    default:
      return unauthenticated('decrypt', key, plan, iv);
  }
}

function unauthenticated(
  direction: Direction,
  key: SecretBytes,
  plan: CipherPlan,
  iv: Uint8Array | undefined,
): Ready {
  const { mode, padding, cipher } = plan;
  const pad = direction === 'encrypt' ? padded : unpadded;
  switch (mode) {
    case 'ecb':
    case 'cbc':
      return {
        kind: 'flow',
        ...pad(rawCipher(direction, key, plan, iv ?? null), padding, cipher.blockSizeBytes),
      };
    case 'pcbc': {
      const chained = pcbc(direction, rawCipher(direction, key, plan, iv ?? null), cipher.blockSizeBytes);
      return { kind: 'flow', ...pad(chained, padding, cipher.blockSizeBytes) };
    }
    case 'wrap':
    case 'wrap-pad': {
      const raw = rawCipher(direction, key, plan, keyWrapIvs[mode]);
      return { kind: 'whole', run: wrapping(direction, raw, mode), end: () => raw.end() };
    }
    case 'xts': {
      const raw = rawCipher(direction, key, plan, iv ?? null);
      return { kind: 'whole', run: tweaked(raw), end: () => raw.end() };
    }
    default:
      return { kind: 'flow', ...counted(rawCipher(direction, key, plan, fullIv(plan, iv)), plan, iv) };
  }
}

/** For CTR and ChaCha20 with a counter of their own: nonce and counter in the order of the cipher. */
function fullIv(plan: CipherPlan, iv: Uint8Array | undefined): Uint8Array | null {
  if (iv === undefined) return null;
  const initial = BigInt(plan.counter?.initial ?? 0);
  if (plan.mode === 'ctr' && plan.counter !== undefined) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(initial);
    return Buffer.concat([iv, counter.subarray(8 - plan.counter.sizeBytes)]);
  }
  if (plan.mode !== 'chacha20' || iv.length === 16) return iv;
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64LE(initial);
  return Buffer.concat([counter.subarray(0, 16 - iv.length), iv]);
}

/** Bytes of a ChaCha20 block. */
const CHACHA_BLOCK_BYTES = 64;

/** A counter that ran over would go on into the nonce, and meet another message's key stream. */
function counted(cipher: Flow, plan: CipherPlan, iv: Uint8Array | undefined): Flow {
  const isChaCha = plan.mode === 'chacha20';
  if (!isChaCha && plan.counter === undefined) return cipher;
  // ChaCha20 with its whole state as IV: the counter is the first 32 bits of it.
  const whole = isChaCha && iv?.length === 16 ? Buffer.from(iv).readUInt32LE(0) : 0;
  const initial = plan.counter?.initial ?? whole;
  const bits = isChaCha ? (iv?.length === 8 ? 64 : 32) : (plan.counter?.sizeBytes ?? 0) * 8;
  let left = (2 ** bits - initial) * (isChaCha ? CHACHA_BLOCK_BYTES : plan.cipher.blockSizeBytes);
  return {
    update(data) {
      left -= data.length;
      if (left < 0) throw KmipError.invalidField('Data is longer than the counter of the cipher reaches');
      return cipher.update(data);
    },
    final: () => cipher.final(),
    end: () => cipher.end(),
  };
}

function wrapping(direction: Direction, cipher: Flow, mode: 'wrap' | 'wrap-pad'): Whole['run'] {
  return (data) => {
    const isGood = mode === 'wrap-pad' ? data.length > 0 : data.length % 8 === 0 && data.length >= 16;
    if (direction === 'encrypt' && !isGood) {
      throw KmipError.invalidField(
        mode === 'wrap' ? 'NIST key wrap takes whole units of 8 bytes, 16 at least' : 'Data is empty',
      );
    }
    return joined(cipher.update(data), cipher.final());
  };
}

function tweaked(cipher: Flow): Whole['run'] {
  return (data) => {
    if (data.length < 16 || data.length > MAX_XTS_BYTES) {
      throw KmipError.invalidField(`a data unit of XTS has 16 to ${MAX_XTS_BYTES} bytes`);
    }
    const out = cipher.update(data);
    cipher.final();
    return out;
  };
}

/** NIST SP 800-38C appendix A.1: a nonce of n bytes leaves 15 - n for the length of the data. */
function requireCcmSize(data: Uint8Array, iv: Uint8Array | undefined): void {
  if (data.length < 2 ** (8 * (15 - (iv?.length ?? 0)))) return;
  throw KmipError.invalidField('Data is too long for CCM with a nonce of this size; send a shorter nonce');
}

function aeadCipher(key: SecretBytes, plan: CipherPlan, iv: Uint8Array | undefined): CipherGCM {
  const name = opensslName(plan.cipher, plan.mode, key.sizeBytes) as 'aes-256-gcm';
  const options = { authTagLength: plan.tagSizeBytes };
  return key.use((bytes) => withRawKey(() => createCipheriv(name, bytes, iv ?? NO_IV, options)));
}

function aeadDecipher(key: SecretBytes, plan: CipherPlan, iv: Uint8Array | undefined): DecipherGCM {
  const name = opensslName(plan.cipher, plan.mode, key.sizeBytes) as 'aes-256-gcm';
  const options = { authTagLength: plan.tagSizeBytes };
  return key.use((bytes) => withRawKey(() => createDecipheriv(name, bytes, iv ?? NO_IV, options)));
}

function ccmCipher(key: SecretBytes, plan: CipherPlan, iv: Uint8Array | undefined): CipherCCM {
  const name = opensslName(plan.cipher, plan.mode, key.sizeBytes) as 'aes-256-ccm';
  const options = { authTagLength: plan.tagSizeBytes };
  return key.use((bytes) => withRawKey(() => createCipheriv(name, bytes, iv ?? NO_IV, options)));
}

function ccmDecipher(key: SecretBytes, plan: CipherPlan, iv: Uint8Array | undefined): DecipherCCM {
  const name = opensslName(plan.cipher, plan.mode, key.sizeBytes) as 'aes-256-ccm';
  const options = { authTagLength: plan.tagSizeBytes };
  return key.use((bytes) => withRawKey(() => createDecipheriv(name, bytes, iv ?? NO_IV, options)));
}

function openAead(decipher: DecipherGCM, data: Uint8Array, tag: Uint8Array | undefined): Buffer {
  if (tag === undefined) throw decryptFailure();
  decipher.setAuthTag(tag);
  return finished(decipher, data);
}

/** Unauthenticated plain text leaves this function on no path. */
function finished(decipher: DecipherGCM | DecipherCCM, data: Uint8Array): Buffer {
  const plain = decipher.update(data);
  try {
    decipher.final();
    return plain;
  } catch (error) {
    plain.fill(0);
    throw error;
  }
}
