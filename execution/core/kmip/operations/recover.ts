/** Recover (KMIP 1.4 §4.23): the object is on-line again. One that is not archived is so already. */
import type { Operation } from '../../../kmip/index.ts';
import { recover } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

export const recoverHandler: Handler<typeof Operation.Recover> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid, { archived: true });
  const recovered = recover(object, context.nowS);
  if (recovered !== object) await saveObject(context, recovered, 'OBJECT_RECOVERED');
  return { uniqueIdentifier: uid };
};
