/**
 * Enumerations by which a server describes itself in Query (KMIP 1.4 §9.1.3.2).
 * Names are as the XML and JSON encodings of KMIP write them.
 */

/** KMIP 1.4 §9.1.3.2.40 */
export const ValidationAuthorityType = {
  Unspecified: 0x01,
  NISTCMVP: 0x02,
  CommonCriteria: 0x03,
} as const;
export type ValidationAuthorityType = (typeof ValidationAuthorityType)[keyof typeof ValidationAuthorityType];

/** KMIP 1.4 §9.1.3.2.41 */
export const ValidationType = {
  Unspecified: 0x01,
  Hardware: 0x02,
  Software: 0x03,
  Firmware: 0x04,
  Hybrid: 0x05,
} as const;
export type ValidationType = (typeof ValidationType)[keyof typeof ValidationType];

/** KMIP 1.4 §9.1.3.2.43 */
export const UnwrapMode = {
  Unspecified: 0x01,
  Processed: 0x02,
  NotProcessed: 0x03,
} as const;
export type UnwrapMode = (typeof UnwrapMode)[keyof typeof UnwrapMode];

/** KMIP 1.4 §9.1.3.2.44 */
export const DestroyAction = {
  Unspecified: 0x01,
  KeyMaterialDeleted: 0x02,
  KeyMaterialShredded: 0x03,
  MetaDataDeleted: 0x04,
  MetaDataShredded: 0x05,
  Deleted: 0x06,
  Shredded: 0x07,
} as const;
export type DestroyAction = (typeof DestroyAction)[keyof typeof DestroyAction];

/** KMIP 1.4 §9.1.3.2.45 */
export const ShreddingAlgorithm = {
  Unspecified: 0x01,
  Cryptographic: 0x02,
  Unsupported: 0x03,
} as const;
export type ShreddingAlgorithm = (typeof ShreddingAlgorithm)[keyof typeof ShreddingAlgorithm];

/** KMIP 1.4 §9.1.3.2.46 */
export const RNGMode = {
  Unspecified: 0x01,
  SharedInstantiation: 0x02,
  NonSharedInstantiation: 0x03,
} as const;
export type RNGMode = (typeof RNGMode)[keyof typeof RNGMode];

/** KMIP 1.4 §9.1.3.2.47 */
export const ClientRegistrationMethod = {
  Unspecified: 0x01,
  ServerPreGenerated: 0x02,
  ServerOnDemand: 0x03,
  ClientGenerated: 0x04,
  ClientRegistered: 0x05,
} as const;
export type ClientRegistrationMethod =
  (typeof ClientRegistrationMethod)[keyof typeof ClientRegistrationMethod];
