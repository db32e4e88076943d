/**
 * The few names of KMIP 2 that this library also speaks. They stand apart from the tables of KMIP 1, so that
 * nothing offers them to a client by walking those.
 */

/** KMIP 2.0, Operation enumeration. */
export const OperationV2 = {
  SetAttribute: 0x31,
} as const;
export type OperationV2 = (typeof OperationV2)[keyof typeof OperationV2];

/** KMIP 2.0, table of tags. */
export const TagV2 = {
  Attributes: 0x420125,
  CommonAttributes: 0x420126,
  PrivateKeyAttributes: 0x420127,
  PublicKeyAttributes: 0x420128,
  AttributeReference: 0x42013b,
  CurrentAttribute: 0x42013c,
  NewAttribute: 0x42013d,
  Ephemeral: 0x420154,
  ProtectionStorageMask: 0x42015e,
  ProtectionStorageMasks: 0x42015f,
  CommonProtectionStorageMasks: 0x420163,
  PrivateProtectionStorageMasks: 0x420164,
  PublicProtectionStorageMasks: 0x420165,
} as const;

/** KMIP 2.0: the Asynchronous Indicator, a Boolean in KMIP 1, says how much the client wants it. */
export const AsynchronousIndicatorV2 = {
  Mandatory: 0x01,
  Optional: 0x02,
  Prohibited: 0x03,
} as const;

/** KMIP 2.0: a Unique Identifier that names what an earlier item of the batch made; only the first is spoken here. */
export const UniqueIdentifierV2 = {
  IDPlaceholder: 0x01,
  Certify: 0x02,
  Create: 0x03,
  CreateKeyPair: 0x04,
  CreateKeyPairPrivateKey: 0x05,
  CreateKeyPairPublicKey: 0x06,
  CreateSplitKey: 0x07,
  DeriveKey: 0x08,
  Import: 0x09,
  JoinSplitKey: 0x0a,
  Locate: 0x0b,
  Register: 0x0c,
  ReKey: 0x0d,
  ReCertify: 0x0e,
  ReKeyKeyPair: 0x0f,
  ReKeyKeyPairPrivateKey: 0x10,
  ReKeyKeyPairPublicKey: 0x11,
} as const;
