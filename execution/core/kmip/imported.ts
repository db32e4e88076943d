/**
 * The attributes of an imported object (KMIP 1.4 §4.41): all of them are set as they are given, also those that otherwise
 * only a server sets. What follows from the value or from other attributes is computed as ever.
 */
import { type Attribute, attributeValue, KmipError, ResultReason } from '../../kmip/index.ts';
import {
  acceptedAttribute,
  appliesTo,
  checkCounts,
  checkDateOrder,
  checkGivenCount,
  dateOf,
  enumerationOf,
  hasState,
  integerOf,
  isCustom,
  isDestroyed,
  type ManagedObject,
  NAME,
  nameOf,
  type ObjectDates,
  ruleOf,
  State,
  stateAt,
  type TemplateFields,
  USAGE_LIMITS,
} from '../../objects/index.ts';
import type { KeyFacts } from './key-facts.ts';

type DateField = keyof ObjectDates;

const dateFields: Readonly<Record<string, DateField>> = {
  'Initial Date': 'initial',
  'Last Change Date': 'lastChange',
  'Activation Date': 'activation',
  'Process Start Date': 'processStart',
  'Protect Stop Date': 'protectStop',
  'Deactivation Date': 'deactivation',
  'Destroy Date': 'destroy',
  'Compromise Occurrence Date': 'compromiseOccurrence',
  'Compromise Date': 'compromise',
  'Archive Date': 'archive',
  'Original Creation Date': 'originalCreation',
};

/** Those that follow from the object here: its address, its value, the server's policy. */
const computed: ReadonlySet<string> = new Set([
  'Unique Identifier',
  'Certificate Type',
  'Certificate Length',
  'X.509 Certificate Identifier',
  'X.509 Certificate Subject',
  'X.509 Certificate Issuer',
  'Certificate Identifier',
  'Certificate Subject',
  'Certificate Issuer',
  'Digest',
  'Lease Time',
  'Key Value Present',
]);

export interface ImportedAttributes {
  readonly objectType: number;
  readonly attributes: readonly Attribute[];
  /** Seconds since the epoch. */
  readonly nowS: number;
  /** What the key material says of itself. */
  readonly facts: KeyFacts;
}

type RevocationReason = NonNullable<ManagedObject['revocationReason']>;
export type ImportedFields = TemplateFields & Pick<ManagedObject, 'revocationReason'>;

/** A state that a client names. @throws KmipError Invalid Field */
function stateOf(attribute: Attribute): State {
  const value = enumerationOf(attribute);
  const state = Object.values(State).find((known) => known === value);
  if (state === undefined) throw KmipError.invalidField(`State ${value} does not exist`);
  return state;
}

function revocationOf(attribute: Attribute): RevocationReason {
  const { revocationReasonCode: code, revocationMessage: message } = attributeValue(
    attribute,
    'Revocation Reason',
  );
  return { code, ...(message === undefined ? {} : { message }) };
}

/** @throws KmipError Invalid Field (unknown, ill-typed, repeated, contradictory), Index Out of Bounds. */
export function importedFields({ objectType, attributes, nowS, facts }: ImportedAttributes): ImportedFields {
  const dates: { -readonly [K in keyof ObjectDates]: ObjectDates[K] } = { initial: nowS, lastChange: nowS };
  const list: Attribute[] = [];
  const seen = new Set<string>();
  let usageMask = 0;
  let state: State | undefined;
  let revocationReason: RevocationReason | undefined;
  checkGivenCount(attributes);
  for (const given of attributes) {
    const attribute = acceptedHere(given, objectType);
    const { attributeName: name } = attribute;
    if (seen.has(name) && !ruleOf(name).multiple && !isCustom(name)) {
      throw KmipError.invalidField(`${name} is given more than once`);
    }
    seen.add(name);
    const dateField = Object.hasOwn(dateFields, name) ? dateFields[name] : undefined;
    if (dateField !== undefined) dates[dateField] = dateOf(attribute);
    else if (name === 'State') state = stateOf(attribute);
    else if (name === 'Cryptographic Usage Mask') usageMask = integerOf(attribute);
    else if (name === 'Revocation Reason') revocationReason = revocationOf(attribute);
    else if (name === 'Object Type') requireSame(name, enumerationOf(attribute), objectType);
    else if (name === 'Cryptographic Algorithm')
      requireSame(name, enumerationOf(attribute), facts.cryptographicAlgorithm);
    else if (name === 'Cryptographic Length')
      requireSame(name, integerOf(attribute), facts.cryptographicLength);
    else if (!computed.has(name) && !isNameAgain(attribute, list))
      list.push({ attributeName: name, attributeValue: attribute.attributeValue });
  }
  checkDateOrder(dates);
  checkCounts(list);
  return {
    objectType,
    state: settledState(objectType, state, dates, nowS),
    dates,
    usageMask,
    ...facts,
    ...(revocationReason === undefined ? {} : { revocationReason }),
    attributes: list,
  };
}

/** As any attribute is taken in, but that what is left of Usage Limits is as the client says. */
function acceptedHere(given: Attribute, objectType: number): Attribute {
  const { attributeName: name, attributeValue: value } = given;
  if (!appliesTo(name, objectType)) {
    throw KmipError.invalidField(`${name} is no attribute of this type of object; leave it out`);
  }
  if (name !== USAGE_LIMITS) return acceptedAttribute(given);
  attributeValue(given, USAGE_LIMITS);
  return { attributeName: name, attributeValue: value };
}

function isNameAgain(attribute: Attribute, list: readonly Attribute[]): boolean {
  if (attribute.attributeName !== NAME) return false;
  return list.some((a) => a.attributeName === NAME && nameOf(a) === nameOf(attribute));
}

function requireSame(name: string, given: number, actual: number | undefined): void {
  if (given === actual) return;
  throw new KmipError(ResultReason.InvalidField, `${name} is not that of the object`);
}

function settledState(objectType: number, given: State | undefined, dates: ObjectDates, nowS: number): State {
  if (given !== undefined && isDestroyed(given)) return given;
  if (!hasState(objectType)) return dates.destroy === undefined ? State.Active : State.Destroyed;
  return stateAt(given ?? State.PreActive, dates, nowS);
}
