/** Create, KMIP 1.4 §4.1. Makes a symmetric key on the server. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { enumeration, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const create = defineOperation({
  operation: Operation.Create,
  request: structure(Tag.RequestPayload, {
    objectType: required(Tag.ObjectType, enumeration),
    templateAttribute: required(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    objectType: required(Tag.ObjectType, enumeration),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
