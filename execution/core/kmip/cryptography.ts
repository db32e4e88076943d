/** What the cryptographic operations (KMIP 1.4 §4.29–4.37) have in common: which key, under which parameters, in parts or whole. */
import type { KeyObject } from 'node:crypto';
import type { AsymmetricOptions, Part, Stream, StreamedOperation } from '../../cipher/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import { keyObjectOf } from '../../keyforms/index.ts';
import {
  attributeValue,
  type CryptographicParameters,
  KeyFormatType,
  KmipError,
  knows,
  ObjectType,
} from '../../kmip/index.ts';
import { type ManagedObject, type Purpose, usageRefusal } from '../../objects/index.ts';
import type { OperationContext } from './context.ts';
import { noteObject, openMaterial, readObject, readToProtect } from './objects.ts';

interface CryptographicRequest {
  readonly cryptographicParameters?: CryptographicParameters | undefined;
}

export interface Use {
  readonly purpose: Purpose;
  /** A bit of Cryptographic Usage Mask. */
  readonly mask: number;
}

/** §4.29: the request's parameters, else the first that the object was given. */
export function parametersOf(
  request: CryptographicRequest,
  object: ManagedObject,
): CryptographicParameters | undefined {
  if (request.cryptographicParameters !== undefined) return request.cryptographicParameters;
  const attribute = object.attributes.find((a) => a.attributeName === 'Cryptographic Parameters');
  return attribute === undefined ? undefined : attributeValue(attribute, 'Cryptographic Parameters');
}

/**
 * The key of the request, which may be used so now; what protects spends of its Usage Limits. Throws Item Not Found,
 * Permission Denied, Object Archived.
 */
export async function keyFor(
  context: OperationContext,
  uid: string,
  use: Use,
  sizeBytes: number,
  objects: 0 | 1 = 1,
): Promise<ManagedObject> {
  if (use.purpose === 'protect') {
    const object = await readToProtect(context, uid, use.mask, sizeBytes, objects);
    requireOnline(object);
    return object;
  }
  const object = await readObject(context, uid);
  requireOnline(object);
  const refusal = usageRefusal(object, use.purpose, use.mask, context.nowS);
  if (refusal !== null) throw KmipError.permissionDenied(refusal);
  return object;
}

function requireOnline({ dates }: ManagedObject): void {
  if (dates.archive !== undefined) throw KmipError.objectArchived('the object is archived; Recover it first');
}

/**
 * The stream that a later part goes on with, counted, and its key looked at anew: revoked, without its usage or with
 * the tenant's link closed meanwhile, no part of it goes on. Throws Item Not Found (§11.30–11.38) and as `keyFor`.
 */
export async function streamFor<O extends StreamedOperation>(
  context: OperationContext,
  part: Part & { readonly kind: 'next' },
  wanted: { readonly operation: O; readonly uid: string | undefined; readonly use: Use },
  sizeBytes: number,
): Promise<{ readonly stream: Stream<O>; readonly uid: string; readonly object: ManagedObject }> {
  const stream = context.turn.take(part.correlationValue, wanted.operation, wanted.uid);
  const { uid } = stream;
  if (uid === undefined) throw KmipError.itemNotFound('the operation has no key');
  const object = await keyFor(context, uid, wanted.use, sizeBytes, 0);
  // Opened and forgotten: whatever wraps it must still open it.
  (await openMaterial(context, object)).wipe();
  context.turn.count(stream, sizeBytes);
  if (part.isLast) context.turn.finish(stream);
  return { stream, uid, object };
}

/** Data is optional in the parts of a stream only. Throws Missing Data. */
export function dataOf(request: { readonly data?: Uint8Array | undefined }, part: Part): Uint8Array {
  if (request.data !== undefined) return request.data;
  if (part.kind === 'whole') throw KmipError.missingData('Data is required');
  return new Uint8Array(0);
}

/** What a part has to say, or nothing. */
export function unlessEmpty<T extends Uint8Array>(data: T): T | undefined {
  return data.length === 0 ? undefined : data;
}

/** Whether the object is one of a key pair, or a certificate. */
export function isAsymmetric({ objectType }: ManagedObject): boolean {
  return (
    objectType === ObjectType.PrivateKey ||
    objectType === ObjectType.PublicKey ||
    objectType === ObjectType.Certificate
  );
}

/** §11.30–11.35: an object that is no key for this is refused as one that may not be used. Throws Permission Denied. */
export function requireType(object: ManagedObject, ...types: readonly number[]): void {
  if (types.includes(object.objectType)) return;
  throw KmipError.permissionDenied('an object of this type cannot be used in this operation');
}

/** The asymmetric key in Node's own form, for as long as the handler runs. */
export async function keyObject(context: OperationContext, object: ManagedObject): Promise<KeyObject> {
  requireType(object, ObjectType.PrivateKey, ObjectType.PublicKey, ObjectType.Certificate);
  using material: SecretBytes = await openMaterial(context, object);
  const { objectType, keyFormatType = KeyFormatType.Raw, cryptographicAlgorithm } = object;
  return material.use((bytes) =>
    keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material: bytes }),
  );
}

export function asymmetricOptions({ allowWeak, version }: OperationContext): AsymmetricOptions {
  return { allowWeak, namesMaskHash: knows(version, 4) };
}

/** An entry for the trail: the key was used. */
export function noteUse(context: OperationContext, object: ManagedObject): void {
  noteObject(context, object, 'OBJECT_USED');
}
