// A small certificate authority for development installations and tests: EC P-256 keys, X.509 v3 with the extensions
// that strict clients ask for. Production regions bring certificates of their own authority.
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { OkcmError } from './errors.ts';

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERIAL_SIZE_BYTES = 16;
/** Certificates begin a little in the past: the reader's clock may be behind ours. */
const BACKDATE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** A certificate and its private key (PKCS#8), as PEM. The key is a secret: write it with writePrivate. */
export interface KeyAndCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CaOptions {
  readonly commonName: string;
  readonly days: number;
  /** Makes an intermediate authority under this one. */
  readonly issuer?: KeyAndCertificate;
  /** Default: five minutes ago. */
  readonly notBefore?: Date;
}

/** An authority: self-signed, or signed by `issuer`. */
export async function createCa(options: CaOptions): Promise<KeyAndCertificate> {
  const keys = await generateKeys();
  const issuer = options.issuer === undefined ? undefined : await openCa(options.issuer);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [options.commonName] }],
    issuer: issuer === undefined ? [{ CN: [options.commonName] }] : issuer.certificate.subjectName,
    ...validity(options.notBefore, options.days, issuer?.certificate),
    publicKey: keys.publicKey,
    signingKey: issuer?.privateKey ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer?.certificate.publicKey ?? keys.publicKey),
    ],
  });
  return { certificatePem: pemOf(certificate), privateKeyPem: await exportPrivateKey(keys.privateKey) };
}

export interface IssueOptions {
  readonly ca: KeyAndCertificate;
  readonly commonName: string;
  readonly organization?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** The extended key usages; an empty list leaves the extension out, which means "any". */
  readonly usages: readonly ('client' | 'server')[];
  /** Cut at the end of the authority's own validity. */
  readonly days: number;
  readonly notBefore?: Date;
}

/** A certificate for a fresh key. */
export async function issue(options: IssueOptions): Promise<KeyAndCertificate> {
  const keys = await generateKeys();
  const certificatePem = await sign(options, keys.publicKey);
  return { certificatePem, privateKeyPem: await exportPrivateKey(keys.privateKey) };
}

/** A certificate (PEM) for a key that its holder keeps. `publicKeyPem` is SPKI; EC P-256 only. */
export async function issueForKey(options: IssueOptions, publicKeyPem: string): Promise<string> {
  const spki = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' });
  return await sign(options, await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']));
}

async function sign(options: IssueOptions, publicKey: webcrypto.CryptoKey): Promise<string> {
  const ca = await openCa(options.ca);
  const names = namesOf(options);
  const organization = options.organization === undefined ? [] : [{ O: [options.organization] }];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [...organization, { CN: [options.commonName] }],
    issuer: ca.certificate.subjectName,
    ...validity(options.notBefore, options.days, ca.certificate),
    publicKey,
    signingKey: ca.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...(options.usages.length > 0
        ? [new ExtendedKeyUsageExtension(options.usages.map(extendedUsage))]
        : []),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
    ],
  });
  return pemOf(certificate);
}

function extendedUsage(usage: 'client' | 'server'): ExtendedKeyUsage {
  return usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
}

function namesOf(options: IssueOptions): JsonGeneralNames {
  return [
    ...(options.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
}

/** Errors: PKI_BAD_CA when certificate and key are no pair of an authority. */
async function openCa(
  ca: KeyAndCertificate,
): Promise<{ certificate: X509Certificate; privateKey: webcrypto.CryptoKey }> {
  const certificate = new X509Certificate(ca.certificatePem);
  if (certificate.getExtension(BasicConstraintsExtension)?.ca !== true) {
    throw new OkcmError('PKI_BAD_CA', `"${certificate.subject}" is not a certificate authority`);
  }
  const key = createPrivateKey(ca.privateKeyPem);
  const own = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!own.equals(new Uint8Array(certificate.publicKey.rawData))) {
    throw new OkcmError('PKI_BAD_CA', `the private key does not belong to "${certificate.subject}"`);
  }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  try {
    return {
      certificate,
      privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    };
  } finally {
    pkcs8.fill(0);
  }
}

function validity(
  start: Date | undefined,
  days: number,
  issuer?: X509Certificate,
): { notBefore: Date; notAfter: Date } {
  const notBeforeMs = start?.getTime() ?? Date.now() - BACKDATE_MS;
  const notAfterMs = (start?.getTime() ?? Date.now()) + days * DAY_MS;
  const limitMs = issuer?.notAfter.getTime() ?? Number.POSITIVE_INFINITY;
  return { notBefore: new Date(notBeforeMs), notAfter: new Date(Math.min(notAfterMs, limitMs)) };
}

/** 127 random bits: positive as DER demands, and never zero. */
function randomSerial(): string {
  const serial = randomBytes(SERIAL_SIZE_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  try {
    const pem = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
      type: 'pkcs8',
      format: 'pem',
    });
    return pem.toString();
  } finally {
    pkcs8.fill(0);
  }
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}
