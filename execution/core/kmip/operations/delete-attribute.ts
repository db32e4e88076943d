/** Delete Attribute (KMIP 1.4 §4.16): an instance less; the others keep their indexes. */
import type { Operation } from '../../../kmip/index.ts';
import { deleteAttribute } from '../attribute-changes.ts';
import { changeAttribute } from '../change-attribute.ts';
import { type Handler, uidOf } from '../context.ts';

export const deleteAttributeHandler: Handler<typeof Operation.DeleteAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const { attributeName: name, attributeIndex: index } = request;
  const attribute = await changeAttribute(context, uid, (object) =>
    deleteAttribute(object, name, index, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};
