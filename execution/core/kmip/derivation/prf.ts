/** Pseudorandom functions as Cryptographic Parameters and keys name them (KMIP 1.4 §3.6, §4.6). */
import { type HashFunction, hashFunctionOf, type MacPlan, macOf, macPlanOf } from '../../../cipher/index.ts';
import type { SecretBytes } from '../../../envelope/index.ts';
import { CryptographicAlgorithm, HashingAlgorithm, KmipError, ResultReason } from '../../../kmip/index.ts';

/** The fields of Cryptographic Parameters that say which function. */
export interface PrfParameters {
  readonly cryptographicAlgorithm?: number | undefined;
  readonly hashingAlgorithm?: number | undefined;
  readonly blockCipherMode?: number | undefined;
}

/** A keyed function over the parts, one after another. The output is secret: the caller wipes it. */
export type Prf = (...parts: readonly Uint8Array[]) => Buffer;

/** `key` must outlive the function. @throws KmipError Invalid Field: a code that derives no keys. */
export function prfOf(key: SecretBytes, plan: MacPlan): Prf {
  if (plan.kind === 'cbc-mac') throw KmipError.invalidField('CBC-MAC derives no keys; use CMAC');
  return (...parts) => {
    const mac = macOf(key, plan);
    for (const part of parts) mac.update(part);
    return mac.final();
  };
}

/** §11.7: parameters that name no function are Invalid Field. */
export function prfPlan(
  keyAlgorithm: number | undefined,
  parameters: PrfParameters,
  allowWeak: boolean,
): MacPlan {
  try {
    return macPlanOf(keyAlgorithm, parameters, allowWeak);
  } catch (error) {
    if (!(error instanceof KmipError) || error.resultReason !== ResultReason.MissingData) throw error;
    throw KmipError.invalidField(
      'neither the key nor the Cryptographic Parameters name a function to derive with',
    );
  }
}

const A = CryptographicAlgorithm;
const H = HashingAlgorithm;
const hashOfHmac: ReadonlyMap<number, number> = new Map([
  [A.HMAC_MD5, H.MD5],
  [A.HMAC_SHA1, H.SHA_1],
  [A.HMAC_SHA224, H.SHA_224],
  [A.HMAC_SHA256, H.SHA_256],
  [A.HMAC_SHA384, H.SHA_384],
  [A.HMAC_SHA512, H.SHA_512],
  [A.HMAC_SHA3_224, H.SHA_3_224],
  [A.HMAC_SHA3_256, H.SHA_3_256],
  [A.HMAC_SHA3_384, H.SHA_3_384],
  [A.HMAC_SHA3_512, H.SHA_3_512],
]);

/** Whether a key is for one HMAC, and so names it. */
export function isHmacKey(keyAlgorithm: number | undefined): keyAlgorithm is number {
  return keyAlgorithm !== undefined && hashOfHmac.has(keyAlgorithm);
}

/** The hash that the parameters name, by itself or inside an HMAC; undefined when they name none. */
export function hashIn(
  { hashingAlgorithm, cryptographicAlgorithm }: PrfParameters,
  allowWeak: boolean,
): HashFunction | undefined {
  const hash = hashingAlgorithm ?? hashOfHmac.get(cryptographicAlgorithm ?? 0);
  return hash === undefined ? undefined : hashFunctionOf(hash, allowWeak);
}
