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
/** Connecting, waiting for the entity and looking up what is known of a task. */
export const DECIDE_TIMEOUT_MS = 5_000;
/** All that is done for one delivered message; less than ACK_WAIT_MS, more than a handler and its preliminaries. */
export const TASK_TIMEOUT_MS = 50_000;
/** How long a repeat of a task in hand waits for that before it is given back to the broker. */
export const DUPLICATE_WAIT_MS = 1_000;
/** Clocks of the planes may differ by this much (D1). */
export const CLOCK_SKEW_MS = 60_000;

/** A publish that the broker has not confirmed by then is a failure. */
export const PUBLISH_TIMEOUT_MS = 3_000;
/** A message that was neither acknowledged nor given back is delivered again after this; longer than any handler. */
export const ACK_WAIT_MS = 60_000;
/** Delay before a message whose handler threw is delivered again: exponential by delivery, between these. */
export const REDELIVERY_BASE_MS = 500;
export const REDELIVERY_CAP_MS = 15_000;
export const RECONNECT_BASE_MS = 100;
export const RECONNECT_CAP_MS = 1_000;
/** Closing in order waits this long for a broker that may be gone. */
export const CLOSE_TIMEOUT_MS = 2_000;
