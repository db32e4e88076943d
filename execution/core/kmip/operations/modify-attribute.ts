/** Modify Attribute (KMIP 1.4 §4.15): another value for an instance that there is. */
import type { Operation } from '../../../kmip/index.ts';
import { modifyAttribute } from '../attribute-changes.ts';
import { changeAttribute } from '../change-attribute.ts';
import { type Handler, uidOf } from '../context.ts';

export const modifyAttributeHandler: Handler<typeof Operation.ModifyAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const attribute = await changeAttribute(context, uid, (object) =>
    modifyAttribute(object, request.attribute, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};
