/** Notify, KMIP 1.4 §5.1. Tells a client which attributes of an object have changed. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { notifiedAttribute } from '../objects/base.ts';
import { repeatedOnce, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const notify = defineOperation({
  operation: Operation.Notify,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: repeatedOnce(Tag.Attribute, notifiedAttribute),
  }),
  response: structure(Tag.ResponsePayload, {}),
});
