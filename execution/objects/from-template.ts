/**
 * The template of a Create or Register request (KMIP 1.4 §2.1.8, §4.1, §4.3) turned into the fields and remaining
 * attributes of a new object. The gateway runs it for L4 keys, the core for everything else, with the same answers.
 */
import {
  type Attribute,
  CryptographicAlgorithm,
  KmipError,
  ObjectType,
  ResultReason,
} from '../kmip/index.ts';
import { acceptedAttribute } from './accepted-attribute.ts';
import { checkCounts, checkGivenCount } from './attribute-limits.ts';
import { ruleOf } from './attribute-rules.ts';
import { booleanOf, dateOf, enumerationOf, integerOf, make, sameValue } from './attribute-values.ts';
import { FRESH } from './fresh.ts';
import { type ManagedObject, type ObjectDates, State } from './managed-object.ts';
import { NAME, nameOf } from './names.ts';
import { ownGenerator, RANDOM_NUMBER_GENERATOR, requireOwnGenerator } from './random-source.ts';
import { hasState, stateAt } from './state-machine.ts';

export interface Template {
  /** `create`: the server makes the material; `register`: the client brings it. */
  readonly operation: 'create' | 'register';
  readonly objectType: number;
  readonly attributes: readonly Attribute[];
  /** Seconds since the epoch. */
  readonly nowS: number;
  /** What the key block of a registered object says of itself; attributes may repeat it but not contradict it. */
  readonly keyBlock?: { readonly cryptographicAlgorithm?: number; readonly cryptographicLength?: number };
}

/** What a template decides of a new object; the rest (UID, tenant, material) is its maker's. */
export type TemplateFields = Pick<
  ManagedObject,
  | 'objectType'
  | 'state'
  | 'dates'
  | 'usageMask'
  | 'cryptographicAlgorithm'
  | 'cryptographicLength'
  | 'attributes'
>;

/** Bits that a symmetric key of each algorithm may have when the server makes it. */
export const symmetricKeyLengths: Readonly<Record<number, readonly number[]>> = {
  [CryptographicAlgorithm.AES]: [128, 192, 256],
  [CryptographicAlgorithm.DES3]: [112, 168],
  [CryptographicAlgorithm.HMAC_SHA1]: [128, 160, 256, 512],
  [CryptographicAlgorithm.HMAC_SHA224]: [128, 224, 256, 512],
  [CryptographicAlgorithm.HMAC_SHA256]: [128, 256, 512],
  [CryptographicAlgorithm.HMAC_SHA384]: [256, 384, 512],
  [CryptographicAlgorithm.HMAC_SHA512]: [256, 512],
  [CryptographicAlgorithm.ChaCha20]: [256],
  [CryptographicAlgorithm.ChaCha20Poly1305]: [256],
  [CryptographicAlgorithm.Camellia]: [128, 192, 256],
  [CryptographicAlgorithm.HMAC_SHA3_224]: [128, 224, 256, 512],
  [CryptographicAlgorithm.HMAC_SHA3_256]: [128, 256, 512],
  [CryptographicAlgorithm.HMAC_SHA3_384]: [256, 384, 512],
  [CryptographicAlgorithm.HMAC_SHA3_512]: [256, 512],
};

const dateFields = {
  'Activation Date': 'activation',
  'Process Start Date': 'processStart',
  'Protect Stop Date': 'protectStop',
  'Deactivation Date': 'deactivation',
  'Original Creation Date': 'originalCreation',
} as const satisfies Record<string, keyof ObjectDates>;
type DateName = keyof typeof dateFields;

function isDateName(name: string): name is DateName {
  return Object.hasOwn(dateFields, name);
}

/** The field that holds a date which a client may set; undefined for every other attribute. */
export function templateDateField(name: string): (typeof dateFields)[DateName] | undefined {
  return isDateName(name) ? dateFields[name] : undefined;
}

/** §3.24–3.27: the order in which an object's dates must stand. Throws Invalid Field. */
export function checkDateOrder(dates: ObjectDates): void {
  const wrong = (text: string) => new KmipError(ResultReason.InvalidField, text);
  const { activation, processStart, protectStop, deactivation } = dates;
  if (processStart !== undefined && activation !== undefined && processStart < activation) {
    throw wrong('the Process Start Date precedes the Activation Date');
  }
  if (protectStop !== undefined && deactivation !== undefined && protectStop > deactivation) {
    throw wrong('the Protect Stop Date is later than the Deactivation Date');
  }
  if (deactivation !== undefined && activation !== undefined && deactivation < activation) {
    throw wrong('the Deactivation Date precedes the Activation Date');
  }
}

/** One value for what the client said in attributes and in the key block; both may speak, but not differ. */
function agreed(name: string, attribute: number | undefined, block: number | undefined): number | undefined {
  if (attribute !== undefined && block !== undefined && attribute !== block) {
    throw new KmipError(
      ResultReason.InvalidField,
      `${name} differs between the attributes and the key block`,
    );
  }
  return attribute ?? block;
}

/**
 * Throws KmipError as §11.2 and §11.4 have it: Invalid Field (an attribute that is unknown, read-only, ill-typed or not
 * for this type of object), Index Out of Bounds (too many), Application Namespace Not Supported; and Missing Data (a
 * required one is absent).
 */
export function fieldsFromTemplate(template: Template): TemplateFields {
  const { operation, objectType, nowS, keyBlock } = template;
  checkGivenCount(template.attributes);
  const list: Attribute[] = [];
  const dates: { -readonly [K in keyof ObjectDates]: ObjectDates[K] } = { initial: nowS, lastChange: nowS };
  const seen = new Set<string>();
  let usageMask: number | undefined;
  let algorithm: number | undefined;
  let length: number | undefined;

  for (const given of template.attributes) {
    const { attributeName: name } = given;
    const rule = ruleOf(name);
    if (!rule.atCreation) throw KmipError.invalidField(`${name} is set by the server only; leave it out`);
    if (!rule.appliesTo.has(objectType)) {
      throw KmipError.invalidField(`${name} is no attribute of this type of object; leave it out`);
    }
    if (seen.has(name) && !rule.multiple) throw KmipError.invalidField(`${name} is given more than once`);
    seen.add(name);
    const attribute = acceptedAttribute(given);
    if (operation === 'create' && setByMaker(attribute)) continue;
    // Every new object is fresh until it is served (§3.34).
    if (name === FRESH && booleanOf(attribute)) continue;
    if (isDateName(name)) dates[dateFields[name]] = dateOf(attribute);
    else if (name === 'Cryptographic Usage Mask') usageMask = integerOf(attribute);
    else if (name === 'Cryptographic Algorithm') algorithm = enumerationOf(attribute);
    else if (name === 'Cryptographic Length') length = integerOf(attribute);
    else if (name === NAME && list.some((a) => a.attributeName === NAME && nameOf(a) === nameOf(attribute)))
      continue;
    // Indexes follow from the order of the list (§2.1.1), so a client's own are not kept.
    else list.push({ attributeName: name, attributeValue: attribute.attributeValue });
  }

  algorithm = agreed('Cryptographic Algorithm', algorithm, keyBlock?.cryptographicAlgorithm);
  length = agreed('Cryptographic Length', length, keyBlock?.cryptographicLength);
  if (operation === 'create') {
    if (algorithm === undefined)
      throw new KmipError(ResultReason.MissingData, 'Cryptographic Algorithm is required');
    if (usageMask === undefined)
      throw new KmipError(ResultReason.MissingData, 'Cryptographic Usage Mask is required');
    length = symmetricLength(algorithm, length);
    dates.originalCreation = nowS;
    list.push(ownGenerator);
  }
  checkDateOrder(dates);
  checkSensitivity(list);
  checkCounts(list);
  return {
    objectType,
    state: hasState(objectType) ? stateAt(State.PreActive, dates, nowS) : State.Active,
    dates,
    // Some clients register without a mask (§4.3 asks for one); such an object is held but good for no operation here.
    usageMask: usageMask ?? 0,
    ...(algorithm === undefined ? {} : { cryptographicAlgorithm: algorithm }),
    ...(length === undefined ? {} : { cryptographicLength: length }),
    attributes: list,
  };
}

/** §3.43, §3.44: what the server that makes a key sets itself; a client may only ask for what it will be anyway. */
function setByMaker(attribute: Attribute): boolean {
  if (attribute.attributeName === RANDOM_NUMBER_GENERATOR) {
    requireOwnGenerator(attribute);
    return true;
  }
  if (attribute.attributeName !== 'Original Creation Date') return false;
  throw KmipError.invalidField(
    'the Original Creation Date of a key that is made here is the present; leave it out',
  );
}

/** §4.1 leaves the length to the server when the client is silent: the longest of the algorithm's. */
function symmetricLength(algorithm: number, length: number | undefined): number {
  const lengths = Object.hasOwn(symmetricKeyLengths, algorithm) ? symmetricKeyLengths[algorithm] : undefined;
  if (lengths === undefined) {
    throw new KmipError(
      ResultReason.InvalidField,
      `Cryptographic Algorithm ${algorithm} is not one that Create makes symmetric keys for`,
    );
  }
  const longest = lengths[lengths.length - 1];
  if (length === undefined && longest !== undefined) return longest;
  if (length === undefined || !lengths.includes(length)) {
    throw new KmipError(
      ResultReason.InvalidField,
      `Cryptographic Length must be one of ${lengths.join(', ')} for this algorithm; got ${length}`,
    );
  }
  return length;
}

/** §3.48–3.51: what has always been so is noted from the first moment; a note that is absent means "no". */
function checkSensitivity(list: Attribute[]): void {
  for (const [name, always, notedWhen] of sensitivity) {
    const attribute = list.find((a) => a.attributeName === name);
    if (attribute === undefined) continue;
    if (booleanOf(attribute) === notedWhen) list.push(make.boolean(always, true));
  }
}

const sensitivity = [
  ['Sensitive', 'Always Sensitive', true],
  ['Extractable', 'Never Extractable', false],
] as const;

/** The list after a client changed Sensitive or Extractable: "always" and "never" end with the first exception. */
export function noteSensitivity(list: readonly Attribute[]): readonly Attribute[] {
  return list.filter((attribute) => {
    const entry = sensitivity.find(([, always]) => always === attribute.attributeName);
    if (entry === undefined) return true;
    const [name, , notedWhen] = entry;
    return list.some(
      (a) =>
        a.attributeName === name && sameValue(a.attributeValue, make.boolean(name, notedWhen).attributeValue),
    );
  });
}

/** Whether Create of this object type is the gateway's own: a symmetric key is an L4 (D9). */
export function isL4Create(objectType: number): boolean {
  return objectType === ObjectType.SymmetricKey;
}
