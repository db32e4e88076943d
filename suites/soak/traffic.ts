/**
 * The traffic of a soak: connections that create, read, encrypt, decrypt, wrap and unwrap, check every
 * plaintext bit for bit, and now and then take a key through its life in the core.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Application } from '../../cli/kmip/application.ts';
import type { Desk, Kept } from './desk.ts';
import type { Kills } from './kills.ts';
import { leavesOutcomeUnknown, reasonOf } from './refusals.ts';
import type { Rotations } from './rotations.ts';
import type { ControlOperation, HotOperation, Phase, SoakOperation, Tally } from './tally.ts';

const MIN_TEXT_BYTES = 16;
const MAX_TEXT_BYTES = 1_024;
const KEY_BYTES = 32;
/** Of each connection. */
const LIFE_EVERY_MS = 4_000;
const LOCATED_ITEMS = 10;
/** A connection that was refused waits this long, so that an outage is not a flood. */
const REFUSED_PAUSE_MS = 50;
/** In a hundred. */
const shares: readonly (readonly [HotOperation, number])[] = [
  ['create', 3],
  ['get', 7],
  ['encrypt', 38],
  ['decrypt', 38],
  ['wrap', 6],
  ['unwrap', 8],
];

export interface TrafficContext {
  readonly tally: Tally;
  readonly rotations: Rotations;
  readonly kills: Kills;
  readonly signal: AbortSignal;
  readonly paceMs: number;
}

/** One connection's work until the signal. */
export class Seat {
  readonly #desk: Desk;
  readonly #application: Application;
  readonly #context: TrafficContext;

  constructor(desk: Desk, application: Application, context: TrafficContext) {
    this.#desk = desk;
    this.#application = application;
    this.#context = context;
  }

  async work(): Promise<void> {
    const { signal, paceMs } = this.#context;
    let nextLifeAt = performance.now() + randomInt(LIFE_EVERY_MS);
    try {
      while (!signal.aborted) {
        if (performance.now() > nextLifeAt) {
          nextLifeAt = performance.now() + LIFE_EVERY_MS;
          await this.#live();
        } else {
          await this.#hot(drawn());
        }
        if (paceMs > 0) await new Promise((resolve) => setTimeout(resolve, paceMs));
      }
    } finally {
      this.#application.close();
    }
  }

  async #hot(operation: HotOperation): Promise<void> {
    const desk = this.#desk;
    switch (operation) {
      case 'create': {
        const uid = await this.#create();
        if (uid !== undefined) desk.made(uid);
        return;
      }
      case 'get': {
        const uid = desk.recentKey();
        if (uid === undefined) return;
        const key = await this.#ask('get', () => this.#application.get(uid));
        if (key !== undefined && key.material.length !== KEY_BYTES) this.#context.tally.wrongPlaintexts += 1;
        return;
      }
      case 'encrypt': {
        // Every other one under a key from any time of the run.
        const old = randomInt(2) === 0 ? desk.records.random()?.address : undefined;
        const address = old ?? desk.recentKey();
        if (address !== undefined) await this.#encrypt('encrypt', address);
        return;
      }
      case 'decrypt':
        await this.#decrypt('decrypt', desk.records.random());
        return;
      case 'wrap':
        await this.#encrypt('wrap', desk.l3);
        return;
      case 'unwrap':
        await this.#decrypt('unwrap', desk.wrapped.random());
        return;
    }
  }

  #create(): Promise<string | undefined> {
    return this.#ask('create', () => this.#application.create({ active: true }));
  }

  async #encrypt(operation: 'encrypt' | 'wrap', address: string): Promise<void> {
    const sizeBytes = operation === 'wrap' ? KEY_BYTES : randomInt(MIN_TEXT_BYTES, MAX_TEXT_BYTES);
    const plaintext = randomBytes(sizeBytes);
    const ciphertext = await this.#ask(operation, () => this.#application.encrypt(address, plaintext));
    const sample = operation === 'wrap' ? this.#desk.wrapped : this.#desk.records;
    if (ciphertext !== undefined) sample.offer({ address, plaintext, ciphertext });
  }

  async #decrypt(operation: 'decrypt' | 'unwrap', kept: Kept | undefined): Promise<void> {
    if (kept === undefined) return;
    const text = await this.#ask(operation, () => this.#application.decrypt(kept.address, kept.ciphertext));
    if (text !== undefined && !kept.plaintext.equals(text)) this.#context.tally.wrongPlaintexts += 1;
  }

  /** A key's life, as far as the core lets it come: whatever is refused ends it where it is. */
  async #live(): Promise<void> {
    const desk = this.#desk;
    const application = this.#application;
    const uid = await this.#create();
    if (uid === undefined) return;
    // Nobody else learns of it: it will be destroyed, and nothing of the sample with it.
    desk.living += 1;
    const located = await this.#control('locate', () => application.locate({ maximumItems: LOCATED_ITEMS }));
    if (located === undefined) return;
    if ((await this.#control('getAttributes', () => application.getAttributes(uid))) === undefined) return;
    const unknownKey = () => {
      desk.perhapsMade += 1;
    };
    const successor = await this.#control('reKey', () => application.reKey(uid), unknownKey);
    if (successor === undefined) return;
    desk.made(successor);
    await this.#encrypt('encrypt', successor);
    const revoked = async () => {
      await application.revoke(uid, 'Superseded');
      return true;
    };
    if ((await this.#control('revoke', revoked)) === undefined) return;
    const destroyed = async () => {
      await application.destroy(uid);
      return true;
    };
    const unknownEnd = () => {
      desk.perhapsDestroyed += 1;
    };
    if ((await this.#control('destroy', destroyed, unknownEnd)) === true) desk.living -= 1;
  }

  #control<T>(
    operation: ControlOperation,
    work: () => Promise<T>,
    onUnknown: () => void = () => undefined,
  ): Promise<T | undefined> {
    return this.#ask(operation, work, onUnknown);
  }

  /** Undefined: refused, and counted. */
  async #ask<T>(
    operation: SoakOperation,
    work: () => Promise<T>,
    onUnknown: () => void = () => undefined,
  ): Promise<T | undefined> {
    const { tally } = this.#context;
    const startedAt = performance.now();
    const phase = this.#phase(startedAt);
    try {
      const result = await work();
      const endedAt = performance.now();
      tally.done(operation, endedAt - startedAt, phase === 'quiet' ? this.#phase(endedAt) : phase);
      return result;
    } catch (error) {
      const reason = reasonOf(error);
      if (leavesOutcomeUnknown(reason)) onUnknown();
      tally.refused(operation, reason, this.#context.kills.wasAway(startedAt, performance.now()));
      await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
      return undefined;
    }
  }

  #phase(at: number): Phase {
    const { kills, rotations } = this.#context;
    if (kills.wasAway(at, at)) return 'core away';
    return rotations.isRotating(at) ? 'rotating' : 'quiet';
  }
}

function drawn(): HotOperation {
  let left = randomInt(100);
  for (const [operation, share] of shares) {
    left -= share;
    if (left < 0) return operation;
  }
  return 'encrypt';
}
