/** Bounds of everything that travels between gateway and core (D14). Both sides enforce them. */

/** One message on the link. Room for a client's largest message, or for a batch of objects or pushes. */
export const MAX_MESH_MESSAGE_BYTES = 8 * 1024 * 1024;
/**
 * Items of one message: as many as fit it, 8 bytes being the least. Objects with their attributes need far more than a
 * client's request does, and what has been stored must travel.
 */
export const MAX_MESH_ITEMS = MAX_MESH_MESSAGE_BYTES / 8;
export const MAX_ANNOUNCED_OBJECTS = 256;
/** An announcement is cut off before it passes this, so that it always fits one message. */
export const MAX_ANNOUNCE_BYTES = 4 * 1024 * 1024;
export const MAX_AUDIT_EVENTS = 512;
export const MAX_SYNC_PUSHES = 1000;
/** A sync response is cut off (`more`) before it passes this. */
export const MAX_SYNC_BYTES = 4 * 1024 * 1024;
/** Living versions of one L3: as many as a lease lists. */
export const MAX_LIVING_VERSIONS = 4096;
/** Keys that a lease brings unasked beside the active one: of the youngest versions. */
export const RECENT_VERSIONS = 16;
/** Versions that one lease request asks for by name. */
export const MAX_WANTED_VERSIONS = 64;
/** Keys of one lease: the active version's, and those two. */
export const MAX_LEASED_KEYS = 1 + RECENT_VERSIONS + MAX_WANTED_VERSIONS;
/**
 * A lease is granted to a gateway that has not applied what was committed in this last while, provided that none of it
 * closes or flushes what is leased (D7). A gateway that holds a lease may be behind for as long: until a heartbeat
 * tells it so, and it has given up waiting for the push.
 */
export const MAX_LEASE_LAG_MS = 2_000;
/** Leases that one heartbeat renews. */
export const MAX_HEARTBEAT_LEASES = 10_000;
/** Pushes that the core has sent on a subscription and that the gateway has not answered yet. */
export const PUSH_WINDOW = 32;

export const MESH_TTLV_LIMITS = { maxBytes: MAX_MESH_MESSAGE_BYTES, maxItems: MAX_MESH_ITEMS } as const;
