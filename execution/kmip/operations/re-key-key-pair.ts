/**
 * ReKeyKeyPair, KMIP 1.4 §4.5. Makes a new key pair that replaces one, with links both ways. `offset` is in seconds.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { interval, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const reKeyKeyPair = defineOperation({
  operation: Operation.ReKeyKeyPair,
  request: structure(Tag.RequestPayload, {
    privateKeyUniqueIdentifier: optional(Tag.PrivateKeyUniqueIdentifier, textString),
    offset: optional(Tag.Offset, interval),
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
