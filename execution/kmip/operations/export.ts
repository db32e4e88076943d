/** Export, KMIP 1.4 §4.40. Returns an object with its material and all its attributes. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { keyWrappingSpecification } from '../objects/key-block.ts';
import { managedObject } from '../objects/managed.ts';
import { enumeration, optional, repeatedOnce, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const exportObject = defineOperation({
  operation: Operation.Export,
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
    attribute: repeatedOnce(Tag.Attribute, attribute),
    object: managedObject,
  }),
});
