/**
 * The keys (L4) in use, opened: the most recently used, bounded in number and in bytes of locked memory, wiped when
 * they leave. An entry may be used only while the lease of its service lives; whoever ends a lease drops its entries here.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { DEFAULT_KEY_MEMORY_BYTES, MAX_CACHED_KEYS } from '../limits.ts';

export interface HeldKey {
  readonly object: ManagedObject;
  readonly key: SecretBytes;
}

export class KeyCache {
  /** Insertion order is order of use: the first entry is the least recently used. */
  readonly #entries = new Map<string, HeldKey>();
  readonly #byService = new Map<string, Set<string>>();
  readonly #maxBytes: number;
  readonly #maxKeys: number;
  #heldBytes = 0;

  constructor(maxBytes: number = DEFAULT_KEY_MEMORY_BYTES, maxKeys: number = MAX_CACHED_KEYS) {
    this.#maxBytes = maxBytes;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Locked memory that the keys take. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(uid: string): HeldKey | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return undefined;
    this.#entries.delete(uid);
    this.#entries.set(uid, entry);
    return entry;
  }

  /** Takes over the key: it is wiped here. The newest stays, whatever its size, since its request is about to use it. */
  put(object: ManagedObject, key: SecretBytes): HeldKey {
    this.drop(object.uid);
    const entry = { object, key };
    this.#entries.set(object.uid, entry);
    const service = serviceKey(object.tenant, object.service);
    const uids = this.#byService.get(service) ?? new Set();
    this.#byService.set(service, uids.add(object.uid));
    this.#heldBytes += key.footprintBytes;
    for (const oldest of this.#entries.keys()) {
      const fits = this.#entries.size <= this.#maxKeys && this.#heldBytes <= this.#maxBytes;
      if (fits || oldest === object.uid) break;
      this.drop(oldest);
    }
    return entry;
  }

  has(uid: string): boolean {
    return this.#entries.has(uid);
  }

  /** Whether the key is open as it is since that revision, or a later one. */
  isUpToDate(uid: string, revision: number): boolean {
    return (this.#entries.get(uid)?.object.revision ?? -1) >= revision;
  }

  /** What is known of the object has changed; its key has not. */
  update(uid: string, change: (object: ManagedObject) => ManagedObject): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) this.#entries.set(uid, { ...entry, object: change(entry.object) });
  }

  drop(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    this.#heldBytes -= entry.key.footprintBytes;
    entry.key.wipe();
    const service = serviceKey(entry.object.tenant, entry.object.service);
    const uids = this.#byService.get(service);
    uids?.delete(uid);
    if (uids?.size === 0) this.#byService.delete(service);
  }

  dropService(tenant: TenantId, service: ServiceName): void {
    for (const uid of [...(this.#byService.get(serviceKey(tenant, service)) ?? [])]) this.drop(uid);
  }

  dropTenant(tenant: TenantId): void {
    for (const service of [...this.#byService.keys()]) {
      if (!service.startsWith(`${tenant}/`)) continue;
      for (const uid of [...(this.#byService.get(service) ?? [])]) this.drop(uid);
    }
  }

  clear(): void {
    for (const uid of [...this.#entries.keys()]) this.drop(uid);
  }
}

/** Neither name can hold a slash. */
function serviceKey(tenant: TenantId, service: ServiceName): string {
  return `${tenant}/${service}`;
}
