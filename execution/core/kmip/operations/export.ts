/** Export (KMIP 1.4 §4.40): an object with its value, as Get returns it, and with all its attributes. */
import type { Operation } from '../../../kmip/index.ts';
import { attributesOf, isDestroyed, knownTo } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { emptyValue, objectValue } from '../object-value.ts';
import { noteObject, readObject } from '../objects.ts';

export const exportHandler: Handler<typeof Operation.Export> = async (request, context) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  const isEmpty = isDestroyed(object.state) || object.wrapped === null;
  const value = isEmpty ? emptyValue(object) : await objectValue(context, object, request);
  context.batch.idPlaceholder = uid;
  noteObject(context, object, 'OBJECT_EXPORTED');
  return {
    objectType: object.objectType,
    uniqueIdentifier: uid,
    attribute: knownTo(context.version, attributesOf(object, context.nowS)),
    object: value,
  };
};
