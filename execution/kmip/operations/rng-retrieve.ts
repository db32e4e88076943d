/** RNGRetrieve, KMIP 1.4 §4.35. Asks for random bytes. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { byteString, integer, required, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const rngRetrieve = defineOperation({
  operation: Operation.RNGRetrieve,
  request: structure(Tag.RequestPayload, {
    dataLength: required(Tag.DataLength, integer),
  }),
  response: structure(Tag.ResponsePayload, {
    data: required(Tag.Data, byteString),
  }),
});
