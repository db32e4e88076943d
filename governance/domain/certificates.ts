/** Certificates and keys that operators hand in: parsed once, judged, and reduced to the fingerprint of their key. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { keyFingerprint } from '../../platform/tls-identity.ts';
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

/** A certificate that a gateway or an application shows. Throws INVALID_CERTIFICATE. */
export function parseLeaf(pem: string): ParsedCertificate {
  const certificate = parse(pem);
  if (certificate.ca)
    throw new CmkError('INVALID_CERTIFICATE', 'this is the certificate of a CA; register it as an issuer');
  return reduce(certificate);
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
