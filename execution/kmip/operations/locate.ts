/** Locate, KMIP 1.4 §4.9. Finds objects by their attributes. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { enumeration, integer, optional, repeated, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const locate = defineOperation({
  operation: Operation.Locate,
  request: structure(Tag.RequestPayload, {
    maximumItems: optional(Tag.MaximumItems, integer),
    offsetItems: optional(Tag.OffsetItems, integer, { since: 3 }),
    storageStatusMask: optional(Tag.StorageStatusMask, integer),
    objectGroupMember: optional(Tag.ObjectGroupMember, enumeration, { since: 1 }),
    attribute: repeated(Tag.Attribute, attribute),
  }),
  response: structure(Tag.ResponsePayload, {
    locatedItems: optional(Tag.LocatedItems, integer, { since: 3 }),
    uniqueIdentifier: repeated(Tag.UniqueIdentifier, textString),
  }),
});
