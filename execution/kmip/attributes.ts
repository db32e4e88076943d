/**
 * The standard attributes (KMIP 1.4 §3): their names, tags, types and since when they exist, and the way between the
 * Attribute on the wire and a JavaScript value.
 */
import { KmipError } from './errors.ts';
import { Tag } from './names/tags.ts';
import {
  alternativeName,
  applicationSpecificInformation,
  certificateIdentifier,
  certificateIssuer,
  certificateSubject,
  cryptographicDomainParameters,
  digest,
  keyValueLocation,
  link,
  usageLimits,
  x509CertificateIdentifier,
  x509CertificateIssuer,
  x509CertificateSubject,
} from './objects/attribute-structures.ts';
import { type Attribute, cryptographicParameters, name, revocationReason } from './objects/base.ts';
import { rngParameters } from './objects/server-information.ts';
import {
  boolean,
  type Codec,
  dateTime,
  enumeration,
  integer,
  interval,
  SchemaFault,
  textString,
  type ValueOf,
} from './schema/index.ts';
import { retag, type Ttlv } from './ttlv/item.ts';
import { LATEST_VERSION, type Version } from './version.ts';

export type AttributeDefinition<T> = {
  readonly tag: number;
  readonly codec: Codec<T>;
  /** Whether an object may have several instances. */
  readonly multiple: boolean;
  /** The minor version of KMIP 1 that introduced it. */
  readonly since: number;
};

function one<T>(tag: number, codec: Codec<T>, since = 0): AttributeDefinition<T> {
  return { tag, codec, multiple: false, since };
}
function many<T>(tag: number, codec: Codec<T>, since = 0): AttributeDefinition<T> {
  return { tag, codec, multiple: true, since };
}

/** In the order of KMIP 1.4 §3.1 to §3.51; §3.39, the custom attribute, is every name that starts with `x-` or `y-`. */
export const attributes = {
  'Unique Identifier': one(Tag.UniqueIdentifier, textString),
  Name: many(Tag.Name, name),
  'Object Type': one(Tag.ObjectType, enumeration),
  'Cryptographic Algorithm': one(Tag.CryptographicAlgorithm, enumeration),
  'Cryptographic Length': one(Tag.CryptographicLength, integer),
  'Cryptographic Parameters': many(Tag.CryptographicParameters, cryptographicParameters),
  'Cryptographic Domain Parameters': one(Tag.CryptographicDomainParameters, cryptographicDomainParameters),
  'Certificate Type': one(Tag.CertificateType, enumeration),
  'Certificate Length': one(Tag.CertificateLength, integer, 1),
  'X.509 Certificate Identifier': one(Tag.X_509CertificateIdentifier, x509CertificateIdentifier, 1),
  'X.509 Certificate Subject': one(Tag.X_509CertificateSubject, x509CertificateSubject, 1),
  'X.509 Certificate Issuer': one(Tag.X_509CertificateIssuer, x509CertificateIssuer, 1),
  'Certificate Identifier': one(Tag.CertificateIdentifier, certificateIdentifier),
  'Certificate Subject': one(Tag.CertificateSubject, certificateSubject),
  'Certificate Issuer': one(Tag.CertificateIssuer, certificateIssuer),
  // Several for PGP keys only (§3.16).
  'Digital Signature Algorithm': many(Tag.DigitalSignatureAlgorithm, enumeration, 1),
  Digest: many(Tag.Digest, digest),
  'Operation Policy Name': one(Tag.OperationPolicyName, textString),
  'Cryptographic Usage Mask': one(Tag.CryptographicUsageMask, integer),
  'Lease Time': one(Tag.LeaseTime, interval),
  'Usage Limits': one(Tag.UsageLimits, usageLimits),
  State: one(Tag.State, enumeration),
  'Initial Date': one(Tag.InitialDate, dateTime),
  'Activation Date': one(Tag.ActivationDate, dateTime),
  'Process Start Date': one(Tag.ProcessStartDate, dateTime),
  'Protect Stop Date': one(Tag.ProtectStopDate, dateTime),
  'Deactivation Date': one(Tag.DeactivationDate, dateTime),
  'Destroy Date': one(Tag.DestroyDate, dateTime),
  'Compromise Occurrence Date': one(Tag.CompromiseOccurrenceDate, dateTime),
  'Compromise Date': one(Tag.CompromiseDate, dateTime),
  'Revocation Reason': one(Tag.RevocationReason, revocationReason),
  'Archive Date': one(Tag.ArchiveDate, dateTime),
  'Object Group': many(Tag.ObjectGroup, textString),
  Fresh: one(Tag.Fresh, boolean, 1),
  Link: many(Tag.Link, link),
  'Application Specific Information': many(
    Tag.ApplicationSpecificInformation,
    applicationSpecificInformation,
  ),
  'Contact Information': one(Tag.ContactInformation, textString),
  'Last Change Date': one(Tag.LastChangeDate, dateTime),
  'Alternative Name': many(Tag.AlternativeName, alternativeName, 2),
  'Key Value Present': one(Tag.KeyValuePresent, boolean, 2),
  'Key Value Location': many(Tag.KeyValueLocation, keyValueLocation, 2),
  'Original Creation Date': one(Tag.OriginalCreationDate, dateTime, 2),
  'Random Number Generator': one(Tag.RandomNumberGenerator, rngParameters, 3),
  'PKCS#12 Friendly Name': one(Tag.PKCS_12FriendlyName, textString, 4),
  Description: one(Tag.Description, textString, 4),
  Comment: one(Tag.Comment, textString, 4),
  Sensitive: one(Tag.Sensitive, boolean, 4),
  'Always Sensitive': one(Tag.AlwaysSensitive, boolean, 4),
  Extractable: one(Tag.Extractable, boolean, 4),
  'Never Extractable': one(Tag.NeverExtractable, boolean, 4),
} as const;

export type AttributeName = keyof typeof attributes;
export type AttributeValueOf<N extends AttributeName> = ValueOf<(typeof attributes)[N]['codec']>;

export function isStandardAttribute(attributeName: string): attributeName is AttributeName {
  return Object.hasOwn(attributes, attributeName);
}

/** KMIP 1.4 §3.39: `x-` for clients, `y-` for servers. */
export function isCustomAttribute(attributeName: string): boolean {
  return attributeName.startsWith('x-') || attributeName.startsWith('y-');
}

/** The definition of a standard attribute, whatever its type. */
export function attributeDefinition(attributeName: AttributeName): AttributeDefinition<unknown> {
  const { tag, codec, multiple, since } = attributes[attributeName];
  return {
    tag,
    multiple,
    since,
    codec: {
      decode: (item, version) => codec.decode(item, version),
      // Whoever goes without the type of the name answers for the type of the value.
      encode: (as, value, version) => codec.encode(as, value as never, version),
    },
  };
}

/** A standard attribute from a JavaScript value: `attribute('Cryptographic Length', 256)`. */
export function attribute<N extends AttributeName>(
  attributeName: N,
  value: AttributeValueOf<N>,
  attributeIndex?: number,
): Attribute {
  const attributeValue = attributeDefinition(attributeName).codec.encode(
    Tag.AttributeValue,
    value,
    LATEST_VERSION,
  );
  return attributeIndex === undefined
    ? { attributeName, attributeValue }
    : { attributeName, attributeIndex, attributeValue };
}

/** A custom attribute from an item of any type, whose tag does not matter. */
export function customAttribute(attributeName: string, value: Ttlv): Attribute {
  return { attributeName, attributeValue: retag(value, Tag.AttributeValue) };
}

/**
 * The value of a standard attribute, with its type. The name may be given to have that type:
 * `attributeValue(a, 'Cryptographic Length')` is a number.
 *
 * @throws KmipError Invalid Field when the attribute is another one, is no standard one, or its value is ill-formed.
 */
export function attributeValue<N extends AttributeName>(
  from: Attribute,
  attributeName: N,
  version?: Version,
): AttributeValueOf<N>;
export function attributeValue(from: Attribute, attributeName?: undefined, version?: Version): unknown;
export function attributeValue(
  from: Attribute,
  attributeName?: AttributeName,
  version: Version = LATEST_VERSION,
): unknown {
  const wanted = attributeName ?? from.attributeName;
  if (!isStandardAttribute(wanted)) throw KmipError.invalidField(`${wanted} is not a standard attribute`);
  if (wanted !== from.attributeName)
    throw KmipError.invalidField(`${from.attributeName} where ${wanted} belongs`);
  try {
    return attributeDefinition(wanted).codec.decode(from.attributeValue, version);
  } catch (error) {
    if (!(error instanceof SchemaFault)) throw error;
    const located = error.located(from.attributeValue);
    throw new KmipError(
      KmipError.invalidField('').resultReason,
      `the value of ${wanted}: ${located.message}`,
      { cause: located },
    );
  }
}

/** The standard attribute whose values travel under `tag` where a message names attributes by tag (KMIP 2 does). */
export function attributeNameOfTag(tag: number): AttributeName | undefined {
  return nameOfTag.get(tag);
}

const nameOfTag: ReadonlyMap<number, AttributeName> = new Map(
  (Object.keys(attributes) as AttributeName[]).map((key) => [attributes[key].tag, key]),
);
