/** Recover, KMIP 1.4 §4.23. Moves an object back on line. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const recover = defineOperation({
  operation: Operation.Recover,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
