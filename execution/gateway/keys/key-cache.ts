/**
 * The keys (L4) in use, opened: the most recently used, bounded in number and in bytes of locked memory, wiped when
 * they leave. An entry may be used only while the lease of its service lives; whoever ends a lease drops its entries here.
 */
// The global of that name is looked up by an accessor at each use.
import { performance } from 'node:perf_hooks';
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { DEFAULT_KEY_MEMORY_BYTES, MAX_CACHED_KEYS } from '../limits.ts';

export interface HeldKey {
  readonly object: ManagedObject;
  readonly key: SecretBytes;
}

/** The keys of a service. */
interface Group {
  readonly uids: Set<string>;
  /** None of them may be used any more. */
  isOver: boolean;
}

interface Entry extends HeldKey {
  readonly group: Group;
  /** The use at which it came to the end of the order. */
  movedAt: number;
}

/** What an AES key takes of locked memory. */
const SMALLEST_KEY_BYTES = 32;
/** So long the keys of services that are over are wiped in one turn: tens of thousands at once would hold up everything else. */
const WIPING_MS = 4;
/** The clock is looked at after so many keys. */
const WIPED_BETWEEN_LOOKS = 64;
/** The order of use is exact but for this part of the cache. */
const SLACK_PARTS = 8;

export class KeyCache {
  /** Insertion order is order of use, but for the last `#slack` uses: the first entry is the least recently used. */
  readonly #entries = new Map<string, Entry>();
  #uses = 0;
  readonly #slack: number;
  readonly #byService = new Map<string, Group>();
  /** Over, with keys that are still to be wiped. */
  readonly #over: Group[] = [];
  #wiping: NodeJS.Immediate | undefined;
  readonly #maxBytes: number;
  readonly #maxKeys: number;
  #heldBytes = 0;

  constructor(maxBytes: number = DEFAULT_KEY_MEMORY_BYTES, maxKeys: number = MAX_CACHED_KEYS) {
    this.#maxBytes = maxBytes;
    this.#maxKeys = maxKeys;
    this.#slack = Math.floor(Math.min(maxKeys, maxBytes / SMALLEST_KEY_BYTES) / SLACK_PARTS);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Locked memory that the keys take, those among them that wait for being wiped. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(uid: string): HeldKey | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.group.isOver) return undefined;
    // To move an entry at each use costs more than the use: it moves when it has fallen back by a part of the cache.
    this.#uses += 1;
    if (this.#uses - entry.movedAt > this.#slack) {
      entry.movedAt = this.#uses;
      this.#entries.delete(uid);
      this.#entries.set(uid, entry);
    }
    return entry;
  }

  /** Takes over the key: it is wiped here. The newest stays, whatever its size, since its request is about to use it. */
  put(object: ManagedObject, key: SecretBytes): HeldKey {
    this.drop(object.uid);
    const service = serviceKey(object.tenant, object.service);
    const group = this.#byService.get(service) ?? { uids: new Set(), isOver: false };
    this.#byService.set(service, group);
    group.uids.add(object.uid);
    const entry = { object, key, group, movedAt: this.#uses };
    this.#entries.set(object.uid, entry);
    this.#heldBytes += key.footprintBytes;
    for (const oldest of this.#entries.keys()) {
      const fits = this.#entries.size <= this.#maxKeys && this.#heldBytes <= this.#maxBytes;
      if (fits || oldest === object.uid) break;
      this.drop(oldest);
    }
    return entry;
  }

  has(uid: string): boolean {
    return this.#open(uid) !== undefined;
  }

  /** Whether the key is open as it is since that revision, or a later one. */
  isUpToDate(uid: string, revision: number): boolean {
    return (this.#open(uid)?.object.revision ?? -1) >= revision;
  }

  /** What is known of the object has changed; its key has not. */
  update(uid: string, change: (object: ManagedObject) => ManagedObject): void {
    const entry = this.#open(uid);
    if (entry !== undefined) this.#entries.set(uid, { ...entry, object: change(entry.object) });
  }

  drop(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    this.#heldBytes -= entry.key.footprintBytes;
    entry.key.wipe();
    entry.group.uids.delete(uid);
    const service = serviceKey(entry.object.tenant, entry.object.service);
    // Another group of the service may have begun since.
    if (entry.group.uids.size === 0 && this.#byService.get(service) === entry.group)
      this.#byService.delete(service);
  }

  /** None of its keys is given out any more from now on. They are wiped in this turn and, where they are many, the next ones. */
  dropService(tenant: TenantId, service: ServiceName): void {
    this.#end(serviceKey(tenant, service));
    this.#wipeSome();
  }

  /** The same for all services of the tenant. */
  dropTenant(tenant: TenantId): void {
    for (const service of [...this.#byService.keys()])
      if (service.startsWith(`${tenant}/`)) this.#end(service);
    this.#wipeSome();
  }

  clear(): void {
    for (const uid of [...this.#entries.keys()]) this.drop(uid);
  }

  #open(uid: string): Entry | undefined {
    const entry = this.#entries.get(uid);
    return entry?.group.isOver === true ? undefined : entry;
  }

  #end(service: string): void {
    const group = this.#byService.get(service);
    if (group === undefined) return;
    group.isOver = true;
    this.#byService.delete(service);
    this.#over.push(group);
  }

  #wipeSome(): void {
    const giveUpAtMs = performance.now() + WIPING_MS;
    let wiped = 0;
    for (let group = this.#over[0]; group !== undefined; group = this.#over[0]) {
      for (const uid of group.uids) {
        this.drop(uid);
        if (++wiped % WIPED_BETWEEN_LOOKS === 0 && performance.now() > giveUpAtMs) {
          this.#wiping ??= setImmediate(() => {
            this.#wiping = undefined;
            this.#wipeSome();
          });
          return;
        }
      }
      this.#over.shift();
    }
  }
}

/** Neither name can hold a slash. */
function serviceKey(tenant: TenantId, service: ServiceName): string {
  return `${tenant}/${service}`;
}
