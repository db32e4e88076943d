/** Join Split Key (KMIP 1.4 §4.39): the key that parts were made of, as an object of its own. */
import { randomUUID } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import { keyObjectOf } from '../../../keyforms/index.ts';
import {
  type Attribute,
  KeyFormatType,
  KmipError,
  ObjectType,
  type Operation,
  type RequestOf,
  SecretDataType,
} from '../../../kmip/index.ts';
import {
  fieldsFromTemplate,
  isExtractable,
  MAX_SPLIT_KEY_PARTS,
  type ManagedObject,
  make,
  materialDigest,
} from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { factsOf } from '../key-facts.ts';
import { addObject, openMaterial, readObject, sealMaterial } from '../objects.ts';
import { decidedBy, protectionOf, requireSameKey, secretBytesOf, splittable } from '../split-keys/parts.ts';
import { join } from '../split-keys/sharing.ts';
import { attributesMeant } from '../templates.ts';

export const joinSplitKeyHandler: Handler<typeof Operation.JoinSplitKey> = async (request, context) => {
  const { objectType, uniqueIdentifier: uids } = request;
  if (!splittable.includes(objectType))
    throw KmipError.invalidField('parts are not joined to such an object');
  if (uids.length > MAX_SPLIT_KEY_PARTS)
    throw KmipError.invalidField(`at most ${MAX_SPLIT_KEY_PARTS} parts are joined`);
  if (new Set(uids).size !== uids.length) throw KmipError.invalidField('a part is named more than once');
  const meant = await attributesMeant(context, request.templateAttribute);
  const parts: ManagedObject[] = [];
  for (const uniqueIdentifier of uids) parts.push(await readPart(context, uniqueIdentifier));
  const { first, sharing } = requireSameKey(parts);
  const shares = [];
  for (const part of parts) {
    using share = await openMaterial(context, part);
    shares.push({ identifier: part.splitKey?.identifier ?? 0, bytes: context.lent.copyOf(share) });
  }
  const whole = context.lent.keep(join(shares, sharing, secretBytesOf(first)));
  const key = await joined(context, request, whole, parts, meant);
  await addObject(context, key, 'OBJECT_JOINED');
  return { uniqueIdentifier: key.uid };
};

async function readPart(context: OperationContext, uniqueIdentifier: string): Promise<ManagedObject> {
  const part = await readObject(context, uidOf({ uniqueIdentifier }, context));
  if (part.objectType !== ObjectType.SplitKey) throw KmipError.invalidField('only Split Keys are joined');
  if (part.dates.archive !== undefined)
    throw KmipError.objectArchived('a part is archived; Recover it first');
  return part;
}

const MASK = 'Cryptographic Usage Mask';

/** What the parts know of the key, and what protects them; the rest is the request's. */
function inherited(
  objectType: number,
  parts: readonly ManagedObject[],
  meant: readonly Attribute[],
): readonly Attribute[] {
  const [first] = parts;
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length } = first ?? {};
  const isKey = objectType !== ObjectType.SecretData;
  const decided = [
    ...(isKey && algorithm !== undefined ? [make.enumeration('Cryptographic Algorithm', algorithm)] : []),
    ...(isKey && length !== undefined ? [make.integer('Cryptographic Length', length)] : []),
    ...protectionOf(parts),
  ];
  const shared = parts.reduce((mask, part) => mask & part.usageMask, ~0);
  const mask = make.integer(MASK, shared);
  // Whoever can take the key away may use it as he likes; what cannot leave is for nothing that its parts are not for.
  if (!parts.every(isExtractable)) return decidedBy([...decided, mask], meant);
  const isMasked = meant.some((a) => a.attributeName === MASK);
  return decidedBy(decided, isMasked ? meant : [...meant, mask]);
}

async function joined(
  context: OperationContext,
  { objectType, secretDataType = SecretDataType.Password }: RequestOf<typeof Operation.JoinSplitKey>,
  whole: Uint8Array,
  parts: readonly ManagedObject[],
  meant: readonly Attribute[],
): Promise<ManagedObject> {
  const [first] = parts;
  if (first === undefined) throw KmipError.invalidField('only Split Keys are joined');
  const isPair = objectType === ObjectType.PrivateKey || objectType === ObjectType.PublicKey;
  const keyFormatType = isPair ? (first.keyFormatType ?? KeyFormatType.Raw) : KeyFormatType.Raw;
  const attributes = inherited(objectType, parts, meant);
  if (isPair) requireKey(objectType, keyFormatType, whole, first.cryptographicAlgorithm);
  const facts = factsOf(objectType, { bytes: whole, keyFormatType }, attributes);
  const fields = fieldsFromTemplate({
    operation: 'register',
    objectType,
    attributes,
    nowS: context.nowS,
    keyBlock: facts,
  });
  const uid = randomUUID();
  const { service } = first;
  using secret = SecretBytes.take(whole);
  return {
    ...fields,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    keyFormatType,
    ...(objectType === ObjectType.SecretData ? { subtype: secretDataType } : {}),
    digest: secret.use(materialDigest),
    wrapped: await sealMaterial(context, service, uid, secret),
    revision: 1,
  };
}

/** Parts of different keys give bytes that are none; with a key of a pair that shows. */
function requireKey(
  objectType: number,
  keyFormatType: number,
  material: Uint8Array,
  cryptographicAlgorithm: number | undefined,
): void {
  try {
    keyObjectOf({ objectType, keyFormatType, material, cryptographicAlgorithm });
  } catch (error) {
    if (!(error instanceof KmipError)) throw error;
    throw KmipError.cryptographicFailure('what the parts give is no such key: they do not belong together');
  }
}
