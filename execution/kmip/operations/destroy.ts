/** Destroy, KMIP 1.4 §4.21. Destroys the material of an object. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const destroy = defineOperation({
  operation: Operation.Destroy,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
