/** CreateSplitKey, KMIP 1.4 §4.38. Makes a key, or takes one, and splits it into parts. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { templateAttribute } from '../objects/base.ts';
import {
  bigInteger,
  enumeration,
  integer,
  optional,
  repeatedOnce,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const createSplitKey = defineOperation({
  operation: Operation.CreateSplitKey,
  request: structure(Tag.RequestPayload, {
    objectType: required(Tag.ObjectType, enumeration),
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    splitKeyParts: required(Tag.SplitKeyParts, integer),
    splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
    splitKeyMethod: required(Tag.SplitKeyMethod, enumeration),
    primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
    templateAttribute: required(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: repeatedOnce(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
