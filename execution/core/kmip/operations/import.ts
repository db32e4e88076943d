/** Import (KMIP 1.4 §4.41): an object under the Unique Identifier, and with the attributes, that it had elsewhere. */
import { randomUUID } from 'node:crypto';
import { KeyWrapType, KmipError, Operation, type RequestOf } from '../../../kmip/index.ts';
import { isDestroyed, isGatewayKey, type ManagedObject } from '../../../objects/index.ts';
import { isL3Address } from '../../../routing/index.ts';
import { lockObject } from '../../store/objects.ts';
import { type Handler, type OperationContext, requirePermitted } from '../context.ts';
import { type GivenObject, sealGiven, takeGiven, wipeGiven, withValueAttributes } from '../given-object.ts';
import { importedFields } from '../imported.ts';
import { addObject, saveObject, serviceForNew } from '../objects.ts';

/** Characters, as of every Unique Identifier here. */
const MAX_UID_LENGTH = 128;

type ImportRequest = RequestOf<typeof Operation.Import>;

/** Where the object goes: a place of its own, or that of one that it replaces. */
interface Place {
  readonly uid: string;
  readonly service: ManagedObject['service'];
  readonly replaced?: ManagedObject;
}

export const importHandler: Handler<typeof Operation.Import> = async (request, context) => {
  const place = await placeFor(context, request);
  const isUnwrapped = request.keyWrapType === KeyWrapType.NotWrapped;
  if (request.keyWrapType !== undefined && !isUnwrapped && request.keyWrapType !== KeyWrapType.AsRegistered) {
    throw KmipError.invalidField(`Key Wrap Type ${request.keyWrapType} is not known`);
  }
  const given = await takeGiven(context, request.object, request.attribute, isUnwrapped);
  try {
    const imported = await objectAt(context, place, given, request.object.objectType);
    await put(context, imported, place.replaced);
  } finally {
    wipeGiven(given);
  }
  context.batch.idPlaceholder = place.uid;
  return { uniqueIdentifier: place.uid };
};

/** §11.42. @throws KmipError Invalid Field (no Unique Identifier of this server's), Object Already Exists. */
async function placeFor(context: OperationContext, request: ImportRequest): Promise<Place> {
  const { uniqueIdentifier: uid, replaceExisting = false } = request;
  if (uid === '' || uid.length > MAX_UID_LENGTH || uid.includes('\0') || isL3Address(uid)) {
    throw KmipError.invalidField(
      `a Unique Identifier has 1 to ${MAX_UID_LENGTH} characters, and is no address of a service key`,
    );
  }
  const found = await lockObject(context.tx, context.requester.scope, uid);
  switch (found.outcome) {
    case 'absent':
      return { uid, service: serviceForNew(context) };
    case 'foreign':
      // What others have is not there (D10): the server assigns an identifier, as the clause allows.
      return { uid: randomUUID(), service: serviceForNew(context) };
    case 'found':
      if (!replaceExisting) {
        throw KmipError.objectAlreadyExists('an object has this Unique Identifier; set Replace Existing');
      }
      // What is replaced is gone: only for those who may make it go.
      requirePermitted(context, Operation.Destroy);
      return { uid, service: found.object.service, replaced: found.object };
  }
}

async function objectAt(
  context: OperationContext,
  { uid, service, replaced }: Place,
  given: GivenObject,
  objectType: number,
): Promise<ManagedObject> {
  const { material, attributes, facts } = given;
  const fields = importedFields({ objectType, attributes, nowS: context.nowS, facts });
  const isGone = isDestroyed(fields.state);
  const all = isGone ? fields.attributes : withValueAttributes(objectType, material, fields.attributes);
  const held = await sealGiven(context, given, uid, service);
  return {
    ...fields,
    attributes: all,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    ...held,
    ...(isGone ? { wrapped: null } : {}),
    revision: (replaced?.revision ?? 0) + 1,
  };
}

async function put(
  context: OperationContext,
  object: ManagedObject,
  replaced: ManagedObject | undefined,
): Promise<void> {
  if (replaced === undefined) {
    await addObject(context, object, 'OBJECT_IMPORTED');
    return;
  }
  await saveObject(context, object, 'OBJECT_REPLACED');
  // Operations in parts hold the key that is no more.
  context.turn.endAllOf(object.uid);
  // Gateways that hold the old key must not go on with it where the new object is none for them.
  if (isGatewayKey(replaced) && !(isGatewayKey(object) && object.wrapped !== null)) {
    context.pushes.push({ kind: 'object.destroyed', tenant: object.tenant, uid: object.uid });
  }
}
