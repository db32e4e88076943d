/** DeriveKey, KMIP 1.4 §4.6. Derives a symmetric key or secret data from one or more objects. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { cryptographicParameters, templateAttribute } from '../objects/base.ts';
import {
  byteString,
  enumeration,
  integer,
  optional,
  repeatedOnce,
  required,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

/**
 * KMIP 1.4 §4.6: one structure for every derivation method. Salt and iteration count belong to PBKDF2, where they
 * are required; the method decides what else must be there.
 */
export const derivationParameters = structure(Tag.DerivationParameters, {
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
  initializationVector: optional(Tag.InitializationVector, byteString),
  derivationData: optional(Tag.DerivationData, byteString),
  salt: optional(Tag.Salt, byteString),
  iterationCount: optional(Tag.IterationCount, integer),
});

export const deriveKey = defineOperation({
  operation: Operation.DeriveKey,
  request: structure(Tag.RequestPayload, {
    objectType: required(Tag.ObjectType, enumeration),
    uniqueIdentifier: repeatedOnce(Tag.UniqueIdentifier, textString),
    derivationMethod: required(Tag.DerivationMethod, enumeration),
    derivationParameters: required(Tag.DerivationParameters, derivationParameters),
    templateAttribute: required(Tag.TemplateAttribute, templateAttribute),
  }),
  response: structure(Tag.ResponsePayload, {
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    templateAttribute: optional(Tag.TemplateAttribute, templateAttribute),
  }),
});
