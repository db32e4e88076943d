/** Query, KMIP 1.4 §4.25. Asks what a server (§5.3: a client) can do. */
import { Operation } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import {
  capabilityInformation,
  extensionInformation,
  profileInformation,
  rngParameters,
  validationInformation,
} from '../objects/server-information.ts';
import {
  anyStructure,
  enumeration,
  optional,
  repeated,
  repeatedOnce,
  structure,
  textString,
} from '../schema/index.ts';
import { defineOperation } from './define.ts';

export const query = defineOperation({
  operation: Operation.Query,
  request: structure(Tag.RequestPayload, {
    queryFunction: repeatedOnce(Tag.QueryFunction, enumeration),
  }),
  response: structure(Tag.ResponsePayload, {
    operation: repeated(Tag.Operation, enumeration),
    objectType: repeated(Tag.ObjectType, enumeration),
    vendorIdentification: optional(Tag.VendorIdentification, textString),
    serverInformation: optional(Tag.ServerInformation, anyStructure),
    applicationNamespace: repeated(Tag.ApplicationNamespace, textString),
    extensionInformation: repeated(Tag.ExtensionInformation, extensionInformation, { since: 1 }),
    attestationType: repeated(Tag.AttestationType, enumeration, { since: 2 }),
    rngParameters: repeated(Tag.RNGParameters, rngParameters, { since: 3 }),
    profileInformation: repeated(Tag.ProfileInformation, profileInformation, { since: 3 }),
    validationInformation: repeated(Tag.ValidationInformation, validationInformation, { since: 3 }),
    capabilityInformation: repeated(Tag.CapabilityInformation, capabilityInformation, { since: 3 }),
    clientRegistrationMethod: repeated(Tag.ClientRegistrationMethod, enumeration, { since: 3 }),
  }),
});
