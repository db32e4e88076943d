/** Base objects that messages are made of (KMIP 1.4 §2.1): attributes, credentials, parameters. */
import { Tag } from '../names/tags.ts';
import {
  anyItem,
  anyStructure,
  boolean,
  byteString,
  enumeration,
  type Infer,
  integer,
  optional,
  repeated,
  required,
  structure,
  textString,
} from '../schema/index.ts';

/** KMIP 1.4 §6.1. Its fields are `major` and `minor`, as a `Version`. */
export const protocolVersion = structure(Tag.ProtocolVersion, {
  major: required(Tag.ProtocolVersionMajor, integer),
  minor: required(Tag.ProtocolVersionMinor, integer),
});

/**
 * KMIP 1.4 §2.1.1. The value is an item under the tag Attribute Value, whatever the attribute; `attributes.ts` turns
 * it into a JavaScript value.
 */
export const attribute = structure(Tag.Attribute, {
  attributeName: required(Tag.AttributeName, textString),
  attributeIndex: optional(Tag.AttributeIndex, integer),
  attributeValue: required(Tag.AttributeValue, anyItem),
});
export type Attribute = Infer<typeof attribute>;

/** KMIP 1.4 §2.1.1: in Notify the value is left out when the attribute was deleted. */
export const notifiedAttribute = structure(Tag.Attribute, {
  attributeName: required(Tag.AttributeName, textString),
  attributeIndex: optional(Tag.AttributeIndex, integer),
  attributeValue: optional(Tag.AttributeValue, anyItem),
});

/** KMIP 1.4 §3.2 */
export const name = structure(Tag.Name, {
  nameValue: required(Tag.NameValue, textString),
  nameType: required(Tag.NameType, enumeration),
});

/** KMIP 1.4 §2.1.8. The same structure travels under four tags; the field that holds it gives the tag. */
export const templateAttribute = structure(Tag.TemplateAttribute, {
  name: repeated(Tag.Name, name),
  attribute: repeated(Tag.Attribute, attribute),
});
export type TemplateAttribute = Infer<typeof templateAttribute>;

/** KMIP 1.4 §3.6 */
export const cryptographicParameters = structure(Tag.CryptographicParameters, {
  blockCipherMode: optional(Tag.BlockCipherMode, enumeration),
  paddingMethod: optional(Tag.PaddingMethod, enumeration),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumeration),
  keyRoleType: optional(Tag.KeyRoleType, enumeration),
  digitalSignatureAlgorithm: optional(Tag.DigitalSignatureAlgorithm, enumeration, { since: 2 }),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration, { since: 2 }),
  randomIV: optional(Tag.RandomIV, boolean, { since: 2 }),
  ivLength: optional(Tag.IVLength, integer, { since: 2 }),
  tagLength: optional(Tag.TagLength, integer, { since: 2 }),
  fixedFieldLength: optional(Tag.FixedFieldLength, integer, { since: 2 }),
  invocationFieldLength: optional(Tag.InvocationFieldLength, integer, { since: 2 }),
  counterLength: optional(Tag.CounterLength, integer, { since: 2 }),
  initialCounterValue: optional(Tag.InitialCounterValue, integer, { since: 2 }),
  saltLength: optional(Tag.SaltLength, integer, { since: 4 }),
  maskGenerator: optional(Tag.MaskGenerator, enumeration, { since: 4 }),
  maskGeneratorHashingAlgorithm: optional(Tag.MaskGeneratorHashingAlgorithm, enumeration, { since: 4 }),
  pSource: optional(Tag.PSource, byteString, { since: 4 }),
  trailerField: optional(Tag.TrailerField, integer, { since: 4 }),
});
export type CryptographicParameters = Infer<typeof cryptographicParameters>;

/** KMIP 1.4 §2.1.14 */
export const nonce = structure(Tag.Nonce, {
  nonceId: required(Tag.NonceID, byteString),
  nonceValue: required(Tag.NonceValue, byteString),
});

/** KMIP 1.4 §2.1.2. What the value holds depends on the type; the three structures below read it. */
export const credential = structure(Tag.Credential, {
  credentialType: required(Tag.CredentialType, enumeration),
  credentialValue: required(Tag.CredentialValue, anyStructure),
});
export type Credential = Infer<typeof credential>;

/** KMIP 1.4 §2.1.2, Credential Type Username and Password */
export const usernameAndPasswordCredential = structure(Tag.CredentialValue, {
  username: required(Tag.Username, textString),
  password: optional(Tag.Password, textString),
});

/** KMIP 1.4 §2.1.2, Credential Type Device */
export const deviceCredential = structure(Tag.CredentialValue, {
  deviceSerialNumber: optional(Tag.DeviceSerialNumber, textString),
  password: optional(Tag.Password, textString),
  deviceIdentifier: optional(Tag.DeviceIdentifier, textString),
  networkIdentifier: optional(Tag.NetworkIdentifier, textString),
  machineIdentifier: optional(Tag.MachineIdentifier, textString),
  mediaIdentifier: optional(Tag.MediaIdentifier, textString),
});

/** KMIP 1.4 §2.1.2, Credential Type Attestation */
export const attestationCredential = structure(Tag.CredentialValue, {
  nonce: required(Tag.Nonce, nonce),
  attestationType: required(Tag.AttestationType, enumeration),
  attestationMeasurement: optional(Tag.AttestationMeasurement, byteString),
  attestationAssertion: optional(Tag.AttestationAssertion, byteString),
});

/** KMIP 1.4 §6.6 */
export const authentication = structure(Tag.Authentication, {
  credential: repeated(Tag.Credential, credential),
});

/** KMIP 1.4 §6.16 */
export const messageExtension = structure(Tag.MessageExtension, {
  vendorIdentification: required(Tag.VendorIdentification, textString),
  criticalityIndicator: required(Tag.CriticalityIndicator, boolean),
  vendorExtension: required(Tag.VendorExtension, anyStructure),
});
export type MessageExtension = Infer<typeof messageExtension>;

/** KMIP 1.4 §3.31 */
export const revocationReason = structure(Tag.RevocationReason, {
  revocationReasonCode: required(Tag.RevocationReasonCode, enumeration),
  revocationMessage: optional(Tag.RevocationMessage, textString),
});
