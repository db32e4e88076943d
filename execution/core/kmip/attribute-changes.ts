/**
 * Add, modify and delete one attribute of an object (KMIP 1.4 §4.14–4.16): pure functions from object to object, with
 * the reasons of §11.15–11.17. The rules of each attribute stand in execution/objects/attribute-rules.ts.
 */
import { type Attribute, attributeValue, isStandardAttribute, KmipError } from '../../kmip/index.ts';
import {
  type AttributeRule,
  attributeAt,
  checkCounts,
  checkDateOrder,
  dateOf,
  type ManagedObject,
  noteSensitivity,
  type ObjectDates,
  ruleOf,
  sameValue,
  settle,
  templateDateField,
} from '../../objects/index.ts';
import { isSpent } from './usage-limits.ts';

export interface AttributeChange {
  readonly object: ManagedObject;
  /** The attribute as it is now; for a deletion as it was. */
  readonly attribute: Attribute;
}

function mayChange(rule: AttributeRule, object: ManagedObject, nowS: number): boolean {
  return typeof rule.changeable === 'function' ? rule.changeable(object, nowS) : rule.changeable;
}

function refuseReadOnly(name: string): never {
  throw KmipError.permissionDenied(`${name} cannot be set by a client, or not in the state the object is in`);
}

/** Refuses a standard attribute whose value has the wrong type or shape. */
export function checkAttributeValue(attribute: Attribute): void {
  if (isStandardAttribute(attribute.attributeName)) attributeValue(attribute);
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

function instancesOf(object: ManagedObject, name: string): readonly Attribute[] {
  return object.attributes.filter((a) => a.attributeName === name);
}

/** The list with the `index`th instance of `name` replaced, or removed when `value` is undefined. */
function withInstance(
  list: readonly Attribute[],
  name: string,
  index: number,
  value?: Attribute,
): Attribute[] {
  let seen = -1;
  return list.flatMap((attribute) => {
    if (attribute.attributeName !== name) return [attribute];
    seen += 1;
    if (seen !== index) return [attribute];
    return value === undefined ? [] : [value];
  });
}

/** §4.14. */
export function addAttribute(before: ManagedObject, given: Attribute, nowS: number): AttributeChange {
  const object = settle(before, nowS);
  const { attributeName: name, attributeValue: value } = given;
  const rule = ruleOf(name);
  if (given.attributeIndex !== undefined) {
    throw KmipError.invalidField('Add Attribute takes no Attribute Index; the answer tells it');
  }
  if (!mayChange(rule, object, nowS)) refuseReadOnly(name);
  checkAttributeValue(given);
  const dateField = templateDateField(name);
  if (dateField !== undefined) {
    if (object.dates[dateField] !== undefined) throw KmipError.illegalOperation(`${name} exists; modify it`);
    return {
      object: touched(object, nowS, { dates: { [dateField]: dateOf(given) } }),
      attribute: { attributeName: name, attributeValue: value },
    };
  }
  const instances = instancesOf(object, name);
  if (instances.length > 0 && !rule.multiple) throw KmipError.illegalOperation(`${name} exists; modify it`);
  if (instances.some((a) => sameValue(a.attributeValue, value))) {
    throw KmipError.illegalOperation(`${name} has an instance with this value already`);
  }
  const attribute = { attributeName: name, attributeValue: value };
  return {
    object: touched(object, nowS, { attributes: [...object.attributes, attribute] }),
    attribute: instances.length === 0 ? attribute : { ...attribute, attributeIndex: instances.length },
  };
}

/** §4.15. */
export function modifyAttribute(before: ManagedObject, given: Attribute, nowS: number): AttributeChange {
  const object = settle(before, nowS);
  const { attributeName: name, attributeValue: value } = given;
  const index = given.attributeIndex ?? 0;
  const rule = ruleOf(name);
  if (!mayChange(rule, object, nowS)) refuseReadOnly(name);
  if (name === 'Usage Limits' && isSpent(object)) refuseReadOnly(name);
  checkAttributeValue(given);
  const dateField = templateDateField(name);
  if (dateField !== undefined) {
    if (object.dates[dateField] === undefined)
      throw KmipError.invalidField(`the object has no ${name}; add it`);
    if (index !== 0) throw KmipError.itemNotFound(`${name} has one instance only`);
    return { object: touched(object, nowS, { dates: { [dateField]: dateOf(given) } }), attribute: given };
  }
  const instances = instancesOf(object, name);
  if (instances.length === 0 && (rule.deletable || rule.multiple)) {
    throw KmipError.invalidField(`the object has no ${name}; add it`);
  }
  // Sensitive and Extractable always have a value (§3.48, §3.50): what was never said is changed by saying it.
  if (instances.length === 0) {
    return { object: touched(object, nowS, { attributes: [...object.attributes, given] }), attribute: given };
  }
  if (instances[index] === undefined) throw KmipError.itemNotFound(`${name} has no instance ${index}`);
  const attributes = withInstance(object.attributes, name, index, {
    attributeName: name,
    attributeValue: value,
  });
  return { object: touched(object, nowS, { attributes }), attribute: given };
}

/** §4.16. */
export function deleteAttribute(
  before: ManagedObject,
  name: string,
  index: number | undefined,
  nowS: number,
): AttributeChange {
  const object = settle(before, nowS);
  const rule = ruleOf(name);
  if (!rule.deletable) {
    throw KmipError.permissionDenied(`${name} cannot be deleted by a client`);
  }
  const attribute = attributeAt(object, name, index ?? 0, nowS);
  if (attribute === undefined)
    throw KmipError.itemNotFound(`the object has no ${name} with index ${index ?? 0}`);
  const attributes = withInstance(object.attributes, name, index ?? 0);
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
