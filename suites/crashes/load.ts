/**
 * Applications that make keys as fast as they are answered, each on a connection of its own, and keep a list of what was
 * acknowledged. What got no answer may exist or not, and is counted.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type KmipClient, KmipClientError, KmipError, Operation } from '../../execution/kmip/index.ts';
import { keyTemplate } from '../support/applications.ts';
import { materialOf } from './material.ts';

/** One key in so many is read back at once, so that its value is known from before the next kill. */
const READ_EVERY = 8;
/** A connection that was refused or lost waits this long before the next. */
const PAUSE_MS = 10;

export interface Acknowledged {
  readonly uid: string;
  readonly name: string;
  /** SHA-256 of the key, where it was read before a kill. */
  digest: string | undefined;
}

export class Load {
  readonly acknowledged: Acknowledged[] = [];
  /** Creates whose connection was lost before the answer. */
  unanswered = 0;
  /** Answers that were an error, by what they said. */
  readonly refusals = new Map<string, number>();
  readonly #stop = new AbortController();
  #working: Promise<unknown> = Promise.resolve();

  start(clients: readonly KmipClient[]): void {
    this.#working = Promise.all(clients.map((client, seat) => this.#work(client, seat)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }

  async #work(client: KmipClient, seat: number): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      const name = `crash-${seat}-${turn}`;
      try {
        const { uniqueIdentifier } = await client.request(Operation.Create, keyTemplate({ name }));
        const key: Acknowledged = { uid: uniqueIdentifier, name, digest: undefined };
        this.acknowledged.push(key);
        if (turn % READ_EVERY === 0) key.digest = await digestOf(client, uniqueIdentifier);
      } catch (error) {
        this.#note(error);
        await delay(PAUSE_MS);
      }
    }
  }

  #note(error: unknown): void {
    if (error instanceof KmipError) {
      const reason = `${error.code}: ${error.message}`;
      this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    } else if (error instanceof KmipClientError) this.unanswered += 1;
    else throw error;
  }
}

export async function digestOf(client: KmipClient, uniqueIdentifier: string): Promise<string> {
  const got = await client.request(Operation.Get, { uniqueIdentifier });
  return createHash('sha256').update(materialOf(got)).digest('hex');
}
