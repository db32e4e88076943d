/** Sign, KMIP 1.4 §4.31. Signs data, or its digest. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { cryptographicParameters } from '../objects/base.ts';
import { boolean, byteString, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const sign = defineOperation({
  operation: Operation.Sign,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
    data: optional(Tag.Data, byteString),
    digestedData: optional(Tag.DigestedData, byteString, { since: 4 }),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
    initIndicator: optional(Tag.InitIndicator, boolean, { since: 3 }),
    finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 3 }),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    signatureData: optional(Tag.SignatureData, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
  }),
});
