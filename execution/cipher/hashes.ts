/** Hash functions by KMIP's Hashing Algorithm (1.4 §9.1.3.2.16), and what signatures and masks need to know of them. */
import { enumName, HashingAlgorithm, KmipError } from '../kmip/index.ts';

export interface HashFunction {
  /** As OpenSSL calls it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** RFC 8017 §9.2: the DER of DigestInfo up to the digest. */
  readonly digestInfo: Buffer;
  /** Served only where the configuration allows weak algorithms. */
  readonly isWeak: boolean;
}

/** `oid`: hex of the algorithm's whole OBJECT IDENTIFIER. */
function hashFunction(name: string, sizeBytes: number, oid: string, isWeak = false): HashFunction {
  const algorithm = Buffer.concat([Buffer.from(oid, 'hex'), Buffer.from('0500', 'hex')]);
  const inner = [0x30, algorithm.length, ...algorithm, 0x04, sizeBytes];
  const digestInfo = Buffer.from([0x30, inner.length + sizeBytes, ...inner]);
  return { name, sizeBytes, digestInfo, isWeak };
}

const NIST = '06096086480165030402';

export const hashFunctions: Readonly<Record<number, HashFunction>> = {
  [HashingAlgorithm.MD5]: hashFunction('md5', 16, '06082a864886f70d0205', true),
  [HashingAlgorithm.SHA_1]: hashFunction('sha1', 20, '06052b0e03021a'),
  [HashingAlgorithm.SHA_224]: hashFunction('sha224', 28, `${NIST}04`),
  [HashingAlgorithm.SHA_256]: hashFunction('sha256', 32, `${NIST}01`),
  [HashingAlgorithm.SHA_384]: hashFunction('sha384', 48, `${NIST}02`),
  [HashingAlgorithm.SHA_512]: hashFunction('sha512', 64, `${NIST}03`),
  [HashingAlgorithm.RIPEMD_160]: hashFunction('ripemd160', 20, '06052b24030201', true),
  [HashingAlgorithm.SHA_512_224]: hashFunction('sha512-224', 28, `${NIST}05`),
  [HashingAlgorithm.SHA_512_256]: hashFunction('sha512-256', 32, `${NIST}06`),
  [HashingAlgorithm.SHA_3_224]: hashFunction('sha3-224', 28, `${NIST}07`),
  [HashingAlgorithm.SHA_3_256]: hashFunction('sha3-256', 32, `${NIST}08`),
  [HashingAlgorithm.SHA_3_384]: hashFunction('sha3-384', 48, `${NIST}09`),
  [HashingAlgorithm.SHA_3_512]: hashFunction('sha3-512', 64, `${NIST}0a`),
};

/**
 * @throws KmipError Invalid Field (no Hashing Algorithm of KMIP), Feature Not Supported (one that OpenSSL lacks, or a
 * weak one where they are not allowed).
 */
export function hashFunctionOf(hashingAlgorithm: number, allowWeak: boolean): HashFunction {
  const found = Object.hasOwn(hashFunctions, hashingAlgorithm) ? hashFunctions[hashingAlgorithm] : undefined;
  if (found === undefined) {
    if (!(Object.values(HashingAlgorithm) as readonly number[]).includes(hashingAlgorithm)) {
      throw KmipError.invalidField(`Hashing Algorithm ${hashingAlgorithm} is not one of KMIP's`);
    }
    throw KmipError.featureNotSupported(
      `Hashing Algorithm ${enumName(HashingAlgorithm, hashingAlgorithm)} is not served; use SHA-256`,
    );
  }
  if (found.isWeak) requireWeakAllowed(allowWeak, enumName(HashingAlgorithm, hashingAlgorithm));
  return found;
}

/** @throws KmipError Feature Not Supported */
export function requireWeakAllowed(allowWeak: boolean, what: string): void {
  if (allowWeak) return;
  throw KmipError.featureNotSupported(`${what} is weak, and the server's configuration does not allow it`);
}
