/** What a server says of itself in Query (KMIP 1.4 §2.1.9, §2.1.18–2.1.21). */
import { Tag } from '../names/tags.ts';
import {
  boolean,
  enumeration,
  integer,
  optional,
  repeated,
  required,
  structure,
  textString,
} from '../schema/index.ts';

/** KMIP 1.4 §2.1.9 */
export const extensionInformation = structure(Tag.ExtensionInformation, {
  extensionName: required(Tag.ExtensionName, textString),
  extensionTag: optional(Tag.ExtensionTag, integer),
  extensionType: optional(Tag.ExtensionType, integer),
});

/** KMIP 1.4 §2.1.18 */
export const rngParameters = structure(Tag.RNGParameters, {
  rngAlgorithm: required(Tag.RNGAlgorithm, enumeration),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration),
  cryptographicLength: optional(Tag.CryptographicLength, integer),
  hashingAlgorithm: optional(Tag.HashingAlgorithm, enumeration),
  drbgAlgorithm: optional(Tag.DRBGAlgorithm, enumeration),
  recommendedCurve: optional(Tag.RecommendedCurve, enumeration),
  fips186Variation: optional(Tag.FIPS186Variation, enumeration),
  predictionResistance: optional(Tag.PredictionResistance, boolean),
});

/** KMIP 1.4 §2.1.19 */
export const profileInformation = structure(Tag.ProfileInformation, {
  profileName: required(Tag.ProfileName, enumeration),
  serverURI: optional(Tag.ServerURI, textString),
  serverPort: optional(Tag.ServerPort, integer),
});

/** KMIP 1.4 §2.1.20 */
export const validationInformation = structure(Tag.ValidationInformation, {
  validationAuthorityType: required(Tag.ValidationAuthorityType, enumeration),
  validationAuthorityCountry: optional(Tag.ValidationAuthorityCountry, textString),
  validationAuthorityURI: optional(Tag.ValidationAuthorityURI, textString),
  validationVersionMajor: required(Tag.ValidationVersionMajor, integer),
  validationVersionMinor: optional(Tag.ValidationVersionMinor, integer),
  validationType: required(Tag.ValidationType, enumeration),
  validationLevel: required(Tag.ValidationLevel, integer),
  validationCertificateIdentifier: optional(Tag.ValidationCertificateIdentifier, textString),
  validationCertificateURI: optional(Tag.ValidationCertificateURI, textString),
  validationVendorURI: optional(Tag.ValidationVendorURI, textString),
  validationProfile: repeated(Tag.ValidationProfile, textString),
});

/** KMIP 1.4 §2.1.21 */
export const capabilityInformation = structure(Tag.CapabilityInformation, {
  streamingCapability: optional(Tag.StreamingCapability, boolean),
  asynchronousCapability: optional(Tag.AsynchronousCapability, boolean),
  attestationCapability: optional(Tag.AttestationCapability, boolean),
  batchUndoCapability: optional(Tag.BatchUndoCapability, boolean, { since: 4 }),
  batchContinueCapability: optional(Tag.BatchContinueCapability, boolean, { since: 4 }),
  unwrapMode: optional(Tag.UnwrapMode, enumeration),
  destroyAction: optional(Tag.DestroyAction, enumeration),
  shreddingAlgorithm: optional(Tag.ShreddingAlgorithm, enumeration),
  rngMode: optional(Tag.RNGMode, enumeration),
});
