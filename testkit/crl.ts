// Certificate revocation lists for tests, signed by an authority of testkit/pki.ts.
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import { createPrivateKey, webcrypto } from 'node:crypto';
import { cryptoProvider, Extension, X509Certificate, X509CrlGenerator } from '@peculiar/x509';
import type { KeyAndCertificate } from '../platform/pki.ts';

cryptoProvider.set(webcrypto);
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

export interface CrlOptions {
  /** PEM of the certificates that it revokes. */
  readonly revoked?: readonly string[];
  /** Serial numbers besides, in hex. */
  readonly serials?: readonly string[];
  /** In whose name, where that is not the signer. */
  readonly issuer?: KeyAndCertificate;
  readonly thisUpdate?: Date;
  /** Default: in an hour. Null: not said. */
  readonly nextUpdate?: Date | null;
  /** DER of further extensions by their object identifier. */
  readonly extensions?: Readonly<Record<string, Uint8Array>>;
}

export interface Crl {
  readonly pem: string;
  readonly der: Buffer;
}

export async function revocationList(ca: KeyAndCertificate, options: CrlOptions = {}): Promise<Crl> {
  const { revoked = [], serials = [], issuer = ca, extensions = {}, nextUpdate } = options;
  const pkcs8 = createPrivateKey(ca.privateKeyPem).export({ type: 'pkcs8', format: 'der' });
  const all = [...revoked.map((pem) => new X509Certificate(pem).serialNumber), ...serials];
  const list = await X509CrlGenerator.create({
    issuer: new X509Certificate(issuer.certificatePem).subjectName,
    thisUpdate: options.thisUpdate ?? new Date(),
    ...(nextUpdate === null ? {} : { nextUpdate: nextUpdate ?? new Date(Date.now() + HOUR_MS) }),
    entries: all.map((serialNumber) => ({ serialNumber, revocationDate: new Date() })),
    extensions: Object.entries(extensions).map(([oid, der]) => new Extension(oid, true, new Uint8Array(der))),
    signingAlgorithm: ALGORITHM,
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
  });
  const der = Buffer.from(list.rawData);
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return { pem: `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`, der };
}
