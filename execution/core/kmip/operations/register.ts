/** Register (KMIP 1.4 §4.3): objects of every type that a client brings. What comes wrapped is held as it comes. */
import { randomUUID } from 'node:crypto';
import { KmipError, type Operation } from '../../../kmip/index.ts';
import { fieldsFromTemplate } from '../../../objects/index.ts';
import type { Handler } from '../context.ts';
import { sealGiven, takeGiven, wipeGiven, withValueAttributes } from '../given-object.ts';
import { addObject, serviceForNew } from '../objects.ts';
import { attributesMeant } from '../templates.ts';

export const registerHandler: Handler<typeof Operation.Register> = async (request, context) => {
  const { objectType, object, templateAttribute } = request;
  if (object.objectType !== objectType) {
    throw KmipError.invalidField('Object Type does not match the object in the request');
  }
  const meant = await attributesMeant(context, templateAttribute);
  const given = await takeGiven(context, object, meant, false);
  try {
    const fields = fieldsFromTemplate({
      operation: 'register',
      objectType,
      attributes: given.attributes,
      nowS: context.nowS,
      keyBlock: given.facts,
    });
    const attributes = withValueAttributes(objectType, given.material, fields.attributes);
    const uid = randomUUID();
    const service = serviceForNew(context);
    const held = await sealGiven(context, given, uid, service);
    const registered = {
      ...fields,
      attributes,
      uid,
      tenant: context.requester.scope.tenant,
      service,
      ...held,
      revision: 1,
    };
    await addObject(context, registered, 'OBJECT_REGISTERED');
    return { uniqueIdentifier: uid };
  } finally {
    wipeGiven(given);
  }
};
