/** What a cut-off is like. */
export interface CutOffPlan {
  /** TTL and grace of the leases together: for so long nothing of the hot path may fail without the core. */
  readonly graceSeconds: number;
  /** Full load before the core is killed. */
  readonly warmSeconds: number;
  /** How long the core stays away after the grace, while everything is refused. */
  readonly refusedSeconds: number;
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly depth: number;
  /** Between two requests of one line, in milliseconds; 0: none, which is full load. */
  readonly paceMs: number;
  /** Of a hundred requests, those that make a key. */
  readonly createPercent: number;
}

/**
 * Before the core was killed a heartbeat had renewed the lease, sent no longer ago than a pause between two and the time
 * that one may take: by so much the grace may end early.
 */
export const EARLY_MS = 3_500;
/** A lease that is over is refused by then. */
export const LATE_MS = 500;
/** Whatever needs the core is refused by then. */
export const REFUSED_WITHIN_MS = 50;
/** And the slowest of them, which waits for a processor as well. */
export const REFUSED_AT_LAST_MS = 500;
