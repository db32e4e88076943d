/** Every bound of the client with its number (D14). What happens past it stands beside it; `ConnectOptions` may change most. */
import type { LaneName } from './lanes/lane-of.ts';

export interface LaneLimits {
  /** Connections to one gateway. */
  readonly connections: number;
  /** Requests that wait for their answers on one connection: gateways answer in order. 1 for servers that cannot. */
  readonly pipeline: number;
  /** Requests that wait for a place, over all gateways; the next one fails at once with OVERLOADED. */
  readonly queue: number;
  /** From the call to its outcome, unless the call says otherwise; past it the call fails with DEADLINE. */
  readonly deadlineMs: number;
  /** One gateway's part of that, for what may be repeated: past it that is tried elsewhere, and the connection is given up. */
  readonly attemptMs: number;
}

/**
 * A gateway gives a lifecycle operation 10 s (and says so itself), so those who wait for one wait a little longer. Such
 * requests stand behind each other on no connection.
 */
export const DEFAULT_LANES: Readonly<Record<LaneName, LaneLimits>> = {
  hot: { connections: 4, pipeline: 16, queue: 1_024, deadlineMs: 5_000, attemptMs: 1_000 },
  first: { connections: 2, pipeline: 4, queue: 1_024, deadlineMs: 12_000, attemptMs: 11_000 },
  lifecycle: { connections: 4, pipeline: 1, queue: 256, deadlineMs: 12_000, attemptMs: 11_000 },
};

/** Gateways of one region; more: INVALID_OPTION. */
export const MAX_GATEWAYS = 64;
/** TCP, TLS and both certificates. A gateway that takes longer counts as one that cannot be reached. */
export const CONNECT_TIMEOUT_MS = 3_000;
/** An answer; a larger one ends its connection. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;
/** That, as an option may say; what is told in a message's length, and fits a buffer. More: INVALID_OPTION. */
export const MAX_MESSAGE_BYTES = 2 ** 30;
/** TLS sessions kept for each gateway; the oldest is forgotten. */
export const MAX_SESSIONS = 8;

/** Keys that a gateway is known to hold, or not to; the one least recently used is forgotten. */
export const MAX_KNOWN_KEYS = 65_536;
/** A hot request that took longer was not answered from memory, and its key leaves the hot lane for so long. */
export const HOT_SLOW_MS = 250;
export const SLOW_KEY_MEMORY_MS = 60_000;

/** Attempts of one call, the first one included. One that has not left counts only against the deadline. */
export const MAX_ATTEMPTS = 4;
export const RETRY_BACKOFF = { baseMs: 20, capMs: 1_000 } as const;
/**
 * Each call earns a tenth of a retry; no more than so many are saved, and so many are there at the start: all that may be
 * in flight at a gateway when it is killed. Without one left a failure is told at once: gateways in trouble get at most
 * a tenth more than they were asked anyway. A request that has not left costs none.
 */
export const RETRY_EARNED = 0.1;
export const MAX_RETRIES_SAVED = 100;

/** Failures in a row after which a gateway's lane is left alone, until a probe has been answered. */
export const BREAKER_FAILURES = 3;
export const BREAKER_BACKOFF = { baseMs: 200, capMs: 5_000 } as const;
/** With no gateway left all are probed at once, for so long at most; before the next such look all calls fail without one. */
export const LOOK_AGAIN_MS = 500;
export const LOOK_AGAIN_SPACING_MS = 200;
/** A hot lane from which nothing was heard for so long is asked for its versions. */
export const HEALTH_INTERVAL_MS = 5_000;
export const PROBE_TIMEOUT_MS = 2_000;
/** A source of TLS material is asked this often whether there is something new. */
export const TLS_RELOAD_INTERVAL_MS = 60_000;

/** Operations with a histogram of their own; further ones (of vendors) are counted as `other`. */
export const MAX_MEASURED_OPERATIONS = 96;
