/** GetUsageAllocation, KMIP 1.4 §4.18. Takes a share of what the usage limits of an object still allow. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { longInteger, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const getUsageAllocation = defineOperation({
  operation: Operation.GetUsageAllocation,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    usageLimitsCount: required(Tag.UsageLimitsCount, longInteger),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
