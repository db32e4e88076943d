/**
 * Where operations get their keys: which objects this gateway holds, and their keys opened under a lease that lives.
 */
import type { RegionId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { EnvelopeError, objectContext, parseHeader, type SecretBytes } from '../../envelope/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';
import type { HeldKey, KeyCache } from './key-cache.ts';
import type { Lease, LeaseBook } from './lease-book.ts';

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
    const { cache, leases, store } = this.#options;
    let lease = await leases.acquire(object.tenant, object.service);
    // Another request may have opened the key meanwhile, and the core may have changed or destroyed it.
    const opened = this.ready(object.uid);
    if (opened !== undefined) return opened;
    const now = store.objects.get(object.uid)?.object;
    if (now === undefined || now.wrapped === null) throw new GatewayRefusal('LEASE_LOST');
    const version = versionOf(now.wrapped);
    // The key came from elsewhere, wrapped by a version that is younger than our lease.
    if (lease.version(version) === undefined) lease = await leases.refresh(object.tenant, object.service);
    return cache.put(now, this.#unwrap(now, now.wrapped, lease, version));
  }

  /** A new key under the active version of its service. */
  wrap(uid: string, key: SecretBytes, lease: Lease): Uint8Array {
    return lease.active.wrap(key, objectContext(this.#options.region, lease.tenant, lease.service, uid));
  }

  /** A key that has just become durable: the next request finds it open. */
  keep(object: ManagedObject, key: SecretBytes): void {
    const { cache, leases } = this.#options;
    if (leases.current(object.tenant, object.service) === undefined) key.wipe();
    else cache.put(object, key);
  }

  #unwrap(object: ManagedObject, wrapped: Uint8Array, lease: Lease, version: number): SecretBytes {
    const { region, logger } = this.#options;
    const session = lease.version(version);
    try {
      if (session === undefined) throw new EnvelopeError('WRONG_PARENT');
      return session.unwrap(wrapped, objectContext(region, object.tenant, object.service, object.uid));
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      logger.error(
        { reason: 'KEY_DAMAGED', uid: object.uid, version, cause: errorMessage(error) },
        'a stored key does not open',
      );
      throw new GatewayRefusal('KEY_DAMAGED');
    }
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
