/** GetAttributes, KMIP 1.4 §4.12. Returns attributes of an object: those named, or all. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { optional, repeated, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const getAttributes = defineOperation({
  operation: Operation.GetAttributes,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    attributeName: repeated(Tag.AttributeName, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: repeated(Tag.Attribute, attribute),
  }),
});
