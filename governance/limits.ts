/** Every number that bounds CMK, in one place (D14). Past one of them a caller gets LIMIT_REACHED with its name. */

export const MAX_REGIONS = 1000;
export const MAX_GATEWAYS_PER_REGION = 256;
export const MAX_ISSUERS = 256;
export const MAX_SERVICES_PER_TENANT = 1000;
export const MAX_KEYS_PER_TENANT = 100;
export const MAX_APPLICATIONS_PER_TENANT = 10_000;

export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_CERTIFICATE_LENGTH = 16_384;
export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 200;
export const REQUEST_TIMEOUT_MS = 30_000;
export const MAX_CONNECTIONS = 512;
/** So many requests without a valid credential are answered at once, and one more for each time that has passed. */
export const AUTH_FAILURE_BURST = 20;
export const AUTH_FAILURE_REFILL_MS = 1_000;

/** A region that has said nothing for so long is shown as stale. Regions report every few seconds. */
export const REPORT_STALE_MS = 15_000;

/** Provisioning and registration that a region has not done by then has failed; it can be retried. */
export const PROVISION_DEADLINE_MS = 24 * 3_600_000;
/** The region's key pair of an epoch is useless once nobody waits for the link any more. */
export const PREPARE_DEADLINE_MS = 24 * 3_600_000;

/**
 * Longest that each of the two jobs of a rotation may take. Renewals of the living epoch stand behind them, so a rotation
 * that a region cannot do must be over long before that epoch expires.
 */
export const ROTATE_DEADLINE_MS = 3_600_000;
export const rotateDeadlineMs = (ttlMs: number): number =>
  Math.max(1, Math.min(ROTATE_DEADLINE_MS, Math.floor(ttlMs / 8)));
/** Links that the schedule rotates in one round: what was onboarded together comes due together. */
export const ROTATE_BATCH = 64;
/** A scheduled rotation comes up to this share of its period early, so that tenants do not come all at once. */
export const ROTATE_JITTER = 0.1;
/** A scheduled rotation that could not be begun, or has failed, is tried again so much later. */
export const ROTATE_RETRY_MS = 3_600_000;
/** Shortest period that may be asked for, of links and of keys. */
export const MIN_ROTATE_AFTER_S = 3_600;

/** A rotation or destruction of a key that a region has not done by then has failed. */
export const KEY_JOB_DEADLINE_MS = 3_600_000;
/** How old the inventory may be on whose word a version is destroyed; an answer that comes later is of no use. */
export const MAX_INVENTORY_AGE_MS = 15 * 60_000;
/**
 * How often regions rotate keys where nobody has set anything, in seconds; a region may be configured otherwise. A policy
 * is compared with it to tell whether it protects less.
 */
export const DEFAULT_ROTATE_AFTER_S = { tenantKey: 90 * 86_400, serviceKey: 30 * 86_400 } as const;

/** How long a worker that calls the keystore keeps others away from the link; longer than its calls may take. */
export const SEAL_CLAIM_MS = 60_000;
export const SEAL_CONCURRENCY = 8;
/** Within the time that a process has to shut down. */
export const SEAL_STOP_MS = 2_000;
export const SEAL_RETRY = { baseMs: 1_000, capMs: 60_000 } as const;
/** The worker is woken by NOTIFY; this is the safety net. */
export const SEAL_POLL_MS = 1_000;

export const RENEW_BATCH = 64;
export const PROBE_PAGE = 200;
export const KEYSTORE_CONCURRENCY = 4;

/** A key is asked for up to this share of its interval early, so that keys do not come all at once. */
export const PROBE_JITTER = 0.15;
/** How often due keys are looked for, as a share of the interval; what that adds is taken off the interval. */
export const PROBE_SCAN = { share: 0.1, minMs: 20, maxMs: 1_000 } as const;
/** A keystore without a clear answer is asked at most so much more rarely, and never more rarely than this. */
export const PROBE_BACKOFF_FACTOR = 8;
export const PROBE_BACKOFF_CAP_MS = 60_000;
/** Keys that no link stands on are asked for so much more rarely, and never more often than this. */
export const IDLE_PROBE_FACTOR = 10;
export const MIN_IDLE_PROBE_MS = 900_000;
