/** Bounds of a decoded or encoded tree. Each is a number that a caller may lower or raise (D14). */

export type TtlvLimits = {
  /** Nesting of structures; the outermost counts as 1. */
  readonly maxDepth: number;
  /** Items in the whole tree. */
  readonly maxItems: number;
  /** Bytes of the whole message. */
  readonly maxBytes: number;
  /** Bytes of one Big Integer; 8,192 bytes are 65,536 bits. */
  readonly maxBigIntegerBytes: number;
};

export const DEFAULT_TTLV_LIMITS: TtlvLimits = {
  maxDepth: 32,
  maxItems: 10_000,
  maxBytes: 16 * 1024 * 1024,
  maxBigIntegerBytes: 8192,
};

/** Of a message that our own side has made, and that is only rewritten: it has been bounded where it was made. */
export const OWN_MESSAGE_LIMITS: Partial<TtlvLimits> = {
  maxDepth: 64,
  maxItems: 1_000_000,
  maxBytes: 64 * 1024 * 1024,
};

/** Decoder and encoder recurse once per level: no limit that a caller sets may exhaust the stack. */
const HARD_MAX_DEPTH = 256;

export function limitsFrom(limits: Partial<TtlvLimits> | undefined): TtlvLimits {
  if (limits === undefined) return DEFAULT_TTLV_LIMITS;
  const merged = { ...DEFAULT_TTLV_LIMITS, ...limits };
  return merged.maxDepth <= HARD_MAX_DEPTH ? merged : { ...merged, maxDepth: HARD_MAX_DEPTH };
}
