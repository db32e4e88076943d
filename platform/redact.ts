// What a log line may not show. Works on names (a field called "password"), on kinds (bytes are never printed, since
// bytes may be a key), and, as the last net, on the finished line (PEM private keys, passwords inside URLs).
import { OkcmError } from './errors.ts';

export const REDACTED = '[redacted]';

const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_CAUSE_DEPTH = 5;

/** Names that are secret wherever they stand: `password`, `dbPassword`, `client_secret`, `accessToken`, `pemPrivate` ... */
const SECRET_NAME =
  /(password|passwd|passphrase|secret|token|authorization|cookie|credential|private_?key|pem_?private|private_?pem|key_?material|plaintext)$/i;
/** Names that are secret only as they stand: `keyId` or `publicKey` are useful in a log, a bare `key` is not worth the risk. */
const SECRET_WORD = /^(key|keys|pin|pem|share|shares|seed|ikm|kek|dek)$/i;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || SECRET_WORD.test(name);
}

/** A copy of the value that is safe to print; depth and breadth are bounded, cycles end at the depth limit. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date || value instanceof URL) return value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
    if (value.length > MAX_ITEMS) items.push(`[${value.length - MAX_ITEMS} more]`);
    return items;
  }
  const safe: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value).slice(0, MAX_ITEMS)) {
    safe[name] = isSecretName(name) && item !== undefined ? REDACTED : redact(item, depth + 1);
  }
  return safe;
}

/** What is printed of an error. */
export interface ErrorDescription {
  type: string;
  message: string;
  code?: string | number;
  hint?: string;
  stack?: string;
  cause?: unknown;
}

/** Only these fields are printed: drivers hang connection settings and rows on their errors. */
export function describeError(error: Error, depth = 0): ErrorDescription {
  const safe: ErrorDescription = { type: error.name, message: error.message };
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' || typeof code === 'number') safe.code = code;
  if (error instanceof OkcmError && error.hint !== undefined) safe.hint = error.hint;
  if (error.stack !== undefined) safe.stack = error.stack;
  if (error.cause !== undefined && depth < MAX_CAUSE_DEPTH) {
    safe.cause =
      error.cause instanceof Error ? describeError(error.cause, depth + 1) : redact(error.cause, 1);
  }
  return safe;
}

const PEM_PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?/g;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"]{0,128}:)[^\s/@"]{1,512}@/gi;

/** The last net, over the finished line: what a message string carried by accident. */
export function scrubLine(line: string): string {
  return line.replace(PEM_PRIVATE_KEY, REDACTED).replace(URL_PASSWORD, `$1${REDACTED}@`);
}
