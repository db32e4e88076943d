/** Get Attribute List (KMIP 1.4 §4.13): the names of those that have a value, each once. */
import type { Operation } from '../../../kmip/index.ts';
import { attributesOf, toldTo } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';

export const getAttributeListHandler: Handler<typeof Operation.GetAttributeList> = async (
  request,
  context,
) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  const told = toldTo(context.version, attributesOf(object, context.nowS));
  return { uniqueIdentifier: uid, attributeName: [...new Set(told.map((a) => a.attributeName))] };
};
