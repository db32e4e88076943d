/** Every bound of cryptographic operations with its number (D14). */

/** Bytes of one RNG Retrieve; more: Invalid Field. */
export const MAX_RNG_BYTES = 64 * 1024;

/**
 * Bytes that one stream may hold back until its end, because the mode needs them whole or because nothing may be given
 * out before its tag is verified; more: Invalid Field. As much as fits the largest message of a client.
 */
export const MAX_GATHERED_BYTES = 1024 * 1024;
/** Bytes that all parts of one stream may have; more: Invalid Field, and the stream is ended. */
export const MAX_STREAM_BYTES = 2 ** 30;
/** Streams that one process keeps open, and of those the ones of one tenant; more: General Failure. */
export const MAX_STREAMS = 4_096;
export const MAX_STREAMS_PER_TENANT = 256;
/** Bytes that all streams of a process hold back together, and those of one tenant; more: General Failure. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;
export const MAX_HELD_BYTES_PER_TENANT = 8 * 1024 * 1024;
/** A stream without a part for this long is ended, and its cipher with it. */
export const STREAM_IDLE_MS = 60_000;
/** Idle streams are looked for this often. */
export const STREAM_SWEEP_MS = 5_000;
