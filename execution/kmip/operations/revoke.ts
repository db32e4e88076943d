/** Revoke, KMIP 1.4 §4.20. Deactivates an object, or marks it as compromised. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { revocationReason } from '../objects/base.ts';
import { dateTime, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const revoke = defineOperation({
  operation: Operation.Revoke,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    revocationReason: required(Tag.RevocationReason, revocationReason),
    compromiseOccurrenceDate: optional(Tag.CompromiseOccurrenceDate, dateTime),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
