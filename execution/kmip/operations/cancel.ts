/** Cancel, KMIP 1.4 §4.27. Cancels an asynchronous operation. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { byteString, enumeration, required, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const cancel = defineOperation({
  operation: Operation.Cancel,
  request: structure(Tag.RequestPayload, {
    asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
  }),
  response: structure(Tag.ResponsePayload, {
    asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
    cancellationResult: required(Tag.CancellationResult, enumeration),
  }),
});
