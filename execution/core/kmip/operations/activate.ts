/** Activate (KMIP 1.4 §4.19): serialised here for the whole region, as every change of state (D6). */
import type { Operation } from '../../../kmip/index.ts';
import { activate } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

export const activateHandler: Handler<typeof Operation.Activate> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  await saveObject(context, activate(object, context.nowS), 'OBJECT_ACTIVATED');
  return { uniqueIdentifier: uid };
};
