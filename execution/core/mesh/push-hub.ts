/**
 * Wakes the subscriptions when the outbox grows: at once by LISTEN/NOTIFY, whichever core of the region committed, and
 * once a second besides, since a notification may be missed (D7).
 */

import type { Logger } from '../../../platform/log.ts';
import { type Listener, listen } from '../../../platform/postgres-listen.ts';
import { IMPATIENT_ACK_WAIT_MS, MAX_PATIENT_JOBS, PUSH_ACK_WAIT_MS, PUSH_POLL_MS } from '../limits.ts';
import { ANNOUNCED, askedIn } from '../store/gateways.ts';
import { KEYS_CHANGED, PUSH_CHANNEL } from '../store/pushes.ts';
import type { Subscriber } from './subscriber.ts';

export interface PushHubOptions {
  /** Any core of the region has changed keys or links, or may have. */
  readonly onKeysChanged: () => void;
  /** A gateway has announced what it was asked for, to whichever core. */
  readonly onAnnounced: () => void;
  readonly logger: Logger;
}

/** Names of gateways: those that have acknowledged, and those that are connected to this core and have not. */
export interface Acknowledged {
  readonly told: readonly string[];
  readonly untold: readonly string[];
}

export class PushHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #listener: Listener;
  readonly #poll: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  /** Connections that were waited for in vain, with the push that they had not acknowledged. */
  readonly #missed = new WeakMap<Subscriber, number>();
  #patient = 0;

  constructor(databaseUrl: string, { onKeysChanged, onAnnounced, logger }: PushHubOptions) {
    const wake = () => this.wake();
    const told = (payload: string) => {
      const asked = askedIn(payload);
      if (asked !== undefined) {
        for (const subscriber of this.#subscribers) subscriber.ask(asked);
        return;
      }
      if (payload === ANNOUNCED) {
        onAnnounced();
        return;
      }
      if (payload === KEYS_CHANGED) onKeysChanged();
      wake();
    };
    const onConnected = () => {
      onKeysChanged();
      wake();
    };
    this.#listener = listen(databaseUrl, PUSH_CHANNEL, told, { onConnected, logger });
    this.#poll = setInterval(wake, PUSH_POLL_MS).unref();
  }

  get subscribers(): ReadonlySet<Subscriber> {
    return this.#subscribers;
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    void subscriber.closed.then(() => {
      this.#subscribers.delete(subscriber);
      this.acknowledged();
    });
    void subscriber.wake();
  }

  wake(): void {
    for (const subscriber of this.#subscribers) void subscriber.wake();
  }

  /** Somebody has acknowledged something, or is gone. */
  acknowledged(): void {
    for (const check of this.#waiting) check();
  }

  /**
   * As `acknowledgedBy` for a job of the urgent lane, which takes the place of another tenant's closure while it waits: no
   * more than MAX_PATIENT_JOBS wait for PUSH_ACK_WAIT_MS at a time, the others for IMPATIENT_ACK_WAIT_MS.
   */
  async acknowledgedUrgently(number: number): Promise<Acknowledged> {
    if (this.#patient >= MAX_PATIENT_JOBS) return await this.acknowledgedBy(number, IMPATIENT_ACK_WAIT_MS);
    this.#patient++;
    try {
      return await this.acknowledgedBy(number, PUSH_ACK_WAIT_MS);
    } finally {
      this.#patient--;
    }
  }

  /**
   * Which gateways have made push `number` durable by the time that all who are connected have, or `waitMs` has passed. A
   * connection that was waited for in vain for PUSH_ACK_WAIT_MS is waited for no more until it has caught up with what it
   * had missed; until then it is told or untold by what it has acknowledged at the end.
   */
  async acknowledgedBy(number: number, waitMs: number): Promise<Acknowledged> {
    this.wake();
    // A gateway may be between two connections: it counts once. One of several processes has one for each, and has been
    // told when all of them have.
    const told = new Map<string, string>();
    const untold = new Map<string, string>();
    const check = (): boolean => {
      untold.clear();
      let complete = true;
      for (const subscriber of this.#subscribers) {
        const { acknowledged, peer } = subscriber;
        (acknowledged >= number ? told : untold).set(peer.identity.fingerprint, peer.identity.name);
        const isLate = acknowledged < (this.#missed.get(subscriber) ?? 0);
        if (acknowledged < number && !isLate) complete = false;
      }
      return complete;
    };
    const names = () => ({
      told: [...told].filter(([fingerprint]) => !untold.has(fingerprint)).map(([, name]) => name),
      untold: [...untold.values()],
    });
    if (check()) return names();
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(again);
        resolve();
      };
      const again = () => {
        if (check()) done();
      };
      const timer = setTimeout(() => {
        check();
        done();
        if (waitMs >= PUSH_ACK_WAIT_MS) this.#miss(number);
      }, waitMs);
      this.#waiting.add(again);
    });
    return names();
  }

  /** What others wait for from these alone, they wait for no longer. */
  #miss(number: number): void {
    for (const subscriber of this.#subscribers)
      if (subscriber.acknowledged < number)
        this.#missed.set(subscriber, Math.max(number, this.#missed.get(subscriber) ?? 0));
    this.acknowledged();
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    for (const subscriber of this.#subscribers) subscriber.close();
    await this.#listener.stop();
  }
}
