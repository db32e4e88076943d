/**
 * Which signature is meant (KMIP 1.4 §3.6): by Digital Signature Algorithm, or by Cryptographic Algorithm, Hashing
 * Algorithm and Padding Method together.
 */
import type { KeyObject } from 'node:crypto';
import {
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  enumName,
  HashingAlgorithm,
  KmipError,
  PaddingMethod,
} from '../kmip/index.ts';
import { type HashFunction, hashFunctionOf } from './hashes.ts';
import { type AsymmetricOptions, type AsymmetricParameters, maskHashOf } from './rsa.ts';

type Scheme = 'pkcs1' | 'pss' | 'dsa' | 'ecdsa';

const { SHA_1, SHA_224, SHA_256, SHA_384, SHA_512, SHA_3_256, SHA_3_384, SHA_3_512, MD5 } = HashingAlgorithm;
const D = DigitalSignatureAlgorithm;

/** KMIP 1.4 §9.1.3.2.7; MD2 is in no OpenSSL any more. PSS names its hash beside it. */
const signatureAlgorithms: Readonly<Record<number, readonly [scheme: Scheme, hashingAlgorithm?: number]>> = {
  [D.MD5WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', MD5],
  [D.SHA_1WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', SHA_1],
  [D.SHA_224WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', SHA_224],
  [D.SHA_256WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', SHA_256],
  [D.SHA_384WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', SHA_384],
  [D.SHA_512WithRSAEncryptionPKCS_1V1_5]: ['pkcs1', SHA_512],
  [D.RSASSA_PSSPKCS_1V2_1]: ['pss'],
  [D.DSAWithSHA_1]: ['dsa', SHA_1],
  [D.DSAWithSHA224]: ['dsa', SHA_224],
  [D.DSAWithSHA256]: ['dsa', SHA_256],
  [D.ECDSAWithSHA_1]: ['ecdsa', SHA_1],
  [D.ECDSAWithSHA224]: ['ecdsa', SHA_224],
  [D.ECDSAWithSHA256]: ['ecdsa', SHA_256],
  [D.ECDSAWithSHA384]: ['ecdsa', SHA_384],
  [D.ECDSAWithSHA512]: ['ecdsa', SHA_512],
  [D.SHA3_256WithRSAEncryption]: ['pkcs1', SHA_3_256],
  [D.SHA3_384WithRSAEncryption]: ['pkcs1', SHA_3_384],
  [D.SHA3_512WithRSAEncryption]: ['pkcs1', SHA_3_512],
};
export const servedSignatureAlgorithms: readonly number[] = Object.keys(signatureAlgorithms).map(Number);

/** `dsa` and `ecdsa` signatures are DER, a SEQUENCE of r and s (RFC 3279 §2.2); `eddsa` hashes by itself (RFC 8032). */
export type SignaturePlan =
  | { readonly scheme: 'pkcs1' | 'dsa' | 'ecdsa'; readonly hash: HashFunction }
  | {
      readonly scheme: 'pss';
      readonly hash: HashFunction;
      readonly maskHash: HashFunction;
      /** Whether the parameters named the hash of the mask. */
      readonly isMaskNamed: boolean;
      /** Undefined: none was named. */
      readonly saltSizeBytes: number | undefined;
    }
  | { readonly scheme: 'eddsa' };

/** What each type of key (as Node calls it) signs with, and the Cryptographic Algorithms that name it. */
const keyTypes: Readonly<Record<string, { schemes: readonly Scheme[]; algorithms: readonly number[] }>> = {
  rsa: { schemes: ['pkcs1', 'pss'], algorithms: [CryptographicAlgorithm.RSA] },
  ec: { schemes: ['ecdsa'], algorithms: [CryptographicAlgorithm.ECDSA, CryptographicAlgorithm.EC] },
  dsa: { schemes: ['dsa'], algorithms: [CryptographicAlgorithm.DSA] },
};
const edwards: readonly (string | undefined)[] = ['ed25519', 'ed448'];

/** @throws KmipError Invalid Field (contradiction), Feature Not Supported, Missing Data (no Hashing Algorithm). */
export function signaturePlanOf(
  key: KeyObject,
  parameters: AsymmetricParameters | undefined,
  options: AsymmetricOptions,
): SignaturePlan {
  const p = parameters ?? {};
  const type = key.asymmetricKeyType;
  if (edwards.includes(type)) {
    // KMIP 1.4 has no name for these; the key itself says what it signs with.
    if (p.digitalSignatureAlgorithm !== undefined || p.hashingAlgorithm !== undefined) {
      throw KmipError.invalidField('an EdDSA key has its own hash; leave both algorithms out');
    }
    return { scheme: 'eddsa' };
  }
  const known = type !== undefined && Object.hasOwn(keyTypes, type) ? keyTypes[type] : undefined;
  if (known === undefined)
    throw KmipError.featureNotSupported(`keys of type ${type ?? 'unknown'} do not sign here`);
  const { cryptographicAlgorithm: algorithm } = p;
  if (algorithm !== undefined && !known.algorithms.includes(algorithm)) {
    const name = enumName(CryptographicAlgorithm, algorithm);
    throw KmipError.invalidField(`Cryptographic Algorithm ${name} does not fit a key of type ${type}`);
  }
  const [named, namedHash] = namedScheme(p.digitalSignatureAlgorithm);
  const scheme = named ?? schemeByPadding(known.schemes, p.paddingMethod);
  if (!known.schemes.includes(scheme)) {
    throw KmipError.invalidField(`the Digital Signature Algorithm does not fit a key of type ${type}`);
  }
  if (named !== undefined && p.paddingMethod !== undefined)
    requireSamePadding(named, known.schemes, p.paddingMethod);
  if (namedHash !== undefined && (p.hashingAlgorithm ?? namedHash) !== namedHash) {
    throw KmipError.invalidField('the Hashing Algorithm is not that of the Digital Signature Algorithm');
  }
  const hashingAlgorithm = namedHash ?? p.hashingAlgorithm;
  if (hashingAlgorithm === undefined)
    throw KmipError.missingData('a Hashing Algorithm is required for signatures');
  const hash = hashFunctionOf(hashingAlgorithm, options.allowWeak);
  return scheme === 'pss' ? pssPlan(p, hash, options) : { scheme, hash };
}

function namedScheme(algorithm: number | undefined): readonly [scheme?: Scheme, hashingAlgorithm?: number] {
  if (algorithm === undefined) return [];
  const found = Object.hasOwn(signatureAlgorithms, algorithm) ? signatureAlgorithms[algorithm] : undefined;
  if (found !== undefined) return found;
  const name = enumName(DigitalSignatureAlgorithm, algorithm);
  throw KmipError.featureNotSupported(`Digital Signature Algorithm ${name} is not served`);
}

function schemeByPadding(schemes: readonly Scheme[], padding: number | undefined): Scheme {
  const [first = 'pkcs1'] = schemes;
  if (padding === undefined || (first !== 'pkcs1' && padding === PaddingMethod.None)) return first;
  const name = enumName(PaddingMethod, padding);
  if (first !== 'pkcs1')
    throw KmipError.invalidField(`Padding Method ${name} is one of RSA, which this key is not`);
  if (padding === PaddingMethod.PKCS1V1_5) return 'pkcs1';
  if (padding === PaddingMethod.PSS) return 'pss';
  if (padding === PaddingMethod.X9_31)
    throw KmipError.featureNotSupported('X9.31 signatures are not served; use PSS');
  throw KmipError.invalidField(`Padding Method ${name} is not one of RSA signatures`);
}

function requireSamePadding(named: Scheme, schemes: readonly Scheme[], padding: number): void {
  if (schemeByPadding(schemes, padding) === named) return;
  throw KmipError.invalidField('the Padding Method is not that of the Digital Signature Algorithm');
}

function pssPlan(p: AsymmetricParameters, hash: HashFunction, options: AsymmetricOptions): SignaturePlan {
  // RFC 8017 §A.2.3: 1 stands for the one trailer there is, 0xbc.
  if ((p.trailerField ?? 1) !== 1) throw KmipError.invalidField('the only Trailer Field of PSS is 1');
  if ((p.saltLength ?? 0) < 0) throw KmipError.invalidField('Salt Length is not negative');
  return {
    scheme: 'pss',
    hash,
    maskHash: maskHashOf(p, hash, options),
    isMaskNamed: p.maskGeneratorHashingAlgorithm !== undefined,
    saltSizeBytes: p.saltLength,
  };
}
