/** Reading and changing attributes: KMIP 1.4 §4.12–4.16, and KMIP 2.0's Set Attribute beside them (D9). */
import {
  attributeNameOfTag,
  KmipError,
  type Operation,
  type OperationV2,
  retag,
  Tag,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { attributesNamed, attributesOf, knownTo, toldTo } from '../../../objects/index.ts';
import {
  type AttributeChange,
  addAttribute,
  deleteAttribute,
  modifyAttribute,
  setAttribute,
} from '../attribute-changes.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { readForChange, readObject, saveObject } from '../objects.ts';

/** KMIP 1.4 §4.12. Destroyed objects still have attributes. */
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

/** KMIP 1.4 §4.13 */
export const getAttributeListHandler: Handler<typeof Operation.GetAttributeList> = async (
  request,
  context,
) => {
  const uid = uidOf(request, context);
  const object = await readObject(context, uid);
  const told = toldTo(context.version, attributesOf(object, context.nowS));
  return { uniqueIdentifier: uid, attributeName: [...new Set(told.map((a) => a.attributeName))] };
};

async function change(
  context: OperationContext,
  uid: string,
  how: (object: ManagedObject) => AttributeChange,
): Promise<AttributeChange['attribute']> {
  const { object, attribute } = how(await readForChange(context, uid));
  await saveObject(context, object, 'ATTRIBUTE_CHANGED');
  return attribute;
}

/** KMIP 1.4 §4.14 */
export const addAttributeHandler: Handler<typeof Operation.AddAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const attribute = await change(context, uid, (object) =>
    addAttribute(object, request.attribute, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};

/** KMIP 1.4 §4.15 */
export const modifyAttributeHandler: Handler<typeof Operation.ModifyAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const attribute = await change(context, uid, (object) =>
    modifyAttribute(object, request.attribute, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};

/** KMIP 1.4 §4.16 */
export const deleteAttributeHandler: Handler<typeof Operation.DeleteAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const { attributeName: name, attributeIndex: index } = request;
  const attribute = await change(context, uid, (object) =>
    deleteAttribute(object, name, index, context.nowS),
  );
  return { uniqueIdentifier: uid, attribute };
};

/** KMIP 2.0 Set Attribute: the new value stands under the attribute's own tag. */
export const setAttributeHandler: Handler<typeof OperationV2.SetAttribute> = async (request, context) => {
  const uid = uidOf(request, context);
  const [item, ...more] = request.newAttribute.value;
  const attributeName = item === undefined ? undefined : attributeNameOfTag(item.tag);
  if (item === undefined || attributeName === undefined || more.length > 0) {
    throw KmipError.invalidField('New Attribute holds exactly one attribute, under its own tag');
  }
  const attribute = { attributeName, attributeValue: retag(item, Tag.AttributeValue) };
  await change(context, uid, (object) => setAttribute(object, attribute, context.nowS));
  return { uniqueIdentifier: uid };
};
