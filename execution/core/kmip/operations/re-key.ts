/**
 * Re-key (KMIP 1.4 §4.4): a new key with the attributes of an old one, linked both ways. The old key keeps its state
 * and loses its names to the new one.
 */
import {
  type Attribute,
  attribute,
  KmipError,
  LinkType,
  ObjectType,
  type Operation,
} from '../../../kmip/index.ts';
import {
  checkCounts,
  fieldsFromTemplate,
  isCustom,
  type ManagedObject,
  make,
  NAME,
  NAME_CONFLICT,
  type ObjectDates,
  templateDateField,
} from '../../../objects/index.ts';
import { updateObject } from '../../store/objects.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { addObject, noteObject, readForChange } from '../objects.ts';
import { requireNoTemplates } from '../templates.ts';
import { makeSymmetricKey } from './create.ts';

/** Attributes that a replacement does not inherit (table 173), beside those that are computed. */
const notCopied: ReadonlySet<string> = new Set([
  'Link',
  'Random Number Generator',
  'Always Sensitive',
  'Never Extractable',
  NAME_CONFLICT,
]);

/** The dates that a client may give, as the replacement has them (table 172); `offsetS` in seconds. */
function replacementDates(dates: ObjectDates, offsetS: number | undefined, nowS: number): Attribute[] {
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
      'an Offset needs an Activation Date of the existing key to move the other dates by',
    );
  }
  const shift = activation - (dates.activation ?? activation);
  return named.flatMap(([name, value]) => {
    if (name === 'Activation Date') return [make.date(name, activation)];
    return value === undefined ? [] : [make.date(name, value + shift)];
  });
}

/** What the new key starts from: the old one's attributes, with those that the request gives in their place. */
function inherited(
  old: ManagedObject,
  given: readonly Attribute[],
  dates: readonly Attribute[],
): Attribute[] {
  const replaced = new Set(given.map((a) => a.attributeName));
  const copied = [
    make.enumeration('Cryptographic Algorithm', old.cryptographicAlgorithm ?? 0),
    make.integer('Cryptographic Length', old.cryptographicLength ?? 0),
    make.integer('Cryptographic Usage Mask', old.usageMask),
    ...dates,
    // `y-` attributes are the server's own notes on the old key (§3.39).
    ...old.attributes.filter((a) => !notCopied.has(a.attributeName) && !a.attributeName.startsWith('y-')),
  ];
  return [...copied.filter((a) => !replaced.has(a.attributeName) || isCustom(a.attributeName)), ...given];
}

function link(linkType: number, uid: string): Attribute {
  return attribute('Link', { linkType, linkedObjectIdentifier: uid });
}

export const reKeyHandler: Handler<typeof Operation.ReKey> = async (request, context) => {
  const uid = uidOf(request, context);
  requireNoTemplates(request.templateAttribute);
  const given = request.templateAttribute?.attribute ?? [];
  const old = await readForChange(context, uid);
  if (old.objectType !== ObjectType.SymmetricKey || old.wrapped === null) {
    throw KmipError.permissionDenied('only a symmetric key that has not been destroyed can be re-keyed');
  }
  if (request.offset !== undefined && given.some((a) => templateDateField(a.attributeName) !== undefined)) {
    throw KmipError.invalidMessage('an Offset cannot be given together with dates (KMIP 1.4 section 11.5)');
  }
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType: old.objectType,
    attributes: inherited(old, given, replacementDates(old.dates, request.offset, context.nowS)),
    nowS: context.nowS,
  });
  const made = await makeSymmetricKey(context, fields, old.service);
  const replacement: ManagedObject = {
    ...made,
    attributes: [...made.attributes, link(LinkType.ReplacedObjectLink, old.uid)],
  };
  await replace(context, old, replacement);
  return { uniqueIdentifier: replacement.uid };
};

/** The old key first: it must give its names up before the new one can claim them. */
async function replace(
  context: OperationContext,
  old: ManagedObject,
  replacement: ManagedObject,
): Promise<void> {
  const superseded: ManagedObject = {
    ...old,
    attributes: [
      ...old.attributes.filter((a) => a.attributeName !== NAME),
      link(LinkType.ReplacementObjectLink, replacement.uid),
    ],
    dates: { ...old.dates, lastChange: context.nowS },
    revision: old.revision + 1,
  };
  checkCounts(superseded.attributes);
  checkCounts(replacement.attributes);
  await updateObject(context.tx, superseded);
  context.pushes.push({ kind: 'object.put', object: superseded });
  noteObject(context, superseded, 'OBJECT_REKEYED');
  await addObject(context, replacement, 'OBJECT_CREATED');
}
