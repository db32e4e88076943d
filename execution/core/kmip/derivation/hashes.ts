/** Hash functions and pseudorandom functions as Cryptographic Parameters name them (KMIP 1.4 §3.6). */
import { createHmac, getHashes } from 'node:crypto';
import { withRawKey } from '../../../../contracts/raw-key.ts';
import type { SecretBytes } from '../../../envelope/index.ts';
import { CryptographicAlgorithm, enumName, HashingAlgorithm, KmipError } from '../../../kmip/index.ts';

const H = HashingAlgorithm;
const names: Readonly<Record<number, string>> = {
  [H.MD5]: 'md5',
  [H.SHA_1]: 'sha1',
  [H.SHA_224]: 'sha224',
  [H.SHA_256]: 'sha256',
  [H.SHA_384]: 'sha384',
  [H.SHA_512]: 'sha512',
  [H.RIPEMD_160]: 'ripemd160',
  [H.SHA_512_224]: 'sha512-224',
  [H.SHA_512_256]: 'sha512-256',
  [H.SHA_3_224]: 'sha3-224',
  [H.SHA_3_256]: 'sha3-256',
  [H.SHA_3_384]: 'sha3-384',
  [H.SHA_3_512]: 'sha3-512',
};
const served: ReadonlySet<string> = new Set(getHashes());

/** OpenSSL's name. @throws KmipError Invalid Field: a hash that is not served here (§11.7). */
export function hashNamed(hashingAlgorithm: number): string {
  const name = Object.hasOwn(names, hashingAlgorithm) ? names[hashingAlgorithm] : undefined;
  if (name === undefined || !served.has(name)) {
    throw KmipError.invalidField(
      `Hashing Algorithm ${enumName(HashingAlgorithm, hashingAlgorithm)} is not served here`,
    );
  }
  return name;
}

const A = CryptographicAlgorithm;
const hashOfHmac: Readonly<Record<number, number>> = {
  [A.HMAC_MD5]: H.MD5,
  [A.HMAC_SHA1]: H.SHA_1,
  [A.HMAC_SHA224]: H.SHA_224,
  [A.HMAC_SHA256]: H.SHA_256,
  [A.HMAC_SHA384]: H.SHA_384,
  [A.HMAC_SHA512]: H.SHA_512,
  [A.HMAC_SHA3_224]: H.SHA_3_224,
  [A.HMAC_SHA3_256]: H.SHA_3_256,
  [A.HMAC_SHA3_384]: H.SHA_3_384,
  [A.HMAC_SHA3_512]: H.SHA_3_512,
};

/** The hash inside an HMAC that KMIP has an algorithm for; undefined for every other algorithm. */
export function hashingAlgorithmOf(cryptographicAlgorithm: number | undefined): number | undefined {
  if (cryptographicAlgorithm === undefined) return undefined;
  return Object.hasOwn(hashOfHmac, cryptographicAlgorithm) ? hashOfHmac[cryptographicAlgorithm] : undefined;
}

/** A keyed function over the parts, one after another. The output is secret: the caller wipes it. */
export type Prf = (...parts: readonly Uint8Array[]) => Buffer;

/** `hash`: OpenSSL's name. `key` must outlive the function. */
export function hmacPrf(hash: string, key: SecretBytes): Prf {
  return (...parts) =>
    key.use((bytes) => {
      const hmac = withRawKey(() => createHmac(hash, bytes));
      for (const part of parts) hmac.update(part);
      return hmac.digest();
    });
}
