/** JoinSplitKey, KMIP 1.4 §4.39. Joins parts to the key that was split. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { enumeration, optional, repeatedOnce, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const joinSplitKey = defineOperation({
  operation: Operation.JoinSplitKey,
  request: structure(Tag.RequestPayload, {
    objectType: required(Tag.ObjectType, enumeration),
    uniqueIdentifier: repeatedOnce(Tag.UniqueIdentifier, textString),
    secretDataType: optional(Tag.SecretDataType, enumeration),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
