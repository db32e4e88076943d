/**
 * Encrypt and Decrypt (KMIP 1.4 §4.29, §4.30) with RSA: OAEP and PKCS#1 v1.5 (RFC 8017 §7). A Decrypt that fails says
 * so in one way only; with PKCS#1 v1.5 it does not even fail: OpenSSL then answers with data that nobody encrypted
 * (implicit rejection), so that whoever asks learns nothing of the padding.
 */
import { constants, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto';
import {
  CryptographicAlgorithm,
  enumName,
  HashingAlgorithm,
  KmipError,
  MaskGenerator,
  PaddingMethod,
} from '../kmip/index.ts';
import { type HashFunction, hashFunctionOf } from './hashes.ts';

import { decryptFailure } from './paddings.ts';
import { decodeOaep, encodeOaep, oaepRoom } from './rsa-encoding.ts';

/** The fields of Cryptographic Parameters that RSA, and signatures, look at; the decoded structure fits as it is. */
export interface AsymmetricParameters {
  readonly blockCipherMode?: number | undefined;
  readonly paddingMethod?: number | undefined;
  readonly hashingAlgorithm?: number | undefined;
  readonly digitalSignatureAlgorithm?: number | undefined;
  readonly cryptographicAlgorithm?: number | undefined;
  /** Bytes. */
  readonly saltLength?: number | undefined;
  readonly maskGenerator?: number | undefined;
  readonly maskGeneratorHashingAlgorithm?: number | undefined;
  readonly pSource?: Uint8Array | undefined;
  readonly trailerField?: number | undefined;
}

export interface AsymmetricOptions {
  readonly allowWeak: boolean;
  /**
   * Whether the request's version can name a mask hash: then SHA-1 is meant where it does not (KMIP 1.4 §3.6), as in
   * RFC 8017 §A.2.1. Before 1.4 nobody could, and the mask has the hash of the padding, as libraries have it.
   */
  readonly namesMaskHash: boolean;
}

type RsaPlan =
  | { readonly padding: 'pkcs1' }
  | {
      readonly padding: 'oaep';
      readonly hash: HashFunction;
      readonly maskHash: HashFunction;
      readonly label: Uint8Array;
    };

/** RFC 8017 §7.2.1: what PKCS#1 v1.5 adds at least. */
const PKCS1_OVERHEAD_BYTES = 11;

/** @throws KmipError Invalid Field, Feature Not Supported, Missing Data, Cryptographic Failure. */
export function encryptWithRsa(
  key: KeyObject,
  data: Uint8Array,
  parameters: AsymmetricParameters | undefined,
  options: AsymmetricOptions,
): Buffer {
  const plan = rsaPlanOf(key, parameters, options);
  const size = modulusBytes(key);
  const room = plan.padding === 'pkcs1' ? size - PKCS1_OVERHEAD_BYTES : oaepRoom(size, plan.hash);
  if (data.length > room) {
    throw KmipError.invalidField(`this key encrypts at most ${Math.max(0, room)} bytes; got ${data.length}`);
  }
  const encoded = plan.padding === 'oaep' ? encodeOaep(data, size, plan) : undefined;
  try {
    return encoded === undefined
      ? publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data)
      : publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);
  } catch {
    throw KmipError.cryptographicFailure('the data could not be encrypted');
  } finally {
    encoded?.fill(0);
  }
}

/** The plain data, for the caller to wipe. @throws KmipError as `encryptWithRsa`. */
export function decryptWithRsa(
  key: KeyObject,
  data: Uint8Array,
  parameters: AsymmetricParameters | undefined,
  options: AsymmetricOptions,
): Buffer {
  const plan = rsaPlanOf(key, parameters, options);
  try {
    if (plan.padding === 'pkcs1') return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
    if (plan.hash === plan.maskHash) {
      const { name: oaepHash } = plan.hash;
      return privateDecrypt(
        { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: plan.label },
        data,
      );
    }
    return openOaep(key, data, plan);
  } catch {
    throw decryptFailure();
  }
}

/** OpenSSL's OAEP has one hash for both; where the mask has another, only the bare operation is OpenSSL's. */
function openOaep(key: KeyObject, data: Uint8Array, plan: RsaPlan & { padding: 'oaep' }): Buffer {
  if (data.length !== modulusBytes(key) || oaepRoom(data.length, plan.hash) < 0) throw decryptFailure();
  const encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, data);
  try {
    const start = decodeOaep(encoded, plan);
    if (start < 0) throw decryptFailure();
    return Buffer.from(encoded.subarray(start));
  } finally {
    encoded.fill(0);
  }
}

export function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/** The hash of MGF1. @throws KmipError Feature Not Supported (another Mask Generator, or hash), Invalid Field. */
export function maskHashOf(
  p: AsymmetricParameters,
  hash: HashFunction,
  { allowWeak, namesMaskHash }: AsymmetricOptions,
): HashFunction {
  if (p.maskGenerator !== undefined && p.maskGenerator !== MaskGenerator.MGF1) {
    throw KmipError.featureNotSupported('the only Mask Generator that is served is MGF1');
  }
  if (p.maskGeneratorHashingAlgorithm !== undefined) {
    return hashFunctionOf(p.maskGeneratorHashingAlgorithm, allowWeak);
  }
  return namesMaskHash ? hashFunctionOf(HashingAlgorithm.SHA_1, allowWeak) : hash;
}

function rsaPlanOf(
  key: KeyObject,
  parameters: AsymmetricParameters | undefined,
  options: AsymmetricOptions,
): RsaPlan {
  const p = parameters ?? {};
  if (key.asymmetricKeyType !== 'rsa') {
    throw KmipError.featureNotSupported(
      `keys of type ${key.asymmetricKeyType ?? 'unknown'} do not encrypt; RSA does`,
    );
  }
  const { cryptographicAlgorithm: algorithm, paddingMethod } = p;
  if (algorithm !== undefined && algorithm !== CryptographicAlgorithm.RSA) {
    throw KmipError.invalidField(
      `Cryptographic Algorithm ${enumName(CryptographicAlgorithm, algorithm)} does not fit an RSA key`,
    );
  }
  if (p.blockCipherMode !== undefined) throw KmipError.invalidField('RSA takes no Block Cipher Mode');
  switch (paddingMethod) {
    case PaddingMethod.PKCS1V1_5:
      return { padding: 'pkcs1' };
    case PaddingMethod.OAEP: {
      // RFC 8017 §A.2.1: the hash of OAEP where none is named.
      const hash = hashFunctionOf(p.hashingAlgorithm ?? HashingAlgorithm.SHA_1, options.allowWeak);
      const label = p.pSource ?? new Uint8Array(0);
      return { padding: 'oaep', hash, maskHash: maskHashOf(p, hash, options), label };
    }
    case undefined:
      throw KmipError.missingData('a Padding Method is required to encrypt with RSA: OAEP, or PKCS1 v1.5');
    case PaddingMethod.None:
      throw KmipError.featureNotSupported('RSA without padding is not served; use OAEP');
    default:
      throw KmipError.invalidField(
        `Padding Method ${enumName(PaddingMethod, paddingMethod)} is not one of RSA encryption`,
      );
  }
}
