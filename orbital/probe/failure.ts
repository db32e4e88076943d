/** What a connection that could not be made says of the reason. */
import { errorCode, errorMessage } from '../../platform/errors.ts';
import type { BrokerTrouble } from './answers.ts';

/** As OpenSSL and Node name what is wrong with a certificate or a handshake. */
const TLS_CODE =
  /^(?:ERR_(?:SSL|TLS|OSSL)_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_PURPOSE|EPROTO)/;
const MAX_DEPTH = 5;

export function isTlsFailure(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && current !== undefined && current !== null; depth++) {
    if (TLS_CODE.test(errorCode(current) ?? '')) return true;
    current = current instanceof Error ? current.cause : undefined;
  }
  return false;
}

export function connectionTrouble(error: unknown): BrokerTrouble {
  return { kind: isTlsFailure(error) ? 'tls' : 'unreachable', message: errorMessage(error) };
}
