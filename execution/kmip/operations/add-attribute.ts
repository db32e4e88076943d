/** AddAttribute, KMIP 1.4 §4.14. Adds an attribute, or an instance of one. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const addAttribute = defineOperation({
  operation: Operation.AddAttribute,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    attribute: required(Tag.Attribute, attribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: required(Tag.Attribute, attribute),
  }),
});
