/** Certify, KMIP 1.4 §4.7. Has the server certify a public key. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import { byteString, enumeration, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const certify = defineOperation({
  operation: Operation.Certify,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    certificateRequestType: optional(Tag.CertificateRequestType, enumeration),
    certificateRequest: optional(Tag.CertificateRequest, byteString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
