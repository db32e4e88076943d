/** Add Attribute (KMIP 1.4 §4.14): the first value of an attribute, or another instance. */
import type { Operation } from '../../../kmip/index.ts';
import { addAttribute } from '../attribute-changes.ts';
import { changeAttribute } from '../change-attribute.ts';
import { type Handler, uidOf } from '../context.ts';

export const addAttributeHandler: Handler<typeof Operation.AddAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const attribute = await changeAttribute(context, uid, (object) =>
    addAttribute(object, request.attribute, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};
