/**
 * Where the L4 keys of a gateway lie, wrapped (D6): what each of the stores does, and what none of them does. Three keep
 * to it: a SQLite file, memory, and Redis. `store.contract.ts` is what they are held to.
 *
 * A key belongs to a tenant and is found under that tenant alone. Keys that are open in memory are the key cache's: the
 * hot path never comes here.
 */
import type { TenantId } from '../../../contracts/index.ts';
import type { ManagedObject } from '../../objects/index.ts';

export type StoreKind = 'sqlite' | 'memory' | 'redis';

export interface HeldRow {
  readonly object: ManagedObject;
  /** Whether the core knows the object. */
  readonly announced: boolean;
}

/** Keys that wait for their announcement. */
export interface WaitingKeys {
  readonly objects: readonly ManagedObject[];
  /** Records that cannot be read: no announcement can carry them. */
  readonly damaged: readonly { readonly tenant: TenantId; readonly uid: string }[];
}

/** What became of a key that was announced; `known` is the object as it was when it was sent. */
export type Settlement =
  | { readonly outcome: 'announced'; readonly known: ManagedObject }
  /** The core has changed it in taking it. */
  | { readonly outcome: 'changed'; readonly known: ManagedObject; readonly object: ManagedObject }
  /** The core knows it as destroyed. */
  | { readonly outcome: 'destroyed'; readonly tenant: TenantId; readonly uid: string }
  /** The core will not have it, or no message can carry it: kept, and not offered again before the next start. */
  | { readonly outcome: 'refused'; readonly tenant: TenantId; readonly uid: string };

export interface KeyStoreStatus {
  readonly kind: StoreKind;
  /** Whether acknowledged keys outlive this process. */
  readonly durable: boolean;
  /** Whether it can be reached now. */
  readonly up: boolean;
  readonly problem?: string;
}

export interface KeyStore {
  readonly kind: StoreKind;
  /** Whether `peek` tells all that the store holds. Otherwise it tells what `load` has brought, and what is in memory. */
  readonly answersAtOnce: boolean;
  /** Keys held, of all tenants, and those that wait for their announcement. */
  readonly held: number;
  readonly backlog: number;
  status(): KeyStoreStatus;

  /** The tenant's key by that UID; without waiting. */
  peek(tenant: TenantId, uid: string): HeldRow | undefined;
  /** Whether the UID is that of another tenant's key, as far as can be told at once: for the trail (D10), and no more of it. */
  isAnothers(tenant: TenantId, uid: string): boolean;
  /**
   * Afterwards `peek` tells of these keys whatever the store holds.
   *
   * @throws GatewayRefusal STORE_UNREACHABLE
   */
  load(tenant: TenantId, uids: readonly string[]): Promise<void>;
  /** Whether a key made here claims that Name, as far as can be told at once; `insert` decides. The core knows of others (D6). */
  isNameTaken(tenant: TenantId, name: string): boolean;

  /**
   * Keys of one tenant made here: durable when this resolves, all or none. `beside` writes to the local file, in the same
   * transaction where there is one, and before the keys otherwise: no key without what stands beside it.
   *
   * @throws KmipError Invalid Field (a Name is taken); GatewayRefusal KEY_QUOTA, STORE_UNREACHABLE (perhaps done, and then
   * announced like any other)
   */
  insert(objects: readonly ManagedObject[], beside: () => void): Promise<void>;
  /**
   * The key is given out for the first time (KMIP 1.4 §3.34): durable when this resolves, and announced anew.
   *
   * @throws GatewayRefusal STORE_UNREACHABLE
   */
  markServed(tenant: TenantId, uid: string): Promise<void>;

  /**
   * What the core says an object is now; called inside `Store.transaction`. Old news (a lower or equal revision) and
   * destroyed objects change nothing. Returns whether something changed, or may have.
   */
  apply(object: ManagedObject): boolean;
  /** Forgets the tenant's key for ever; a later `apply` of the same UID is refused. Called inside `Store.transaction`. */
  destroy(tenant: TenantId, uid: string): void;
  /** All changes up to this push have been handed over. Called inside `Store.transaction`. */
  noteHead(head: number): void;
  /** The last head noted that is durable together with its changes; undefined where the local file knows. */
  readonly head: number | undefined;

  /** Whether the tenant's key by that UID waits for its announcement; true as well where that cannot be told at once. */
  mayWait(tenant: TenantId, uid: string): boolean;
  /** Keys of the tenant that wait. @throws GatewayRefusal STORE_UNREACHABLE where that cannot be known. */
  backlogOf(tenant: TenantId): number | Promise<number>;
  /** Keys to announce, oldest first, of one tenant or of all. @throws GatewayRefusal STORE_UNREACHABLE */
  waiting(limit: number, tenant?: TenantId): Promise<WaitingKeys>;
  /** Durable when it resolves. Settling twice changes nothing. @throws GatewayRefusal STORE_UNREACHABLE */
  settle(settlements: readonly Settlement[]): Promise<void>;

  /** Random IVs spent under the key, by every process that shares the store; undefined where `load` has to come first. */
  randomIvsUsed(uid: string): number | undefined;
  /**
   * Adds what has been spent since, and tells how many it is in all by now. Durable when it resolves.
   *
   * @throws GatewayRefusal STORE_UNREACHABLE
   */
  addRandomIvs(spent: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>>;

  close(): Promise<void>;
}

export interface KeyStoreOptions {
  /** Keys that one tenant may have here; the next Create is refused. */
  readonly keysPerTenant: number;
}
