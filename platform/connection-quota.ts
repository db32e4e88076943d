/** How many connections each identity has open at all ports of this process: none takes the places of all others. */
export class ConnectionQuota {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get max(): number {
    return this.#max;
  }

  /** Whether there was a place. */
  take(fingerprint: string): boolean {
    const count = this.#counts.get(fingerprint) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(fingerprint, count + 1);
    return true;
  }

  give(fingerprint: string): void {
    const left = (this.#counts.get(fingerprint) ?? 0) - 1;
    if (left > 0) this.#counts.set(fingerprint, left);
    else this.#counts.delete(fingerprint);
  }
}
