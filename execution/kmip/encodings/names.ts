/**
 * Names in place of numbers (KMIP Profiles 1.4 §5.4.1, §5.5.1): which tag a name means, and which enumeration or mask
 * the values under a tag come from. Names are written exactly as the tables of this library bear them; those that are
 * read may differ in case and punctuation, since older test cases and peers write some of them otherwise.
 */
import * as cryptography from '../names/cryptography.ts';
import * as masks from '../names/masks.ts';
import * as messages from '../names/messages.ts';
import * as objects from '../names/objects.ts';
import { ProfileName } from '../names/profiles.ts';
import * as server from '../names/server.ts';
import { Tag } from '../names/tags.ts';
import { AsynchronousIndicatorV2, OperationV2, TagV2, UniqueIdentifierV2 } from '../names/v2.ts';

type Table = Readonly<Record<string, number>>;

/** The letters and digits of a name, in one case: `PKCS#1`, `PKCS_1` and `pkcs1` are one. */
function looseKey(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
}

/** One enumeration, mask, or the tags: from name to number and back. */
export class NameTable {
  readonly #nameOf = new Map<number, string>();
  readonly #exact = new Map<string, number>();
  readonly #loose = new Map<string, number>();

  /** `aliases` are read and never written. */
  constructor(table: Table, aliases: Table = {}) {
    for (const [name, value] of Object.entries(table)) {
      this.#exact.set(name, value);
      if (!this.#nameOf.has(value)) this.#nameOf.set(value, name);
    }
    // What the specification names wins over what only resembles it.
    for (const [name, value] of [...Object.entries(table), ...Object.entries(aliases)]) {
      const key = looseKey(name);
      if (!this.#loose.has(key)) this.#loose.set(key, value);
    }
  }

  nameOf(value: number): string | undefined {
    return this.#nameOf.get(value);
  }

  valueOf(name: string): number | undefined {
    // A name of another length than ours is none: nothing is worked out for a long text.
    if (name.length > MAX_NAME_LENGTH) return undefined;
    return this.#exact.get(name) ?? this.#loose.get(looseKey(name));
  }

  /** Bits of a mask that have names, lowest first. */
  get values(): IterableIterator<number> {
    return this.#nameOf.keys();
  }
}

const MAX_NAME_LENGTH = 128;

/** The RSA algorithms are also written without the suffix that says which padding. */
const signatureAliases: Table = Object.fromEntries(
  Object.entries(cryptography.DigitalSignatureAlgorithm)
    .filter(([name]) => /PKCS_1V[0-9]_[0-9]$/.test(name))
    .map(([name, value]) => [name.replace(/PKCS_1V[0-9]_[0-9]$/, ''), value]),
);

const enumerations: Readonly<Partial<Record<keyof typeof Tag, NameTable>>> = {
  AlternativeNameType: new NameTable(objects.AlternativeNameType),
  AttestationType: new NameTable(messages.AttestationType),
  BatchErrorContinuationOption: new NameTable(messages.BatchErrorContinuationOption),
  BlockCipherMode: new NameTable(cryptography.BlockCipherMode),
  CancellationResult: new NameTable(messages.CancellationResult),
  CertificateRequestType: new NameTable(objects.CertificateRequestType),
  CertificateType: new NameTable(objects.CertificateType),
  ClientRegistrationMethod: new NameTable(server.ClientRegistrationMethod),
  CredentialType: new NameTable(messages.CredentialType),
  CryptographicAlgorithm: new NameTable(cryptography.CryptographicAlgorithm, { '3DES': 0x02 }),
  DerivationMethod: new NameTable(cryptography.DerivationMethod),
  DestroyAction: new NameTable(server.DestroyAction),
  DigitalSignatureAlgorithm: new NameTable(cryptography.DigitalSignatureAlgorithm, signatureAliases),
  DRBGAlgorithm: new NameTable(cryptography.DRBGAlgorithm),
  EncodingOption: new NameTable(objects.EncodingOption),
  FIPS186Variation: new NameTable(cryptography.FIPS186Variation),
  HashingAlgorithm: new NameTable(cryptography.HashingAlgorithm),
  KeyCompressionType: new NameTable(objects.KeyCompressionType),
  KeyFormatType: new NameTable(objects.KeyFormatType),
  KeyRoleType: new NameTable(cryptography.KeyRoleType),
  KeyValueLocationType: new NameTable(objects.KeyValueLocationType),
  KeyWrapType: new NameTable(objects.KeyWrapType),
  LinkType: new NameTable(objects.LinkType),
  MaskGenerator: new NameTable(cryptography.MaskGenerator),
  MaskGeneratorHashingAlgorithm: new NameTable(cryptography.HashingAlgorithm),
  NameType: new NameTable(objects.NameType),
  ObjectGroupMember: new NameTable(objects.ObjectGroupMember),
  ObjectType: new NameTable(objects.ObjectType),
  Operation: new NameTable({ ...messages.Operation, ...OperationV2 }),
  PaddingMethod: new NameTable(cryptography.PaddingMethod),
  ProfileName: new NameTable(ProfileName),
  PutFunction: new NameTable(messages.PutFunction),
  QueryFunction: new NameTable(messages.QueryFunction),
  RecommendedCurve: new NameTable(cryptography.RecommendedCurve),
  ResultReason: new NameTable(messages.ResultReason),
  ResultStatus: new NameTable(messages.ResultStatus),
  RevocationReasonCode: new NameTable(objects.RevocationReasonCode),
  RNGAlgorithm: new NameTable(cryptography.RNGAlgorithm),
  RNGMode: new NameTable(server.RNGMode),
  SecretDataType: new NameTable(objects.SecretDataType),
  ShreddingAlgorithm: new NameTable(server.ShreddingAlgorithm),
  SplitKeyMethod: new NameTable(objects.SplitKeyMethod),
  State: new NameTable(objects.State),
  UnwrapMode: new NameTable(server.UnwrapMode),
  UsageLimitsUnit: new NameTable(objects.UsageLimitsUnit),
  ValidationAuthorityType: new NameTable(server.ValidationAuthorityType),
  ValidationType: new NameTable(server.ValidationType),
  ValidityIndicator: new NameTable(messages.ValidityIndicator),
  WrappingMethod: new NameTable(objects.WrappingMethod),
};

const maskTables: Readonly<Partial<Record<keyof typeof Tag, NameTable>>> = {
  CryptographicUsageMask: new NameTable(masks.CryptographicUsageMask),
  StorageStatusMask: new NameTable(masks.StorageStatusMask),
};

const byTag = (tables: Readonly<Partial<Record<keyof typeof Tag, NameTable>>>) =>
  new Map(Object.entries(tables).map(([name, table]) => [Tag[name as keyof typeof Tag] as number, table]));

const tags = new NameTable({ ...Tag, ...TagV2 });
const maskOfTag = byTag(maskTables);
const enumerationOfTag: ReadonlyMap<number, NameTable> = new Map<number, NameTable>([
  ...byTag(enumerations),
  // In KMIP 2 these are enumerations, and one of them of tags.
  [TagV2.AttributeReference, tags],
  [Tag.AsynchronousIndicator, new NameTable(AsynchronousIndicatorV2)],
  [Tag.UniqueIdentifier, new NameTable(UniqueIdentifierV2)],
]);

/** `0x54ABCD` or `0x42...`, in either case. */
const HEX_TAG = /^0x(?:42|54)[0-9a-f]{4}$/i;

/** The normalised name of a tag, or undefined for one that has none. */
export function canonicalTagName(tag: number): string | undefined {
  return tags.nameOf(tag);
}

/** The tag that a name or a number in hexadecimal means. */
export function tagOfName(name: string): number | undefined {
  return HEX_TAG.test(name) ? Number(name) : tags.valueOf(name);
}

/** `0x540001`: six digits, as the encodings write a tag without a name. */
export function hexTag(tag: number): string {
  return `0x${tag.toString(16).padStart(6, '0')}`;
}

/**
 * Where the names of a value come from. An Attribute Value has those of the attribute that its sibling Attribute Name
 * names; a custom attribute has none, and its enumerations are numbers.
 */
function namingTag(tag: number, attributeName: string | undefined): number | undefined {
  if (tag !== Tag.AttributeValue) return tag;
  return attributeName === undefined ? undefined : tags.valueOf(attributeName);
}

/** The enumeration that values under `tag` are of, if it has names. `attributeName`: of the sibling Attribute Name. */
export function enumerationFor(tag: number, attributeName?: string): NameTable | undefined {
  const naming = namingTag(tag, attributeName);
  return naming === undefined ? undefined : enumerationOfTag.get(naming);
}

/** The mask that integers under `tag` are of, if it is one. `attributeName`: of the sibling Attribute Name. */
export function maskFor(tag: number, attributeName?: string): NameTable | undefined {
  const naming = namingTag(tag, attributeName);
  return naming === undefined ? undefined : maskOfTag.get(naming);
}
