/** @peculiar/x509, ready for use: the one place where it is loaded from, since what it needs must be loaded first. */
import 'reflect-metadata'; // its dependency injector needs it
import { webcrypto, X509Certificate } from 'node:crypto';
import { cryptoProvider, type Extension, X509Certificate as X509 } from '@peculiar/x509';

cryptoProvider.set(webcrypto);

export {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequest,
  SubjectKeyIdentifierExtension,
  X509Certificate as X509,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface ParsedCertificate {
  readonly certificate: X509Certificate;
  readonly extensions: readonly Extension[];
}

/** Undefined for bytes in which OpenSSL or the extensions' reader finds no certificate. */
export function parseCertificate(der: Uint8Array): ParsedCertificate | undefined {
  try {
    const { extensions } = new X509(Uint8Array.from(der));
    return { certificate: new X509Certificate(der), extensions };
  } catch {
    return undefined;
  }
}
