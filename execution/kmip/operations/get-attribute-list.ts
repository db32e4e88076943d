/** GetAttributeList, KMIP 1.4 §4.13. Returns the names of the attributes that an object has. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { optional, repeatedOnce, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const getAttributeList = defineOperation({
  operation: Operation.GetAttributeList,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attributeName: repeatedOnce(Tag.AttributeName, textString),
  }),
});
