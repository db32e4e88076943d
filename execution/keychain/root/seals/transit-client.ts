/** A call to a transit engine, and what its answers mean to a seal. */
import { KeychainError } from '../../errors.ts';
import { callOpenBao, type OpenBaoAnswer, type OpenBaoServer, recordOf } from '../../openbao-client.ts';

export interface TransitOptions extends OpenBaoServer {
  /** Where the engine is mounted. */
  readonly mount: string;
  /** The transit key; its type must take associated data (aes256-gcm96, the default of the engine). */
  readonly key: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const ERRORS = { misconfigured: 'SEAL_REJECTED', unavailable: 'SEAL_UNAVAILABLE' } as const;

/** Calls `action` (encrypt, decrypt) on the key. @throws KeychainError SEAL_UNAVAILABLE, SEAL_REJECTED. */
export async function callTransit(
  options: TransitOptions,
  action: 'encrypt' | 'decrypt',
  body: object,
): Promise<unknown> {
  const path = [...options.mount.split('/'), action, options.key];
  const request = { method: 'POST', path, body, maxAnswerBytes: MAX_ANSWER_BYTES } as const;
  return dataOf(await callOpenBao(options, request, ERRORS), `/v1/${path.join('/')}`);
}

function dataOf({ origin, status, said, body }: OpenBaoAnswer, path: string): unknown {
  if (status === 403) {
    throw new KeychainError(
      'SEAL_REJECTED',
      `${said}: the token is expired or its policy does not allow ${path}`,
    );
  }
  if (status === 404) throw new KeychainError('SEAL_REJECTED', `${said}: no such key or engine, ${path}`);
  if (status === 400) throw new KeychainError('SEAL_REJECTED', said);
  if (status === 503) throw new KeychainError('SEAL_UNAVAILABLE', `${said}: it is sealed or in maintenance`);
  if (status !== 200) throw new KeychainError('SEAL_UNAVAILABLE', said);
  const data = recordOf(body?.['data']);
  if (data !== undefined) return data;
  throw new KeychainError('SEAL_REJECTED', `${origin} does not answer as a transit engine does`);
}
