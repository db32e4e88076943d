/** Every bound of the core that no configuration changes (D14). */

/** Connections to the database: Orbital holds up to 8 while handlers run, requests up to twice the numbers below. */
export const DATABASE_POOL_MAX = 40;
/**
 * A transaction that holds what the whole region waits for, the counter of pushes or the head of the audit trail, and says
 * nothing for this long has lost its core, which is frozen: it is ended, and the other cores go on.
 */
export const HEAD_IDLE_MS = 5_000;
/**
 * Mesh requests that work on the database at once, in a line for each kind: heartbeats, leases, tunnelled requests,
 * announcements. More wait. Each may need a second connection for keys.
 */
export const MAX_CONCURRENT_HEARTBEATS = 2;
export const MAX_CONCURRENT_HOT = 5;
export const MAX_CONCURRENT_LIFECYCLE = 6;
export const MAX_CONCURRENT_ANNOUNCEMENTS = 2;
/** Of the tunnelled requests, those of one tenant: at work, and in line. */
export const MAX_CONCURRENT_PER_TENANT = 2;
export const MAX_QUEUED_PER_TENANT = 256;
/** Mesh requests that wait; past it the answer is an error at once. */
export const MAX_QUEUED_REQUESTS = 1024;
/** Open connections of gateways; further ones are closed. */
export const MAX_GATEWAY_CONNECTIONS = 1024;
/** Of these, connections of one gateway, all its processes together; a further one is refused. */
export const MAX_CONNECTIONS_PER_GATEWAY = 512;
/** Handshakes under way; with a further one the oldest is ended. */
export const MAX_HANDSHAKES = 256;
/** Open connections are judged anew by registry, expiry and revocation lists this often (D10); changes here do it at once. */
export const RECHECK_CONNECTIONS_MS = 500;
/** A gateway that has not been heard of for this long is reported as disconnected. */
export const GATEWAY_SILENT_MS = 5_000;
/** How long after its last word a gateway that went away stays in reports. */
export const GATEWAY_FORGOTTEN_MS = 10 * 60_000;
/** That a gateway was heard of is written down for the other cores this often. */
export const GATEWAY_NOTED_MS = 2_000;
/**
 * Where a key is asked for that no core knows, all gateways are asked to announce what they have made (D6): for so long
 * they are waited for, looked after this often, and asked again after this pause at the earliest.
 */
export const ELSEWHERE_WAIT_MS = 1_000;
export const ELSEWHERE_CHECK_MS = 50;
export const ELSEWHERE_SPACING_MS = 100;
/** Such questions to one gateway that it has not acknowledged; further ones are not put to it. */
export const MAX_ASKED = 8;
/** Which keys a gateway process holds, and since when each was idle, is written down this often, and when their number changes. */
export const LEASES_NOTED_MS = 10_000;
/** Leases that are written down of one process: those used last. */
export const MAX_NOTED_LEASES = 2_000;
/** Safety net for a lost NOTIFY. */
export const PUSH_POLL_MS = 1_000;
/** A gateway that does not answer a push for this long is cut off; it comes back and syncs. */
export const PUSH_ACK_TIMEOUT_MS = 5_000;
/** How long a job waits for the gateways to have heard of it before it says that it is done; it does not wait for the others. */
export const PUSH_ACK_WAIT_MS = 800;
/**
 * Jobs of the urgent lane that wait so long at a time, half of what a core has in hand of them, and how long the others do:
 * a gateway that takes its time must not keep the closures of other tenants in the broker.
 */
export const MAX_PATIENT_JOBS = 2;
export const IMPATIENT_ACK_WAIT_MS = 50;
/** The region reports its state to governance this often. */
export const REPORT_EVERY_MS = 2_000;
/** How soon a core signs by the key that its region has gone over to. */
export const SIGNING_KEY_POLL_MS = 1_000;
/** Superseded pushes are kept this long, so that a gateway that was away finds no gap. */
export const PUSH_RETENTION_MS = 24 * 3_600_000;
/** What is kept no longer, pushes and outcomes of asynchronous operations, is deleted this often. */
export const HOUSEKEEPING_EVERY_MS = 10 * 60_000;
/** Objects in one answer of Locate when the client sets no limit, and at most. */
export const MAX_LOCATED_ITEMS = 1_000;
/** Attributes that one Locate asks for: each is compared with all of every object that is looked at. */
export const MAX_LOCATE_ATTRIBUTES = 128;
/** Objects that all Locates of one message look at when their criteria go beyond the columns. */
export const MAX_LOCATE_SCAN = 50_000;
/** Objects that a search with columns alone counts; where there are more, Located Items is left out. */
export const MAX_LOCATE_COUNT = 25_000;
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
/** Where nothing was due at the last look the next one is twice as far away, and no further than this. */
export const UPKEEP_IDLE_MS = 2_000;
/** Tenants of one such look, and pieces of work for one of them before the next has its turn. */
export const UPKEEP_TENANTS = 64;
export const UPKEEP_PIECES_PER_TENANT = 64;
/** Where the work is refused, as while a link is closed. */
export const UPKEEP_RETRY_MS = 60_000;
/** Tenants whose failing keys are remembered to rest; past it the one longest in it is tried again. */
export const MAX_RESTING = 10_000;

/**
 * Slow cryptography (RSA and DSA key generation, PBKDF2) at once: it runs on libuv's four threads, and leaves half of
 * them to everybody else. More wait, one tenant's one after another.
 */
export const MAX_CONCURRENT_SLOW_CRYPTO = 2;
export const MAX_QUEUED_SLOW_CRYPTO = 32;

/** Objects that one Derive Key starts from. */
export const MAX_DERIVATION_BASES = 4;
/** Bytes that one Derive Key makes. */
export const MAX_DERIVED_BYTES = 8_192;
/** Bytes of Derivation Data, Salt or Initialization Vector of one Derive Key, and of the secrets that it derives from. */
export const MAX_DERIVATION_INPUT_BYTES = 16_384;
/** PBKDF2: Iteration Count times blocks of output, some seconds of work. */
export const MAX_PBKDF2_ROUNDS = 4_000_000;
/** Derived Key Links that one object holds: the newest. Every derived key keeps its link back. */
export const MAX_DERIVED_KEY_LINKS = 32;

/** Bytes of a Certificate Request. */
export const MAX_CERTIFICATE_REQUEST_BYTES = 65_536;
/** Alternative names of one certificate that is issued here. */
export const MAX_ALTERNATIVE_NAMES = 256;
/** Validity of a certificate whose request names no Deactivation Date. */
export const DEFAULT_CERTIFICATE_DAYS = 365;
/** Private keys with Certificate Sign that are looked at for the one that is to sign. */
export const MAX_ISSUER_CANDIDATES = 16;
/** Certificates of one chain, given, and with what is stored above them. */
export const MAX_CHAIN_CERTIFICATES = 16;
/** Certificates of one issuer and serial number that one which a client brings is compared with, newest first. */
export const MAX_CERTIFICATES_COMPARED = 1_000;
/** Operations that are done after their answer: in line in one process, and of one tenant; past it they are done at once. */
export const MAX_ASYNCHRONOUS = 64;
export const MAX_ASYNCHRONOUS_PER_TENANT = 8;
/** Work for one operation that is done after its answer. A core that stops waits for it. */
export const ASYNCHRONOUS_WORK_MS = 30_000;
/** What has not been begun or ended by then is given up by whoever polls for it, and not begun any more. */
export const ASYNCHRONOUS_DEADLINE_MS = 5 * 60_000;
/** How long an outcome can be polled for. */
export const ASYNCHRONOUS_KEPT_MS = 3_600_000;
/** Events of the trail that are recomputed for one report at most. */
export const MAX_RECOMPUTED_EVENTS = 10_000;
/** Parts of the region's manifest, as digests, go to governance this often. */
export const MANIFEST_EVERY_MS = 10_000;
