/**
 * How our servers and clients speak TLS: versions, suites, key exchange and session tickets, in one place. TLS 1.3 is
 * preferred; 1.2 is there for old clients, with ephemeral key exchange and authenticated ciphers alone. Key exchange is
 * a post-quantum hybrid (ML-KEM of FIPS 203 beside a curve) with whoever can.
 */
import { constants, createHash, randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { OkcmError } from './errors.ts';

/** `hybrid-only` refuses whoever cannot: TLS 1.3 alone, since 1.2 has no hybrids. */
export const keyExchanges = ['hybrid-preferred', 'hybrid-only', 'classic'] as const;
export type KeyExchange = (typeof keyExchanges)[number];

/**
 * From the best to what every OpenSSL takes. A slash ends what is preferred: a client that can do what stands before
 * it is asked to, at the cost of one round trip where it guessed otherwise (OpenSSL 3.5, SSL_CTX_set1_groups_list).
 */
const GROUPS: Readonly<Record<KeyExchange, readonly string[]>> = {
  'hybrid-preferred': [
    'X25519MLKEM768:SecP256r1MLKEM768/X25519:P-256:P-384',
    'X25519MLKEM768:X25519:P-256:P-384',
    'X25519:P-256:P-384',
  ],
  'hybrid-only': ['X25519MLKEM768:SecP256r1MLKEM768', 'X25519MLKEM768'],
  classic: ['X25519:P-256:P-384'],
};

const SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** What OpenSSL takes as the key of session tickets: 16 bytes of name, 16 for HMAC, 16 for AES. */
export const TICKET_KEYS_BYTES = 48;
/** How long a session may be resumed; then the client does a whole handshake. */
export const SESSION_LIFETIME_S = 300;
/** A ticket key is replaced after this long, so that one stolen later opens few recorded handshakes of TLS 1.2. */
export const TICKET_KEYS_LIFETIME_MS = 6 * 3_600_000;

export interface TlsTuning {
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Default `hybrid-preferred`. */
  readonly keyExchange?: KeyExchange | undefined;
}

export interface TlsServerSettings extends TlsTuning {
  /** PEM of the server's certificate, with its intermediates, and of its private key. */
  readonly cert: string;
  readonly key: string;
  /** PEM of the authorities whose certificates clients may show; one below another counts with that one alone. */
  readonly trusted: readonly string[];
  readonly tickets: TicketSettings;
}

export interface TicketSettings {
  /**
   * What sessions are for, such as the name of a port. A session is resumed only where this, `trusted` and `epoch` are
   * as they were: what OpenSSL found out about a certificate is not found out again on resumption.
   */
  readonly scope: string;
  /** TICKET_KEYS_BYTES: the same in all processes that share a port. Random for this context when left out. */
  readonly keys?: Uint8Array | undefined;
  /** Anything else whose change must end old sessions, such as a digest of revocation lists. */
  readonly epoch?: string | undefined;
}

export function freshTicketKeys(): Buffer {
  return randomBytes(TICKET_KEYS_BYTES);
}

/**
 * For `createServer` and `setSecureContext` alike. Errors: TLS_NO_HYBRID where only hybrids are asked for and the runtime
 * has none; whatever OpenSSL says of the certificate and key.
 */
export function serverContext(settings: TlsServerSettings): SecureContextOptions {
  const { cert, key, trusted, tickets } = settings;
  return {
    cert,
    key,
    ca: [...trusted],
    honorCipherOrder: true,
    // A second handshake on an open connection could bring another certificate.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: scopeOf(tickets, trusted),
    sessionTimeout: SESSION_LIFETIME_S,
    ...(tickets.keys === undefined ? {} : { ticketKeys: Buffer.from(tickets.keys) }),
    ...parameters(settings),
  };
}

/** For `connect`: the same versions, suites and key exchange. Errors: TLS_NO_HYBRID. */
export function clientParameters(tuning: TlsTuning = {}): ReturnType<typeof parameters> {
  return parameters(tuning);
}

function parameters({ minVersion = 'TLSv1.2', keyExchange = 'hybrid-preferred' }: TlsTuning) {
  const lowest: SecureVersion = keyExchange === 'hybrid-only' ? 'TLSv1.3' : minVersion;
  return { minVersion: lowest, ciphers: SUITES, ecdhCurve: groupsOf(keyExchange) };
}

const known = new Map<KeyExchange, string>();

/** The first list that this runtime's OpenSSL takes. */
function groupsOf(keyExchange: KeyExchange): string {
  const before = known.get(keyExchange);
  if (before !== undefined) return before;
  const groups = GROUPS[keyExchange].find(isTaken);
  if (groups === undefined) {
    throw new OkcmError(
      'TLS_NO_HYBRID',
      `keyExchange is "${keyExchange}", and the OpenSSL of this runtime (${process.versions.openssl}) has no ML-KEM`,
      { hint: 'run Node 24 or later, whose OpenSSL has it, or set keyExchange to "hybrid-preferred"' },
    );
  }
  known.set(keyExchange, groups);
  return groups;
}

function isTaken(ecdhCurve: string): boolean {
  try {
    createSecureContext({ ecdhCurve });
    return true;
  } catch {
    return false;
  }
}

/** OpenSSL takes 32 bytes at most. */
function scopeOf({ scope, epoch = '' }: TicketSettings, trusted: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of [scope, epoch, ...[...trusted].sort()]) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 32);
}
