/** Create Split Key (KMIP 1.4 §4.38): a new key, or one that is here, as parts that are objects of their own. */
import { randomUUID } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import { type Attribute, KeyFormatType, KmipError, ObjectType, type Operation } from '../../../kmip/index.ts';
import {
  checkSplitKeyPart,
  fieldsFromTemplate,
  hasKeyBlock,
  isExtractable,
  type ManagedObject,
  materialDigest,
  NAME,
} from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { inForm } from '../forms.ts';
import { addObject, noteObject, openMaterial, readObject, sealMaterial, serviceForNew } from '../objects.ts';
import { decidedBy, inheritedByParts, splitFormat, splittable } from '../split-keys/parts.ts';
import { type Sharing, split } from '../split-keys/sharing.ts';
import { attributesMeant } from '../templates.ts';
import { keySizeBytes } from './create.ts';

/** What is split, and what its parts are to be. */
interface Whole {
  readonly secret: SecretBytes;
  readonly keyFormatType: number;
  readonly attributes: readonly Attribute[];
  readonly operation: 'create' | 'register';
  readonly service: ManagedObject['service'];
}

export const createSplitKeyHandler: Handler<typeof Operation.CreateSplitKey> = async (request, context) => {
  const { splitKeyParts: parts, splitKeyThreshold: threshold, splitKeyMethod: method } = request;
  const { primeFieldSize } = request;
  const sharing = { parts, threshold, method, ...(primeFieldSize === undefined ? {} : { primeFieldSize }) };
  checkSplitKeyPart({ ...sharing, identifier: 1 });
  const meant = await attributesMeant(context, request.templateAttribute);
  const whole =
    request.uniqueIdentifier === undefined
      ? newKey(context, request.objectType, meant)
      : await existingKey(context, request.uniqueIdentifier, request.objectType, meant);
  using secret = whole.secret;
  const shares = await split(
    secret.use((bytes) => context.lent.keep(Uint8Array.from(bytes))),
    sharing,
  );
  // Those too that are not added any more where one is refused.
  for (const share of shares) context.lent.keep(share);
  const uids: string[] = [];
  for (const [index, share] of shares.entries()) {
    uids.push(await addPart(context, whole, { ...sharing, secretBytes: secret.sizeBytes }, index + 1, share));
  }
  context.batch.idPlaceholder = uids[0];
  return { uniqueIdentifier: uids };
};

/** §11.39. @throws KmipError Invalid Field: nothing that is made to be split. */
function newKey(context: OperationContext, objectType: number, attributes: readonly Attribute[]): Whole {
  if (objectType !== ObjectType.SplitKey && objectType !== ObjectType.SymmetricKey) {
    throw KmipError.invalidField('only a symmetric key is made to be split; name a key to split another');
  }
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType: ObjectType.SymmetricKey,
    attributes,
    nowS: context.nowS,
  });
  return {
    secret: SecretBytes.random(keySizeBytes(fields)),
    keyFormatType: KeyFormatType.Raw,
    attributes,
    operation: 'create',
    service: serviceForNew(context),
  };
}

async function existingKey(
  context: OperationContext,
  uniqueIdentifier: string,
  objectType: number,
  attributes: readonly Attribute[],
): Promise<Whole> {
  const key = await readObject(context, uidOf({ uniqueIdentifier }, context));
  if (!splittable.includes(key.objectType) || !hasKeyBlock(key.objectType)) {
    throw KmipError.illegalOperation('the object is none that can be split');
  }
  if (objectType !== ObjectType.SplitKey && objectType !== key.objectType) {
    throw KmipError.invalidField('Object Type is neither Split Key nor that of the key to be split');
  }
  if (key.dates.archive !== undefined)
    throw KmipError.objectArchived('the key is archived; Recover it first');
  // Parts are the key's value in another form (§3.50), and a joined key would be free of its mask, state and limits.
  if (!isExtractable(key))
    throw KmipError.notExtractable('the key is not Extractable: it is not split either');
  using held = await openMaterial(context, key);
  const keyFormatType = splitFormat(key);
  const form = inForm(key, context.lent.copyOf(held), { keyFormatType }, (bytes) => context.lent.keep(bytes));
  noteObject(context, key, 'OBJECT_SPLIT');
  return {
    secret: SecretBytes.take(form.material),
    keyFormatType,
    attributes: decidedBy(inheritedByParts(key), attributes),
    operation: 'register',
    service: key.service,
  };
}

/** Wipes the share. */
async function addPart(
  context: OperationContext,
  { attributes, operation, service, keyFormatType }: Whole,
  sharing: Sharing,
  identifier: number,
  share: Uint8Array,
): Promise<string> {
  using secret = SecretBytes.take(share);
  const fields = fieldsFromTemplate({
    operation,
    objectType: ObjectType.SplitKey,
    // A name belongs to one object: the first part stands for all.
    attributes: identifier === 1 ? attributes : attributes.filter((a) => a.attributeName !== NAME),
    nowS: context.nowS,
  });
  const uid = randomUUID();
  const part: ManagedObject = {
    ...fields,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    keyFormatType,
    splitKey: { ...sharing, identifier },
    digest: secret.use(materialDigest),
    wrapped: await sealMaterial(context, service, uid, secret),
    revision: 1,
  };
  await addObject(context, part, 'OBJECT_CREATED');
  return uid;
}
