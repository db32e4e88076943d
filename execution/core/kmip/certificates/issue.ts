/**
 * Makes an X.509 certificate (RFC 5280): names and validity as decided, Key Usage from Cryptographic Usage Masks, and a
 * serial number that nobody can foresee.
 */
import { createHash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { DerTag, itemAt, readSequence } from '../../../keyforms/index.ts';
import { CryptographicUsageMask as Mask } from '../../../kmip/index.ts';
import { type SigningAlgorithm, signingKey } from './signing.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
  X509,
  X509CertificateGenerator,
} from './x509.ts';

const SERIAL_SIZE_BYTES = 16;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

export interface CertificateContent {
  /** Distinguished name, in DER; empty only beside alternative names. */
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, in DER. */
  readonly publicKeyInfo: Uint8Array;
  /** GeneralNames, in DER. */
  readonly alternativeNames: Uint8Array | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsages: readonly string[];
  readonly keyUsages: number;
  readonly isCa: boolean;
  /** Seconds since the epoch. */
  readonly notBeforeS: number;
  readonly notAfterS: number;
}

export interface SigningIssuer {
  readonly privateKey: KeyObject;
  readonly algorithm: SigningAlgorithm;
  /** DER; undefined: the certificate is signed by its own key. */
  readonly certificate: Uint8Array | undefined;
}

const usageOfMask: readonly (readonly [mask: number, flags: number])[] = [
  [Mask.Sign | Mask.Verify, KeyUsageFlags.digitalSignature],
  [Mask.ContentCommitment, KeyUsageFlags.nonRepudiation],
  [Mask.WrapKey | Mask.UnwrapKey, KeyUsageFlags.keyEncipherment],
  [Mask.Encrypt | Mask.Decrypt, KeyUsageFlags.dataEncipherment | KeyUsageFlags.keyEncipherment],
  [Mask.KeyAgreement, KeyUsageFlags.keyAgreement],
  [Mask.CertificateSign, KeyUsageFlags.keyCertSign],
  [Mask.CRLSign, KeyUsageFlags.cRLSign],
];

/** X.509's Key Usage for a Cryptographic Usage Mask, whichever half of the pair it stands at. */
export function keyUsagesOf(usageMask: number): number {
  return usageOfMask.reduce((flags, [mask, more]) => ((usageMask & mask) === 0 ? flags : flags | more), 0);
}

/** 127 random bits: positive as DER demands, and never zero. */
function randomSerial(): string {
  const serial = randomBytes(SERIAL_SIZE_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}

/** RFC 5280 §4.2.1.2, method 1: SHA-1 of the public key's bits. */
function keyIdentifier(publicKeyInfo: Uint8Array): string {
  const bits = itemAt(readSequence(publicKeyInfo), 1, DerTag.BitString).content;
  return createHash('sha1').update(bits.subarray(1)).digest('hex');
}

function publicKeyInfoOf(certificate: Uint8Array): Uint8Array {
  return new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
}

/** The key identifier that the issuer's certificate gives itself, else the usual one of its key. */
function authorityKeyIdentifier(certificate: Uint8Array | undefined, own: string): string {
  if (certificate === undefined) return own;
  const given = new X509(Uint8Array.from(certificate)).getExtension(SubjectKeyIdentifierExtension);
  return given?.keyId ?? keyIdentifier(publicKeyInfoOf(certificate));
}

function isEmpty(name: Uint8Array): boolean {
  return name.length <= 2;
}

/** The certificate in DER. */
export async function makeCertificate(
  content: CertificateContent,
  issuer: SigningIssuer,
): Promise<Uint8Array> {
  const { subject, publicKeyInfo, alternativeNames, extendedKeyUsages, keyUsages, isCa } = content;
  const own = keyIdentifier(publicKeyInfo);
  const issuerName =
    issuer.certificate === undefined ? subject : subjectOf(new X509(Uint8Array.from(issuer.certificate)));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: new Name(Uint8Array.from(subject)),
    issuer: new Name(Uint8Array.from(issuerName)),
    notBefore: new Date(content.notBeforeS * 1000),
    notAfter: new Date(content.notAfterS * 1000),
    publicKey: Uint8Array.from(publicKeyInfo),
    signingKey: signingKey(issuer.privateKey, issuer.algorithm),
    signingAlgorithm: issuer.algorithm,
    extensions: [
      new BasicConstraintsExtension(isCa, undefined, true),
      ...(keyUsages === 0 ? [] : [new KeyUsagesExtension(keyUsages, true)]),
      ...(extendedKeyUsages.length === 0 ? [] : [new ExtendedKeyUsageExtension([...extendedKeyUsages])]),
      ...(alternativeNames === undefined
        ? []
        : [new Extension(SUBJECT_ALTERNATIVE_NAME, isEmpty(subject), Uint8Array.from(alternativeNames))]),
      new SubjectKeyIdentifierExtension(own),
      new AuthorityKeyIdentifierExtension(authorityKeyIdentifier(issuer.certificate, own)),
    ],
  });
  return new Uint8Array(certificate.rawData);
}

/** The subject's distinguished name, in DER. */
export function subjectOf(certificate: X509): Uint8Array {
  return new Uint8Array(certificate.subjectName.toArrayBuffer());
}
