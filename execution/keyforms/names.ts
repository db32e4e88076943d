/** Names of asymmetric algorithms: KMIP's, Node's, and object identifiers. */
import { CryptographicAlgorithm } from '../kmip/index.ts';
import { CURVE448, CURVE25519 } from './curves.ts';

/** KMIP 2.0 gave these numbers; 1.4 has none for the signatures of RFC 8032. */
export const ED25519 = 0x37;
export const ED448 = 0x38;

export const oids = {
  /** PKCS#1 */
  rsa: '1.2.840.113549.1.1.1',
  dsa: '1.2.840.10040.4.1',
  /** PKCS#3 */
  dh: '1.2.840.113549.1.3.1',
  ec: '1.2.840.10045.2.1',
} as const;

export interface RawKey {
  /** Node's `asymmetricKeyType`. */
  readonly type: string;
  readonly algorithm: number;
  readonly recommendedCurve: number;
  readonly oid: string;
  /** Private and public keys are of the same size. */
  readonly sizeBytes: number;
  readonly bits: number;
}

/** RFC 8410. Key agreement has no algorithm of its own in KMIP. */
export const rawKeys: readonly RawKey[] = [
  {
    type: 'ed25519',
    algorithm: ED25519,
    recommendedCurve: CURVE25519,
    oid: '1.3.101.112',
    sizeBytes: 32,
    bits: 256,
  },
  {
    type: 'ed448',
    algorithm: ED448,
    recommendedCurve: CURVE448,
    oid: '1.3.101.113',
    sizeBytes: 57,
    bits: 456,
  },
  {
    type: 'x25519',
    algorithm: CryptographicAlgorithm.ECDH,
    recommendedCurve: CURVE25519,
    oid: '1.3.101.110',
    sizeBytes: 32,
    bits: 256,
  },
  {
    type: 'x448',
    algorithm: CryptographicAlgorithm.ECDH,
    recommendedCurve: CURVE448,
    oid: '1.3.101.111',
    sizeBytes: 56,
    bits: 448,
  },
];

/** The names under which clients speak of an EC key (§2.1.7: ECDSA, ECDH and ECMQV keys are of one form). */
export const ecAlgorithms: readonly number[] = [
  CryptographicAlgorithm.EC,
  CryptographicAlgorithm.ECDSA,
  CryptographicAlgorithm.ECDH,
  CryptographicAlgorithm.ECMQV,
];
