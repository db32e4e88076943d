/**
 * Bit masks, whose members are added together (KMIP 1.4 §9.1.3.3).
 * Names are as the XML and JSON encodings of KMIP write them.
 */

/** KMIP 1.4 §9.1.3.3.1 */
export const CryptographicUsageMask = {
  Sign: 0x01,
  Verify: 0x02,
  Encrypt: 0x04,
  Decrypt: 0x08,
  WrapKey: 0x10,
  UnwrapKey: 0x20,
  Export: 0x40,
  MACGenerate: 0x80,
  MACVerify: 0x100,
  DeriveKey: 0x200,
  ContentCommitment: 0x400,
  KeyAgreement: 0x800,
  CertificateSign: 0x1000,
  CRLSign: 0x2000,
  GenerateCryptogram: 0x4000,
  ValidateCryptogram: 0x8000,
  TranslateEncrypt: 0x10000,
  TranslateDecrypt: 0x20000,
  TranslateWrap: 0x40000,
  TranslateUnwrap: 0x80000,
} as const;
export type CryptographicUsageMask = (typeof CryptographicUsageMask)[keyof typeof CryptographicUsageMask];

/** KMIP 1.4 §9.1.3.3.2 */
export const StorageStatusMask = {
  OnLineStorage: 0x01,
  ArchivalStorage: 0x02,
} as const;
export type StorageStatusMask = (typeof StorageStatusMask)[keyof typeof StorageStatusMask];
