/**
 * Where operations get their keys: which objects this gateway holds, and their keys opened under a lease that lives.
 */
import type { RegionId, TenantId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  EnvelopeError,
  objectContext,
  parseHeader,
  type SecretBytes,
  type WrapSession,
} from '../../envelope/index.ts';
import { type ManagedObject, served } from '../../objects/index.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';
import type { Lease } from './held-lease.ts';
import type { HeldKey, KeyCache } from './key-cache.ts';
import type { LeaseBook } from './lease-book.ts';

export interface KeyRingOptions {
  readonly region: RegionId;
  readonly store: Store;
  readonly cache: KeyCache;
  readonly leases: LeaseBook;
  readonly logger: Logger;
  /** A key has been opened, or made; so many random IVs had been spent under it. */
  readonly onOpened?: (uid: string, ivsUsed: number) => void;
}

export class KeyRing {
  readonly #options: KeyRingOptions;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The tenant's object, if this gateway holds it; of a store that does not answer at once, what was looked up. */
  find(tenant: TenantId, uid: string): ManagedObject | undefined {
    const { cache, store } = this.#options;
    const open = cache.get(uid)?.object;
    return open?.tenant === tenant ? open : store.keys.peek(tenant, uid)?.object;
  }

  /** Whether another tenant's key has that UID here. */
  isAnothers(tenant: TenantId, uid: string): boolean {
    const { cache, store } = this.#options;
    const open = cache.get(uid)?.object;
    return open === undefined ? store.keys.isAnothers(tenant, uid) : open.tenant !== tenant;
  }

  /** The tenant's opened key, if it is in memory and its lease lives (`nowMs`: as LeaseBook.current); the hot path asks here first. */
  ready(tenant: TenantId, uid: string, nowMs?: number): HeldKey | undefined {
    const { cache, leases } = this.#options;
    const held = cache.get(uid);
    if (held === undefined || held.object.tenant !== tenant) return undefined;
    return leases.current(tenant, held.object.service, nowMs) === undefined ? undefined : held;
  }

  /**
   * The key of an object, opened.
   *
   * @throws GatewayRefusal: of the lease, or KEY_DAMAGED.
   */
  async open(object: ManagedObject): Promise<HeldKey> {
    const { tenant, service, uid } = object;
    const ready = this.ready(tenant, uid);
    if (ready !== undefined) return ready;
    const { leases, store } = this.#options;
    await leases.acquire(tenant, service);
    if (!store.keys.answersAtOnce) await store.keys.load(tenant, [uid]);
    // Another request may have opened the key meanwhile, and the core may have changed or destroyed it.
    const opened = this.ready(tenant, uid);
    if (opened !== undefined) return opened;
    const version = versionOf(this.#stored(object).wrapped);
    try {
      return await leases.open(object, version, (session) => this.#openWith(session, object));
    } catch (error) {
      throw this.#damaged(object, version, error);
    }
  }

  /** A new key under the active version of its service. */
  wrap(uid: string, key: SecretBytes, lease: Lease): Uint8Array {
    return lease.wrap(key, objectContext(this.#options.region, lease.tenant, lease.service, uid));
  }

  /** A key that has just become durable: the next request finds it open. */
  keep(object: ManagedObject, key: SecretBytes): void {
    const { cache, leases, onOpened } = this.#options;
    if (leases.current(object.tenant, object.service) === undefined) {
      key.wipe();
      return;
    }
    onOpened?.(object.uid, 0);
    cache.put(object, key);
  }

  /** The object is about to be given out for the first time: it is not Fresh any more, durably when this resolves. */
  async markServed({ tenant, uid }: ManagedObject): Promise<void> {
    const { store, cache } = this.#options;
    await store.keys.markServed(tenant, uid);
    cache.update(uid, served);
  }

  /** The object as it is by now, with its key. */
  #stored({ tenant, uid }: ManagedObject): ManagedObject & { readonly wrapped: Uint8Array } {
    const now = this.#options.store.keys.peek(tenant, uid)?.object;
    if (now === undefined || now.wrapped === null) throw new GatewayRefusal('LEASE_LOST');
    return { ...now, wrapped: now.wrapped };
  }

  /** Looks again, since the version may have been waited for. */
  #openWith(session: WrapSession, object: ManagedObject): HeldKey {
    const opened = this.ready(object.tenant, object.uid);
    if (opened !== undefined) return opened;
    const { cache, region, store, onOpened } = this.#options;
    const now = this.#stored(object);
    const ivsUsed = store.keys.randomIvsUsed(now.uid);
    const context = objectContext(region, now.tenant, now.service, now.uid);
    const held = cache.put(now, session.unwrap(now.wrapped, context));
    if (ivsUsed !== undefined) onOpened?.(now.uid, ivsUsed);
    return held;
  }

  #damaged({ uid }: ManagedObject, version: number, error: unknown): unknown {
    if (!(error instanceof EnvelopeError)) return error;
    const line = { reason: 'KEY_DAMAGED', uid, version, cause: errorMessage(error) };
    this.#options.logger.error(line, 'a stored key does not open');
    return new GatewayRefusal('KEY_DAMAGED');
  }
}

function versionOf(wrapped: Uint8Array): number {
  try {
    return parseHeader(wrapped).parentVersion;
  } catch (error) {
    if (error instanceof EnvelopeError) throw new GatewayRefusal('KEY_DAMAGED');
    throw error;
  }
}
