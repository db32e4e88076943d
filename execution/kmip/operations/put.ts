/** Put, KMIP 1.4 §5.2. Sends an object to a client. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { managedObject } from '../objects/managed.ts';
import { enumeration, optional, repeated, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const put = defineOperation({
  operation: Operation.Put,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    putFunction: required(Tag.PutFunction, enumeration),
    replacedUniqueIdentifier: optional(Tag.ReplacedUniqueIdentifier, textString),
    object: managedObject,
    attribute: repeated(Tag.Attribute, attribute),
  }),
  response: structure(Tag.ResponsePayload, {}),
});
