/**
 * ObtainLease, KMIP 1.4 §4.17. Obtains or renews the time for which a client may rely on its copy. `leaseTime` is in seconds.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { dateTime, interval, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const obtainLease = defineOperation({
  operation: Operation.ObtainLease,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    leaseTime: required(Tag.LeaseTime, interval),
    lastChangeDate: required(Tag.LastChangeDate, dateTime),
  }),
});
