/**
 * Every number that bounds Orbital, in one place (D14). Past a limit a caller gets a typed error and nothing is
 * lost: whatever could not be sent stays in a database and is tried again.
 */

/** A task or status frame as it lies in the broker. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** A region report lists up to 1000 links, so it may be larger than a task. */
export const MAX_REPORT_FRAME_BYTES = 512 * 1024;
/** Payload, working state and result are JSON texts; payload + working state + base64url must fit one frame. */
export const MAX_PAYLOAD_BYTES = 32 * 1024;
export const MAX_WORKING_STATE_BYTES = 8 * 1024;
export const MAX_RESULT_BYTES = 32 * 1024;
/** Nesting of any JSON that crosses the wire: deep nesting is only ever an attack on a recursive reader. */
export const MAX_JSON_DEPTH = 32;
export const MAX_TARGETS_PER_JOB = 1024;
export const MAX_ERROR_MESSAGE_LENGTH = 512;
/** Fits a PostgreSQL integer with room to add one. */
export const MAX_ETAG = 2 ** 31 - 2;

/** Resend of a task whose status has not come: exponential with jitter between these. */
export const RESEND_BASE_MS = 2_000;
export const RESEND_CAP_MS = 60_000;
/** Another execution after a retryable failure. */
export const RETRY_BASE_MS = 500;
export const RETRY_CAP_MS = 60_000;
/** A region may ask to be called again, within these. */
export const MIN_RETRY_AFTER_MS = 50;
export const MAX_RETRY_AFTER_MS = 5 * 60_000;
/** Wait before a publish that the broker refused is tried again. */
export const PUBLISH_RETRY_MS = 1_000;

export const DISPATCH_BATCH = 64;
export const POLL_INTERVAL_MS = 1_000;
/** How often a dispatcher that has seen the broker away looks again. */
export const BROKER_CHECK_MS = 250;
export const SWEEP_INTERVAL_MS = 1_000;
export const SWEEP_BATCH = 64;
export const PURGE_INTERVAL_MS = 60_000;
export const PURGE_BATCH = 500;
/** Settled jobs are kept this long for operators to look at; the audit log is elsewhere. */
export const JOB_RETENTION_MS = 30 * 24 * 3_600_000;
/** An inbox row answers repeats of its task; the fence per entity is kept for ever. */
export const INBOX_RETENTION_MS = 7 * 24 * 3_600_000;
export const MAX_PAGE = 200;

/** Messages in hand per consumer. Operator: each holds one pooled connection while its handler runs. */
export const URGENT_PREFETCH = 4;
export const NORMAL_PREFETCH = 4;
export const STATUS_PREFETCH = 8;
export const REPORT_PREFETCH = 4;

/** A handler that takes longer is given up and reported UNAVAILABLE; it is tried again with backoff. */
export const HANDLER_TIMEOUT_MS = 30_000;
/** How long a handler that was told to stop may take to do so before its database session is ended. */
export const HANDLER_SETTLE_MS = 250;
export const SESSION_END_TIMEOUT_MS = 1_000;
/** How long one task waits for another of its entity in another process before the broker redelivers it. */
export const ENTITY_LOCK_TIMEOUT_MS = 2_000;
/** A cancelling task says so again after each such wait, for an older one may have taken the row in between. */
export const CANCEL_LOCK_TIMEOUT_MS = 250;
export const CANCEL_RETRY_MS = 50;
/**
 * Whoever keeps a cancelling task waiting and has idled in a transaction for so long loses its session. Looked after this often.
 * Handlers that are alive let nothing come near it.
 */
export const BLOCKER_IDLE_MS = 2_000;
export const BLOCKER_CHECK_MS = 500;
export const SIGN_OF_LIFE_MS = 500;
/** Connecting, waiting for the entity and looking up what is known of a task. */
export const DECIDE_TIMEOUT_MS = 5_000;
/** All that is done for one delivered message; less than ACK_WAIT_MS, more than a handler and its preliminaries. */
export const TASK_TIMEOUT_MS = 50_000;
/** How long a repeat of a task in hand waits for that before it is given back to the broker. */
export const DUPLICATE_WAIT_MS = 1_000;
/** Clocks of the planes may differ by this much (D1). */
export const CLOCK_SKEW_MS = 60_000;
/**
 * A sequence comes from governance's clock, so none that is honest runs far ahead of it. What names one that does would
 * close its entity for every later wish: governance takes no status in that is further ahead than the first, and a
 * region no task further than the second, which leaves room for clocks that differ.
 */
export const STATUS_SEQUENCE_AHEAD_MS = 5 * 60_000;
export const TASK_SEQUENCE_AHEAD_MS = 10 * 60_000;

/** A publish that the broker has not confirmed by then is a failure. */
export const PUBLISH_TIMEOUT_MS = 3_000;
/**
 * At the embedded broker a transaction of a region is ended with its session when it is so old: its transport makes one of each
 * call, and gives up a call after PUBLISH_TIMEOUT_MS. What stays open keeps the server from forgetting notifications and dead rows;
 * nobody sends the 8 GB for which there is room in this time.
 */
export const MAX_REGION_TRANSACTION_MS = 10_000;
/** How often governance looks for such. */
export const TRANSACTION_WATCH_MS = 5_000;
/** A message that was neither acknowledged nor given back is delivered again after this; longer than any handler. */
export const ACK_WAIT_MS = 60_000;
/** Delay before a message whose handler threw is delivered again: exponential by delivery, between these. */
export const REDELIVERY_BASE_MS = 500;
export const REDELIVERY_CAP_MS = 15_000;
export const RECONNECT_BASE_MS = 100;
export const RECONNECT_CAP_MS = 1_000;
/** Closing in order waits this long for a broker that may be gone. */
export const CLOSE_TIMEOUT_MS = 2_000;

/**
 * How many tasks a region may have been sent in one lane and not answered yet. Beyond that they wait in the database:
 * what waits in the broker longer than RESEND_BASE_MS is sent a second time for nothing, and statuses of bulk work would
 * stand in line before that of a revocation. Each time that a region slows down would then double its work. This many keep
 * the handlers of six cores busy, and are answered in half of the shortest wait for a resend by a region that does 48 a
 * second.
 */
export const NORMAL_IN_FLIGHT = 24;
export const URGENT_IN_FLIGHT = 512;
/** One that was sent more often does not count any more: whatever swallows its own tasks must not hold up all others. */
export const IN_FLIGHT_RESENDS = 3;
/** Due tasks of one target that are looked at in one turn, so that no region's backlog fills a batch. */
export const DISPATCH_SHARE = 16;
/** Between two looks for due tasks: what wakes a dispatcher meanwhile is answered by one look. */
export const URGENT_GAP_MS = 10;
export const NORMAL_GAP_MS = 20;
/**
 * When a task that waits for another one of its entity is looked at again. The end of the other one makes it due at
 * once; this is the safety net.
 */
export const ASIDE_MS = 10 * 60_000;
/** A target whose channel took no message is left alone for this long. */
export const TARGET_PAUSE_MS = 500;

/** Statuses that the broker has taken are marked as sent together, after this or when so many have come together. */
export const SENT_MARK_DELAY_MS = 50;
export const SENT_MARK_BATCH = 64;
export const MAX_SENT_MARKS = 1_024;
/** Batches of old answers that are forgotten in one go. */
export const PURGE_BATCHES = 20;

/** Frames that are remembered, so that one that comes again is known for what it is. */
export const MAX_SEEN_FRAMES = 8_192;
/** What was answered and comes again so much later was recorded by somebody: no resend and no broker is that slow. */
export const REPLAY_AFTER_MS = 10 * 60_000;
/**
 * Refused messages become entries of an audit trail so often, and so many at a time, beside one for each code and channel.
 * That is a budget, too, of which each entry takes one, and one comes back in a while; when it is used up, names are no
 * longer told apart, and entries are written so seldom.
 */
export const REJECTIONS_EVERY_MS = 2_000;
export const MAX_REJECTION_SUMS = 32;
export const REJECTION_SUM_REFILL_MS = 60_000;
export const FLOODED_REJECTIONS_EVERY_MS = 5 * 60_000;

/** Keys of governance that a region knows, most of them retired: so many by messages, and beyond them by a person alone. */
export const MAX_KNOWN_KEYS = 1_024;
export const MAX_KNOWN_KEYS_BY_HAND = 2_048;

/** How often it is counted how far regions are behind. */
export const MEASURE_EVERY_MS = 2_000;
/** And less often, so that it takes one part in so many of the time at most; but as often as this, for alerts look at it. */
export const MEASURE_SHARE = 50;
export const MEASURE_AT_LEAST_EVERY_MS = 15_000;
/** A task that has not ended by then is called stalled. */
export const STALLED_AFTER_MS = 60_000;
/** Regions that have series of their own; what concerns further ones is counted as of the region `other`. */
export const MAX_MEASURED_REGIONS = 1_024;
