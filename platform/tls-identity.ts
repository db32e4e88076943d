// Who is at the other end of a TLS connection, and if nobody we trust, exactly why: certificate trouble is the
// commonest support case, so the five ways to fail have five codes.
//
// For servers with `requestCert: true, rejectUnauthorized: false`: Node would otherwise drop the connection without a
// word. The caller must drop it itself when the answer is not `ok`.
import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export type PeerRefusalCode =
  | 'NO_CERTIFICATE'
  | 'UNTRUSTED_ISSUER'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'BAD_CHAIN'
  | 'WRONG_PURPOSE';

export interface PeerIdentity {
  readonly ok: true;
  /** Hex SHA-256 of the public key (SubjectPublicKeyInfo): survives the renewal of a certificate, if the key stays. */
  readonly fingerprint: string;
  /** The subject's parts in the certificate's order, such as "O=acme, CN=billing". For people, not for decisions. */
  readonly subject: string;
  /** The URI subject alternative names, such as SPIFFE ids. */
  readonly uris: readonly string[];
  readonly notAfter: Date;
  readonly certificate: X509Certificate;
}

export interface PeerRefusal {
  readonly ok: false;
  readonly code: PeerRefusalCode;
  readonly message: string;
}

export type PeerCheck = PeerIdentity | PeerRefusal;

/** Characters of a name that people are told. */
const MAX_NAME_LENGTH = 512;
const EXTENDED_KEY_USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0';

/** OpenSSL's verification results, as Node names them. Whatever is not listed is BAD_CHAIN. */
const CODE_OF_OPENSSL: ReadonlyMap<string, PeerRefusalCode> = new Map([
  ['UNABLE_TO_GET_ISSUER_CERT', 'UNTRUSTED_ISSUER'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNTRUSTED_ISSUER'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNTRUSTED_ISSUER'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNTRUSTED_ISSUER'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'UNTRUSTED_ISSUER'],
  ['CERT_UNTRUSTED', 'UNTRUSTED_ISSUER'],
  ['CERT_HAS_EXPIRED', 'EXPIRED'],
  ['CERT_NOT_YET_VALID', 'NOT_YET_VALID'],
  ['INVALID_PURPOSE', 'WRONG_PURPOSE'],
]);

/** Hex SHA-256 of the certificate's public key. Takes DER or PEM; throws when it is neither. */
export function keyFingerprint(certificate: X509Certificate | Buffer | string): string {
  const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return createHash('sha256')
    .update(parsed.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

export interface CheckPeerOptions {
  /** What the peer's certificate must be good for. Default `client`. */
  readonly purpose?: 'client' | 'server';
  readonly now?: Date;
}

/**
 * Call it after the handshake, and again on connections that stay open: a resumed session brings the verdict of its
 * first handshake with it, so validity times are compared here once more (D10).
 */
export function checkPeer(socket: TLSSocket, options: CheckPeerOptions = {}): PeerCheck {
  const now = options.now ?? new Date();
  const purpose = options.purpose ?? 'client';
  const certificate = socket.getPeerX509Certificate();
  // Asked first: for a resumed TLS 1.3 session without certificate, Node says `authorized`.
  if (certificate === undefined) return refuse('NO_CERTIFICATE', `the peer sent no ${purpose} certificate`);
  const validity = checkValidity(certificate, now);
  if (!socket.authorized) {
    const openssl = opensslCode(socket);
    const code = CODE_OF_OPENSSL.get(openssl) ?? 'BAD_CHAIN';
    // OpenSSL goes on after a failure and leaves the last one, so a certificate with two faults shows one of them.
    if (validity !== undefined && (code === 'EXPIRED' || code === 'NOT_YET_VALID')) return validity;
    return refuse(code, explain(code, certificate, openssl, purpose));
  }
  if (validity !== undefined) return validity;
  const misused = checkPurpose(certificate, purpose);
  if (misused !== undefined) return misused;
  return {
    ok: true,
    fingerprint: keyFingerprint(certificate),
    subject: subjectOf(certificate),
    uris: urisOf(certificate.subjectAltName),
    notAfter: certificate.validToDate,
    certificate,
  };
}

/** The dates alone: undefined while the certificate is valid. Cheap enough for every use of an open connection. */
export function checkValidity(certificate: X509Certificate, now: Date): PeerRefusal | undefined {
  const name = subjectOf(certificate);
  if (now > certificate.validToDate) {
    return refuse(
      'EXPIRED',
      `the certificate of "${name}" expired on ${certificate.validToDate.toISOString()}`,
    );
  }
  if (now < certificate.validFromDate) {
    const from = certificate.validFromDate.toISOString();
    return refuse(
      'NOT_YET_VALID',
      `the certificate of "${name}" is valid from ${from}, our clock says ${now.toISOString()}`,
    );
  }
  return undefined;
}

/** The extended key usage alone: undefined where the certificate may be used for `purpose`. */
export function checkPurpose(
  certificate: X509Certificate,
  purpose: 'client' | 'server',
): PeerRefusal | undefined {
  if (hasUsage(certificate, purpose)) return undefined;
  return refuse('WRONG_PURPOSE', explain('WRONG_PURPOSE', certificate, '', purpose));
}

/** The URI entries of Node's subjectAltName string. */
export function urisOf(subjectAltName: string | undefined): string[] {
  if (subjectAltName === undefined) return [];
  const uris: string[] = [];
  // Node puts a value that holds a comma, a quote or a control character into a JSON string, so that a crafted name
  // cannot pose as a second entry; splitting at commas would let it.
  for (const match of subjectAltName.matchAll(/(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const [, kind, value] = match;
    if (kind !== 'URI' || value === undefined) continue;
    uris.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return uris;
}

/** The authority that has signed this certificate. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find((authority) => isSignedBy(certificate, authority));
}

export function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function refuse(code: PeerRefusalCode, message: string): PeerRefusal {
  return { ok: false, code, message };
}

/** On a server Node leaves the code itself, on a client an Error that carries it. */
function opensslCode(socket: TLSSocket): string {
  const error: unknown = socket.authorizationError;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return 'UNKNOWN';
}

function explain(
  code: PeerRefusalCode,
  certificate: X509Certificate,
  openssl: string,
  purpose: 'client' | 'server',
): string {
  const name = subjectOf(certificate);
  const issuer = oneLine(certificate.issuer);
  switch (code) {
    case 'UNTRUSTED_ISSUER':
      return `the certificate of "${name}" is issued by "${issuer}", which is not among our trusted authorities, or an intermediate certificate was not sent (${openssl})`;
    case 'WRONG_PURPOSE':
      return `the certificate of "${name}" is not meant for a ${purpose}: ${misuse(certificate, purpose)}`;
    case 'EXPIRED':
      return `a certificate in the chain of "${name}" (issuer "${issuer}") has expired`;
    case 'NOT_YET_VALID':
      return `a certificate in the chain of "${name}" (issuer "${issuer}") is not valid yet`;
    case 'BAD_CHAIN':
      return `the certificate chain of "${name}" (issuer "${issuer}") does not verify: ${openssl}`;
    case 'NO_CERTIFICATE':
      return `the peer sent no ${purpose} certificate`;
  }
}

function misuse(certificate: X509Certificate, purpose: 'client' | 'server'): string {
  if (hasUsage(certificate, purpose)) return 'its key usage does not allow signatures (digitalSignature)';
  return `its extended key usage lacks ${purpose}Auth`;
}

/** Absent means "any purpose" (RFC 5280 §4.2.1.12). */
function hasUsage(certificate: X509Certificate, purpose: 'client' | 'server'): boolean {
  const usages: readonly string[] = certificate.keyUsage ?? [];
  return (
    usages.length === 0 ||
    usages.includes(EXTENDED_KEY_USAGE[purpose]) ||
    usages.includes(ANY_EXTENDED_KEY_USAGE)
  );
}

/** The subject's parts on one line, for people. */
export function subjectOf(certificate: X509Certificate): string {
  return oneLine(certificate.subject);
}

/** Cut: a stranger's certificate may be as large as a handshake takes, and its names go into the log. */
function oneLine(distinguishedName: string | undefined): string {
  return (distinguishedName ?? '').slice(0, MAX_NAME_LENGTH).toWellFormed().replaceAll('\n', ', ');
}
