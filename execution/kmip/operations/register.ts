/** Register, KMIP 1.4 §4.3. Brings an object, with its material, to the server. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { managedObject } from '../objects/managed.ts';
import { enumeration, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const register = defineOperation({
  operation: Operation.Register,
  request: structure(Tag.RequestPayload, {
    objectType: required(Tag.ObjectType, enumeration),
    templateAttribute: required(Tag.TemplateAttribute, templateAttribute),
    object: managedObject,
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
