/** Archive, KMIP 1.4 §4.22. Moves an object to archival storage. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const archive = defineOperation({
  operation: Operation.Archive,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
