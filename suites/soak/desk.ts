/** One service's application, and what has to be found again at the end of everything that its connections did. */
import type { Application, Ciphertext } from '../../cli/kmip/application.ts';
import { Sample } from './sample.ts';

/** Keys that are encrypted with in turn; older ones are met when their ciphertexts are decrypted. */
const RECENT_KEYS = 64;

export interface Kept {
  /** The key's unique identifier, or the address of an L3. */
  readonly address: string;
  readonly plaintext: Buffer;
  readonly ciphertext: Ciphertext;
}

export class Desk {
  readonly tenant: string;
  readonly service: string;
  /** Opens one more connection. */
  readonly connect: () => Promise<Application>;
  readonly records: Sample<Kept>;
  /** Under the L3 itself. */
  readonly wrapped: Sample<Kept>;
  readonly #recent: string[] = [];
  /** Objects that were made and not destroyed. */
  living = 0;
  /** Requests without an answer: perhaps one more object, perhaps one fewer. */
  perhapsMade = 0;
  perhapsDestroyed = 0;

  constructor(
    names: { tenant: string; service: string },
    sampleSize: number,
    connect: () => Promise<Application>,
  ) {
    this.tenant = names.tenant;
    this.service = names.service;
    this.records = new Sample(sampleSize);
    this.wrapped = new Sample(sampleSize);
    this.connect = connect;
  }

  get l3(): string {
    return `l3:${this.service}`;
  }

  /** A key that stays: others may use it. */
  made(uid: string): void {
    this.living += 1;
    this.#recent.push(uid);
    if (this.#recent.length > RECENT_KEYS) this.#recent.shift();
  }

  recentKey(): string | undefined {
    return this.#recent[Math.floor(Math.random() * this.#recent.length)];
  }
}
