/** Every bound of the core that no configuration changes (D14). */

/** Connections to the database: Orbital holds up to 8 while handlers run, requests up to twice the numbers below. */
export const DATABASE_POOL_MAX = 40;
/**
 * Mesh requests that work on the database at once, in a line for each kind: leases and heartbeats, tunnelled requests,
 * announcements. More wait. Each may need a second connection for keys.
 */
export const MAX_CONCURRENT_HOT = 5;
export const MAX_CONCURRENT_LIFECYCLE = 6;
export const MAX_CONCURRENT_ANNOUNCEMENTS = 2;
/** Of the tunnelled requests, those of one tenant: at work, and in line. */
export const MAX_CONCURRENT_PER_TENANT = 2;
export const MAX_QUEUED_PER_TENANT = 256;
/** Mesh requests that wait; past it the answer is an error at once. */
export const MAX_QUEUED_REQUESTS = 1024;
export const MAX_GATEWAY_CONNECTIONS = 1024;
/** Open connections are checked against registry and expiry this often (D10). */
export const RECHECK_CONNECTIONS_MS = 1_000;
/** A gateway that has not been heard of for this long is reported as disconnected. */
export const GATEWAY_SILENT_MS = 5_000;
/** How long after its last word a gateway that went away stays in reports. */
export const GATEWAY_FORGOTTEN_MS = 10 * 60_000;
/** Safety net for a lost NOTIFY. */
export const PUSH_POLL_MS = 1_000;
/** A gateway that does not answer a push for this long is cut off; it comes back and syncs. */
export const PUSH_ACK_TIMEOUT_MS = 5_000;
/** UNLINK's result tells how many gateways had acknowledged by then; it does not wait for the others. */
export const UNLINK_ACK_WAIT_MS = 800;
export const REPORT_EVERY_MS = 2_000;
/** Superseded pushes are kept this long, so that a gateway that was away finds no gap. */
export const PUSH_RETENTION_MS = 24 * 3_600_000;
export const HOUSEKEEPING_EVERY_MS = 10 * 60_000;
/** Objects in one answer of Locate when the client sets no limit, and at most. */
export const MAX_LOCATED_ITEMS = 1_000;
/** Objects that all Locates of one message look at when their criteria go beyond the columns. */
export const MAX_LOCATE_SCAN = 50_000;
/** Objects decoded in one go; between two pages others have their turn. */
export const LOCATE_PAGE = 250;
/** Work for one tunnelled message, counted from its arrival: a gateway waits for 10 s. */
export const TUNNEL_WORK_MS = 8_000;
/** Answers of one tunnelled message, and the effects beside them: both fit MAX_MESH_MESSAGE_BYTES together. */
export const MAX_TUNNEL_ANSWER_BYTES = 4 * 1024 * 1024;
export const MAX_TUNNEL_EFFECT_BYTES = 3 * 1024 * 1024;
/** TTLV items of those answers: whoever decodes a message takes 10,000, and a batch needs up to 2,000 for itself. */
export const MAX_TUNNEL_ANSWER_FIELDS = 8_000;
/** Encryptions under one key with an IV that the core chose at random (NIST SP 800-38D §8.3, D5). */
export const MAX_RANDOM_IVS_PER_KEY = 2 ** 32;
/** Largest request that a client may tunnel. */
export const MAX_CLIENT_MESSAGE_BYTES = 1024 * 1024;
/** A sealed region tries its seal again this often. */
export const UNSEAL_RETRY_MS = 2_000;

/** The region looks this often for keys that are due: rotation by schedule, wrapping anew, newer internal keys. */
export const UPKEEP_EVERY_MS = 500;
/** Tenants of one such look, and pieces of work for one of them before the next has its turn. */
export const UPKEEP_TENANTS = 64;
export const UPKEEP_PIECES_PER_TENANT = 64;
/** Where the work is refused, as while a link is closed. */
export const UPKEEP_RETRY_MS = 60_000;
/** Tenants whose failing keys are remembered to rest; past it the one longest in it is tried again. */
export const MAX_RESTING = 10_000;

/** Operations that are done after their answer: in line in one process, and of one tenant; past it they are done at once. */
export const MAX_ASYNCHRONOUS = 64;
export const MAX_ASYNCHRONOUS_PER_TENANT = 8;
/** What has not been begun or ended by then is given up by whoever polls for it, and not begun any more. */
export const ASYNCHRONOUS_DEADLINE_MS = 5 * 60_000;
/** How long an outcome can be polled for. */
export const ASYNCHRONOUS_KEPT_MS = 3_600_000;
