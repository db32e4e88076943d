/** Validate, KMIP 1.4 §4.24. Checks a chain of certificates. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { certificate } from '../objects/managed.ts';
import {
  dateTime,
  enumeration,
  optional,
  repeated,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const validate = defineOperation({
  operation: Operation.Validate,
  request: structure(Tag.RequestPayload, {
    certificate: repeated(Tag.Certificate, certificate),
    uniqueIdentifier: repeated(Tag.UniqueIdentifier, textString),
    validityDate: optional(Tag.ValidityDate, dateTime),
  }),
  response: structure(Tag.ResponsePayload, {
    validityIndicator: required(Tag.ValidityIndicator, enumeration),
  }),
});
