/** An application under load by the SDK: hot requests without a pause, and now and then one that only the core can answer. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type OpenKcm, OpenKcmError, settle } from '../../execution/sdk/index.ts';
import { errorMessage } from '../../platform/errors.ts';

const DATA_BYTES = 64;
const CONTROL_EVERY_MS = 100;
/** Of a hundred rounds, those that begin with a new key. */
const NEW_KEY_PERCENT = 10;
/** Failures that are kept in words. */
const MAX_TOLD = 20;

export class Tally {
  done = 0;
  failed = 0;
  longestMs = 0;
  /** Of a failure, in milliseconds: how soon one was told. */
  longestFailureMs = 0;
  readonly told: string[] = [];
  /** Of the failures, those of which nobody knows whether they were carried out: their connection ended first. */
  unknown = 0;

  async count<T>(what: string, act: () => Promise<T>): Promise<T | undefined> {
    const startedAt = performance.now();
    try {
      const result = await act();
      this.done++;
      return result;
    } catch (error) {
      this.failed++;
      this.longestFailureMs = Math.max(this.longestFailureMs, performance.now() - startedAt);
      const wasLost = error instanceof OpenKcmError && error.code === 'CONNECTION_LOST';
      if (wasLost && error.outcome === 'unknown') this.unknown++;
      if (this.told.length < MAX_TOLD) this.told.push(`${what}: ${errorMessage(error)}`);
      return undefined;
    } finally {
      this.longestMs = Math.max(this.longestMs, performance.now() - startedAt);
    }
  }
}

export class Load {
  /** Get, Encrypt and Decrypt, under data keys and under the service's. */
  readonly hot = new Tally();
  /** The SDK repeats no Create that may have arrived. */
  readonly creates = new Tally();
  readonly control = new Tally();
  #isOver = false;
  #work: Promise<unknown> = Promise.resolve();
  readonly #service: string;

  constructor(service: string) {
    this.#service = service;
  }

  /** @param lines how many requests each client has under way. */
  start(clients: readonly OpenKcm[], keys: readonly string[], lines: number): void {
    const hot = clients.flatMap((kms) => Array.from({ length: lines }, () => this.#line(kms, keys)));
    const others = clients.flatMap((kms, n) => [this.#make(kms), this.#ask(kms, keys[n] ?? '')]);
    this.#work = Promise.all([...hot, ...others]);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  /** Always one Create on its way. */
  async #make(kms: OpenKcm): Promise<void> {
    while (!this.#isOver) {
      const uid = await this.creates.count('create', () => kms.create());
      if (uid !== undefined) await this.#roundTrip(kms, uid);
    }
  }

  async #line(kms: OpenKcm, keys: readonly string[]): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      let uid = keys[n % keys.length] ?? '';
      if (Math.random() * 100 < NEW_KEY_PERCENT)
        uid = (await this.creates.count('create', () => kms.create())) ?? uid;
      await this.#roundTrip(kms, uid);
      await this.hot.count('get', async () => {
        (await kms.get(uid))[Symbol.dispose]();
      });
      await this.#roundTrip(kms, `l3:${this.#service}`);
    }
  }

  async #roundTrip(kms: OpenKcm, under: string): Promise<void> {
    const plain = randomBytes(DATA_BYTES);
    const sealed = await this.hot.count(`encrypt ${under}`, () => kms.encrypt(under, plain));
    if (sealed === undefined) return;
    await this.hot.count(`decrypt ${under}`, async () => {
      const opened = await kms.decrypt(under, sealed);
      if (!plain.equals(opened)) throw new Error('other bytes came back');
    });
  }

  async #ask(kms: OpenKcm, uid: string): Promise<void> {
    while (!this.#isOver) {
      await this.control.count('get attributes', () => kms.getAttributes(uid));
      await delay(CONTROL_EVERY_MS);
    }
  }
}

/** Until the client has used each key once, so that it is no longer strange to it. */
export async function acquaint(kms: OpenKcm, keys: readonly string[]): Promise<void> {
  for (const uid of keys) {
    const outcome = await settle(kms.get(uid));
    if (!outcome.ok) throw outcome.error;
    outcome.value[Symbol.dispose]();
  }
}
