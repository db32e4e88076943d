/** ReCertify, KMIP 1.4 §4.8. Renews a certificate. `offset` is in seconds. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import {
  byteString,
  enumeration,
  interval,
  optional,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const reCertify = defineOperation({
  operation: Operation.ReCertify,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    certificateRequestType: optional(Tag.CertificateRequestType, enumeration),
    certificateRequest: optional(Tag.CertificateRequest, byteString),
    offset: optional(Tag.Offset, interval),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
