/**
 * Where operations get their keys: which objects this gateway holds, and their keys opened under a lease that lives.
 */
import type { RegionId } from '../../../contracts/index.ts';
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
}

export class KeyRing {
  readonly #options: KeyRingOptions;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The object if this gateway holds it, whoever owns it. */
  find(uid: string): ManagedObject | undefined {
    const { cache, store } = this.#options;
    return cache.get(uid)?.object ?? store.objects.get(uid)?.object;
  }

  /** The opened key, if it is in memory and its lease lives; the hot path asks here first. */
  ready(uid: string): HeldKey | undefined {
    const { cache, leases } = this.#options;
    const held = cache.get(uid);
    if (held === undefined || leases.current(held.object.tenant, held.object.service) === undefined)
      return undefined;
    return held;
  }

  /**
   * The key of an object, opened.
   *
   * @throws GatewayRefusal: of the lease, or KEY_DAMAGED.
   */
  async open(object: ManagedObject): Promise<HeldKey> {
    const ready = this.ready(object.uid);
    if (ready !== undefined) return ready;
    const { leases } = this.#options;
    await leases.acquire(object.tenant, object.service);
    // Another request may have opened the key meanwhile, and the core may have changed or destroyed it.
    const opened = this.ready(object.uid);
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
    const { cache, leases } = this.#options;
    if (leases.current(object.tenant, object.service) === undefined) key.wipe();
    else cache.put(object, key);
  }

  /** The object is about to be given out for the first time: it is not Fresh any more, durably when this resolves. */
  async markServed(uid: string): Promise<void> {
    const { store, cache } = this.#options;
    await store.commit(() => store.objects.markServed(uid));
    cache.update(uid, served);
  }

  /** The object as it is by now, with its key. */
  #stored({ uid }: ManagedObject): ManagedObject & { readonly wrapped: Uint8Array } {
    const now = this.#options.store.objects.get(uid)?.object;
    if (now === undefined || now.wrapped === null) throw new GatewayRefusal('LEASE_LOST');
    return { ...now, wrapped: now.wrapped };
  }

  /** Looks again, since the version may have been waited for. */
  #openWith(session: WrapSession, object: ManagedObject): HeldKey {
    const opened = this.ready(object.uid);
    if (opened !== undefined) return opened;
    const { cache, region } = this.#options;
    const now = this.#stored(object);
    const context = objectContext(region, now.tenant, now.service, now.uid);
    return cache.put(now, session.unwrap(now.wrapped, context));
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
