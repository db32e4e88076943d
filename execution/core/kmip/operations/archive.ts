/**
 * Archive (KMIP 1.4 §4.22): from now on the object is refused with Object Archived, here and at every gateway, until it
 * is recovered. Its key stays where it is, wrapped; gateways wipe what they had opened of it.
 */
import type { Operation } from '../../../kmip/index.ts';
import { archive } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

export const archiveHandler: Handler<typeof Operation.Archive> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  await saveObject(context, archive(object, context.nowS), 'OBJECT_ARCHIVED');
  return { uniqueIdentifier: uid };
};
