/** Re-key (KMIP 1.4 §4.4): a new symmetric key with the attributes of an old one. */
import { KmipError, ObjectType, type Operation } from '../../../kmip/index.ts';
import { checkCounts, fieldsFromTemplate, type ManagedObject } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { addObject, readForChange } from '../objects.ts';
import {
  checkOffset,
  inheritedAttributes,
  replacedLink,
  replacementDates,
  requireValue,
  supersede,
} from '../replacement.ts';
import { attributesMeant } from '../templates.ts';
import { makeSymmetricKey } from './create.ts';

export const reKeyHandler: Handler<typeof Operation.ReKey> = async (request, context) => {
  const { nowS } = context;
  const uid = uidOf(request, context);
  const given = await attributesMeant(context, request.templateAttribute);
  const old = await readForChange(context, uid);
  if (old.objectType !== ObjectType.SymmetricKey) {
    throw KmipError.permissionDenied(
      'only a symmetric key can be re-keyed; for a key pair there is Re-key Key Pair',
    );
  }
  requireValue(old);
  checkOffset(request.offset, given);
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType: old.objectType,
    attributes: inheritedAttributes(old, given, replacementDates(old.dates, request.offset, nowS)),
    nowS,
  });
  const made = await makeSymmetricKey(context, fields, old.service);
  const replacement: ManagedObject = { ...made, attributes: [...made.attributes, replacedLink(old)] };
  checkCounts(replacement.attributes);
  // The old key first: it must give its names up before the new one can claim them.
  await supersede(context, old, replacement.uid, 'OBJECT_REKEYED');
  await addObject(context, replacement, 'OBJECT_CREATED');
  return { uniqueIdentifier: replacement.uid };
};
