/** Certificates and keys that operators hand in: parsed once, judged, and reduced to the fingerprint of their key. */
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import { createPublicKey, X509Certificate } from 'node:crypto';
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedX509 } from '@peculiar/x509';
import { checkPurpose, issuerOf, keyFingerprint, subjectOf } from '../../platform/tls-identity.ts';
import { CmkError } from '../errors.ts';

export interface ParsedCertificate {
  /** Hex SHA-256 of the SubjectPublicKeyInfo: an identity survives the renewal of its certificate. */
  readonly fingerprint: string;
  readonly subject: string;
  /** PEM, as this process writes it: nothing but the one certificate. */
  readonly pem: string;
}

const ONE_CERTIFICATE = /^\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;

function parse(pem: string): X509Certificate {
  if (!ONE_CERTIFICATE.test(pem))
    throw new CmkError('INVALID_CERTIFICATE', 'expected exactly one PEM block of type CERTIFICATE');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new CmkError('INVALID_CERTIFICATE', 'the PEM block holds no X.509 certificate');
  }
  const now = Date.now();
  if (certificate.validToDate.getTime() <= now)
    throw new CmkError(
      'INVALID_CERTIFICATE',
      `the certificate expired on ${certificate.validToDate.toISOString()}`,
    );
  return certificate;
}

const reduce = (certificate: X509Certificate): ParsedCertificate => ({
  fingerprint: keyFingerprint(certificate),
  subject: certificate.subject.replaceAll('\n', ', '),
  pem: certificate.toString(),
});

/**
 * A certificate that a gateway or an application shows. Throws INVALID_CERTIFICATE, also for one that every server would
 * refuse: better here, where somebody reads why, than at the first connection.
 */
export function parseLeaf(pem: string): ParsedCertificate {
  const certificate = parse(pem);
  if (certificate.ca)
    throw new CmkError('INVALID_CERTIFICATE', 'this is the certificate of a CA; register it as an issuer');
  const unfit = whyUnfit(certificate);
  if (unfit !== undefined) throw new CmkError('INVALID_CERTIFICATE', unfit);
  return reduce(certificate);
}

/** What people ask about a certificate that is registered. */
export interface CertificateView {
  subject: string;
  issuer: string;
  notBefore: string;
  notAfter: string;
}

/** Of a stored one, which was judged when it was handed in. */
export function describeCertificate(pem: string): CertificateView {
  const { subject, issuer, validFromDate, validToDate } = new X509Certificate(pem);
  return {
    subject: subject.replaceAll('\n', ', '),
    issuer: issuer.replaceAll('\n', ', '),
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
  };
}

const MIN_RSA_BITS = 2048;

/** Why no gateway or core would take it from a client (RFC 5280 §4.2.1.3, §4.2.1.12), whoever has issued it. */
function whyUnfit(certificate: X509Certificate): string | undefined {
  const purpose = checkPurpose(certificate, 'client');
  if (purpose !== undefined) return purpose.message;
  const usage = new ParsedX509(certificate.raw).getExtension(KeyUsagesExtension);
  const needed = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement;
  if (usage !== null && (usage.usages & needed) === 0)
    return `the certificate of "${subjectOf(certificate)}" is not meant for TLS clients: its key usage does not allow signatures (digitalSignature)`;
  const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS)
    return `its RSA key has ${bits} bits, and ${MIN_RSA_BITS} are the least that is taken`;
  return undefined;
}

/**
 * What could keep regions from trusting it, which nobody here can know for sure: a gateway may trust an authority of its
 * own, and an application may send intermediate certificates along. Undefined when the chain ends at a registered root.
 */
export function whyUntrusted(pem: string, registered: readonly string[]): string | undefined {
  const authorities = registered.map((issuer) => new X509Certificate(issuer));
  let current = new X509Certificate(pem);
  for (let depth = 0; depth <= authorities.length; depth++) {
    const issuer = issuerOf(current, authorities);
    if (issuer === undefined)
      return `no registered issuer has signed the certificate of "${subjectOf(current)}" (issuer "${current.issuer.replaceAll('\n', ', ')}"): gateways refuse it with UNTRUSTED_ISSUER unless their own configuration trusts that authority, or the application sends the missing certificates along; register the issuer with POST /v1/issuers (okcm app register --ca)`;
    if (issuer.raw.equals(current.raw) || issuerOf(issuer, [issuer]) !== undefined) return undefined;
    current = issuer;
  }
  return undefined;
}

/** A certificate that issues others. Throws INVALID_CERTIFICATE. */
export function parseIssuer(pem: string): ParsedCertificate {
  const certificate = parse(pem);
  if (!certificate.ca)
    throw new CmkError('INVALID_CERTIFICATE', 'this certificate may not issue others (CA is false)');
  return reduce(certificate);
}

/** A region's signing key: Ed25519 in PEM. Throws INVALID_PUBLIC_KEY. Returns it as this process writes it. */
export function parseSigningKey(pem: string): string {
  // A private key would be accepted by createPublicKey; whoever sends one here has just given it away.
  if (pem.includes('PRIVATE KEY'))
    throw new CmkError(
      'INVALID_PUBLIC_KEY',
      'this is a private key; replace it, and send the public half of a new one',
    );
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key.export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    throw new CmkError('INVALID_PUBLIC_KEY', 'the text holds no public key in PEM');
  }
  throw new CmkError('INVALID_PUBLIC_KEY', 'the key is not an Ed25519 key');
}
