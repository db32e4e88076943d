/** DeleteAttribute, KMIP 1.4 §4.16. Removes an instance of an attribute. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { integer, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const deleteAttribute = defineOperation({
  operation: Operation.DeleteAttribute,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    attributeName: required(Tag.AttributeName, textString),
    attributeIndex: optional(Tag.AttributeIndex, integer),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: required(Tag.Attribute, attribute),
  }),
});
