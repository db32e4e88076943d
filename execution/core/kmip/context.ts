/**
 * What an operation may use while it runs: its transaction, who asks, and a place to leave what must happen with the
 * commit: pushes for the gateways and events for the audit trail.
 */
import type { CorrelationId, RegionId } from '../../../contracts/index.ts';
import type { Logger } from '../../../platform/log.ts';
import type { StreamTable, StreamTurn } from '../../cipher/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import type { Keychain, WrapBlocks } from '../../keychain/index.ts';
import {
  KmipError,
  type KnownOperation,
  operationName,
  type RequestOf,
  type ResponseItem,
  type ResponseOf,
  ResultReason,
  type TtlvStructure,
  type Version,
} from '../../kmip/index.ts';
import type { Caller, Push } from '../../mesh/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { isL3Address } from '../../routing/index.ts';
import type { NewAuditEvent } from '../audit/trail.ts';
import type { Owner } from '../store/asynchronous.ts';
import type { Scope } from '../store/objects.ts';
import type { RegionTx } from '../store/tables.ts';
import type { MessageBudget } from './budget.ts';
import type { SlowResults } from './slow-results.ts';

/** Who asks, as the core itself found them in its registry, and through which gateway. */
export interface Requester {
  readonly caller: Caller;
  readonly scope: Scope;
  /** KMIP operation names; null: every operation that applications may ask for. */
  readonly operations: readonly string[] | null;
  readonly gateway: string;
  readonly correlationId: CorrelationId;
}

/**
 * A refusal that the log and the audit trail must tell more of than the client may know. `auditReason` is a stable
 * code; the message and Result Reason are what the client sees.
 */
export class RefusedError extends KmipError {
  readonly auditReason: string;
  readonly uid: string | undefined;
  constructor(resultReason: number, message: string, auditReason: string, uid?: string) {
    super(resultReason, message);
    this.name = 'RefusedError';
    this.auditReason = auditReason;
    this.uid = uid;
  }
}

/** No core knows the object. Not to be told to the client before the gateways have announced theirs (D6). */
export class AbsentError extends KmipError {
  readonly uid: string;
  constructor(uid: string) {
    super(ResultReason.ItemNotFound, 'no object has this unique identifier');
    this.name = 'AbsentError';
    this.uid = uid;
  }
}

/** Permission Denied with a Response Payload beside it: what in the request the refusal is for (KMIP 1.4 §4.10). */
export class RefusalWithPayload extends KmipError {
  readonly payload: TtlvStructure;
  constructor(message: string, payload: TtlvStructure) {
    super(ResultReason.PermissionDenied, message);
    this.name = 'RefusalWithPayload';
    this.payload = payload;
  }
}

/** Bytes and secrets that a response refers to until it is encoded. */
export class Lent {
  readonly #bytes: Uint8Array[] = [];

  /** A copy of the secret for the response, zeroised by `wipe`. */
  copyOf(secret: SecretBytes): Uint8Array {
    return this.keep(secret.use((bytes) => Uint8Array.from(bytes)));
  }
  /** Zeroises `bytes` once the response is encoded. */
  keep<T extends Uint8Array>(bytes: T): T {
    this.#bytes.push(bytes);
    return bytes;
  }
  wipe(): void {
    for (const bytes of this.#bytes) bytes.fill(0);
    this.#bytes.length = 0;
  }
}

/** What the items of one batch share (KMIP 1.4 §4: the ID Placeholder). */
export interface BatchState {
  idPlaceholder: string | undefined;
  /** Objects that this answer hands to the relaying gateway already. */
  readonly handedOver: Set<string>;
  readonly budget: MessageBudget;
}

/** What cryptographic operations of this process share. */
export interface Cryptography {
  /** Whether weak algorithms are served (configuration). */
  readonly allowWeak: boolean;
  readonly streams: StreamTable;
}

export interface OperationContext {
  readonly tx: RegionTx;
  readonly region: RegionId;
  readonly requester: Requester;
  readonly version: Version;
  /** Seconds since the epoch: one moment for the whole item. */
  readonly nowS: number;
  readonly keychain: Keychain;
  readonly wraps: WrapBlocks;
  readonly batch: BatchState;
  readonly lent: Lent;
  readonly allowWeak: boolean;
  /** Operations in parts that this item begins or goes on with. */
  readonly turn: StreamTurn;
  /** What has been computed for this operation outside of its transaction. */
  readonly slow: SlowResults;
  /** Collected here, written with the commit. */
  readonly pushes: Push[];
  /** Read here, and not held by the gateway that asked: it gets them with the answer (D6). */
  readonly reads: ManagedObject[];
  readonly events: NewAuditEvent[];
  /** What the item is answered with where it is not the handler's payload alone: Poll tells of another operation. */
  readonly answer: { instead: ResponseItem | undefined };
  readonly logger: Logger;
}

/** Whose asynchronous operations the caller may ask for: its own. */
export function ownerOf({ requester }: Pick<OperationContext, 'requester'>): Owner {
  return { tenant: requester.scope.tenant, fingerprint: requester.caller.fingerprint };
}

export type Handler<O extends KnownOperation> = (
  request: RequestOf<O>,
  context: OperationContext,
) => Promise<ResponseOf<O>>;

/**
 * Whether the application may ask for the operation, by itself or as a part of another one. Throws Permission Denied.
 */
export function requirePermitted({ requester: { operations } }: OperationContext, operation: number): void {
  if (operations === null || operations.includes(operationName(operation))) return;
  throw new RefusedError(
    ResultReason.PermissionDenied,
    `this application may not ask for ${operationName(operation)}`,
    'OPERATION_NOT_PERMITTED',
  );
}

/** The UID of the request, or the ID Placeholder. Throws Item Not Found without either, Permission Denied for an L3. */
export function uidOf(
  request: { readonly uniqueIdentifier?: string | undefined },
  { batch }: OperationContext,
): string {
  const uid = request.uniqueIdentifier ?? batch.idPlaceholder;
  if (uid === undefined) {
    throw KmipError.itemNotFound('the request names no object, and the ID Placeholder is empty');
  }
  // No object has such a UID, and PostgreSQL's text cannot even be asked for it.
  if (uid.includes('\0')) throw KmipError.itemNotFound('no object has this unique identifier');
  if (isL3Address(uid)) {
    throw KmipError.permissionDenied(
      'a service key serves Encrypt, Decrypt and key wrapping at a gateway; it cannot be read, changed or listed',
    );
  }
  return uid;
}
