/**
 * The clock that leases live by (D7). The monotonic clock stands still while a machine is suspended or a virtual one
 * paused, and a lease must not: so it is that clock, moved on by whatever the wall clock has gained on it. One that is
 * set back changes nothing; one that is set forward ends leases early, which costs a question to the core.
 */
import { performance } from 'node:perf_hooks';

/** The two drift apart a little by themselves. */
const TOLERANCE_MS = 1_000;

let apartMs = Date.now() - performance.now();
let skippedMs = 0;

/** Milliseconds since some moment; never goes back. */
export function leaseNowMs(): number {
  const monotonicMs = performance.now();
  const gainedMs = Date.now() - monotonicMs - apartMs;
  if (gainedMs > TOLERANCE_MS) skippedMs += gainedMs;
  if (gainedMs > TOLERANCE_MS || gainedMs < 0) apartMs += gainedMs;
  return monotonicMs + skippedMs;
}
