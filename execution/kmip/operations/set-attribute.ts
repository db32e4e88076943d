/**
 * SetAttribute, KMIP 2.0. Sets the one value of a single-instance attribute, which stands under its own tag
 * instead of a name. The other operations on attributes are KMIP 1's; this one is served beside them.
 */
import { Tag } from '../names/tags.ts';
import { OperationV2, TagV2 } from '../names/v2.ts';
import { anyStructure, optional, required, structure, textString } from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const setAttribute = defineOperation({
  operation: OperationV2.SetAttribute,
  request: structure(Tag.RequestPayload, {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, textString),
    newAttribute: required(TagV2.NewAttribute, anyStructure),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  }),
});
