/**
 * Check, KMIP 1.4 §4.10. Asks whether a use of an object would be allowed, before asking for the object. `leaseTime` is in
 * seconds. A refusal has a payload too: without a Unique Identifier, and with those fields of the request that it is for.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { integer, interval, longInteger, optional, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const check = defineOperation({
  operation: Operation.Check,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
    cryptographicUsageMask: optional(Tag.CryptographicUsageMask, integer),
    leaseTime: optional(Tag.LeaseTime, interval),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
    cryptographicUsageMask: optional(Tag.CryptographicUsageMask, integer),
    leaseTime: optional(Tag.LeaseTime, interval),
  }),
});
