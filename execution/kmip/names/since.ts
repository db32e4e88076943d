/**
 * Which minor version of KMIP 1 brought a value of an enumeration, where it was not the first. A peer of an older version
 * is sent none of them: to it they are numbers without a meaning.
 */
import { knows, type Version } from '../version.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
} from './cryptography.ts';
import { isVendorEnum } from './lookup.ts';
import { ResultReason } from './messages.ts';
import { KeyFormatType, LinkType, ObjectType } from './objects.ts';
import { Tag } from './tags.ts';

/** In each enumeration the values of later versions follow those of earlier ones: the first value of each version. */
type Steps = readonly (readonly [from: number, since: number])[];

/** By the tag of the field. */
const steps: ReadonlyMap<number, Steps> = new Map<number, Steps>([
  [Tag.ObjectType, [[ObjectType.PGPKey, 2]]],
  [
    Tag.LinkType,
    [
      [LinkType.ParentLink, 2],
      [LinkType.PKCS_12CertificateLink, 4],
    ],
  ],
  [
    Tag.KeyFormatType,
    [
      [KeyFormatType.TransparentECPrivateKey, 3],
      [KeyFormatType.PKCS_12, 4],
    ],
  ],
  [
    Tag.CryptographicAlgorithm,
    [
      [CryptographicAlgorithm.Blowfish, 2],
      [CryptographicAlgorithm.OneTimePad, 3],
      [CryptographicAlgorithm.ChaCha20, 4],
    ],
  ],
  [
    Tag.HashingAlgorithm,
    [
      [HashingAlgorithm.SHA_512_224, 2],
      [HashingAlgorithm.SHA_3_224, 4],
    ],
  ],
  [Tag.BlockCipherMode, [[BlockCipherMode.AEAD, 4]]],
  [Tag.DigitalSignatureAlgorithm, [[DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption, 4]]],
]);

/** Whether `version` knows the value under this field's tag. Vendors' values belong to no version. */
export function enumerationKnown(tag: number, value: number, version: Version): boolean {
  if (isVendorEnum(value)) return true;
  return (steps.get(tag) ?? []).every(([from, since]) => value < from || knows(version, since));
}

/** Reasons that came later, and what said the same before. */
const laterReasons: ReadonlyMap<number, readonly [since: number, before: ResultReason]> = new Map([
  [ResultReason.EncodingOptionError, [1, ResultReason.FeatureNotSupported]],
  [ResultReason.KeyValueNotPresent, [2, ResultReason.IllegalOperation]],
  [ResultReason.AttestationRequired, [2, ResultReason.PermissionDenied]],
  [ResultReason.AttestationFailed, [2, ResultReason.PermissionDenied]],
  [ResultReason.Sensitive, [4, ResultReason.PermissionDenied]],
  [ResultReason.NotExtractable, [4, ResultReason.PermissionDenied]],
  [ResultReason.ObjectAlreadyExists, [4, ResultReason.IllegalOperation]],
]);

/** The reason as a peer of `version` knows it. */
export function resultReasonFor(reason: number, version: Version): number {
  const later = laterReasons.get(reason);
  return later === undefined || knows(version, later[0]) ? reason : later[1];
}
