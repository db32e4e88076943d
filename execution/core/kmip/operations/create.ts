/**
 * Create (KMIP 1.4 §4.1) when it is tunnelled: algorithms and batches that the gateway does not serve by itself. The
 * key is an L4 like any other and is handed to the gateway with the answer.
 */
import { randomUUID } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  CryptographicAlgorithm,
  KeyFormatType,
  KmipError,
  ObjectType,
  type Operation,
} from '../../../kmip/index.ts';
import {
  fieldsFromTemplate,
  type ManagedObject,
  materialDigest,
  type TemplateFields,
} from '../../../objects/index.ts';
import type { Handler, OperationContext } from '../context.ts';
import { addObject, sealMaterial, serviceForNew } from '../objects.ts';
import { attributesMeant } from '../templates.ts';

/** Bytes of a new key; Triple DES counts 56 bits for each 8 bytes of key. */
export function keySizeBytes({ cryptographicAlgorithm, cryptographicLength = 0 }: TemplateFields): number {
  return cryptographicAlgorithm === CryptographicAlgorithm.DES3
    ? (cryptographicLength / 56) * 8
    : cryptographicLength / 8;
}

/** A new symmetric key under the service's L3: Create and Re-key make it alike. */
export async function makeSymmetricKey(
  context: OperationContext,
  fields: TemplateFields,
  service: ManagedObject['service'],
): Promise<ManagedObject> {
  const uid = randomUUID();
  using key = SecretBytes.random(keySizeBytes(fields));
  const wrapped = await sealMaterial(context, service, uid, key);
  return {
    ...fields,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    keyFormatType: KeyFormatType.Raw,
    digest: key.use(materialDigest),
    wrapped,
    revision: 1,
  };
}

export const createHandler: Handler<typeof Operation.Create> = async (request, context) => {
  const { objectType, templateAttribute } = request;
  if (objectType !== ObjectType.SymmetricKey) {
    throw KmipError.invalidField('Create makes symmetric keys only; everything else is registered');
  }
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType,
    attributes: await attributesMeant(context, templateAttribute),
    nowS: context.nowS,
  });
  const object = await makeSymmetricKey(context, fields, serviceForNew(context));
  await addObject(context, object, 'OBJECT_CREATED');
  return { objectType, uniqueIdentifier: object.uid };
};
