/** RNGSeed, KMIP 1.4 §4.36. Offers a seed to the server's random number generator. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { byteString, integer, required, structure } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const rngSeed = defineOperation({
  operation: Operation.RNGSeed,
  request: structure(Tag.RequestPayload, {
    data: required(Tag.Data, byteString),
  }),
  response: structure(Tag.ResponsePayload, {
    dataLength: required(Tag.DataLength, integer),
  }),
});
