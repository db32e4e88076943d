/** What can go wrong between a client and its server, apart from what the server itself answers (a KmipError). */

/** Stable codes, and what to do. */
export const clientErrors = {
  KMIP_CONNECT_FAILED: 'check host, port and network, and that the server is running',
  KMIP_TLS_FAILED: 'check certificates, names and clocks on both sides',
  KMIP_CONNECTION_LOST: 'the request may or may not have been carried out: look before repeating it',
  KMIP_TIMEOUT:
    'the request may or may not have been carried out: look before repeating it, or allow more time',
  KMIP_OVERLOADED: 'send fewer requests at once, or enlarge the pool',
  KMIP_BAD_RESPONSE:
    'the server does not follow the protocol, or the response exceeds the limit of the client',
  KMIP_VERSION: 'leave out the field, or choose a newer protocol version',
  KMIP_CLOSED: 'the client has been closed: make a new one',
} as const;
export type KmipClientErrorCode = keyof typeof clientErrors;

/** Unless it is known better: with these the request may have reached the server. */
const perhapsSent: ReadonlySet<KmipClientErrorCode> = new Set([
  'KMIP_CONNECTION_LOST',
  'KMIP_TIMEOUT',
  'KMIP_BAD_RESPONSE',
]);

export type KmipClientErrorOptions = {
  readonly cause?: unknown;
  readonly hint?: string;
  readonly sent?: boolean;
};

export class KmipClientError extends Error {
  readonly code: KmipClientErrorCode;
  /** What whoever meets the error can do. */
  readonly hint: string;
  /** False: not a byte of the request has left, so that it was surely not carried out. */
  readonly sent: boolean;

  constructor(code: KmipClientErrorCode, message: string, options: KmipClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KmipClientError';
    this.code = code;
    this.hint = options.hint ?? clientErrors[code];
    this.sent = options.sent ?? perhapsSent.has(code);
  }

  /** The same error, of a request that has left or has not. */
  of(request: { readonly sent: boolean }): KmipClientError {
    if (request.sent === this.sent) return this;
    const { cause, hint } = this;
    return new KmipClientError(this.code, this.message, { cause, hint, sent: request.sent });
  }
}

/** Which check of a certificate failed, by the code that Node.js or OpenSSL gives. */
const certificateHints: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    "the server's certificate, or one of its issuers, has expired; if it has not, check this machine's clock",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet; if it is, check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate does not name this host: set `servername`, or renew it with the name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "`ca` does not hold the issuer of the server's certificate, or the server does not send its intermediate certificates",
  UNABLE_TO_GET_ISSUER_CERT: "an issuer of the server's certificate is missing from `ca`",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer of the server's certificate is missing from `ca`",
  SELF_SIGNED_CERT_IN_CHAIN: "the root of the server's certificate is missing from `ca`",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and is missing from `ca`",
  INVALID_PURPOSE: "the server's certificate lacks the extended key usage serverAuth",
  CERT_REVOKED: "the server's certificate has been revoked",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server wants a client certificate: set `cert` and `key`',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE:
    'the server refused the client certificate as malformed or not permitted',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    "the server says that the client certificate has expired; if it has not, check the server's clock",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'the server says that the client certificate has been revoked',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    'the server refused the client certificate: check its extended key usage clientAuth',
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    'the server refused the client certificate: check its extended key usage clientAuth',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the server does not trust the issuer of the client certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'no common TLS version or cipher, or the client certificate was refused',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'no common TLS version',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS on this port',
  EPROTO: 'the TLS handshake failed',
};

const isTlsCode = (code: string): boolean =>
  code in certificateHints || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_');

/** How far a connection has come: TLS 1.3 is connected before the server has judged the client's certificate. */
export type ConnectionStage = 'connecting' | 'connected' | 'answered';

/** Of a connection on which nothing was ever answered. */
const NEVER_ANSWERED =
  'nothing was answered on this connection: the server may have refused the client certificate, and its log says why; ' +
  'otherwise the request may have been carried out: look before repeating it';

/** @param how what has happened to the connection to `where`, which is `host:port` */
export function lostConnection(how: string, stage: ConnectionStage, cause?: unknown): KmipClientError {
  const hint = stage === 'connected' ? { hint: NEVER_ANSWERED } : {};
  return new KmipClientError('KMIP_CONNECTION_LOST', how, { cause, ...hint });
}

/** The error of a socket as the client reports it. `where` is `host:port`. */
export function fromSocketError(
  error: Error & { code?: string },
  where: string,
  stage: ConnectionStage,
): KmipClientError {
  const code = error.code ?? '';
  if (isTlsCode(code)) {
    const hint = certificateHints[code];
    const options = hint === undefined ? { cause: error } : { cause: error, hint };
    return new KmipClientError('KMIP_TLS_FAILED', `TLS with ${where} failed: ${code}`, options);
  }
  return stage === 'connecting'
    ? new KmipClientError('KMIP_CONNECT_FAILED', `cannot connect to ${where}: ${code || error.message}`, {
        cause: error,
      })
    : lostConnection(`lost the connection to ${where}: ${code || error.message}`, stage, error);
}
