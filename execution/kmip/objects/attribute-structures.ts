/** The attributes whose value is a structure (KMIP 1.4 §3), except those that messages use by themselves. */
import { Tag } from '../names/tags.ts';
import {
  byteString,
  enumeration,
  integer,
  longInteger,
  optional,
  repeated,
  required,
  structure,
  textString,
} from '../schema/index.ts';

/** KMIP 1.4 §3.7 */
export const cryptographicDomainParameters = structure(Tag.CryptographicDomainParameters, {
  qlength: optional(Tag.Qlength, integer),
  recommendedCurve: optional(Tag.RecommendedCurve, enumeration),
});

/** KMIP 1.4 §3.10 */
export const x509CertificateIdentifier = structure(Tag.X_509CertificateIdentifier, {
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, byteString),
  certificateSerialNumber: required(Tag.CertificateSerialNumber, byteString),
});

/** KMIP 1.4 §3.11 */
export const x509CertificateSubject = structure(Tag.X_509CertificateSubject, {
  subjectDistinguishedName: required(Tag.SubjectDistinguishedName, byteString),
  subjectAlternativeName: repeated(Tag.SubjectAlternativeName, byteString),
});

/** KMIP 1.4 §3.12 */
export const x509CertificateIssuer = structure(Tag.X_509CertificateIssuer, {
  issuerDistinguishedName: required(Tag.IssuerDistinguishedName, byteString),
  issuerAlternativeName: repeated(Tag.IssuerAlternativeName, byteString),
});

/** KMIP 1.4 §3.13 (deprecated since 1.1) */
export const certificateIdentifier = structure(Tag.CertificateIdentifier, {
  issuer: required(Tag.Issuer, textString),
  serialNumber: optional(Tag.SerialNumber, textString),
});

/** KMIP 1.4 §3.14 (deprecated since 1.1) */
export const certificateSubject = structure(Tag.CertificateSubject, {
  certificateSubjectDistinguishedName: required(Tag.CertificateSubjectDistinguishedName, textString),
  certificateSubjectAlternativeName: repeated(Tag.CertificateSubjectAlternativeName, textString),
});

/** KMIP 1.4 §3.15 (deprecated since 1.1) */
export const certificateIssuer = structure(Tag.CertificateIssuer, {
  certificateIssuerDistinguishedName: required(Tag.CertificateIssuerDistinguishedName, textString),
  certificateIssuerAlternativeName: repeated(Tag.CertificateIssuerAlternativeName, textString),
});

/** KMIP 1.4 §3.17 */
export const digest = structure(Tag.Digest, {
  hashingAlgorithm: required(Tag.HashingAlgorithm, enumeration),
  digestValue: optional(Tag.DigestValue, byteString),
  keyFormatType: optional(Tag.KeyFormatType, enumeration, { since: 1 }),
});

/** KMIP 1.4 §3.21 */
export const usageLimits = structure(Tag.UsageLimits, {
  usageLimitsTotal: required(Tag.UsageLimitsTotal, longInteger),
  // Required by the table, yet a client that sets the limits leaves the count to the server.
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  usageLimitsUnit: required(Tag.UsageLimitsUnit, enumeration),
});

/** KMIP 1.4 §3.35 */
export const link = structure(Tag.Link, {
  linkType: required(Tag.LinkType, enumeration),
  linkedObjectIdentifier: required(Tag.LinkedObjectIdentifier, textString),
});

/** KMIP 1.4 §3.36 */
export const applicationSpecificInformation = structure(Tag.ApplicationSpecificInformation, {
  applicationNamespace: required(Tag.ApplicationNamespace, textString),
  applicationData: optional(Tag.ApplicationData, textString),
});

/** KMIP 1.4 §3.40 */
export const alternativeName = structure(Tag.AlternativeName, {
  alternativeNameValue: required(Tag.AlternativeNameValue, textString),
  alternativeNameType: required(Tag.AlternativeNameType, enumeration),
});

/** KMIP 1.4 §3.42 */
export const keyValueLocation = structure(Tag.KeyValueLocation, {
  keyValueLocationValue: required(Tag.KeyValueLocationValue, textString),
  keyValueLocationType: required(Tag.KeyValueLocationType, enumeration),
});
