/**
 * Add, modify and delete one attribute of an object (KMIP 1.4 §4.14–4.16): pure functions from object to object, with
 * the reasons of §11.15–11.17. The rules of each attribute stand in execution/objects/attribute-rules.ts.
 */
import { type Attribute, isStandardAttribute, KmipError } from '../../kmip/index.ts';
import {
  type AttributeRule,
  acceptedAttribute,
  attributeAt,
  attributesNamed,
  checkCounts,
  checkDateOrder,
  dateOf,
  isCustom,
  isDestroyed,
  type ManagedObject,
  noteSensitivity,
  type ObjectDates,
  permits,
  ruleOf,
  sameValue,
  settle,
  templateDateField,
  withIndexes,
} from '../../objects/index.ts';

export interface AttributeChange {
  readonly object: ManagedObject;
  /** The attribute as it is now; for a deletion as it was. */
  readonly attribute: Attribute;
}

/** The object as it stands at `nowS`. What is left of a destroyed one stays as it is: it tells what had been. */
function living(before: ManagedObject, nowS: number): ManagedObject {
  const object = settle(before, nowS);
  if (isDestroyed(object.state)) {
    throw KmipError.permissionDenied('the object has been destroyed; its attributes can only be read');
  }
  return object;
}

function refuseReadOnly(name: string): never {
  throw KmipError.permissionDenied(`${name} cannot be set by a client, or not in the state the object is in`);
}

/** §11.15: neither what is the server's, nor what objects of this type do not have. */
function ruleFor(name: string, object: ManagedObject): AttributeRule {
  const rule = ruleOf(name);
  if (rule.firstSetBy === 'server') refuseReadOnly(name);
  if (!rule.appliesTo.has(object.objectType)) {
    throw KmipError.permissionDenied(`${name} is no attribute of an object of this type`);
  }
  return rule;
}

function touched(
  object: ManagedObject,
  nowS: number,
  change: { attributes?: readonly Attribute[]; dates?: Partial<ObjectDates> },
): ManagedObject {
  const attributes = noteSensitivity(change.attributes ?? object.attributes);
  checkCounts(attributes);
  const dates = { ...object.dates, ...change.dates, lastChange: nowS };
  checkDateOrder(dates);
  // A date in the past takes effect at once (§3.22, transitions 4 and 6).
  return settle({ ...object, attributes, dates, revision: object.revision + 1 }, nowS);
}

/** The instances of one attribute, each with its index (§2.1.1). */
function instancesOf(object: ManagedObject, name: string): readonly Attribute[] {
  return withIndexes(object.attributes).filter((a) => a.attributeName === name);
}

function indexOf({ attributeIndex }: Attribute): number {
  return attributeIndex ?? 0;
}

/** The list with one instance of `name` replaced, or removed when `value` is undefined; the others keep their indexes. */
function withInstance(
  list: readonly Attribute[],
  name: string,
  index: number,
  value?: Attribute,
): readonly Attribute[] {
  return withIndexes(list).flatMap((attribute) => {
    if (attribute.attributeName !== name || indexOf(attribute) !== index) return [attribute];
    return value === undefined ? [] : [{ ...attribute, attributeValue: value.attributeValue }];
  });
}

/** Index 0 is left out of answers (§4.14–4.16), as small clients expect. */
function indexed(attribute: Attribute, index: number): Attribute {
  return index === 0 ? attribute : { ...attribute, attributeIndex: index };
}

function refuseTwin(others: readonly Attribute[], { attributeName, attributeValue }: Attribute): void {
  if (others.some((a) => sameValue(a.attributeValue, attributeValue))) {
    throw KmipError.illegalOperation(`${attributeName} has an instance with this value already`);
  }
}

/** §4.14. */
export function addAttribute(before: ManagedObject, given: Attribute, nowS: number): AttributeChange {
  const object = living(before, nowS);
  const { attributeName: name } = given;
  if (given.attributeIndex !== undefined) {
    throw KmipError.invalidField('Add Attribute takes no Attribute Index; the answer tells it');
  }
  const rule = ruleFor(name, object);
  const attribute = acceptedAttribute(given);
  const present = attributesNamed(object, [name], nowS);
  if (present.length > 0 && !rule.multiple) throw KmipError.illegalOperation(`${name} exists; modify it`);
  // What a client may set once, it may set until then; what depends on the object's state depends on it here too.
  if (typeof rule.clientModifies === 'function' && !rule.clientModifies(object, nowS)) refuseReadOnly(name);
  const dateField = templateDateField(name);
  if (dateField !== undefined) {
    return { object: touched(object, nowS, { dates: { [dateField]: dateOf(attribute) } }), attribute };
  }
  const instances = instancesOf(object, name);
  refuseTwin(instances, attribute);
  const added = touched(object, nowS, { attributes: [...object.attributes, attribute] });
  return {
    object: added,
    attribute: indexed(attribute, indexOf(instancesOf(added, name).at(-1) ?? attribute)),
  };
}

/** §4.15. */
export function modifyAttribute(before: ManagedObject, given: Attribute, nowS: number): AttributeChange {
  const object = living(before, nowS);
  const { attributeName: name } = given;
  const index = given.attributeIndex ?? 0;
  const rule = ruleFor(name, object);
  if (rule.clientModifies === false) refuseReadOnly(name);
  const attribute = acceptedAttribute(given);
  const present = attributesNamed(object, [name], nowS);
  if (present.length === 0) throw KmipError.invalidField(`the object has no ${name}; add it`);
  if (!present.some((a) => indexOf(a) === index)) {
    throw KmipError.itemNotFound(`${name} has no instance ${index}`);
  }
  if (!permits(rule.clientModifies, object, nowS)) refuseReadOnly(name);
  const dateField = templateDateField(name);
  if (dateField !== undefined) {
    return { object: touched(object, nowS, { dates: { [dateField]: dateOf(attribute) } }), attribute };
  }
  const instances = instancesOf(object, name);
  refuseTwin(
    instances.filter((a) => indexOf(a) !== index),
    attribute,
  );
  // Sensitive and Extractable have a value that nobody has said (§3.48, §3.50): it is changed by saying it.
  const attributes =
    instances.length === 0
      ? [...object.attributes, attribute]
      : withInstance(object.attributes, name, index, attribute);
  return { object: touched(object, nowS, { attributes }), attribute: indexed(attribute, index) };
}

/** §4.16. */
export function deleteAttribute(
  before: ManagedObject,
  name: string,
  index: number | undefined,
  nowS: number,
): AttributeChange {
  const object = living(before, nowS);
  const at = index ?? 0;
  if (!isCustom(name) && !isStandardAttribute(name)) {
    throw KmipError.itemNotFound(`there is no attribute "${name.slice(0, 80)}"`);
  }
  const rule = ruleOf(name);
  if (rule.deletable === false) throw KmipError.permissionDenied(`${name} cannot be deleted by a client`);
  const attribute = attributeAt(object, name, at, nowS);
  if (attribute === undefined) throw KmipError.itemNotFound(`the object has no ${name} with index ${at}`);
  if (!permits(rule.deletable, object, nowS)) refuseReadOnly(name);
  const attributes = withInstance(object.attributes, name, at);
  return { object: touched(object, nowS, { attributes }), attribute };
}

/** KMIP 2.0 Set Attribute: the one value of a single-instance attribute, whether or not it had one. */
export function setAttribute(before: ManagedObject, given: Attribute, nowS: number): AttributeChange {
  const name = given.attributeName;
  if (ruleOf(name).multiple) {
    throw KmipError.invalidField(`${name} may have several values; use Add or Modify Attribute`);
  }
  const exists = attributeAt(before, name, 0, nowS) !== undefined;
  return exists ? modifyAttribute(before, given, nowS) : addAttribute(before, given, nowS);
}
