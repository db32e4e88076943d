/** Destroy (KMIP 1.4 §4.21). The envelope is deleted with the row's next version; the attributes stay as the tombstone. */
import type { Operation } from '../../../kmip/index.ts';
import { destroy } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readForChange, saveObject } from '../objects.ts';

export const destroyHandler: Handler<typeof Operation.Destroy> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readForChange(context, uid);
  await saveObject(context, destroy(object, context.nowS), 'OBJECT_DESTROYED');
  return { uniqueIdentifier: uid };
};
