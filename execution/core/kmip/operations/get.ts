/** Get (KMIP 1.4 §4.11) of an object that the gateway does not hold, or wants in a form it does not make. */
import type { Operation } from '../../../kmip/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { objectValue } from '../object-value.ts';
import { handOver, noteObject, readObject } from '../objects.ts';

export const getHandler: Handler<typeof Operation.Get> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  const value = await objectValue(context, object, request);
  noteObject(context, object, 'OBJECT_READ');
  handOver(context, object);
  return { objectType: object.objectType, uniqueIdentifier: uid, object: value };
};
