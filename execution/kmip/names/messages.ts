/**
 * Enumerations of messages and their items: operations, results, batch options, queries (KMIP 1.4 §9.1.3.2).
 * Names are as the XML and JSON encodings of KMIP write them.
 */

/** KMIP 1.4 §9.1.3.2.27 */
export const Operation = {
  Create: 0x01,
  CreateKeyPair: 0x02,
  Register: 0x03,
  ReKey: 0x04,
  DeriveKey: 0x05,
  Certify: 0x06,
  ReCertify: 0x07,
  Locate: 0x08,
  Check: 0x09,
  Get: 0x0a,
  GetAttributes: 0x0b,
  GetAttributeList: 0x0c,
  AddAttribute: 0x0d,
  ModifyAttribute: 0x0e,
  DeleteAttribute: 0x0f,
  ObtainLease: 0x10,
  GetUsageAllocation: 0x11,
  Activate: 0x12,
  Revoke: 0x13,
  Destroy: 0x14,
  Archive: 0x15,
  Recover: 0x16,
  Validate: 0x17,
  Query: 0x18,
  Cancel: 0x19,
  Poll: 0x1a,
  Notify: 0x1b,
  Put: 0x1c,
  ReKeyKeyPair: 0x1d,
  DiscoverVersions: 0x1e,
  Encrypt: 0x1f,
  Decrypt: 0x20,
  Sign: 0x21,
  SignatureVerify: 0x22,
  MAC: 0x23,
  MACVerify: 0x24,
  RNGRetrieve: 0x25,
  RNGSeed: 0x26,
  Hash: 0x27,
  CreateSplitKey: 0x28,
  JoinSplitKey: 0x29,
  Import: 0x2a,
  Export: 0x2b,
} as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** KMIP 1.4 §9.1.3.2.28 */
export const ResultStatus = {
  Success: 0x00,
  OperationFailed: 0x01,
  OperationPending: 0x02,
  OperationUndone: 0x03,
} as const;
export type ResultStatus = (typeof ResultStatus)[keyof typeof ResultStatus];

/** KMIP 1.4 §9.1.3.2.29 */
export const ResultReason = {
  ItemNotFound: 0x01,
  ResponseTooLarge: 0x02,
  AuthenticationNotSuccessful: 0x03,
  InvalidMessage: 0x04,
  OperationNotSupported: 0x05,
  MissingData: 0x06,
  InvalidField: 0x07,
  FeatureNotSupported: 0x08,
  OperationCanceledByRequester: 0x09,
  CryptographicFailure: 0x0a,
  IllegalOperation: 0x0b,
  PermissionDenied: 0x0c,
  ObjectArchived: 0x0d,
  IndexOutOfBounds: 0x0e,
  ApplicationNamespaceNotSupported: 0x0f,
  KeyFormatTypeNotSupported: 0x10,
  KeyCompressionTypeNotSupported: 0x11,
  EncodingOptionError: 0x12,
  KeyValueNotPresent: 0x13,
  AttestationRequired: 0x14,
  AttestationFailed: 0x15,
  Sensitive: 0x16,
  NotExtractable: 0x17,
  ObjectAlreadyExists: 0x18,
  GeneralFailure: 0x100,
} as const;
export type ResultReason = (typeof ResultReason)[keyof typeof ResultReason];

/** KMIP 1.4 §9.1.3.2.30 */
export const BatchErrorContinuationOption = {
  Continue: 0x01,
  Stop: 0x02,
  Undo: 0x03,
} as const;
export type BatchErrorContinuationOption =
  (typeof BatchErrorContinuationOption)[keyof typeof BatchErrorContinuationOption];

/** KMIP 1.4 §9.1.3.2.1 */
export const CredentialType = {
  UsernameAndPassword: 0x01,
  Device: 0x02,
  Attestation: 0x03,
} as const;
export type CredentialType = (typeof CredentialType)[keyof typeof CredentialType];

/** KMIP 1.4 §9.1.3.2.36 */
export const AttestationType = {
  TPMQuote: 0x01,
  TCGIntegrityReport: 0x02,
  SAMLAssertion: 0x03,
} as const;
export type AttestationType = (typeof AttestationType)[keyof typeof AttestationType];

/** KMIP 1.4 §9.1.3.2.24 */
export const QueryFunction = {
  QueryOperations: 0x01,
  QueryObjects: 0x02,
  QueryServerInformation: 0x03,
  QueryApplicationNamespaces: 0x04,
  QueryExtensionList: 0x05,
  QueryExtensionMap: 0x06,
  QueryAttestationTypes: 0x07,
  QueryRNGs: 0x08,
  QueryValidations: 0x09,
  QueryProfiles: 0x0a,
  QueryCapabilities: 0x0b,
  QueryClientRegistrationMethods: 0x0c,
} as const;
export type QueryFunction = (typeof QueryFunction)[keyof typeof QueryFunction];

/** KMIP 1.4 §9.1.3.2.25 */
export const CancellationResult = {
  Canceled: 0x01,
  UnableToCancel: 0x02,
  Completed: 0x03,
  Failed: 0x04,
  Unavailable: 0x05,
} as const;
export type CancellationResult = (typeof CancellationResult)[keyof typeof CancellationResult];

/** KMIP 1.4 §9.1.3.2.26 */
export const PutFunction = {
  New: 0x01,
  Replace: 0x02,
} as const;
export type PutFunction = (typeof PutFunction)[keyof typeof PutFunction];

/** KMIP 1.4 §9.1.3.2.23 */
export const ValidityIndicator = {
  Valid: 0x01,
  Invalid: 0x02,
  Unknown: 0x03,
} as const;
export type ValidityIndicator = (typeof ValidityIndicator)[keyof typeof ValidityIndicator];
