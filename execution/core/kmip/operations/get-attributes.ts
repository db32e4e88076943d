/** Get Attributes (KMIP 1.4 §4.12): those named, or all. Destroyed objects still have attributes. */
import { KmipError, type Operation } from '../../../kmip/index.ts';
import { attributesNamed, attributesOf, knownTo, toldTo } from '../../../objects/index.ts';
import { type Handler, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';

export const getAttributesHandler: Handler<typeof Operation.GetAttributes> = async (request, context) => {
  const uid = uidOf(request, context);
  const names = request.attributeName ?? [];
  if (new Set(names).size !== names.length) {
    throw KmipError.invalidMessage('an attribute name stands more than once in the request');
  }
  const object = await readObject(context, uid);
  const { version, nowS } = context;
  const attribute =
    names.length === 0
      ? toldTo(version, attributesOf(object, nowS))
      : knownTo(version, attributesNamed(object, names, nowS));
  return { uniqueIdentifier: uid, attribute };
};
