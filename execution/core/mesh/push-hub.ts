/**
 * Wakes the subscriptions when the outbox grows: at once by LISTEN/NOTIFY, whichever core of the region committed, and
 * once a second besides, since a notification may be missed (D7).
 */

import type { Logger } from '../../../platform/log.ts';
import { type Listener, listen } from '../../../platform/postgres-listen.ts';
import { PUSH_POLL_MS } from '../limits.ts';
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

export class PushHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #listener: Listener;
  readonly #poll: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();

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
   * How many gateways have made push `number` durable by the time that all who are connected have, or `waitMs` has
   * passed.
   */
  async acknowledgements(number: number, waitMs: number): Promise<number> {
    return (await this.acknowledgedBy(number, waitMs)).told.length;
  }

  /** The same by name: gateways that have, and those that are connected to this core and have not. */
  async acknowledgedBy(
    number: number,
    waitMs: number,
  ): Promise<{ readonly told: readonly string[]; readonly untold: readonly string[] }> {
    this.wake();
    // A gateway may be between two connections: it counts once. One of several processes has one for each, and has been
    // told when all of them have.
    const told = new Map<string, string>();
    const untold = new Map<string, string>();
    const check = (): boolean => {
      untold.clear();
      for (const { acknowledged, peer } of this.#subscribers)
        (acknowledged >= number ? told : untold).set(peer.identity.fingerprint, peer.identity.name);
      return untold.size === 0;
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
      const timer = setTimeout(done, waitMs);
      this.#waiting.add(again);
    });
    return names();
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    for (const subscriber of this.#subscribers) subscriber.close();
    await this.#listener.stop();
  }
}
