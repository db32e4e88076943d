/**
 * Every bound of the gateway with its number (D14). What happens past it stands beside it. Where a gateway has several
 * processes (D18), connections and what lies in the store are counted for all together, everything else for each.
 */

/** Connections of applications to a gateway, over all its workers; further ones are closed before the handshake. */
export const MAX_CONNECTIONS = 4096;
/** Of these, connections of one identity at all ports, unless configured, in equal shares of the workers; a further one is refused. */
export const DEFAULT_CONNECTIONS_PER_IDENTITY = 512;
/** A handshake that takes longer is ended. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Handshakes under way at one port, in equal shares of the workers; with a further one the oldest is ended. */
export const MAX_HANDSHAKES = 1_024;
/** Open connections are judged anew by registry, expiry and revocation lists this often; changes do it at once. */
export const EXPIRY_CHECK_INTERVAL_MS = 500;
/** Trusted issuers of application certificates; further ones are logged and not trusted. */
export const MAX_ISSUERS = 1_000;

/** One message of an application; a larger one ends the connection. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** The same message as XML or JSON, which are several times larger; more: HTTP status 413. */
export const MAX_HTTPS_BODY_BYTES = 4 * MAX_REQUEST_BYTES;
/** Bytes that Encrypt under an L3 takes: it wraps keys, it is no bulk cipher. More: Invalid Field. */
export const MAX_L3_DATA_BYTES = 64 * 1024;

/** Objects with their plain L4 key in memory; the one least recently used is wiped. */
export const MAX_CACHED_KEYS = 50_000;
/**
 * Of each half of the young generation of a process that serves (collector.ts). V8 lets it grow no further than
 * `--max-semi-space-size` says, which is less by default where a container has little memory: what is deployed says as much.
 */
export const SEMI_SPACE_MIB = 16;
/** Locked memory that those keys may take together, unless configured; the one least recently used is wiped. */
export const DEFAULT_KEY_MEMORY_BYTES = 16 * 1024 * 1024;
/**
 * Encryptions under one key with an IV that this gateway chose at random (NIST SP 800-38D §8.3). Past it Encrypt
 * is refused until the key is replaced.
 */
export const MAX_RANDOM_IVS_PER_KEY = 2 ** 32;
/**
 * Encryptions under one key that a process has counted in memory alone: the counts are written every second. Past it, with
 * the store out of order, Encrypt is refused until they are.
 */
export const MAX_UNWRITTEN_IVS = 2 ** 22;
/** Keys whose counts are written in one transaction, some five milliseconds in which no request is answered; the rest in the next ones. */
export const IV_COUNTS_WRITTEN_AT_ONCE = 1_000;
/** Encryptions that a crash may leave uncounted: as many, of each of MAX_WORKERS processes. */
export const RANDOM_IV_MARGIN = 2 ** 28;
/** Keys whose first client-chosen IV has been noted in the audit trail; then the list starts anew. */
export const MAX_NOTED_CLIENT_IVS = 10_000;

/** Services whose L3 is in memory; more: the request fails and can be tried again. As many as one heartbeat renews. */
export const MAX_LEASES = 10_000;
/** Services of which we remember something, leased or not; of further ones a push tells us nothing that we must keep. */
export const MAX_REMEMBERED_SERVICES = 2 * MAX_LEASES;
/**
 * Versions of one L3 in memory, and locked memory that all leases take together, subkeys included; past either the
 * version least recently used is wiped, and fetched again when data needs it. An active version stays.
 */
export const MAX_LEASED_VERSIONS = 256;
export const MAX_LEASED_BYTES = 16 * 1024 * 1024;
/** How long a lease that the core has refused stays refused without asking again. */
export const LEASE_REFUSAL_CACHE_MS = 1_000;
/** After data named a version that the core does not know either, the core is not asked for this long by such data. */
export const LEASE_REFRESH_MIN_MS = 1_000;
/**
 * Refreshes that nobody waits for: of all services at once; between two of one service; and tries of one before it is
 * left to the next heartbeat, which tells that the lease is not what it should be.
 */
export const MAX_BACKGROUND_REFRESHES = 4;
export const REFRESH_SPACING_MS = 100;
export const MAX_REFRESH_TRIES = 8;
export const REFRESH_BACKOFF = { baseMs: 100, capMs: 2_000 } as const;
/** How often a request for one version looks again after something came in between. */
export const MAX_VERSION_ROUNDS = 8;
/**
 * A core may grant on facts that are half a second old. Where a push told of a younger active version, and the answer
 * cannot do without it, the core is asked again after this long, so often; what was told is remembered for so long.
 */
export const STALE_GRANT_RETRY_MS = 100;
export const MAX_STALE_ROUNDS = 10;
export const TOLD_MEMORY_MS = 10_000;
/** A lease, sync or flush that a request waits for. */
export const LEASE_DEADLINE_MS = 2_000;
export const FLUSH_DEADLINE_MS = 2_000;
/** Rounds of "behind, sync, ask again" before a lease request gives up. */
export const MAX_LEASE_ROUNDS = 3;

/** A gateway tells the core that it lives, and renews its leases, this often; without an answer for so long it has failed. */
export const HEARTBEAT_INTERVAL_MS = 1_000;
export const HEARTBEAT_TIMEOUT_MS = 2_000;
/** The core is ahead of us by pushes that did not come: after this long, leased keys are not served until synced (D7). */
export const MAX_GAP_MS = 500;
/** Heads of the core that we remember until we have reached them; observed later, they count as the last of these. */
export const MAX_OPEN_GAPS = 64;
/** A tunnelled request without an answer. Lifecycle operations may be slow; the outcome is then unknown. */
export const TUNNEL_TIMEOUT_MS = 10_000;
/**
 * Tunnelled requests under way, each on a connection that it has to itself, since answers on one connection come in
 * order (D8): of all tenants, and of one. More wait in line.
 */
export const TUNNEL_CONNECTIONS = 16;
export const MAX_TUNNELLED_PER_TENANT = 4;
/** Those in line, of all tenants and of one; the next one is refused at once, and one that has waited for so long then. */
export const MAX_TUNNEL_QUEUE = 1_024;
export const MAX_TUNNEL_QUEUE_PER_TENANT = 256;
export const MAX_TUNNEL_WAIT_MS = 5_000;
/** Connections of the other lanes, and requests under way on each; more are refused. */
export const HOT_CONNECTIONS = 2;
export const MAX_PENDING_PER_CONNECTION = 256;
/** Connections that a new client certificate has replaced are closed after this long, when all they carried has ended. */
export const RETIRED_CARRIERS_MS = TUNNEL_TIMEOUT_MS + 1_000;
/** While the core is away it is tried again after a time that grows from the first to the last of these, with jitter. */
export const MIN_RECONNECT_MS = 50;
export const RECONNECT = { baseMs: 100, capMs: 1_000 } as const;
/** Of the heartbeat's interval: so much earlier, at random, that gateways which started together do not stay together. */
export const HEARTBEAT_JITTER = 0.1;
/** Leases that are over are wiped this often, whatever else goes on. */
export const LEASE_SWEEP_MS = 500;
export const BACKOFF = { baseMs: 100, capMs: 5_000 } as const;

/** Keys of one announcement: half as many after each that the core did not answer in time, and then again more. */
export const ANNOUNCE_BATCH = 256;
export const MIN_ANNOUNCE_BATCH = 8;
/** Keys that may wait for their announcement, unless configured; Create alone is refused past it (D6). */
export const DEFAULT_BACKLOG = 1_000_000;
/** Keys that one tenant may have at this gateway, unless configured; the tenant's next Create is refused, and nobody else's. */
export const MAX_KEYS_PER_TENANT = 1_000_000;

/** Worker processes of one gateway. Each has up to seven connections to the core, which takes 1,024 of all gateways. */
export const MAX_WORKERS = 64;
/** A worker that serves no connection after this long is killed; at the first start of a gateway, that has failed. */
export const WORKER_START_TIMEOUT_MS = 30_000;
/** Pauses before a worker that dies is started again; one that served for this long is started at once. */
export const WORKER_BACKOFF = { baseMs: 200, capMs: 5_000 } as const;
export const WORKER_SETTLED_MS = 2_000;
/** A worker that does not tell its status or metrics in time is left out of the gateway's. */
export const WORKER_ANSWER_MS = 1_000;
/** How long a gateway that starts waits for its predecessor to let go of the store. */
export const STORE_LOCK_WAIT_MS = 2_000;
/** And for the workers of one whose primary was killed: they end within the shutdown's 10 s. */
export const STORE_LEFT_WAIT_MS = 12_000;
/** Accepted connections that no worker has taken yet; further ones are closed. A late one is closed like a late handshake. */
export const MAX_WAITING_CONNECTIONS = 1_024;
/** A connection waits so long for the worker with the fewest, while that one is busy, and then goes to another. */
export const HAND_OVER_PATIENCE_MS = 25;
/** What a worker tells the others in passing (new keys, connections that ended) is gathered for this long. */
export const SIBLING_GATHER_MS = 5;
/** An answer that changes an object waits so long for the other workers to hear of it; then their pushes tell them. */
export const MAX_SIBLING_WAIT_MS = 100;
/** A write that finds another worker's transaction in its way tries again after this long, and gives up after that long. */
export const STORE_BUSY_RETRY_MS = 1;
export const STORE_BUSY_WAIT_MS = 2_000;
/** A worker that has asked its primary to end all of them ends itself after this long, and the primary without those who hang. */
export const RUINED_END_MS = 1_000;
/** Keys of session tickets are replaced this often; those before are taken for as long again. */
export const TICKET_KEY_LIFETIME_MS = 6 * 3_600_000;

/** A gateway that stops: for the answers in flight, and then for telling the core of keys and audit events that wait. */
export const DRAIN_REQUESTS_MS = 3_000;
export const DRAIN_CORE_MS = 2_000;
/** A worker that has no request any more ends within this time, or is killed. All of it fits the shutdown's 10 s. */
export const WORKER_STOP_MS = 1_500;

/** Writes of one transaction; the rest goes into the next. */
export const MAX_COMMIT_GROUP = 1_024;
/** Creates waiting for their commit; the next one is refused. */
export const MAX_COMMIT_QUEUE = 16_384;

/**
 * Audit events kept while the core is away, unless configured. Past it Create and Get are refused, or go on unrecorded, as
 * configured; refusals are only logged and counted.
 */
export const MAX_AUDIT_BACKLOG = 2_000_000;
/** Characters of one text in an audit event; the rest is cut off. */
export const MAX_AUDIT_TEXT_LENGTH = 256;
/** Keys given out are recorded together, after this long. A crash loses these. */
export const READ_GATHER_MS = 20;
/**
 * Keys given out whose entries wait in memory: two seconds of Gets at full speed. Past it, with the store out of order,
 * Create and Get are refused, or go on unrecorded, as configured.
 */
export const MAX_NOTED_READS = 65_536;
/** Of them, in one transaction; and events of one row of the outbox, which never fill a heartbeat by themselves. */
export const MAX_READS_PER_WRITE = 4_096;
export const MAX_EVENTS_PER_ENTRY = 128;
/** After a failure to write them. */
export const AUDIT_RETRY_MS = 1_000;
/** Events that are let go are logged as a sum, this often. */
export const AUDIT_LOSS_REPORT_MS = 1_000;
/** Refusals recorded one by one in a second; further ones are recorded as a sum. */
export const MAX_REFUSAL_EVENTS_PER_SECOND = 200;
/** Lines of the log about refusals of one reason to one application in a second; the next line tells how many were left out. */
export const REFUSAL_LINES_PER_SECOND = 20;
/** Reasons and applications that are told apart so. */
export const MAX_REFUSAL_LINE_KINDS = 1_000;

/** One answer of Redis, a connection to it included. Past it the connection is given up, and what waited is refused. */
export const REDIS_TIMEOUT_MS = 2_000;
/** Commands to Redis under way; the next is refused. */
export const MAX_REDIS_QUEUE = 32_768;
/** Changes of the core that wait for Redis while it is away. Past it no further push is applied, and leased keys are not served. */
export const MAX_REDIS_OUTBOX = 65_536;
/** Changes that go to Redis together. */
export const REDIS_OUTBOX_BATCH = 512;
/** How often Redis is looked at while nothing else asks it, and how long to wait before it is tried again. */
export const REDIS_PING_MS = 1_000;
export const REDIS_BACKOFF = { baseMs: 50, capMs: 1_000 } as const;
/** Wrapped keys that Redis has told of and that are kept at hand, the first out first: some 1 KiB each. */
export const MAX_LOADED_KEYS = 16_384;
/** Keys that one message may have asked of Redis. As many as a message of MAX_REQUEST_BYTES can name in earnest. */
export const MAX_KEYS_LOADED_AT_ONCE = 4_096;
/** What a client of Redis waits for its secret: characters of the password's file. */
export const MAX_REDIS_PASSWORD_BYTES = 4_096;
/** Rows written after which SQLite's log is brought into the database beside the event loop: a new key writes some six. */
export const CHECKPOINT_ROWS = 600;
/** Who reads or writes meanwhile is waited for as long, with the next commit waiting as well. */
export const CHECKPOINT_BUSY_MS = 50;
/** Rows of one process at which it does so behind a commit instead. */
export const CHECKPOINT_ROWS_AT_MOST = 4_000;
/** What of a log that was longer once is given back when it is begun anew. */
export const MAX_KEPT_LOG_BYTES = 64 * 1024 * 1024;
/** What closing the store waits for one that is under way. */
export const CHECKPOINT_STOP_MS = 1_000;
