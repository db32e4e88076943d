/** So many failures are answered at once, and one more for each time that has passed; beyond that the answer is "wait". */
import { AUTH_FAILURE_BURST, AUTH_FAILURE_REFILL_MS } from '../limits.ts';

export class Budget {
  #left = AUTH_FAILURE_BURST;
  #refilledAtMs = performance.now();

  /** False when nothing is left. */
  take(): boolean {
    const refill = Math.floor((performance.now() - this.#refilledAtMs) / AUTH_FAILURE_REFILL_MS);
    this.#refilledAtMs += refill * AUTH_FAILURE_REFILL_MS;
    this.#left = Math.min(AUTH_FAILURE_BURST, this.#left + refill);
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
