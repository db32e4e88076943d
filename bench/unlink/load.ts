/**
 * Applications that encrypt one record after the other without a pause, each over a connection of its own, and what
 * they see of an UNLINK: when each was refused for the first time, and whether a gateway served anybody after that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application } from '../../cli/kmip/application.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';

const RECORD = Buffer.from('a record that nobody may read after the unlink');
/** One that is refused asks again after this long, so that the gateway's log does not fill. */
const REFUSED_PAUSE_MS = 5;
const POLL_MS = 5;
const DEADLINE_MS = 10_000;
/** How long after the last first refusal nobody may be served either. */
const SETTLE_MS = 250;
const MAX_VIOLATIONS = 20;
/** What a gateway says because of an UNLINK: the tenant is closed, or the key went away under the request. */
const CLOSED = /has withdrawn the master key|was withdrawn while the request ran/;

/** Monotonic milliseconds. */
interface Answer {
  readonly sentAt: number;
  readonly at: number;
  /** Undefined: served. */
  readonly refusal: string | undefined;
}

export interface Seat {
  readonly region: string;
  readonly application: Pick<Application, 'encrypt' | 'close'>;
  /** What it encrypts under: an L4, or a service's L3. */
  readonly address: string;
}

export interface Refusals {
  /** When the last of the connections had its first refusal. */
  readonly lastAt: number;
  readonly byRegion: ReadonlyMap<string, number>;
  /** What must not be: a success after a refusal, or a refusal for another reason. */
  readonly violations: readonly string[];
}

export class Load {
  readonly #seats: readonly Seat[];
  readonly #last = new Map<Seat, Answer>();
  #watch: ((seat: Seat, answer: Answer) => void) | undefined;
  #stopped = false;
  #working: Promise<unknown> = Promise.resolve();
  served = 0;

  constructor(seats: readonly Seat[]) {
    this.#seats = seats;
  }

  start(): void {
    this.#working = Promise.all(this.#seats.map((seat) => this.#work(seat)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
    for (const { application } of this.#seats) application.close();
  }

  /** Until every connection has been served a request that was sent after this call. */
  async serving(): Promise<void> {
    const from = performance.now();
    await this.#until('every connection is served', () =>
      this.#seats.every((seat) => {
        const last = this.#last.get(seat);
        return last !== undefined && last.refusal === undefined && last.sentAt > from;
      }),
    );
  }

  /** Watches from now on; the promise within resolves when all have been refused and stayed so. */
  watchRefusals(): { readonly refused: Promise<Refusals> } {
    const first = new Map<Seat, number>();
    const gatewayRefusedAt = new Map<string, number>();
    const violations: string[] = [];
    const violation = (text: string): void => {
      if (violations.length < MAX_VIOLATIONS) violations.push(text);
    };
    this.#watch = (seat, { sentAt, at, refusal }) => {
      const { region, address } = seat;
      const refusedAt = gatewayRefusedAt.get(region);
      if (refusal === undefined) {
        // Another connection's request may have been under way at that instant, but not be sent after it.
        if (first.has(seat) || (refusedAt !== undefined && sentAt > refusedAt))
          violation(`${region} served ${address} after it had refused`);
        return;
      }
      if (!CLOSED.test(refusal)) violation(`${region} refused ${address}: ${refusal}`);
      if (!first.has(seat)) first.set(seat, at);
      if (refusedAt === undefined) gatewayRefusedAt.set(region, at);
    };
    return { refused: this.#refused(first, violations) };
  }

  async #refused(first: ReadonlyMap<Seat, number>, violations: readonly string[]): Promise<Refusals> {
    await this.#until('every connection is refused', () => first.size === this.#seats.length);
    await sleep(SETTLE_MS);
    this.#watch = undefined;
    const lastOf = (seats: readonly Seat[]): number =>
      Math.max(...seats.map((seat) => first.get(seat) ?? Number.NaN));
    const regions = new Set(this.#seats.map(({ region }) => region));
    const byRegion = [...regions].map(
      (region) => [region, lastOf(this.#seats.filter((seat) => seat.region === region))] as const,
    );
    return { lastAt: lastOf(this.#seats), byRegion: new Map(byRegion), violations: [...violations] };
  }

  async #work(seat: Seat): Promise<void> {
    while (!this.#stopped) {
      const sentAt = performance.now();
      const refusal = await this.#attempt(seat);
      const answer = { sentAt, at: performance.now(), refusal };
      this.#last.set(seat, answer);
      this.#watch?.(seat, answer);
      if (refusal === undefined) this.served += 1;
      else await sleep(REFUSED_PAUSE_MS);
    }
  }

  async #attempt({ application, address }: Seat): Promise<string | undefined> {
    try {
      await application.encrypt(address, RECORD);
      return undefined;
    } catch (error) {
      return errorCode(error) === 'KMIP_REFUSED' ? errorMessage(error) : `no answer: ${errorMessage(error)}`;
    }
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
      await sleep(POLL_MS);
    }
  }
}
