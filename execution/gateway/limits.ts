/** Every bound of the gateway with its number (D14). What happens past it stands beside it. */

/** Connections of applications; further ones are closed before the handshake. */
export const MAX_CONNECTIONS = 4096;
/** A handshake that takes longer is ended. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Expiry of certificates on open connections is looked at this often. */
export const EXPIRY_CHECK_INTERVAL_MS = 1_000;
/** Trusted issuers of application certificates; further ones are logged and not trusted. */
export const MAX_ISSUERS = 1_000;

/** One message of an application; a larger one ends the connection. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** Bytes that Encrypt under an L3 takes: it wraps keys, it is no bulk cipher. More: Invalid Field. */
export const MAX_L3_DATA_BYTES = 64 * 1024;

/** Objects with their plain L4 key in memory; the one least recently used is wiped. */
export const MAX_CACHED_KEYS = 50_000;
/** Locked memory that those keys may take together, unless configured; the one least recently used is wiped. */
export const DEFAULT_KEY_MEMORY_BYTES = 16 * 1024 * 1024;
/**
 * Encryptions under one key with an IV that this gateway chose at random (NIST SP 800-38D §8.3). Past it Encrypt
 * is refused until the key is replaced.
 */
export const MAX_RANDOM_IVS_PER_KEY = 2 ** 32;
/** Encryptions that a crash may leave uncounted: the counts are written every second. */
export const RANDOM_IV_MARGIN = 2 ** 24;
/** Keys whose first client-chosen IV has been noted in the audit trail; then the list starts anew. */
export const MAX_NOTED_CLIENT_IVS = 10_000;

/** Services whose L3 is in memory; more: the request fails and can be tried again. As many as one heartbeat renews. */
export const MAX_LEASES = 10_000;
/** Versions of one L3 that a lease may bring. */
export const MAX_LEASED_VERSIONS = 256;
/** How long a lease that the core has refused stays refused without asking again. */
export const LEASE_REFUSAL_CACHE_MS = 1_000;
/** Least time between two leases for one service when data names a version that we do not hold. */
export const LEASE_REFRESH_MIN_MS = 1_000;
/** A lease, sync or flush that a request waits for. */
export const LEASE_DEADLINE_MS = 2_000;
export const FLUSH_DEADLINE_MS = 2_000;
/** Rounds of "behind, sync, ask again" before a lease request gives up. */
export const MAX_LEASE_ROUNDS = 3;

export const HEARTBEAT_INTERVAL_MS = 1_000;
export const HEARTBEAT_TIMEOUT_MS = 2_000;
/** The core is ahead of us by pushes that did not come: after this long, leased keys are not served until synced (D7). */
export const MAX_GAP_MS = 500;
/** A tunnelled request without an answer. Lifecycle operations may be slow; the outcome is then unknown. */
export const TUNNEL_TIMEOUT_MS = 10_000;
/** Tunnelled requests waiting or under way; the next one is refused at once. */
export const MAX_TUNNEL_QUEUE = 1_024;
export const TUNNEL_CONNECTIONS = 4;
export const BACKOFF = { baseMs: 100, capMs: 5_000 } as const;

/** Keys of one announcement. */
export const ANNOUNCE_BATCH = 256;

/** Writes of one transaction; the rest goes into the next. */
export const MAX_COMMIT_GROUP = 1_024;
/** Creates waiting for their commit; the next one is refused. */
export const MAX_COMMIT_QUEUE = 16_384;

/** Audit events kept while the core is away. Past it Create and Get are refused; refusals are only logged and counted. */
export const MAX_AUDIT_BACKLOG = 2_000_000;
/** Characters of one text in an audit event; the rest is cut off. */
export const MAX_AUDIT_TEXT_LENGTH = 256;
/** Keys given out are recorded together: after this long, or as soon as there are so many. A crash loses these. */
export const READ_GATHER_MS = 20;
export const MAX_GATHERED_READS = 512;
/** Refusals recorded one by one in a second; further ones are recorded as a sum. */
export const MAX_REFUSAL_EVENTS_PER_SECOND = 200;
