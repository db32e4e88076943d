/** KMIP 2.0's Set Attribute, beside the operations of KMIP 1 (D9): the new value stands under the attribute's own tag. */
import { attributeNameOfTag, KmipError, type OperationV2, retag, Tag } from '../../../kmip/index.ts';
import { setAttribute } from '../attribute-changes.ts';
import { changeAttribute } from '../change-attribute.ts';
import { type Handler, uidOf } from '../context.ts';

export const setAttributeHandler: Handler<typeof OperationV2.SetAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const [item, ...more] = request.newAttribute.value;
  const attributeName = item === undefined ? undefined : attributeNameOfTag(item.tag);
  if (item === undefined || attributeName === undefined || more.length > 0) {
    throw KmipError.invalidField('New Attribute holds exactly one attribute, under its own tag');
  }
  const attribute = { attributeName, attributeValue: retag(item, Tag.AttributeValue) };
  await changeAttribute(context, uid, (object) => setAttribute(object, attribute, context.nowS));
  return { uniqueIdentifier: uid };
};
