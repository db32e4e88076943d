/**
 * Payloads between KMIP 2 and KMIP 1.4: which items of which operation change, in order. What is not listed is the same
 * in both.
 */
import { attributeNameOfTag, attributes } from '../attributes.ts';
import { KmipError } from '../errors.ts';
import { operationName, tagName } from '../names/lookup.ts';
import { Operation } from '../names/messages.ts';
import { ObjectType } from '../names/objects.ts';
import { Tag } from '../names/tags.ts';
import { OperationV2, TagV2, UniqueIdentifierV2 } from '../names/v2.ts';
import { ItemType, structureItem, type Ttlv } from '../ttlv/item.ts';
import {
  attributesToV1,
  attributesToV2,
  nameToReference,
  referenceToName,
  singleToV1,
} from './attributes.ts';

/** What becomes of one item. */
type Rewrite = (item: Ttlv) => readonly Ttlv[];
type Rewrites = Readonly<Record<number, Rewrite>>;

const drop: Rewrite = () => [];
const template =
  (tag: number): Rewrite =>
  (item) => [structureItem(tag, attributesToV1(item))];
const single: Rewrite = (item) => [singleToV1(item)];
const loose: Rewrite = (item) => attributesToV1(item);
/** Where a key is stored, and how it is protected there, is the server's business: there is nothing to choose from. */
const noChoice: Rewrite = (item) => {
  throw KmipError.featureNotSupported(`${tagName(item.tag)} is not supported`);
};
/** KMIP 1 finds an instance by index, not by its value. */
const noCurrent: Rewrite = () => {
  throw KmipError.featureNotSupported('Current Attribute is not supported; name the attribute by reference');
};
const referenceAsName: Rewrite = (item) => [
  { tag: Tag.AttributeName, type: ItemType.TextString, value: referenceToName(item) },
];
/** KMIP 2 deletes every instance; KMIP 1 one of them. They are the same where there is one. */
const singleReferenceAsName: Rewrite = (item) => {
  const name = item.type === ItemType.Enumeration ? attributeNameOfTag(item.value) : undefined;
  if (name !== undefined && attributes[name].multiple) {
    throw KmipError.featureNotSupported(
      `${name} can have several values: deleting all at once is not supported`,
    );
  }
  return referenceAsName(item);
};

const oneTemplate: Rewrites = { [TagV2.Attributes]: template(Tag.TemplateAttribute) };
const pairTemplates: Rewrites = {
  [TagV2.CommonAttributes]: template(Tag.CommonTemplateAttribute),
  [TagV2.PrivateKeyAttributes]: template(Tag.PrivateKeyTemplateAttribute),
  [TagV2.PublicKeyAttributes]: template(Tag.PublicKeyTemplateAttribute),
};

const everyRequest: Rewrites = {
  [TagV2.ProtectionStorageMasks]: noChoice,
  [TagV2.CommonProtectionStorageMasks]: noChoice,
  [TagV2.PrivateProtectionStorageMasks]: noChoice,
  [TagV2.PublicProtectionStorageMasks]: noChoice,
  [Tag.UniqueIdentifier]: identifier,
  [Tag.PrivateKeyUniqueIdentifier]: identifier,
};

/** A Unique Identifier may be an Enumeration: the ID Placeholder, which KMIP 1 means by leaving it out. */
function identifier(item: Ttlv): readonly Ttlv[] {
  if (item.type === ItemType.TextString) return [item];
  if (item.type === ItemType.Enumeration && item.value === UniqueIdentifierV2.IDPlaceholder) return [];
  throw KmipError.featureNotSupported(
    `${tagName(item.tag)} is a Text String or the ID Placeholder here, nothing else`,
  );
}

const requests: Readonly<Record<number, Rewrites>> = {
  [Operation.Create]: oneTemplate,
  [Operation.CreateKeyPair]: pairTemplates,
  [Operation.Register]: oneTemplate,
  [Operation.ReKey]: oneTemplate,
  [Operation.ReKeyKeyPair]: pairTemplates,
  [Operation.DeriveKey]: oneTemplate,
  [Operation.Certify]: oneTemplate,
  [Operation.ReCertify]: oneTemplate,
  [Operation.CreateSplitKey]: oneTemplate,
  [Operation.JoinSplitKey]: oneTemplate,
  [Operation.Locate]: { [TagV2.Attributes]: loose },
  [Operation.Import]: { [TagV2.Attributes]: loose, [Tag.ObjectType]: drop },
  [Operation.GetAttributes]: { [TagV2.AttributeReference]: referenceAsName },
  [Operation.AddAttribute]: { [TagV2.NewAttribute]: single },
  [Operation.ModifyAttribute]: { [TagV2.NewAttribute]: single, [TagV2.CurrentAttribute]: noCurrent },
  [Operation.DeleteAttribute]: {
    [TagV2.AttributeReference]: singleReferenceAsName,
    [TagV2.CurrentAttribute]: noCurrent,
  },
};

/** KMIP 1 demands a Template-Attribute where KMIP 2 may leave its attributes out. */
const needsTemplate: ReadonlySet<number> = new Set([
  Operation.Create,
  Operation.Register,
  Operation.DeriveKey,
]);

/** @throws KmipError when the payload asks for what KMIP 1 cannot say. */
export function requestPayloadToV1(operation: number, payload: Ttlv): Ttlv {
  if (payload.type !== ItemType.Structure) return payload;
  const rewrites = { ...everyRequest, ...requests[operation] };
  const items = payload.value.flatMap((item) => rewrites[item.tag]?.(item) ?? [keyValuesToV1(item)]);
  if (needsTemplate.has(operation) && !items.some(({ tag }) => tag === Tag.TemplateAttribute)) {
    throw KmipError.invalidMessage(`${operationName(operation)} has no Attributes`);
  }
  return structureItem(payload.tag, items);
}

/** A Key Value may carry attributes of its key. */
function keyValuesToV1(item: Ttlv): Ttlv {
  if (item.type !== ItemType.Structure) return item;
  if (item.tag !== Tag.KeyValue) return structureItem(item.tag, item.value.map(keyValuesToV1));
  return structureItem(
    item.tag,
    item.value.flatMap((child) => (child.tag === TagV2.Attributes ? attributesToV1(child) : [child])),
  );
}

function keyValuesToV2(item: Ttlv): Ttlv {
  if (item.type !== ItemType.Structure) return item;
  if (item.tag === Tag.KeyValue) return structureItem(item.tag, gathered(item.value));
  return structureItem(item.tag, item.value.map(keyValuesToV2));
}

/** All Attributes of KMIP 1 as the one structure of KMIP 2, where the first of them stood. */
function gathered(items: readonly Ttlv[]): readonly Ttlv[] {
  const isAttribute = (item: Ttlv): boolean => item.tag === Tag.Attribute;
  const first = items.findIndex(isAttribute);
  if (first === -1) return items;
  const together = attributesToV2(TagV2.Attributes, items.filter(isAttribute));
  return items.flatMap((item, at) => (at === first ? [together] : isAttribute(item) ? [] : [item]));
}

/** KMIP 2 answers with identifiers alone. */
const templatesOfAnswers: ReadonlySet<number> = new Set([
  Tag.TemplateAttribute,
  Tag.PrivateKeyTemplateAttribute,
  Tag.PublicKeyTemplateAttribute,
]);
const changesOneAttribute: ReadonlySet<number> = new Set([
  Operation.AddAttribute,
  Operation.ModifyAttribute,
  Operation.DeleteAttribute,
]);

export function responsePayloadToV2(operation: number | undefined, payload: Ttlv): Ttlv {
  if (payload.type !== ItemType.Structure) return payload;
  const items = payload.value.filter(({ tag }) => !templatesOfAnswers.has(tag));
  return structureItem(payload.tag, itemsToV2(operation, items));
}

function itemsToV2(operation: number | undefined, items: readonly Ttlv[]): readonly Ttlv[] {
  if (operation !== undefined && changesOneAttribute.has(operation)) {
    return items.filter(({ tag }) => tag !== Tag.Attribute);
  }
  switch (operation) {
    case Operation.GetAttributes: {
      const attributesOf = items.filter(({ tag }) => tag === Tag.Attribute);
      const others = items.filter(({ tag }) => tag !== Tag.Attribute);
      return [...others, attributesToV2(TagV2.Attributes, attributesOf)];
    }
    case Operation.Export:
      return gathered(items).map(keyValuesToV2);
    case Operation.GetAttributeList:
      return items.map((item) =>
        item.tag === Tag.AttributeName && item.type === ItemType.TextString
          ? nameToReference(item.value)
          : item,
      );
    case Operation.Query:
      return withSetAttribute(items.filter((item) => !isTemplate(item)));
    default:
      return items.map(keyValuesToV2);
  }
}

/** KMIP 2 has no Templates. */
function isTemplate({ tag, value }: Ttlv): boolean {
  return tag === Tag.ObjectType && value === ObjectType.Template;
}

/** Served beside the operations of KMIP 1, to clients of KMIP 2 openly. */
function withSetAttribute(items: readonly Ttlv[]): readonly Ttlv[] {
  const last = items.findLastIndex(({ tag }) => tag === Tag.Operation);
  const operations = items.filter(({ tag }) => tag === Tag.Operation);
  if (last === -1 || operations.some(({ value }) => value === OperationV2.SetAttribute)) return items;
  const item: Ttlv = { tag: Tag.Operation, type: ItemType.Enumeration, value: OperationV2.SetAttribute };
  return items.toSpliced(last + 1, 0, item);
}
