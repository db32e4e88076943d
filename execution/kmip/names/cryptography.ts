/**
 * Enumerations of cryptography: algorithms, modes, paddings, curves (KMIP 1.4 §9.1.3.2).
 * Names are as the XML and JSON encodings of KMIP write them.
 */

/** KMIP 1.4 §9.1.3.2.13 */
export const CryptographicAlgorithm = {
  DES: 0x01,
  DES3: 0x02,
  AES: 0x03,
  RSA: 0x04,
  DSA: 0x05,
  ECDSA: 0x06,
  HMAC_SHA1: 0x07,
  HMAC_SHA224: 0x08,
  HMAC_SHA256: 0x09,
  HMAC_SHA384: 0x0a,
  HMAC_SHA512: 0x0b,
  HMAC_MD5: 0x0c,
  DH: 0x0d,
  ECDH: 0x0e,
  ECMQV: 0x0f,
  Blowfish: 0x10,
  Camellia: 0x11,
  CAST5: 0x12,
  IDEA: 0x13,
  MARS: 0x14,
  RC2: 0x15,
  RC4: 0x16,
  RC5: 0x17,
  SKIPJACK: 0x18,
  Twofish: 0x19,
  EC: 0x1a,
  OneTimePad: 0x1b,
  ChaCha20: 0x1c,
  Poly1305: 0x1d,
  ChaCha20Poly1305: 0x1e,
  SHA3_224: 0x1f,
  SHA3_256: 0x20,
  SHA3_384: 0x21,
  SHA3_512: 0x22,
  HMAC_SHA3_224: 0x23,
  HMAC_SHA3_256: 0x24,
  HMAC_SHA3_384: 0x25,
  HMAC_SHA3_512: 0x26,
  SHAKE_128: 0x27,
  SHAKE_256: 0x28,
} as const;
export type CryptographicAlgorithm = (typeof CryptographicAlgorithm)[keyof typeof CryptographicAlgorithm];

/** KMIP 1.4 §9.1.3.2.14 */
export const BlockCipherMode = {
  CBC: 0x01,
  ECB: 0x02,
  PCBC: 0x03,
  CFB: 0x04,
  OFB: 0x05,
  CTR: 0x06,
  CMAC: 0x07,
  CCM: 0x08,
  GCM: 0x09,
  CBC_MAC: 0x0a,
  XTS: 0x0b,
  AESKeyWrapPadding: 0x0c,
  NISTKeyWrap: 0x0d,
  X9_102AESKW: 0x0e,
  X9_102TDKW: 0x0f,
  X9_102AKW1: 0x10,
  X9_102AKW2: 0x11,
  AEAD: 0x12,
} as const;
export type BlockCipherMode = (typeof BlockCipherMode)[keyof typeof BlockCipherMode];

/** KMIP 1.4 §9.1.3.2.15 */
export const PaddingMethod = {
  None: 0x01,
  OAEP: 0x02,
  PKCS5: 0x03,
  SSL3: 0x04,
  Zeros: 0x05,
  ANSIX9_23: 0x06,
  ISO10126: 0x07,
  PKCS1V1_5: 0x08,
  X9_31: 0x09,
  PSS: 0x0a,
} as const;
export type PaddingMethod = (typeof PaddingMethod)[keyof typeof PaddingMethod];

/** KMIP 1.4 §9.1.3.2.16 */
export const HashingAlgorithm = {
  MD2: 0x01,
  MD4: 0x02,
  MD5: 0x03,
  SHA_1: 0x04,
  SHA_224: 0x05,
  SHA_256: 0x06,
  SHA_384: 0x07,
  SHA_512: 0x08,
  RIPEMD_160: 0x09,
  Tiger: 0x0a,
  Whirlpool: 0x0b,
  SHA_512_224: 0x0c,
  SHA_512_256: 0x0d,
  SHA_3_224: 0x0e,
  SHA_3_256: 0x0f,
  SHA_3_384: 0x10,
  SHA_3_512: 0x11,
} as const;
export type HashingAlgorithm = (typeof HashingAlgorithm)[keyof typeof HashingAlgorithm];

/** KMIP 1.4 §9.1.3.2.7 */
export const DigitalSignatureAlgorithm = {
  MD2WithRSAEncryptionPKCS_1V1_5: 0x01,
  MD5WithRSAEncryptionPKCS_1V1_5: 0x02,
  SHA_1WithRSAEncryptionPKCS_1V1_5: 0x03,
  SHA_224WithRSAEncryptionPKCS_1V1_5: 0x04,
  SHA_256WithRSAEncryptionPKCS_1V1_5: 0x05,
  SHA_384WithRSAEncryptionPKCS_1V1_5: 0x06,
  SHA_512WithRSAEncryptionPKCS_1V1_5: 0x07,
  RSASSA_PSSPKCS_1V2_1: 0x08,
  DSAWithSHA_1: 0x09,
  DSAWithSHA224: 0x0a,
  DSAWithSHA256: 0x0b,
  ECDSAWithSHA_1: 0x0c,
  ECDSAWithSHA224: 0x0d,
  ECDSAWithSHA256: 0x0e,
  ECDSAWithSHA384: 0x0f,
  ECDSAWithSHA512: 0x10,
  SHA3_256WithRSAEncryption: 0x11,
  SHA3_384WithRSAEncryption: 0x12,
  SHA3_512WithRSAEncryption: 0x13,
} as const;
export type DigitalSignatureAlgorithm =
  (typeof DigitalSignatureAlgorithm)[keyof typeof DigitalSignatureAlgorithm];

/** KMIP 1.4 §9.1.3.2.17 */
export const KeyRoleType = {
  BDK: 0x01,
  CVK: 0x02,
  DEK: 0x03,
  MKAC: 0x04,
  MKSMC: 0x05,
  MKSMI: 0x06,
  MKDAC: 0x07,
  MKDN: 0x08,
  MKCP: 0x09,
  MKOTH: 0x0a,
  KEK: 0x0b,
  MAC16609: 0x0c,
  MAC97971: 0x0d,
  MAC97972: 0x0e,
  MAC97973: 0x0f,
  MAC97974: 0x10,
  MAC97975: 0x11,
  ZPK: 0x12,
  PVKIBM: 0x13,
  PVKPVV: 0x14,
  PVKOTH: 0x15,
  DUKPT: 0x16,
  IV: 0x17,
  TRKBK: 0x18,
} as const;
export type KeyRoleType = (typeof KeyRoleType)[keyof typeof KeyRoleType];

/** KMIP 1.4 §9.1.3.2.21 */
export const DerivationMethod = {
  PBKDF2: 0x01,
  HASH: 0x02,
  HMAC: 0x03,
  ENCRYPT: 0x04,
  NIST800_108_C: 0x05,
  NIST800_108_F: 0x06,
  NIST800_108_DPI: 0x07,
  AsymmetricKey: 0x08,
} as const;
export type DerivationMethod = (typeof DerivationMethod)[keyof typeof DerivationMethod];

/** KMIP 1.4 §9.1.3.2.49 */
export const MaskGenerator = {
  MGF1: 0x01,
} as const;
export type MaskGenerator = (typeof MaskGenerator)[keyof typeof MaskGenerator];

/** KMIP 1.4 §9.1.3.2.37 */
export const RNGAlgorithm = {
  Unspecified: 0x01,
  FIPS186_2: 0x02,
  DRBG: 0x03,
  NRBG: 0x04,
  ANSIX9_31: 0x05,
  ANSIX9_62: 0x06,
} as const;
export type RNGAlgorithm = (typeof RNGAlgorithm)[keyof typeof RNGAlgorithm];

/** KMIP 1.4 §9.1.3.2.38 */
export const DRBGAlgorithm = {
  Unspecified: 0x01,
  Dual_EC: 0x02,
  Hash: 0x03,
  HMAC: 0x04,
  CTR: 0x05,
} as const;
export type DRBGAlgorithm = (typeof DRBGAlgorithm)[keyof typeof DRBGAlgorithm];

/** KMIP 1.4 §9.1.3.2.39 */
export const FIPS186Variation = {
  Unspecified: 0x01,
  GPXOriginal: 0x02,
  GPXChangeNotice: 0x03,
  XOriginal: 0x04,
  XChangeNotice: 0x05,
  KOriginal: 0x06,
  KChangeNotice: 0x07,
} as const;
export type FIPS186Variation = (typeof FIPS186Variation)[keyof typeof FIPS186Variation];

/** KMIP 1.4 §9.1.3.2.5 */
export const RecommendedCurve = {
  P_192: 0x01,
  K_163: 0x02,
  B_163: 0x03,
  P_224: 0x04,
  K_233: 0x05,
  B_233: 0x06,
  P_256: 0x07,
  K_283: 0x08,
  B_283: 0x09,
  P_384: 0x0a,
  K_409: 0x0b,
  B_409: 0x0c,
  P_521: 0x0d,
  K_571: 0x0e,
  B_571: 0x0f,
  SECP112R1: 0x10,
  SECP112R2: 0x11,
  SECP128R1: 0x12,
  SECP128R2: 0x13,
  SECP160K1: 0x14,
  SECP160R1: 0x15,
  SECP160R2: 0x16,
  SECP192K1: 0x17,
  SECP224K1: 0x18,
  SECP256K1: 0x19,
  SECT113R1: 0x1a,
  SECT113R2: 0x1b,
  SECT131R1: 0x1c,
  SECT131R2: 0x1d,
  SECT163R1: 0x1e,
  SECT193R1: 0x1f,
  SECT193R2: 0x20,
  SECT239K1: 0x21,
  ANSIX9P192V2: 0x22,
  ANSIX9P192V3: 0x23,
  ANSIX9P239V1: 0x24,
  ANSIX9P239V2: 0x25,
  ANSIX9P239V3: 0x26,
  ANSIX9C2PNB163V1: 0x27,
  ANSIX9C2PNB163V2: 0x28,
  ANSIX9C2PNB163V3: 0x29,
  ANSIX9C2PNB176V1: 0x2a,
  ANSIX9C2TNB191V1: 0x2b,
  ANSIX9C2TNB191V2: 0x2c,
  ANSIX9C2TNB191V3: 0x2d,
  ANSIX9C2PNB208W1: 0x2e,
  ANSIX9C2TNB239V1: 0x2f,
  ANSIX9C2TNB239V2: 0x30,
  ANSIX9C2TNB239V3: 0x31,
  ANSIX9C2PNB272W1: 0x32,
  ANSIX9C2PNB304W1: 0x33,
  ANSIX9C2TNB359V1: 0x34,
  ANSIX9C2PNB368W1: 0x35,
  ANSIX9C2TNB431R1: 0x36,
  BRAINPOOLP160R1: 0x37,
  BRAINPOOLP160T1: 0x38,
  BRAINPOOLP192R1: 0x39,
  BRAINPOOLP192T1: 0x3a,
  BRAINPOOLP224R1: 0x3b,
  BRAINPOOLP224T1: 0x3c,
  BRAINPOOLP256R1: 0x3d,
  BRAINPOOLP256T1: 0x3e,
  BRAINPOOLP320R1: 0x3f,
  BRAINPOOLP320T1: 0x40,
  BRAINPOOLP384R1: 0x41,
  BRAINPOOLP384T1: 0x42,
  BRAINPOOLP512R1: 0x43,
  BRAINPOOLP512T1: 0x44,
} as const;
export type RecommendedCurve = (typeof RecommendedCurve)[keyof typeof RecommendedCurve];
