/** Reading and changing one object on behalf of a client, and its material in the clear for as long as it is needed. */
import type { ServiceName } from '../../../contracts/index.ts';
import { objectContext, SecretBytes } from '../../envelope/index.ts';
import { KeychainError, type ServiceKeys } from '../../keychain/index.ts';
import {
  childOf,
  ItemType,
  KeyFormatType,
  type KeyWrappingData,
  KmipError,
  type PlainKeyValue,
  ResultReason,
  Tag,
  type Ttlv,
} from '../../kmip/index.ts';
import {
  isDestroyed,
  isGatewayKey,
  type ManagedObject,
  materialBytes,
  served,
  settle,
  usageLimitsOf,
  usageRefusal,
} from '../../objects/index.ts';
import {
  type FoundObject,
  findObject,
  insertObject,
  lockObject,
  markServed,
  updateBody,
  updateObject,
} from '../store/objects.ts';
import { openContainer } from './containers.ts';
import { AbsentError, type OperationContext, RefusedError } from './context.ts';
import { type Shelf, unwrap } from './unwrapping.ts';
import { spend } from './usage-limits.ts';

export interface ReadOptions {
  /** Archived objects too: for those few operations that §11 does not answer with Object Archived. Default: refused. */
  readonly archived?: boolean;
}

/** One message for an absent object and for someone else's: a client learns nothing of what others have (D10). */
function require(
  found: FoundObject,
  uid: string,
  nowS: number,
  { archived = false }: ReadOptions,
): ManagedObject {
  switch (found.outcome) {
    case 'found':
      if (!archived && found.object.dates.archive !== undefined) {
        throw KmipError.objectArchived('the object is archived; Recover it first');
      }
      return settle(found.object, nowS);
    case 'absent':
      throw new AbsentError(uid);
    case 'foreign':
      throw new RefusedError(
        ResultReason.ItemNotFound,
        'no object has this unique identifier',
        found.reason,
        uid,
      );
  }
}

/** The object in the state that its dates give it now. Throws Item Not Found, Object Archived. */
export async function readObject(
  context: OperationContext,
  uid: string,
  options: ReadOptions = {},
): Promise<ManagedObject> {
  return require(await findObject(context.tx, context.requester.scope, uid), uid, context.nowS, options);
}

/** As `readObject`; nobody else changes it before the commit. */
export async function readForChange(
  context: OperationContext,
  uid: string,
  options: ReadOptions = {},
): Promise<ManagedObject> {
  return require(await lockObject(context.tx, context.requester.scope, uid), uid, context.nowS, options);
}

/**
 * The object for a use that protects `sizeBytes`: its Usage Limits are spent with the commit; `objects` is 0 for a later
 * part of an operation. Throws Item Not Found, Permission Denied when the object may not be used with `usageMask` or its
 * limits are reached.
 */
export async function readToProtect(
  context: OperationContext,
  uid: string,
  usageMask: number,
  sizeBytes: number,
  objects: 0 | 1 = 1,
): Promise<ManagedObject> {
  const seen = await readObject(context, uid);
  // Only a limited object is locked: all others may be used by many at once.
  const object = usageLimitsOf(seen) === undefined ? seen : await readForChange(context, uid);
  const refusal = usageRefusal(object, 'protect', usageMask, context.nowS);
  if (refusal !== null) throw KmipError.permissionDenied(refusal);
  const spent = spend(object, sizeBytes, objects);
  if (spent !== object) await updateBody(context.tx, spent);
  return object;
}

/**
 * Gateways are sent what they may hold, and nothing else: they have the L3 that opens every envelope of their services,
 * those of private keys and Secret Data too. What has no value here must not look destroyed to them.
 */
function pushToGateways({ pushes }: OperationContext, object: ManagedObject): void {
  if (object.wrapped !== null && isGatewayKey(object)) pushes.push({ kind: 'object.put', object });
}

/** Stores a changed object, and tells the gateways and the trail. `event` is the audit event's name. */
export async function saveObject(
  context: OperationContext,
  object: ManagedObject,
  event: string,
  nameTaken?: number,
): Promise<void> {
  await updateObject(context.tx, object, nameTaken);
  if (isDestroyed(object.state)) {
    context.turn.endAllOf(object.uid);
    context.pushes.push({ kind: 'object.destroyed', tenant: object.tenant, uid: object.uid });
  } else {
    pushToGateways(context, object);
  }
  noteObject(context, object, event);
}

/** Stores a new object; the gateway that relayed the request gets it with the answer. */
export async function addObject(
  context: OperationContext,
  object: ManagedObject,
  event: string,
  nameTaken?: number,
): Promise<void> {
  await insertObject(context.tx, object, nameTaken);
  pushToGateways(context, object);
  context.batch.idPlaceholder = object.uid;
  noteObject(context, object, event);
}

/** The object that this Response Payload holds has been served: it is not Fresh any more (KMIP 1.4 §3.34). */
export async function markServedIn(context: OperationContext, payload: Ttlv): Promise<void> {
  const uid = childOf(payload, Tag.UniqueIdentifier);
  if (uid?.type !== ItemType.TextString) return;
  await markServed(context.tx, uid.value);
  for (const [index, object] of context.reads.entries()) {
    if (object.uid === uid.value) context.reads[index] = served(object);
  }
}

/** An audit event about an object, success. */
export function noteObject(context: OperationContext, object: ManagedObject, event: string): void {
  context.events.push({ event, outcome: 'success', uid: object.uid });
}

/**
 * The gateway did not hold this L4, or it would not have asked: it gets it with the answer, unnumbered and alone, so
 * that its next request is local (D6).
 * Called by the operations that a gateway serves itself.
 */
export function handOver(context: OperationContext, object: ManagedObject): void {
  // Gateways hold plain symmetric keys only, and send the use of limited ones here all the same (D9).
  if (!isGatewayKey(object) || object.wrapped === null) return;
  if (usageLimitsOf(object) === undefined) context.reads.push(object);
}

/** Keychain's refusals as a client hears them. The text says what an operator can do, never what a key is. */
export function asKmipError(error: unknown): unknown {
  if (!(error instanceof KeychainError)) return error;
  const { code, message } = error;
  const refused = code === 'LINK_CLOSED' || code === 'LINK_EXPIRED' || code === 'EPOCH_CLOSED';
  return new KmipError(refused ? ResultReason.PermissionDenied : ResultReason.GeneralFailure, message, {
    cause: error,
  });
}

/** Use the keys before the next `await`: closing the tenant's link wipes them. Throws KmipError. */
export async function keysOf(context: OperationContext, service: ServiceName): Promise<ServiceKeys> {
  try {
    return await context.keychain.serviceKeys(context.requester.scope.tenant, service);
  } catch (error) {
    throw asKmipError(error);
  }
}

/**
 * The object's material as it is held, which for a key that was registered wrapped is the wrapped Key Value; the caller
 * wipes it. Throws Illegal Operation when it is destroyed, Key Value Not Present when it never was here.
 */
export async function openStored(context: OperationContext, object: ManagedObject): Promise<SecretBytes> {
  const { tenant, service, uid, wrapped } = object;
  if (wrapped === null) {
    throw isDestroyed(object.state)
      ? KmipError.illegalOperation('the object has been destroyed; only its attributes are left')
      : KmipError.keyValueNotPresent('the key value is kept elsewhere; see its Key Value Location');
  }
  const keys = await keysOf(context, service);
  return keys.unwrap(wrapped, objectContext(context.region, tenant, service, uid));
}

/** Wrapping keys that are wrapped themselves: deeper than anybody nests them, and an end for those that go in circles. */
const MAX_WRAPPING_DEPTH = 4;

/**
 * The object's material in the clear, in its Key Format Type; the caller wipes it. A key that was registered wrapped is
 * unwrapped with its wrapping key. Throws as `openStored`; Item Not Found or Permission Denied when the wrapping key is
 * not here or may not unwrap, Cryptographic Failure.
 */
export async function openPlain(
  context: OperationContext,
  object: ManagedObject,
  depth = 0,
): Promise<SecretBytes> {
  const { keyWrappingData, keyFormatType = KeyFormatType.Raw } = object;
  const stored = await openStored(context, object);
  if (keyWrappingData === undefined) return stored;
  using held = stored;
  const bytes = held.use((lent) => Uint8Array.from(lent));
  return SecretBytes.take(await unwrappedMaterial(context, bytes, keyWrappingData, keyFormatType, depth));
}

/**
 * The object's material in the clear, for use; the caller wipes it. As `openPlain`, but for a key in PKCS#12, which is
 * taken out of its container as PKCS#8. Throws as both do.
 */
export async function openMaterial(
  context: OperationContext,
  object: ManagedObject,
  depth = 0,
): Promise<SecretBytes> {
  const plain = await openPlain(context, object, depth);
  if (object.keyFormatType !== KeyFormatType.PKCS_12) return plain;
  using container = plain;
  const bytes = container.use((lent) => Uint8Array.from(lent));
  try {
    const { pkcs8 } = await openContainer(bytes, object.attributes, shelfOf(context, depth));
    return SecretBytes.take(pkcs8);
  } finally {
    bytes.fill(0);
  }
}

/** A wrapped Key Value's material in the clear, for the caller to wipe. Throws as `openMaterial`. */
async function unwrappedMaterial(
  context: OperationContext,
  wrapped: Uint8Array,
  data: KeyWrappingData,
  keyFormatType: number,
  depth: number,
): Promise<Uint8Array> {
  const { keyMaterial } = await unwrapValue(context, wrapped, data, depth);
  try {
    return materialBytes(keyFormatType, keyMaterial);
  } finally {
    if (keyMaterial instanceof Uint8Array) keyMaterial.fill(0);
  }
}

/** A wrapped Key Value in the clear (§2.1.5), its material the caller's to wipe. Throws as `openMaterial`. */
export function unwrapValue(
  context: OperationContext,
  wrapped: Uint8Array,
  data: KeyWrappingData,
  depth = 0,
): Promise<PlainKeyValue> {
  return unwrap(wrapped, data, context, shelfOf(context, depth));
}

/** Objects that others name, as the requester may see them. */
export function shelfOf(context: OperationContext, depth = 0): Shelf {
  if (depth >= MAX_WRAPPING_DEPTH) {
    throw KmipError.illegalOperation(`keys are opened through ${MAX_WRAPPING_DEPTH} others at most`);
  }
  return {
    read: (uid) => readObject(context, uid),
    open: (object) => openMaterial(context, object, depth + 1),
  };
}

/** How often a wrap takes a block and finds a newer version active. */
const MAX_WRAP_ROUNDS = 3;

/**
 * The material wrapped under the service's active L3, for a new object. Does not wipe `material`. Throws General Failure
 * when the version's budget of wraps is spent (D5).
 */
export async function sealMaterial(
  context: OperationContext,
  service: ServiceName,
  uid: string,
  material: SecretBytes | Uint8Array,
): Promise<Uint8Array> {
  const { wraps, requester, region } = context;
  const { tenant } = requester.scope;
  for (let round = 0; round < MAX_WRAP_ROUNDS; round++) {
    const keys = await keysOf(context, service);
    const { version } = keys.active;
    if (wraps.spend(tenant, service, version)) {
      return keys.wrap(material, objectContext(region, tenant, service, uid));
    }
    if (!(await wraps.refill(tenant, service, version))) break;
  }
  throw KmipError.generalFailure(
    'as much as is safe has been wrapped under the service key, until it is rotated; try again',
  );
}

/** New objects of an application belong to the first of its services. Throws Permission Denied when it has none. */
export function serviceForNew({ requester }: OperationContext): ServiceName {
  const [service] = requester.scope.services;
  if (service === undefined) throw KmipError.permissionDenied('this application belongs to no service');
  return service;
}
