/** MACVerify, KMIP 1.4 §4.34. Verifies a message authentication code. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { cryptographicParameters } from '../objects/base.ts';
import {
  boolean,
  byteString,
  enumeration,
  optional,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const macVerify = defineOperation({
  operation: Operation.MACVerify,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
    data: optional(Tag.Data, byteString),
    macData: optional(Tag.MACData, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
    initIndicator: optional(Tag.InitIndicator, boolean, { since: 3 }),
    finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 3 }),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    validityIndicator: required(Tag.ValidityIndicator, enumeration),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
  }),
});
