/**
 * A managed object as KMIP clients see it: the list of its attributes, those computed from fields included, in the
 * state that its dates give it now (KMIP 1.4 §3).
 */
import {
  type Attribute,
  HashingAlgorithm,
  ItemType,
  KeyFormatType,
  ObjectType,
  Tag,
  type Ttlv,
} from '../kmip/index.ts';
import { DEFAULT_POLICY } from './accepted-attribute.ts';
import { withIndexes } from './attribute-indexes.ts';
import { appliesTo } from './attribute-rules.ts';
import { make } from './attribute-values.ts';
import { FRESH } from './fresh.ts';
import { LEASE_TIME_S } from './lease-time.ts';
import type { ManagedObject } from './managed-object.ts';
import { settle } from './state-machine.ts';

/** Those that follow from the object's fields, and those that have a value without anybody's saying. */
function* values(object: ManagedObject): Generator<Attribute> {
  const { dates, objectType } = object;
  yield make.text('Unique Identifier', object.uid);
  yield make.enumeration('Object Type', objectType);
  if (object.cryptographicAlgorithm !== undefined) {
    yield make.enumeration('Cryptographic Algorithm', object.cryptographicAlgorithm);
  }
  if (object.cryptographicLength !== undefined) {
    yield make.integer('Cryptographic Length', object.cryptographicLength);
  }
  if (object.subtype !== undefined) yield make.enumeration('Certificate Type', object.subtype);
  if (object.digest !== undefined) yield digestAttribute(object, object.digest);
  yield make.integer('Cryptographic Usage Mask', object.usageMask);
  yield make.interval('Lease Time', LEASE_TIME_S);
  yield make.enumeration('State', object.state);
  yield make.date('Initial Date', dates.initial);
  for (const [name, value] of [
    ['Activation Date', dates.activation],
    ['Process Start Date', dates.processStart],
    ['Protect Stop Date', dates.protectStop],
    ['Deactivation Date', dates.deactivation],
    ['Destroy Date', dates.destroy],
    ['Compromise Occurrence Date', dates.compromiseOccurrence],
    ['Compromise Date', dates.compromise],
    ['Archive Date', dates.archive],
  ] as const) {
    if (value !== undefined) yield make.date(name, value);
  }
  if (object.revocationReason !== undefined) yield revocationAttribute(object.revocationReason);
  yield make.date('Last Change Date', dates.lastChange);
  if (dates.originalCreation !== undefined) yield make.date('Original Creation Date', dates.originalCreation);
  const held = new Set(object.attributes.map((a) => a.attributeName));
  for (const assumed of assumedValues) if (!held.has(assumed.attributeName)) yield assumed;
}

/** What an attribute is worth that nobody has set: §3.18.2, §3.34, §3.48–3.51. */
const assumedValues: readonly Attribute[] = [
  make.text('Operation Policy Name', DEFAULT_POLICY),
  make.boolean(FRESH, true),
  make.boolean('Sensitive', false),
  make.boolean('Always Sensitive', false),
  make.boolean('Extractable', true),
  make.boolean('Never Extractable', false),
];

function computed(object: ManagedObject): readonly Attribute[] {
  return [...values(object)].filter(({ attributeName }) => appliesTo(attributeName, object.objectType));
}

function digestAttribute(object: ManagedObject, digest: Uint8Array): Attribute {
  const { objectType } = object;
  const isKey = objectType !== ObjectType.Certificate && objectType !== ObjectType.OpaqueObject;
  return make.structure('Digest', [
    { tag: Tag.HashingAlgorithm, type: ItemType.Enumeration, value: HashingAlgorithm.SHA_256 },
    { tag: Tag.DigestValue, type: ItemType.ByteString, value: digest },
    ...(isKey
      ? [
          {
            tag: Tag.KeyFormatType,
            type: ItemType.Enumeration,
            value: object.keyFormatType ?? KeyFormatType.Raw,
          } as const,
        ]
      : []),
  ]);
}

function revocationAttribute(reason: NonNullable<ManagedObject['revocationReason']>): Attribute {
  return make.structure('Revocation Reason', [
    { tag: Tag.RevocationReasonCode, type: ItemType.Enumeration, value: reason.code },
    ...(reason.message === undefined
      ? []
      : [{ tag: Tag.RevocationMessage, type: ItemType.TextString, value: reason.message } as const]),
  ]);
}

/**
 * Every attribute at `nowS` (seconds), instances of one name with their indexes; index 0 is left out, as §4.14 allows and
 * small clients expect.
 */
export function attributesOf(object: ManagedObject, nowS: number): readonly Attribute[] {
  const settled = settle(object, nowS);
  return [...computed(settled), ...withIndexes(settled.attributes).map(withoutZero)];
}

function withoutZero(attribute: Attribute): Attribute {
  if (attribute.attributeIndex !== 0) return attribute;
  const { attributeName, attributeValue } = attribute;
  return { attributeName, attributeValue };
}

/**
 * The instances of the attributes named, in the order asked; none for a name that has no value (§4.12). A name that is
 * said more than once is meant once: an answer must not grow by what is repeated.
 */
export function attributesNamed(
  object: ManagedObject,
  names: readonly string[],
  nowS: number,
): readonly Attribute[] {
  const all = attributesOf(object, nowS);
  return [...new Set(names)].flatMap((name) => all.filter((a) => a.attributeName === name));
}

/** §4.13: each name once. */
export function attributeNamesOf(object: ManagedObject, nowS: number): readonly string[] {
  return [...new Set(attributesOf(object, nowS).map((a) => a.attributeName))];
}

/** One instance by name and index (0 when the client gave none). */
export function attributeAt(
  object: ManagedObject,
  name: string,
  index: number,
  nowS: number,
): Attribute | undefined {
  return attributesNamed(object, [name], nowS).find((a) => (a.attributeIndex ?? 0) === index);
}

/** Whether the object is `Sensitive`: its value leaves only wrapped (§3.48). */
export function isSensitive(object: ManagedObject): boolean {
  return flag(object, 'Sensitive', false);
}

/** Whether the object's value may leave at all (§3.50). */
export function isExtractable(object: ManagedObject): boolean {
  return flag(object, 'Extractable', true);
}

function flag(object: ManagedObject, name: string, otherwise: boolean): boolean {
  const value: Ttlv | undefined = object.attributes.find((a) => a.attributeName === name)?.attributeValue;
  return value?.type === ItemType.Boolean ? value.value : otherwise;
}
