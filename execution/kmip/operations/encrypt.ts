/** Encrypt, KMIP 1.4 §4.29. Encrypts data with a key that stays on the server. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { cryptographicParameters } from '../objects/base.ts';
import { boolean, byteString, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const encrypt = defineOperation({
  operation: Operation.Encrypt,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
    data: optional(Tag.Data, byteString),
    ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
    initIndicator: optional(Tag.InitIndicator, boolean, { since: 3 }),
    finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 3 }),
    authenticatedEncryptionAdditionalData: optional(Tag.AuthenticatedEncryptionAdditionalData, byteString, {
      since: 4,
    }),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    data: optional(Tag.Data, byteString),
    ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
    correlationValue: optional(Tag.CorrelationValue, byteString, { since: 3 }),
    authenticatedEncryptionTag: optional(Tag.AuthenticatedEncryptionTag, byteString, { since: 4 }),
  }),
});
