/** Register (KMIP 1.4 §4.3): keys, secret data, certificates and opaque objects that a client brings. */
import { randomUUID } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import { type Attribute, KmipError, ObjectType, type Operation } from '../../../kmip/index.ts';
import {
  checkCounts,
  fieldsFromTemplate,
  materialDigest,
  materialOf,
  withCertificateAttributes,
} from '../../../objects/index.ts';
import type { Handler } from '../context.ts';
import { addObject, sealMaterial, serviceForNew } from '../objects.ts';
import { requireNoTemplates } from '../templates.ts';

export const registerHandler: Handler<typeof Operation.Register> = async (request, context) => {
  const { objectType, object: given, templateAttribute } = request;
  if (given.objectType !== objectType) {
    throw KmipError.invalidField('Object Type does not match the object in the request');
  }
  requireNoTemplates(templateAttribute);
  const { bytes, keyFormatType, subtype, ...keyBlock } = materialOf(given);
  using material = SecretBytes.take(bytes);
  const fields = fieldsFromTemplate({
    operation: 'register',
    objectType,
    attributes: templateAttribute.attribute ?? [],
    nowS: context.nowS,
    keyBlock,
  });
  const attributes = withValueAttributes(fields.attributes, objectType, subtype, material);
  const uid = randomUUID();
  const service = serviceForNew(context);
  const wrapped = await sealMaterial(context, service, uid, material);
  const registered = {
    ...fields,
    attributes,
    uid,
    tenant: context.requester.scope.tenant,
    service,
    ...(keyFormatType === undefined ? {} : { keyFormatType }),
    ...(subtype === undefined ? {} : { subtype }),
    digest: material.use(materialDigest),
    wrapped,
    revision: 1,
  };
  await addObject(context, registered, 'OBJECT_REGISTERED');
  return { uniqueIdentifier: uid };
};

/** §3.9–3.16: what a certificate says of itself. */
function withValueAttributes(
  attributes: readonly Attribute[],
  objectType: number,
  subtype: number | undefined,
  material: SecretBytes,
): readonly Attribute[] {
  if (objectType !== ObjectType.Certificate) return attributes;
  const all = material.use((value) => withCertificateAttributes(attributes, subtype ?? 0, value));
  checkCounts(all);
  return all;
}
