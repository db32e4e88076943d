/** CreateKeyPair, KMIP 1.4 §4.2. Makes a private and a public key on the server. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const createKeyPair = defineOperation({
  operation: Operation.CreateKeyPair,
  request: structure(Tag.RequestPayload, {
    commonTemplateAttribute: optional(Tag.CommonTemplateAttribute, templateAttribute),
    privateKeyTemplateAttribute: optional(Tag.PrivateKeyTemplateAttribute, templateAttribute),
    publicKeyTemplateAttribute: optional(Tag.PublicKeyTemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    privateKeyUniqueIdentifier: required(Tag.PrivateKeyUniqueIdentifier, textString),
    publicKeyUniqueIdentifier: required(Tag.PublicKeyUniqueIdentifier, textString),
    privateKeyTemplateAttribute: optional(Tag.PrivateKeyTemplateAttribute, templateAttribute),
    publicKeyTemplateAttribute: optional(Tag.PublicKeyTemplateAttribute, templateAttribute),
  }),
});
