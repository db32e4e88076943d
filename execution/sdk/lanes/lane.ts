/**
 * One lane over all gateways: a place on a connection at once where there is one, else a bounded queue. Lanes share
 * nothing, so that what waits in one of them delays nobody in another.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KmipClientError } from '../../kmip/index.ts';
import type { Gateway } from '../gateways/gateway.ts';
import { type LaneLimits, LOOK_AGAIN_MS, LOOK_AGAIN_SPACING_MS } from '../limits.ts';
import type { LaneName } from './lane-of.ts';

/** One try of a call; the lane fills in the rest. */
export interface Attempt {
  readonly request: Uint8Array;
  /** By `performance.now()`. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  readonly mayGoTo: (gateway: Gateway) => boolean;
  /** After which it is given up and another attempt may follow, though this one has left; undefined: not before the deadline. */
  readonly attemptMs: number | undefined;
  /** Gateways that have failed this call: taken only when no other has room. */
  readonly avoid: ReadonlySet<Gateway>;
  gateway?: Gateway;
  /** When it was handed to a connection, by `performance.now()`. */
  placedAt?: number;
  /** Whether it had left when its caller gave it up. */
  sent?: boolean;
}

interface Waiting {
  readonly attempt: Attempt;
  readonly resolve: (answer: Promise<Uint8Array>) => void;
  readonly reject: (error: unknown) => void;
  readonly release: () => void;
}

export class Lane {
  readonly name: LaneName;
  readonly limits: LaneLimits;
  readonly #gateways: readonly Gateway[];
  readonly #queue: Waiting[] = [];
  readonly #home: number | undefined;
  #turn = 0;
  #looking: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** `home`: the place of the gateway that is asked as long as it is well; undefined: the least loaded is. */
  constructor(name: LaneName, limits: LaneLimits, gateways: readonly Gateway[], home: number | undefined) {
    this.#home = home;
    this.name = name;
    this.limits = limits;
    this.#gateways = gateways;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Whether any gateway is asked in this lane at present. */
  get isWell(): boolean {
    return this.#gateways.some((gateway) => gateway.lanes[this.name].isWell);
  }

  /**
   * Whether any gateway is asked, after a second look where none was: one that has come back since it failed, and whose turn to be
   * probed has not come yet, must not be taken for gone just as the other one goes. All that fail together share one look.
   */
  async isWellAgain(): Promise<boolean> {
    if (this.isWell) return true;
    const now = performance.now();
    if (this.#looking === undefined && now - this.#lookedAt >= LOOK_AGAIN_SPACING_MS) {
      this.#lookedAt = now;
      const looks = this.#gateways.map((gateway) => gateway.lanes[this.name].lookAgain());
      this.#looking = Promise.race([Promise.all(looks), delay(LOOK_AGAIN_MS, undefined, { ref: false })])
        .then(() => undefined)
        .finally(() => {
          this.#looking = undefined;
        });
    }
    await this.#looking;
    return this.isWell;
  }

  /**
   * The bytes of the answer.
   * @throws KmipClientError: KMIP_OVERLOADED past the queue, KMIP_CONNECT_FAILED or KMIP_TLS_FAILED at once when no
   * gateway is well; the signal's reason.
   */
  send(attempt: Attempt): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(closedError());
    if (attempt.signal?.aborted === true) return Promise.reject(attempt.signal.reason);
    // Those who wait go first.
    const gateway = this.#queue.length === 0 ? this.#choose(attempt) : undefined;
    if (gateway !== undefined) return this.#place(attempt, gateway);
    if (!this.#mayEverGo(attempt)) return Promise.reject(this.#unreachable(attempt));
    if (this.#queue.length >= this.limits.queue) {
      const detail = `${this.#queue.length} requests of the ${this.name} lane wait for a place`;
      return Promise.reject(new KmipClientError('KMIP_OVERLOADED', detail));
    }
    return this.#wait(attempt);
  }

  /** Places what waits, in order, as far as there is room; fails what can go nowhere any more. */
  dispatch(): void {
    for (let i = 0; i < this.#queue.length && !this.#closed; ) {
      const waiting = this.#queue[i];
      if (waiting === undefined) return;
      const { attempt } = waiting;
      const gateway = this.#choose(attempt);
      if (gateway !== undefined) {
        this.#queue.splice(i, 1);
        waiting.release();
        waiting.resolve(this.#place(attempt, gateway));
      } else if (!this.#mayEverGo(attempt)) {
        this.#queue.splice(i, 1);
        waiting.release();
        waiting.reject(this.#unreachable(attempt));
      } else if (
        this.#gateways.some((each) => each.lanes[this.name].isWell && each.lanes[this.name].hasRoom)
      ) {
        i++; // it waits for a certain gateway, others may not
      } else return;
    }
  }

  close(): void {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) {
      waiting.release();
      waiting.reject(closedError());
    }
  }

  #wait(attempt: Attempt): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const leave = (error: unknown): void => {
        waiting.release();
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(error);
      };
      const aborted = (): void => leave(attempt.signal?.reason);
      const timer = setTimeout(
        () =>
          leave(
            new KmipClientError('KMIP_TIMEOUT', `no place in the ${this.name} lane in time`, { sent: false }),
          ),
        Math.max(0, attempt.deadlineAt - performance.now()),
      );
      const waiting: Waiting = {
        attempt,
        resolve,
        reject,
        release: () => {
          clearTimeout(timer);
          attempt.signal?.removeEventListener('abort', aborted);
        },
      };
      attempt.signal?.addEventListener('abort', aborted, { once: true });
      this.#queue.push(waiting);
    });
  }

  async #place(attempt: Attempt, gateway: Gateway): Promise<Uint8Array> {
    const lane = gateway.lanes[this.name];
    const now = performance.now();
    attempt.gateway = gateway;
    attempt.placedAt = now;
    const leftMs = Math.max(1, attempt.deadlineAt - now);
    const timeoutMs = Math.min(leftMs, attempt.attemptMs ?? leftMs);
    const connection = lane.take();
    try {
      return await lane.sendOn(connection, attempt.request, Math.ceil(timeoutMs), attempt.signal);
    } catch (error) {
      attempt.sent = error instanceof KmipClientError ? error.sent : connection.connected;
      throw error;
    }
  }

  #choose(attempt: Attempt): Gateway | undefined {
    return this.#home === undefined ? this.#leastLoaded(attempt) : this.#nearest(attempt, this.#home);
  }

  /** The home, or the next that is well. A home without room is waited for: elsewhere own changes might not be seen. */
  #nearest({ mayGoTo, avoid }: Attempt, home: number): Gateway | undefined {
    const count = this.#gateways.length;
    const inOrder = this.#gateways.map((_, i) => this.#gateways[(home + i) % count]);
    const well = inOrder.filter(
      (gateway) => gateway?.lanes[this.name].isWell === true && mayGoTo(gateway),
    ) as Gateway[];
    const nearest = well.find((gateway) => !avoid.has(gateway)) ?? well[0];
    return nearest?.lanes[this.name].hasRoom === true ? nearest : undefined;
  }

  /** Of those that are well and have room; one after the other where they are alike. */
  #leastLoaded({ mayGoTo, avoid }: Attempt): Gateway | undefined {
    const count = this.#gateways.length;
    let best: Gateway | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const gateway = this.#gateways[(this.#turn + i) % count];
      if (gateway === undefined) continue;
      const lane = gateway.lanes[this.name];
      if (!lane.isWell || !lane.hasRoom || !mayGoTo(gateway)) continue;
      const load = lane.load + (avoid.has(gateway) ? AVOIDED : 0);
      if (load < bestLoad) {
        best = gateway;
        bestLoad = load;
      }
    }
    if (best !== undefined) this.#turn = (this.#turn + 1) % count;
    return best;
  }

  #mayEverGo({ mayGoTo }: Attempt): boolean {
    return this.#gateways.some((gateway) => gateway.lanes[this.name].isWell && mayGoTo(gateway));
  }

  #unreachable({ mayGoTo }: Attempt): KmipClientError {
    const asked = this.#gateways.filter(mayGoTo);
    const errors = asked.flatMap((gateway) => gateway.lanes[this.name].lastError ?? []);
    const [last] = errors;
    // The one whose hint helps.
    const tls = errors.find(({ code }) => code === 'KMIP_TLS_FAILED');
    if (tls !== undefined) return tls.of({ sent: false });
    const detail = last === undefined ? '' : `: ${last.message}`;
    return new KmipClientError('KMIP_CONNECT_FAILED', `no gateway can be reached${detail}`, { cause: last });
  }
}

/** More than any load. */
const AVOIDED = 1_000_000;

function closedError(): KmipClientError {
  return new KmipClientError('KMIP_CLOSED', 'the client has been closed');
}
