/**
 * Wakes the subscriptions when the outbox grows: at once by LISTEN/NOTIFY, whichever core of the region committed, and
 * once a second besides, since a notification may be missed (D7).
 */

import type { Logger } from '../../../platform/log.ts';
import { type Listener, listen } from '../../../platform/postgres-listen.ts';
import { PUSH_POLL_MS } from '../limits.ts';
import { KEYS_CHANGED, PUSH_CHANNEL } from '../store/pushes.ts';
import type { Subscriber } from './subscriber.ts';

export class PushHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #listener: Listener;
  readonly #poll: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();

  /** @param onKeysChanged called when any core of the region has changed keys or links, or may have. */
  constructor(databaseUrl: string, onKeysChanged: () => void, logger: Logger) {
    const wake = () => this.wake();
    const told = (payload: string) => {
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
    this.wake();
    // A gateway may be between two connections: it counts once. One of several processes has one for each, and has been
    // told when all of them have.
    const told = new Set<string>();
    const untold = new Set<string>();
    const check = (): boolean => {
      untold.clear();
      for (const { acknowledged, peer } of this.#subscribers)
        (acknowledged >= number ? told : untold).add(peer.identity.fingerprint);
      return untold.size === 0;
    };
    const count = (): number => [...told].filter((fingerprint) => !untold.has(fingerprint)).length;
    if (check()) return count();
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
    return count();
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    for (const subscriber of this.#subscribers) subscriber.close();
    await this.#listener.stop();
  }
}
