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
/** Leases that one heartbeat renews. */
export const MAX_HEARTBEAT_LEASES = 10_000;
/** Pushes that the core has sent on a subscription and that the gateway has not answered yet. */
export const PUSH_WINDOW = 32;

export const MESH_TTLV_LIMITS = { maxBytes: MAX_MESH_MESSAGE_BYTES, maxItems: MAX_MESH_ITEMS } as const;
