/**
 * ReKey, KMIP 1.4 §4.4. Makes a new symmetric key that replaces one, with links both ways. `offset` is in seconds.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { interval, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const reKey = defineOperation({
  operation: Operation.ReKey,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    offset: optional(Tag.Offset, interval),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
