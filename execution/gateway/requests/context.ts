/** What a local operation may use while it runs, and what the items of one message share. */
import type { CorrelationId, RegionId, ServiceName } from '../../../contracts/index.ts';
import type { StreamOwner, StreamTable, StreamTurn } from '../../cipher/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  ResultReason,
  type Ttlv,
  type Version,
} from '../../kmip/index.ts';
import type { GatewayIdentity } from '../../mesh/index.ts';
import { type ManagedObject, type Purpose, served, usageRefusal } from '../../objects/index.ts';
import { serviceOfL3Address } from '../../routing/index.ts';
import type { Audit } from '../audit.ts';
import type { IvBudget } from '../keys/iv-budget.ts';
import type { HeldKey } from '../keys/key-cache.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { LeaseBook } from '../keys/lease-book.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';

/** Who asks: a registered identity behind an open connection. */
export interface Requester {
  readonly identity: GatewayIdentity;
  /** Address of the other end, for log and audit. */
  readonly peer: string;
}

/** What every request finds in the gateway. */
export interface Services {
  readonly region: RegionId;
  readonly store: Store;
  readonly ring: KeyRing;
  readonly leases: LeaseBook;
  readonly ivBudget: IvBudget;
  readonly audit: Audit;
  /** Is told that there is a new key to announce. */
  readonly announcer: { kick(): void };
  readonly backlogLimit: number;
  /** Operations in parts that began here. */
  readonly streams: StreamTable;
  /** Whether weak algorithms are served (configuration). */
  readonly allowWeak: boolean;
}

export interface RequestContext {
  readonly services: Services;
  readonly requester: Requester;
  readonly version: Version;
  /** Seconds since the epoch: one moment for the whole message. */
  readonly nowS: number;
  readonly correlationId: CorrelationId;
  readonly lent: Lent;
  /** Keys of a batch with Undo: visible to its own items, durable only with its end. */
  readonly staged: Staged | undefined;
  /** Where the key store does not answer at once: what was asked of it before the message was looked at. */
  readonly lookedUp?: LookedUp | undefined;
}

export interface LookedUp {
  /** The store could not be asked: what is not in memory may be held all the same. */
  readonly failed: boolean;
  /** UIDs that it holds. */
  readonly held: ReadonlySet<string>;
}

export interface LocalResult {
  /** A Response Payload. */
  readonly payload: Ttlv;
  /** What the ID Placeholder becomes (KMIP 1.4 §4); absent: it stays. */
  readonly idPlaceholder?: string;
}

/** Plain bytes that a response refers to until it is encoded; then they are zeroised. */
export class Lent {
  readonly #bytes: Uint8Array[] = [];

  copyOf(secret: SecretBytes): Uint8Array {
    return this.keep(secret.use((bytes) => Uint8Array.from(bytes)));
  }

  keep<T extends Uint8Array>(bytes: T): T {
    this.#bytes.push(bytes);
    return bytes;
  }

  wipe(): void {
    for (const bytes of this.#bytes) bytes.fill(0);
    this.#bytes.length = 0;
  }
}

/** New keys that wait for the end of their batch, and the operations in parts that its items go on with. */
export class Staged {
  readonly #keys = new Map<string, HeldKey>();
  #turn: StreamTurn | undefined;

  add(object: ManagedObject, key: SecretBytes): void {
    this.#keys.set(object.uid, { object, key });
  }

  get(uid: string): HeldKey | undefined {
    return this.#keys.get(uid);
  }

  markServed(uid: string): void {
    const held = this.#keys.get(uid);
    if (held !== undefined) this.#keys.set(uid, { ...held, object: served(held.object) });
  }

  all(): readonly HeldKey[] {
    return [...this.#keys.values()];
  }

  /** One for all items: what one of them has in hand, the next may go on with. */
  turn(streams: StreamTable, owner: StreamOwner): StreamTurn {
    this.#turn ??= streams.turn(owner);
    return this.#turn;
  }

  /** The batch stands. The keys are others' from now on. */
  settle(): void {
    this.#turn?.settle();
  }

  discard(): void {
    this.#turn?.abort();
    for (const { key } of this.#keys.values()) key.wipe();
    this.#keys.clear();
  }
}

/**
 * The object, if this gateway holds it and the caller may know of it; undefined when it is not held here.
 *
 * @throws GatewayRefusal OTHER_TENANT, OTHER_SERVICE, STORE_UNREACHABLE
 */
export function findOwn(context: RequestContext, uid: string): ManagedObject | undefined {
  const { ring } = context.services;
  const { identity } = context.requester;
  const object = context.staged?.get(uid)?.object ?? ring.find(identity.tenant, uid);
  if (object === undefined) {
    if (ring.isAnothers(identity.tenant, uid)) throw new GatewayRefusal('OTHER_TENANT');
    const { lookedUp } = context;
    // What may be here is not the core's to say it does not exist (D6).
    if (lookedUp?.failed || lookedUp?.held.has(uid)) throw new GatewayRefusal('STORE_UNREACHABLE');
    return undefined;
  }
  if (!identity.services.includes(object.service)) throw new GatewayRefusal('OTHER_SERVICE');
  return object;
}

/**
 * The opened key of an object that this gateway holds: at once when it is in memory, else as a promise.
 *
 * @throws GatewayRefusal
 */
export function openKey(context: RequestContext, object: ManagedObject): HeldKey | Promise<HeldKey> {
  const { ring } = context.services;
  return context.staged?.get(object.uid) ?? ring.ready(object.tenant, object.uid) ?? ring.open(object);
}

/** Who may go on with a stream that this caller begins. */
export function streamOwner({ requester }: RequestContext): StreamOwner {
  const { tenant, fingerprint } = requester.identity;
  return { tenant, fingerprint };
}

/** The service that an `l3:` address names. @throws KmipError Item Not Found; GatewayRefusal SERVICE_NOT_PERMITTED */
export function ownService(context: RequestContext, address: string): ServiceName {
  const named = serviceOfL3Address(address);
  if (named === undefined)
    throw KmipError.itemNotFound(`${address.slice(0, 80)} is not the address of a service key`);
  const service = context.requester.identity.services.find((own) => own === named);
  if (service === undefined) throw new GatewayRefusal('SERVICE_NOT_PERMITTED');
  return service;
}

const uses = {
  encrypt: { purpose: 'protect', mask: CryptographicUsageMask.Encrypt },
  decrypt: { purpose: 'process', mask: CryptographicUsageMask.Decrypt },
  wrap: { purpose: 'protect', mask: CryptographicUsageMask.WrapKey },
} as const satisfies Record<string, { purpose: Purpose; mask: number }>;

/** @throws KmipError Object Archived; GatewayRefusal USAGE (state, dates, usage mask). */
export function requireUse(object: ManagedObject, use: keyof typeof uses, nowS: number): void {
  requireOnline(object);
  const refusal = usageRefusal(object, uses[use].purpose, uses[use].mask, nowS);
  if (refusal !== null) throw new GatewayRefusal('USAGE', refusal);
}

export function requireOnline(object: ManagedObject): void {
  if (object.dates.archive !== undefined) {
    throw new KmipError(ResultReason.ObjectArchived, 'the object is archived; Recover it first');
  }
}
