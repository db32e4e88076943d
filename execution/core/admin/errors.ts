/** How every refusal of the admin listener is answered: one status and one stable code each. */
import { SecretWipedError } from '../../envelope/index.ts';
import {
  KeychainError,
  type KeychainErrorCode,
  ShareError,
  type ShareErrorCode,
} from '../../keychain/index.ts';
import { UnsealingError, unsealingErrors } from '../unsealing/errors.ts';

export const adminErrors = {
  INVALID_REQUEST: { status: 400, remedy: 'use the okcm of the same version as the core' },
  NOT_FOUND: { status: 404, remedy: 'use the okcm of the same version as the core' },
  TOO_LARGE: { status: 413, remedy: 'a share, or 255 holders, are far smaller' },
  INTERNAL: { status: 500, remedy: 'the log of the core says more' },
} as const;

export interface AdminProblem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A share that is refused is the request's fault, a manifest that is not whole the region's. */
const shareStatus = (code: ShareErrorCode): number => (code === 'INVALID_PLAN' ? 400 : 422);
const unavailable: ReadonlySet<KeychainErrorCode> = new Set(['SEAL_UNAVAILABLE', 'RECORD_REJECTED', 'BUSY']);

/** Says of an unexpected error nothing but that it happened. */
export function problemOf(error: unknown): AdminProblem {
  if (error instanceof UnsealingError) return { ...named(error), status: unsealingErrors[error.code].status };
  if (error instanceof ShareError) return { ...named(error), status: shareStatus(error.code) };
  if (error instanceof KeychainError)
    return { ...named(error), status: unavailable.has(error.code) ? 503 : 409 };
  if (error instanceof SecretWipedError) return own('INTERNAL', 'the core is stopping');
  const status = statusOf(error);
  if (status === 413) return own('TOO_LARGE', 'the request is too large');
  if (status === 404) return own('NOT_FOUND', 'there is no such address');
  if (status >= 400 && status < 500) return own('INVALID_REQUEST', 'the request is not well formed');
  return own('INTERNAL', 'the core failed');
}

function named({ code, message, hint }: { code: string; message: string; hint: string }) {
  return { code, message, hint };
}

function own(code: keyof typeof adminErrors, message: string): AdminProblem {
  return { code, message, hint: adminErrors[code].remedy, status: adminErrors[code].status };
}

/** Fastify's own refusals carry a status. */
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' ? error.statusCode : 500;
}
