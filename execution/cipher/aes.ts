/**
 * Encrypt and Decrypt (KMIP 1.4 §4.29, §4.30) with an AES key: the one implementation that gateway and core share, so
 * that a key gives the same answer wherever the request is served.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import { type SecretBytes, SecretWipedError } from '../envelope/index.ts';
import { CryptographicAlgorithm, enumName, KmipError, ResultReason } from '../kmip/index.ts';
import {
  BLOCK_SIZE_BYTES,
  type CipherParameters,
  type CipherPlan,
  MAX_GCM_IV_SIZE_BYTES,
  planOf,
} from './parameters.ts';
import { randomIv } from './random-iv.ts';

interface CipherInput {
  /** KMIP 1.4 §9.1.3.2.13, of the key. Only AES is served. */
  readonly algorithm: number;
  readonly parameters?: CipherParameters | undefined;
  readonly data: Uint8Array;
  readonly iv?: Uint8Array | undefined;
  readonly aad?: Uint8Array | undefined;
  /**
   * Where the authentication tag travels. KMIP got a field for it in 1.4 (§2.1.23); for older clients it is the end
   * of Data. Default `field`.
   */
  readonly tag?: 'field' | 'appended';
}

export type EncryptInput = CipherInput;

export interface Encrypted {
  readonly data: Uint8Array;
  /** Only when the server chose it. */
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
}

export interface DecryptInput extends CipherInput {
  readonly authenticationTag?: Uint8Array | undefined;
}

/** Whether this request makes the server choose a random GCM IV: those are counted against a budget per key (D5). */
export function takesRandomGcmIv(input: Pick<EncryptInput, 'parameters' | 'iv'>): boolean {
  return input.iv === undefined && planOf(input.parameters).mode === 'gcm';
}

/**
 * @throws KmipError Invalid Message (an IV that must be sent is not), Invalid Field (sizes), Feature Not Supported,
 * Cryptographic Failure.
 */
export function encryptWith(key: SecretBytes, input: EncryptInput): Encrypted {
  const plan = checkedPlan(input);
  if (plan.mode !== 'gcm' && plan.mode !== 'ctr' && !plan.padded) requireWholeBlocks(input.data, 'Data');
  const chosen = input.iv === undefined && plan.ivSizeBytes > 0;
  if (chosen && plan.ivIsClients) {
    throw new KmipError(ResultReason.InvalidMessage, 'IV/Counter/Nonce is missing, and Random IV is false');
  }
  const iv = chosen ? randomIv(plan.ivSizeBytes) : input.iv;
  const { data, tag } = run(() => {
    if (plan.mode === 'gcm' && iv !== undefined) return encryptGcm(key, plan, input, iv);
    const name = cipherName(key, plan);
    const cipher = key.use((bytes) => withRawKey(() => createCipheriv(name, bytes, iv ?? null)));
    cipher.setAutoPadding(plan.padded);
    return { data: Buffer.concat([cipher.update(input.data), cipher.final()]), tag: undefined };
  }, 'the data could not be encrypted');
  const ivPart = chosen && iv !== undefined ? { iv } : {};
  if (tag === undefined) return { data, ...ivPart };
  return input.tag === 'appended'
    ? { data: Buffer.concat([data, tag]), ...ivPart }
    : { data, tag, ...ivPart };
}

/**
 * The plain data, in a buffer of its own that the caller may wipe.
 *
 * @throws KmipError Cryptographic Failure when the data, tag, IV or additional data are not what was encrypted; else
 * as `encryptWith`.
 */
export function decryptWith(key: SecretBytes, input: DecryptInput): Buffer {
  const plan = checkedPlan(input);
  const { iv } = input;
  if (plan.ivSizeBytes > 0 && iv === undefined) {
    // The profiles' test cases (CS-BC-M-11) ask for this reason.
    throw new KmipError(
      ResultReason.InvalidMessage,
      'IV/Counter/Nonce is missing; Decrypt needs the one that Encrypt used',
    );
  }
  if (plan.mode === 'gcm' && iv !== undefined) return decryptGcm(key, plan, input, iv);
  if (plan.mode !== 'ctr') requireWholeBlocks(input.data, 'Data');
  return run(() => {
    const name = cipherName(key, plan);
    const decipher = key.use((bytes) => withRawKey(() => createDecipheriv(name, bytes, iv ?? null)));
    decipher.setAutoPadding(plan.padded);
    const first = decipher.update(input.data);
    try {
      return joined(first, decipher.final());
    } catch (error) {
      first.fill(0);
      throw error;
    }
  }, 'the data does not decrypt under this key');
}

function encryptGcm(key: SecretBytes, plan: CipherPlan, input: EncryptInput, iv: Uint8Array) {
  const name = gcmName(key);
  const cipher = key.use((bytes) =>
    withRawKey(() => createCipheriv(name, bytes, iv, { authTagLength: plan.tagSizeBytes })),
  );
  if (input.aad !== undefined) cipher.setAAD(input.aad);
  const data = cipher.update(input.data);
  cipher.final();
  return { data, tag: cipher.getAuthTag() };
}

function decryptGcm(key: SecretBytes, plan: CipherPlan, input: DecryptInput, iv: Uint8Array): Buffer {
  const { data, tag } = splitTag(plan, input);
  if (tag.length !== plan.tagSizeBytes) {
    throw new KmipError(
      ResultReason.InvalidField,
      `the Authenticated Encryption Tag has ${tag.length} bytes, Tag Length says ${plan.tagSizeBytes}`,
    );
  }
  const name = gcmName(key);
  return run(() => {
    const decipher = key.use((bytes) =>
      withRawKey(() => createDecipheriv(name, bytes, iv, { authTagLength: plan.tagSizeBytes })),
    );
    if (input.aad !== undefined) decipher.setAAD(input.aad);
    decipher.setAuthTag(tag);
    const plain = decipher.update(data);
    try {
      decipher.final();
      return plain;
    } catch (error) {
      plain.fill(0); // unauthenticated plain text leaves this function on no path
      throw error;
    }
  }, 'the data does not decrypt under this key: data, tag, IV or additional data differ from what was encrypted');
}

function splitTag(plan: CipherPlan, input: DecryptInput): { data: Uint8Array; tag: Uint8Array } {
  if (input.authenticationTag !== undefined) return { data: input.data, tag: input.authenticationTag };
  if (input.tag !== 'appended') {
    throw new KmipError(ResultReason.InvalidMessage, 'the Authenticated Encryption Tag is missing');
  }
  const at = input.data.length - plan.tagSizeBytes;
  if (at < 0)
    throw new KmipError(ResultReason.CryptographicFailure, 'Data is shorter than its authentication tag');
  return { data: input.data.subarray(0, at), tag: input.data.subarray(at) };
}

function checkedPlan(input: CipherInput): CipherPlan {
  if (input.algorithm !== CryptographicAlgorithm.AES) {
    const name = enumName(CryptographicAlgorithm, input.algorithm);
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      `keys of Cryptographic Algorithm ${name} do not encrypt here; AES does`,
    );
  }
  const plan = planOf(input.parameters);
  if (input.aad !== undefined && plan.mode !== 'gcm') {
    throw new KmipError(
      ResultReason.InvalidField,
      `${plan.mode.toUpperCase()} takes no Authenticated Encryption Additional Data`,
    );
  }
  checkIv(plan, input.iv, input.parameters?.ivLength);
  return plan;
}

function checkIv(plan: CipherPlan, iv: Uint8Array | undefined, ivLengthBits: number | undefined): void {
  if (iv === undefined) return;
  if (plan.mode === 'ecb') throw new KmipError(ResultReason.InvalidField, 'ECB takes no IV/Counter/Nonce');
  const fits =
    plan.mode === 'gcm' && ivLengthBits === undefined
      ? iv.length >= 1 && iv.length <= MAX_GCM_IV_SIZE_BYTES
      : iv.length === plan.ivSizeBytes;
  if (!fits) {
    throw new KmipError(
      ResultReason.InvalidField,
      `IV/Counter/Nonce has ${iv.length} bytes; ${plan.mode.toUpperCase()} takes ${plan.ivSizeBytes}`,
    );
  }
}

function requireWholeBlocks(bytes: Uint8Array, what: string): void {
  if (bytes.length % BLOCK_SIZE_BYTES !== 0) {
    throw new KmipError(
      ResultReason.InvalidField,
      `${what} must fill whole blocks of ${BLOCK_SIZE_BYTES} bytes without padding`,
    );
  }
}

function gcmName(key: SecretBytes): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  switch (key.sizeBytes) {
    case 16:
      return 'aes-128-gcm';
    case 24:
      return 'aes-192-gcm';
    case 32:
      return 'aes-256-gcm';
    default:
      throw new KmipError(
        ResultReason.CryptographicFailure,
        `an AES key has 16, 24 or 32 bytes; this one has ${key.sizeBytes}`,
      );
  }
}

function cipherName(key: SecretBytes, plan: CipherPlan): string {
  return gcmName(key).replace('gcm', plan.mode);
}

function joined(first: Buffer, last: Buffer): Buffer {
  if (last.length === 0) return first;
  const whole = Buffer.concat([first, last]);
  first.fill(0);
  last.fill(0);
  return whole;
}

/** OpenSSL's own words may name internals; the client gets ours. */
function run<T>(work: () => T, failure: string): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError || error instanceof SecretWipedError) throw error;
    throw new KmipError(ResultReason.CryptographicFailure, failure);
  }
}
