/**
 * What gateway and core say to each other. Everything on this link is KMIP (D8): these shapes are the payloads of
 * vendor operations, whose codecs stand in the files beside this one. The gateway dials both connections: on the
 * first it asks (tunnel, announce, lease, heartbeat, sync), on the second the core sends (Put, Notify).
 */
import type {
  ApplicationName,
  CorrelationId,
  KeyFingerprint,
  ServiceName,
  TenantId,
} from '../../contracts/index.ts';
import type { ManagedObject } from '../objects/managed-object.ts';

/** Whom the gateway authenticated, by certificate (D10). The core checks it again against its own registry. */
export interface Caller {
  readonly fingerprint: KeyFingerprint;
  readonly tenant: TenantId;
  readonly application: ApplicationName;
}

/**
 * A positive integer; numbers are given by a row-locked counter of the region, in commit order (D7). 0 is no number:
 * an effect with it is meant for this gateway alone, stands in no outbox, and is applied by its object's revision.
 */
export type PushNumber = number;

/** A change that every gateway of the region applies, in order of its number. */
export type Push =
  | { readonly kind: 'identity.put'; readonly identity: GatewayIdentity }
  | { readonly kind: 'identity.remove'; readonly fingerprint: KeyFingerprint }
  | { readonly kind: 'issuer.put'; readonly fingerprint: string; readonly certificatePem: string }
  /** The tenant's link epoch is closed: zeroise its L3 leases and its L4 keys in memory, refuse until opened again. */
  | { readonly kind: 'tenant.closed'; readonly tenant: TenantId; readonly epoch: number }
  | { readonly kind: 'tenant.opened'; readonly tenant: TenantId; readonly epoch: number }
  /**
   * The hard form: drop the lease and the L4 keys that it opened, at once. For versions that were compromised or
   * destroyed. `version` is the active one since then, if one became so: no lease with an older one counts any more.
   */
  | {
      readonly kind: 'service.flush';
      readonly tenant: TenantId;
      readonly service: ServiceName;
      readonly version?: number;
    }
  /**
   * The soft form: versions were added. Refresh the lease, and go on meanwhile with the one that is held. `version` is
   * the active one since then; it is left out where none became active.
   */
  | {
      readonly kind: 'service.rotated';
      readonly tenant: TenantId;
      readonly service: ServiceName;
      readonly version?: number;
    }
  /** Hold this object (its key wrapped by an L3): made elsewhere, or changed by the core. */
  | { readonly kind: 'object.put'; readonly object: ManagedObject }
  /** Forget the object and its key; the tombstone stays. */
  | { readonly kind: 'object.destroyed'; readonly tenant: TenantId; readonly uid: string }
  /**
   * No change, and always unnumbered: announce whatever was made before this arrives, and say so in the last of those
   * announcements (`answers`). Somebody asks for a key that no core knows (D6).
   */
  | { readonly kind: 'announce.asked'; readonly asked: number };

/** The `number` of an effect that has none. */
export const UNNUMBERED = 0;

export interface NumberedPush {
  readonly number: PushNumber;
  readonly push: Push;
}

/** An application's entry in the registry, as far as a gateway needs it. */
export interface GatewayIdentity extends Caller {
  readonly services: readonly ServiceName[];
  /** KMIP operation names; null: every operation an application may ask for. */
  readonly operations: readonly string[] | null;
}

/** The client's own bytes, unchanged, with who sent them. */
export interface TunnelRequest {
  readonly message: Uint8Array;
  readonly caller: Caller;
  readonly correlationId: CorrelationId;
  /** Indexes of the batch items that the core shall run; absent: all of them. */
  readonly items?: readonly number[];
  /** The ID Placeholder (KMIP 1.4 §4) as the items before left it. */
  readonly idPlaceholder?: string;
}
export interface TunnelResponse {
  /** A whole KMIP response message that answers exactly the items asked for, in their order. */
  readonly message: Uint8Array;
  readonly idPlaceholder?: string;
  /**
   * What this gateway must have applied before it relays the answer (D6), and unnumbered (`number: 0`) an object that
   * it did not hold. Unnumbered effects come nowhere else: not in Sync, not on a subscription.
   */
  readonly effects: readonly NumberedPush[];
}

/** Keys that the gateway made, oldest first. Idempotent by UID and digest of the wrapped key; at most 256 a request. */
export interface AnnounceRequest {
  readonly objects: readonly ManagedObject[];
  /** With these, all is announced that the gateway had made when it was asked so (`announce.asked`). */
  readonly answers?: number;
}
export type AnnounceOutcome =
  | { readonly uid: string; readonly outcome: 'accepted' | 'known' }
  /** The core has destroyed this UID: drop the key. */
  | { readonly uid: string; readonly outcome: 'tombstone' }
  /** The Name belongs to another object: the key is kept and loses its Name (D6); `object` is the new truth. */
  | { readonly uid: string; readonly outcome: 'name-conflict'; readonly object: ManagedObject }
  | { readonly uid: string; readonly outcome: 'refused'; readonly reason: string };
export interface AnnounceResponse {
  readonly outcomes: readonly AnnounceOutcome[];
}

/** Ask for a service's L3, for the first time or again. */
export interface LeaseRequest {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  /** The gateway process's own ephemeral HPKE key (D3). */
  readonly recipientPublicKey: Uint8Array;
  /** No L3 is granted before the gateway has applied what closes or flushes it (D7). */
  readonly appliedHead: PushNumber;
  /** Versions that it holds: their keys need not come again. */
  readonly held: readonly number[];
  /** Versions whose keys it needs besides those that come unasked; at most 64. */
  readonly wanted: readonly number[];
  /** What is left of its budget of wraps (D5), and under which version; absent: it has none. */
  readonly wraps?: { readonly version: number; readonly left: number };
}
/** An L3 under the lease key, bound to region, tenant, service and version. */
export interface LeasedKey {
  readonly version: number;
  readonly sealed: Uint8Array;
}
export type LeaseResponse =
  | {
      readonly outcome: 'granted';
      /** The one version that encrypts; it also decrypts. */
      readonly activeVersion: number;
      /** Every version that lives, ascending, the active one among them: the others decrypt. */
      readonly living: readonly number[];
      /** The two above in a word: a heartbeat that brings another one tells that they have changed. */
      readonly etag: string;
      /** HPKE: a fresh 32-byte key, bound by `info` to region, tenant and service. Absent when no key comes along. */
      readonly leaseKey?: { readonly enc: Uint8Array; readonly ct: Uint8Array };
      /** The active version, the youngest others, and what was asked for; but for those that are held. */
      readonly keys: readonly LeasedKey[];
      /** Wraps under the active version that are charged to this gateway from now on, besides what it has left (D5). */
      readonly wrapBudget: number;
      /** Nobody gets any more wraps under the active version: it must be rotated. */
      readonly isSpent: boolean;
      /** Counted by the gateway from the moment it sent the request. */
      readonly ttlMs: number;
      readonly graceMs: number;
      readonly head: PushNumber;
    }
  /** The gateway must first sync to `head`. */
  | { readonly outcome: 'behind'; readonly head: PushNumber }
  | { readonly outcome: 'refused'; readonly reason: LeaseRefusal; readonly head: PushNumber };
export type LeaseRefusal =
  | 'LINK_CLOSED'
  | 'LINK_EXPIRED'
  | 'TENANT_UNKNOWN'
  | 'SERVICE_UNKNOWN'
  | 'SEALED'
  | 'NOT_AUTHORISED';

/** Sent every second: proves that the link lives, renews the leases held, and learns of gaps. */
export interface HeartbeatRequest {
  readonly appliedHead: PushNumber;
  readonly backlog: number;
  readonly leases: readonly {
    readonly tenant: TenantId;
    readonly service: ServiceName;
    /** Since a request last needed the key. */
    readonly idleMs?: number | undefined;
  }[];
  /** Refusals and other things that the region's audit trail must hold; at most 512 a request, kept until acknowledged. */
  readonly audit: readonly AuditEvent[];
}
export interface HeartbeatResponse {
  readonly head: PushNumber;
  /** Leases that live on, counted from the moment the request was sent; one that is missing has ended. */
  readonly renewed: readonly {
    readonly tenant: TenantId;
    readonly service: ServiceName;
    readonly ttlMs: number;
    /** Of the lease as it would be granted now: another one than that held asks for a refresh. */
    readonly etag: string;
  }[];
  /** Leases of which the core can say nothing just now: their time runs on. */
  readonly unknown: readonly { readonly tenant: TenantId; readonly service: ServiceName }[];
}

/** Pushes after `after`, in order; `snapshot` when the log no longer reaches back that far. At most 1000 a response. */
export interface SyncRequest {
  readonly after: PushNumber;
}
export interface SyncResponse {
  readonly head: PushNumber;
  readonly pushes: readonly NumberedPush[];
  /** True: forget identities, issuers and closed tenants, and take `pushes` as the whole truth as of their last number. */
  readonly snapshot: boolean;
  readonly more: boolean;
}

/**
 * The first and only request of the second connection. After the answer the two sides change roles on it: the core
 * sends Put and Notify with every push after `after`, in order, and the gateway answers each once it is durable.
 */
export interface SubscribeRequest {
  readonly after: PushNumber;
}
export interface SubscribeResponse {
  readonly head: PushNumber;
}

export interface AuditEvent {
  /** Unique at its source, so that a repeated delivery is recorded once. */
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
  /** Stable code, e.g. `CONNECTION_REFUSED`, `OPERATION_REFUSED`, `OBJECT_CREATED`. */
  readonly event: string;
  readonly outcome: 'success' | 'refused' | 'failed';
  /** Stable code of the cause, e.g. `NO_CERTIFICATE`, `OTHER_TENANT`. */
  readonly reason?: string;
  readonly tenant?: string;
  readonly application?: string;
  readonly fingerprint?: string;
  readonly operation?: string;
  readonly uid?: string;
  readonly peer?: string;
  readonly correlationId?: string;
}
