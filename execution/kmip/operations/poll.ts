/**
 * Poll, KMIP 1.4 §4.28. Asks for the outcome of an asynchronous operation. The response is that of the operation, so its payload stays raw.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { byteString, passThrough, required, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const poll = defineOperation({
  operation: Operation.Poll,
  request: structure(Tag.RequestPayload, {
    asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
  }),
  response: passThrough(Tag.ResponsePayload),
});
