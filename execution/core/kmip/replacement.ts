/**
 * What Re-key, Re-key Key Pair and Re-certify have in common (KMIP 1.4 §4.4, §4.5, §4.8): a new object with the
 * attributes of an old one, linked both ways. The old object keeps its state, and its names go to the new one.
 */
import { type Attribute, KmipError, LinkType } from '../../kmip/index.ts';
import {
  isCustom,
  isDestroyed,
  type ManagedObject,
  make,
  NAME,
  NAME_CONFLICT,
  type ObjectDates,
  templateDateField,
} from '../../objects/index.ts';
import type { OperationContext } from './context.ts';
import { linkTo, withAttributes, withoutLinks } from './links.ts';
import { saveObject } from './objects.ts';

/** Attributes that a replacement does not inherit (tables 173, 177 and 187), beside those that are computed. */
const notCopied: ReadonlySet<string> = new Set([
  'Link',
  'Random Number Generator',
  'Always Sensitive',
  'Never Extractable',
  'Fresh',
  'Digest',
  'Lease Time',
  'Key Value Present',
  'Key Value Location',
  NAME_CONFLICT,
]);

/**
 * §11.5, §11.6: an object whose key value is kept elsewhere cannot be replaced here, and a destroyed one not at all.
 *
 * @throws KmipError Key Value Not Present, Permission Denied
 */
export function requireValue(old: ManagedObject): void {
  if (old.wrapped !== null) return;
  throw isDestroyed(old.state)
    ? KmipError.permissionDenied('an object that has been destroyed is not replaced')
    : KmipError.keyValueNotPresent('the key value is kept elsewhere; see its Key Value Location');
}

/** §11.5, §11.6, §11.9. @throws KmipError Invalid Message */
export function checkOffset(offsetS: number | undefined, given: readonly Attribute[]): void {
  if (offsetS === undefined) return;
  if (given.some(({ attributeName: name }) => movedDates.has(name))) {
    throw KmipError.invalidMessage('an Offset cannot be given together with dates that it moves');
  }
}

const movedDates: ReadonlySet<string> = new Set([
  'Activation Date',
  'Process Start Date',
  'Protect Stop Date',
  'Deactivation Date',
]);

/**
 * The dates that a client may give, as the replacement has them (tables 172, 176 and 186); `offsetS` in seconds.
 *
 * @throws KmipError Illegal Operation: there is no Activation Date to move the other dates by (§11.5).
 */
export function replacementDates(dates: ObjectDates, offsetS: number | undefined, nowS: number): Attribute[] {
  const named = [
    ['Activation Date', dates.activation],
    ['Process Start Date', dates.processStart],
    ['Protect Stop Date', dates.protectStop],
    ['Deactivation Date', dates.deactivation],
  ] as const;
  if (offsetS === undefined) {
    return named.flatMap(([name, value]) => (value === undefined ? [] : [make.date(name, value)]));
  }
  const activation = nowS + offsetS;
  if (dates.activation === undefined && named.slice(1).some(([, value]) => value !== undefined)) {
    throw KmipError.illegalOperation(
      'an Offset needs an Activation Date of the existing object to move the other dates by',
    );
  }
  const shift = activation - (dates.activation ?? activation);
  return named.flatMap(([name, value]) => {
    if (name === 'Activation Date') return [make.date(name, activation)];
    return value === undefined ? [] : [make.date(name, value + shift)];
  });
}

/**
 * What a replacement starts from: the old one's attributes, with those that the request gives in their place. Of Usage
 * Limits the total counts: whatever makes an object sets the count to it (§3.21, tables 173 and 177).
 */
export function inheritedAttributes(
  old: ManagedObject,
  given: readonly Attribute[],
  dates: readonly Attribute[],
): Attribute[] {
  const replaced = new Set(given.map((a) => a.attributeName));
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length } = old;
  const copied = [
    ...(algorithm === undefined ? [] : [make.enumeration('Cryptographic Algorithm', algorithm)]),
    ...(length === undefined ? [] : [make.integer('Cryptographic Length', length)]),
    make.integer('Cryptographic Usage Mask', old.usageMask),
    ...dates,
    // `y-` attributes are the server's own notes on the old object (§3.39).
    ...old.attributes
      .filter((a) => !notCopied.has(a.attributeName) && !a.attributeName.startsWith('y-'))
      .filter((a) => templateDateField(a.attributeName) === undefined),
  ];
  return [...copied.filter((a) => !replaced.has(a.attributeName) || isCustom(a.attributeName)), ...given];
}

/** Points from a replacement back to the object that it replaces. */
export function replacedLink(old: ManagedObject): Attribute {
  return linkTo(LinkType.ReplacedObjectLink, old.uid);
}

/**
 * Stores the old object without its names and with a link to its replacement: before the replacement is stored, which
 * claims the names. §3.35 allows one Replacement Object Link, so that a second replacement takes the place of the first.
 */
export async function supersede(
  context: OperationContext,
  old: ManagedObject,
  replacementUid: string,
  event: string,
): Promise<void> {
  const kept = withoutLinks(old.attributes, LinkType.ReplacementObjectLink);
  const superseded = withAttributes(
    old,
    [...kept.filter((a) => a.attributeName !== NAME), linkTo(LinkType.ReplacementObjectLink, replacementUid)],
    context.nowS,
  );
  await saveObject(context, superseded, event);
}
