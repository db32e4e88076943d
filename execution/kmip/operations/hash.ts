/** Hash, KMIP 1.4 §4.37. Computes a digest. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { cryptographicParameters } from '../objects/base.ts';
import { boolean, byteString, optional, required, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const hash = defineOperation({
  operation: Operation.Hash,
  request: structure(Tag.RequestPayload, {
    cryptographicParameters: required(Tag.CryptographicParameters, cryptographicParameters),
    data: optional(Tag.Data, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
    initIndicator: optional(Tag.InitIndicator, boolean, { since: 3 }),
    finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 3 }),
  }),
  response: structure(Tag.ResponsePayload, {
    data: optional(Tag.Data, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
  }),
});
