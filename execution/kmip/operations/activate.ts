/** Activate, KMIP 1.4 §4.19. Makes a pre-active object active. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const activate = defineOperation({
  operation: Operation.Activate,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
