/**
 * Keys for TLS session tickets, the same in all workers of a gateway: a client resumes its session whichever of them takes
 * its next connection. The primary makes them, hands them over by the pipe and keeps them nowhere else; tickets under the
 * key before are still taken, and answered with new ones.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:tls';

const PART_BYTES = 16;

/** As OpenSSL wants it: 16 bytes each of name, HMAC key and AES key. */
export type TicketKey = Uint8Array;
export const TICKET_KEY_BYTES = 3 * PART_BYTES;

export interface TicketKeys {
  readonly current: TicketKey;
  /** Made before that, and taken still. */
  readonly previous: TicketKey | undefined;
}

export function freshTicketKeys(before?: TicketKeys): TicketKeys {
  return { current: randomBytes(TICKET_KEY_BYTES), previous: before?.current };
}

/** OpenSSL's answers to "which key?" (SSL_CTX_set_tlsext_ticket_key_cb). */
const answers = { unknown: 0, use: 1, useAndRenew: 2 } as const;

type KeyChoice = readonly [
  answer: number,
  hmac: Uint8Array,
  aes: Uint8Array,
  name: Uint8Array,
  iv: Uint8Array,
];

/** Which key a ticket is made or opened with. Exported for its test. */
export function chooseKey(
  { current, previous }: TicketKeys,
  name: Uint8Array,
  iv: Uint8Array,
  makes: boolean,
): KeyChoice {
  if (makes) return [answers.use, hmacOf(current), aesOf(current), nameOf(current), randomBytes(PART_BYTES)];
  if (timingSafeEqual(name, nameOf(current))) return [answers.use, hmacOf(current), aesOf(current), name, iv];
  if (previous !== undefined && timingSafeEqual(name, nameOf(previous)))
    return [answers.useAndRenew, hmacOf(previous), aesOf(previous), name, iv];
  return [answers.unknown, hmacOf(current), aesOf(current), name, iv];
}

/** What Node's context of OpenSSL has beyond its documentation; a runtime without it takes one key only. */
interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: (name: Uint8Array, iv: Uint8Array, makes: boolean) => KeyChoice;
}

/**
 * From now on the server makes its tickets with the current key and takes the previous one as well. To be called again
 * after `setSecureContext`. Where the runtime has no hook for it, tickets under the previous key cost a whole handshake.
 */
export function useTicketKeys(server: Server, keys: TicketKeys): void {
  server.setTicketKeys(Buffer.from(keys.current));
  const context = nativeContextOf(server);
  if (context?.enableTicketKeyCallback === undefined) return;
  context.onticketkeycallback = (name, iv, makes) => chooseKey(keys, name, iv, makes);
  context.enableTicketKeyCallback();
}

function nativeContextOf(server: Server): NativeContext | undefined {
  const shared: unknown = Reflect.get(server, '_sharedCreds');
  if (typeof shared !== 'object' || shared === null) return undefined;
  const context: unknown = Reflect.get(shared, 'context');
  return typeof context === 'object' && context !== null ? context : undefined;
}

const nameOf = (key: TicketKey): Uint8Array => key.subarray(0, PART_BYTES);
const hmacOf = (key: TicketKey): Uint8Array => key.subarray(PART_BYTES, 2 * PART_BYTES);
const aesOf = (key: TicketKey): Uint8Array => key.subarray(2 * PART_BYTES);
