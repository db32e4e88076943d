/** How an issuing key signs: KMIP's Digital Signature Algorithm (KMIP 1.4 §9.1.3.2.7) as WebCrypto says it. */
import type { KeyObject, webcrypto } from 'node:crypto';
import { DigitalSignatureAlgorithm, enumName, KmipError } from '../../../kmip/index.ts';

export interface SigningAlgorithm {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
  readonly saltLength?: number;
}

const D = DigitalSignatureAlgorithm;

/** Of those that KMIP names, what is safe to sign with today and WebCrypto has. */
const named: ReadonlyMap<number, { readonly name: string; readonly hash: string }> = new Map([
  [D.SHA_256WithRSAEncryptionPKCS_1V1_5, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
  [D.SHA_384WithRSAEncryptionPKCS_1V1_5, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }],
  [D.SHA_512WithRSAEncryptionPKCS_1V1_5, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }],
  [D.RSASSA_PSSPKCS_1V2_1, { name: 'RSA-PSS', hash: 'SHA-256' }],
  [D.ECDSAWithSHA256, { name: 'ECDSA', hash: 'SHA-256' }],
  [D.ECDSAWithSHA384, { name: 'ECDSA', hash: 'SHA-384' }],
  [D.ECDSAWithSHA512, { name: 'ECDSA', hash: 'SHA-512' }],
]);

/** WebCrypto's curves by OpenSSL's names, each with the hash of its strength. */
const curves: ReadonlyMap<string, { readonly namedCurve: string; readonly hash: string }> = new Map([
  ['prime256v1', { namedCurve: 'P-256', hash: 'SHA-256' }],
  ['secp384r1', { namedCurve: 'P-384', hash: 'SHA-384' }],
  ['secp521r1', { namedCurve: 'P-521', hash: 'SHA-512' }],
]);

/** Bytes, of SHA-256: RFC 8017 has the salt as long as the hash. */
const PSS_SALT_BYTES = 32;

function ofKey(key: KeyObject): SigningAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (type === 'ed25519') return { name: 'Ed25519' };
  const curve = type === 'ec' ? curves.get(details?.namedCurve ?? '') : undefined;
  if (curve !== undefined) return { name: 'ECDSA', ...curve };
  throw KmipError.permissionDenied(
    'certificates are signed with RSA, with P-256, P-384 or P-521, or with Ed25519; the issuing key is another',
  );
}

/**
 * `wanted`: a Digital Signature Algorithm; the usual one of the key when absent.
 *
 * @throws KmipError Permission Denied (a key that signs no certificates here), Invalid Field (an algorithm that is not
 * served, or not for this key).
 */
export function signingAlgorithm(key: KeyObject, wanted: number | undefined): SigningAlgorithm {
  const own = ofKey(key);
  if (wanted === undefined) return own;
  const algorithm = named.get(wanted);
  const isRsa = own.name.startsWith('RSA');
  if (algorithm === undefined || (isRsa ? !algorithm.name.startsWith('RSA') : algorithm.name !== own.name)) {
    throw KmipError.invalidField(
      `the issuing key does not sign with ${enumName(DigitalSignatureAlgorithm, wanted)}`,
    );
  }
  return { ...own, ...algorithm, ...(algorithm.name === 'RSA-PSS' ? { saltLength: PSS_SALT_BYTES } : {}) };
}

/** The issuing key as WebCrypto takes it; it cannot be taken out again. */
export function signingKey(key: KeyObject, algorithm: SigningAlgorithm): webcrypto.CryptoKey {
  return key.toCryptoKey(algorithm, false, ['sign']);
}
