/**
 * One service's leased L3 versions in memory: the active one, which wraps within a budget (D5), and those that data has
 * needed lately. The lease knows of more versions than it holds. It is refreshed in place: sessions of versions that
 * live on stay, with their salts and counters, and those that do not live any more are wiped at once (D7).
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import {
  type EnvelopeContext,
  type SecretBytes,
  SecretWipedError,
  type WrapSession,
} from '../../envelope/index.ts';
import type { LeaseResponse } from '../../mesh/index.ts';
import { LEASE_REFRESH_MIN_MS, MAX_LEASED_VERSIONS } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { LeasedMemory } from './leased-memory.ts';

/** A service's L3 versions. Do not keep it over an `await`: ask the book again. */
export interface Lease {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  /** The version that wraps. */
  readonly activeVersion: number;
  /** @throws GatewayRefusal WRAPS_SPENT; SecretWipedError; EnvelopeError TOO_LARGE. */
  wrap(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Uint8Array;
}

export type Grant = Extract<LeaseResponse, { outcome: 'granted' }>;

export interface HeldLeaseOptions {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  readonly memory: LeasedMemory;
  /** Half of the budget of wraps is used, or nothing is left of it. */
  readonly onLow: () => void;
}

export class HeldLease implements Lease {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  readonly #memory: LeasedMemory;
  readonly #onLow: () => void;
  /** Insertion order is order of use: the first entry is the least recently used. */
  readonly #sessions = new Map<number, WrapSession>();
  #active: WrapSession | undefined;
  #living: ReadonlySet<number> = new Set();
  #newest = 0;
  #wrapsLeft = 0;
  /** More are asked for when so many are left. */
  #askAt = 0;
  #toldLowAtMs = Number.NEGATIVE_INFINITY;
  etag = '';
  /** Grows with each refresh, so that an older answer can tell that it is old. */
  generation = 0;
  sentAtMs = 0;
  ttlMs = 0;
  graceMs = 0;
  /** When a request last needed it (`leaseNowMs`); 0: none has. */
  usedAtMs = 0;

  constructor({ tenant, service, memory, onLow }: HeldLeaseOptions) {
    this.tenant = tenant;
    this.service = service;
    this.#memory = memory;
    this.#onLow = onLow;
  }

  get activeVersion(): number {
    return this.#active?.parent.version ?? 0;
  }

  /** The youngest version that lives, as far as the core has told. */
  get newest(): number {
    return this.#newest;
  }

  get livingCount(): number {
    return this.#living.size;
  }

  get wrapsLeft(): number {
    return this.#wrapsLeft;
  }

  /** Versions in memory, ascending. */
  get held(): readonly number[] {
    return [...this.#sessions.keys()].sort((a, b) => a - b);
  }

  /** Locked memory that those take, with the subkeys derived from them. */
  get heldBytes(): number {
    let bytes = 0;
    for (const session of this.#sessions.values()) bytes += session.footprintBytes;
    return bytes;
  }

  /** Whether the version lives; it may have to be fetched. */
  lists(version: number): boolean {
    return this.#living.has(version);
  }

  /** Whether a grant that brings these versions can be taken: what wraps must be here. */
  hasActive({ activeVersion }: Grant, opened: ReadonlyMap<number, WrapSession>): boolean {
    return this.#sessions.has(activeVersion) || opened.has(activeVersion);
  }

  /** The version, if it is in memory. Use it before the next `await`. */
  version(version: number): WrapSession | undefined {
    const session = this.#sessions.get(version);
    if (session === undefined) return undefined;
    this.#sessions.delete(version);
    this.#sessions.set(version, session);
    this.#memory.touch(session);
    return session;
  }

  wrap(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Uint8Array {
    if (this.#active === undefined) throw new SecretWipedError();
    if (this.#wrapsLeft < 1) {
      this.#tellLow();
      throw new GatewayRefusal('WRAPS_SPENT');
    }
    // Spent before use, as the nonce is: a wrap that throws has counted.
    this.#wrapsLeft -= 1;
    if (this.#wrapsLeft === this.#askAt) this.#onLow();
    return this.#active.wrap(plaintext, context);
  }

  /** Takes a grant over, with the sessions of the keys that came along. The active version is among them or held. */
  take(grant: Grant, opened: ReadonlyMap<number, WrapSession>, sentAtMs: number): void {
    this.#living = new Set(grant.living);
    this.#newest = grant.living.at(-1) ?? 0;
    for (const [version, session] of this.#sessions)
      if (!this.#living.has(version)) this.#drop(version, session);
    // The active one first, so that the others find it pinned should memory be short.
    const fresh = opened.get(grant.activeVersion);
    if (fresh !== undefined) this.#add(grant.activeVersion, fresh);
    this.#activate(grant.activeVersion);
    for (const [version, session] of opened) if (session !== fresh) this.#add(version, session);
    this.#wrapsLeft += grant.wrapBudget;
    this.#askAt = Math.floor(this.#wrapsLeft / 2);
    this.etag = grant.etag;
    this.sentAtMs = sentAtMs;
    this.ttlMs = grant.ttlMs;
    this.graceMs = grant.graceMs;
    this.generation += 1;
    this.#trim();
  }

  /** As a heartbeat has it that was sent at `sentAtMs`. */
  renew(sentAtMs: number, ttlMs: number): void {
    if (sentAtMs < this.sentAtMs) return;
    this.sentAtMs = sentAtMs;
    this.ttlMs = ttlMs;
  }

  wipe(): void {
    for (const [version, session] of this.#sessions) this.#drop(version, session);
    this.#active = undefined;
    this.#wrapsLeft = 0;
  }

  #add(version: number, session: WrapSession): void {
    // What is held already goes on with its salt and counter; what does not live was never asked for.
    if (this.#sessions.has(version) || !this.#living.has(version)) {
      wipeSession(session);
      return;
    }
    this.#sessions.set(version, session);
    this.#memory.hold(session, () => this.#drop(version, session));
  }

  #activate(version: number): void {
    const next = this.version(version);
    if (next === this.#active) return;
    if (next !== undefined) this.#memory.setActive(next, true);
    if (this.#active !== undefined) this.#memory.setActive(this.#active, false);
    this.#active = next;
    // What is left of another version's budget is worth nothing here.
    this.#wrapsLeft = 0;
  }

  #trim(): void {
    for (const [version, session] of this.#sessions) {
      if (this.#sessions.size <= MAX_LEASED_VERSIONS) return;
      if (session !== this.#active) this.#drop(version, session);
    }
  }

  #drop(version: number, session: WrapSession): void {
    this.#sessions.delete(version);
    this.#memory.release(session);
    wipeSession(session);
  }

  /** With nothing left each wrap comes here: the core need not hear of all of them. */
  #tellLow(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldLowAtMs < LEASE_REFRESH_MIN_MS) return;
    this.#toldLowAtMs = nowMs;
    this.#onLow();
  }
}

/** The session and the key that it borrows: here nobody else owns it. */
export function wipeSession(session: WrapSession): void {
  session.wipe();
  session.parent.key.wipe();
}
