/** Get, KMIP 1.4 §4.11. Returns an object with its material, wrapped if so asked. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { keyWrappingSpecification } from '../objects/key-block.ts';
import { managedObject } from '../objects/managed.ts';
import { enumeration, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const get = defineOperation({
  operation: Operation.Get,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    keyFormatType: optional(Tag.KeyFormatType, enumeration),
    keyWrapType: optional(Tag.KeyWrapType, enumeration, { since: 4 }),
    keyCompressionType: optional(Tag.KeyCompressionType, enumeration),
    keyWrappingSpecification: optional(Tag.KeyWrappingSpecification, keyWrappingSpecification),
  }),
  response: structure(Tag.ResponsePayload, {
    objectType: required(Tag.ObjectType, enumeration),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    object: managedObject,
  }),
});
