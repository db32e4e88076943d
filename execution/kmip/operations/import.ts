/**
 * Import, KMIP 1.4 §4.41. Brings an object with its material, attributes and unique identifier to the server.
 */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { attribute } from '../objects/base.ts';
import { managedObject } from '../objects/managed.ts';
import {
  boolean,
  enumeration,
  optional,
  repeatedOnce,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const importObject = defineOperation({
  operation: Operation.Import,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    replaceExisting: optional(Tag.ReplaceExisting, boolean),
    keyWrapType: optional(Tag.KeyWrapType, enumeration, { since: 4 }),
    attribute: repeatedOnce(Tag.Attribute, attribute),
    object: managedObject,
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
