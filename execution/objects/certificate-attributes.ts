/**
 * The attributes of a certificate that follow from its value (KMIP 1.4 §3.9–3.16): taken from the DER when the object
 * is made, since afterwards only its envelope is left. Those of KMIP 1.0, which hold text, stand beside those that
 * replaced them.
 */
import { DerError, type DerItem, DerTag, itemAt, readDer, readItems } from '../keyforms/index.ts';
import {
  type Attribute,
  attribute,
  CertificateType,
  DigitalSignatureAlgorithm,
  KmipError,
} from '../kmip/index.ts';
import { alternativeNameText, nameText } from './certificate-names.ts';

/** Alternative names of a subject or an issuer that are told; a certificate may hold more. */
export const MAX_TOLD_ALTERNATIVE_NAMES = 128;
/** Bytes of those names. */
const MAX_TOLD_NAME_BYTES = 16_384;
/** Bytes of a distinguished name: it stands in several attributes. */
const MAX_DISTINGUISHED_NAME_BYTES = 4_096;
/** What a certificate may hold: extensions, and alternative names. */
const MAX_EXTENSIONS = 128;
const MAX_ALTERNATIVE_NAMES = 4_096;

/** Names that a client's template cannot set beside these. */
const computed: ReadonlySet<string> = new Set([
  'Certificate Length',
  'X.509 Certificate Identifier',
  'X.509 Certificate Subject',
  'X.509 Certificate Issuer',
  'Certificate Identifier',
  'Certificate Subject',
  'Certificate Issuer',
  'Digital Signature Algorithm',
]);

/** An item with its tag and length before it. */
interface WholeItem extends DerItem {
  readonly raw: Uint8Array;
}

function wholeItems(content: Uint8Array, most: number): WholeItem[] {
  let start = 0;
  return readItems(content, most).map((item) => {
    const raw = content.subarray(start, item.end);
    start = item.end;
    return { ...item, raw };
  });
}

/** What an X.509 certificate says, as far as attributes tell it. Views into its DER. */
interface Parsed {
  /** The digits of the INTEGER, as they stand in the certificate. */
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** GeneralNames with their tags. */
  readonly subjectNames: readonly Uint8Array[];
  readonly issuerNames: readonly Uint8Array[];
  /** Content of the object identifier, in hexadecimal. */
  readonly signatureAlgorithm: string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** RFC 5280 §4.1. @throws DerError */
function parse(der: Uint8Array): Parsed {
  const outer = readDer(der);
  if (outer.tag !== DerTag.Sequence || outer.end !== der.length) throw new DerError('not one SEQUENCE');
  const [tbs, algorithm] = readItems(outer.content, 3);
  if (tbs?.tag !== DerTag.Sequence || algorithm?.tag !== DerTag.Sequence) {
    throw new DerError('not a certificate');
  }
  const fields = wholeItems(tbs.content, 10);
  const first = fields[0]?.tag === DerTag.Context0 ? 1 : 0;
  const serialNumber = itemAt(fields, first, DerTag.Integer).content;
  const [issuer, subject] = [fields[first + 2], fields[first + 4]];
  if (issuer?.tag !== DerTag.Sequence || subject?.tag !== DerTag.Sequence) {
    throw new DerError('not a certificate');
  }
  if (Math.max(issuer.raw.length, subject.raw.length) > MAX_DISTINGUISHED_NAME_BYTES) {
    throw KmipError.invalidField(
      `the names in a certificate have at most ${MAX_DISTINGUISHED_NAME_BYTES} bytes`,
    );
  }
  const extensions = fields.find(({ tag }) => tag === EXTENSIONS);
  const names = extensions === undefined ? new Map() : alternativeNames(extensions.content);
  return {
    serialNumber,
    issuer: issuer.raw,
    subject: subject.raw,
    subjectNames: names.get(SUBJECT_ALTERNATIVE_NAME) ?? [],
    issuerNames: names.get(ISSUER_ALTERNATIVE_NAME) ?? [],
    signatureAlgorithm: hex(itemAt(readItems(algorithm.content), 0, DerTag.ObjectIdentifier).content),
  };
}

/** [3], constructed. */
const EXTENSIONS = 0xa3;
/** 2.5.29.17 and 2.5.29.18. */
const SUBJECT_ALTERNATIVE_NAME = '551d11';
const ISSUER_ALTERNATIVE_NAME = '551d12';

function alternativeNames(content: Uint8Array): Map<string, readonly Uint8Array[]> {
  const found = new Map<string, readonly Uint8Array[]>();
  for (const extension of readItems(readDer(content).content, MAX_EXTENSIONS)) {
    const parts = readItems(extension.content, 3);
    const name = hex(itemAt(parts, 0, DerTag.ObjectIdentifier).content);
    if (name !== SUBJECT_ALTERNATIVE_NAME && name !== ISSUER_ALTERNATIVE_NAME) continue;
    const value = itemAt(parts, parts.length - 1, DerTag.OctetString).content;
    const names = wholeItems(readDer(value).content, MAX_ALTERNATIVE_NAMES);
    found.set(name, told(names));
  }
  return found;
}

/** The first names, as far as attributes have room for them. */
function told(names: readonly WholeItem[]): Uint8Array[] {
  let left = MAX_TOLD_NAME_BYTES;
  return names.slice(0, MAX_TOLD_ALTERNATIVE_NAMES).flatMap(({ raw }) => {
    left -= raw.length;
    return left < 0 ? [] : [raw];
  });
}

const D = DigitalSignatureAlgorithm;
/** By the content of the object identifier (RFC 3279, RFC 4055, RFC 5758, FIPS 202), in hexadecimal. */
const signatureAlgorithms: ReadonlyMap<string, number> = new Map([
  ['2a864886f70d010102', D.MD2WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d010104', D.MD5WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d010105', D.SHA_1WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d01010e', D.SHA_224WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d01010b', D.SHA_256WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d01010c', D.SHA_384WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d01010d', D.SHA_512WithRSAEncryptionPKCS_1V1_5],
  ['2a864886f70d01010a', D.RSASSA_PSSPKCS_1V2_1],
  ['2a8648ce380403', D.DSAWithSHA_1],
  ['608648016503040301', D.DSAWithSHA224],
  ['608648016503040302', D.DSAWithSHA256],
  ['2a8648ce3d0401', D.ECDSAWithSHA_1],
  ['2a8648ce3d040301', D.ECDSAWithSHA224],
  ['2a8648ce3d040302', D.ECDSAWithSHA256],
  ['2a8648ce3d040303', D.ECDSAWithSHA384],
  ['2a8648ce3d040304', D.ECDSAWithSHA512],
  ['60864801650304030e', D.SHA3_256WithRSAEncryption],
  ['60864801650304030f', D.SHA3_384WithRSAEncryption],
  ['608648016503040310', D.SHA3_512WithRSAEncryption],
]);

function attributesOfX509(certificate: Parsed): Attribute[] {
  const { serialNumber, issuer, subject, subjectNames, issuerNames, signatureAlgorithm } = certificate;
  // Copies: the attributes outlive the material, which is wiped.
  const kept = (bytes: Uint8Array) => Uint8Array.from(bytes);
  const algorithm = signatureAlgorithms.get(signatureAlgorithm);
  return [
    attribute('X.509 Certificate Identifier', {
      issuerDistinguishedName: kept(issuer),
      certificateSerialNumber: kept(serialNumber),
    }),
    attribute('X.509 Certificate Subject', {
      subjectDistinguishedName: kept(subject),
      subjectAlternativeName: subjectNames.map(kept),
    }),
    attribute('X.509 Certificate Issuer', {
      issuerDistinguishedName: kept(issuer),
      issuerAlternativeName: issuerNames.map(kept),
    }),
    attribute('Certificate Identifier', { issuer: nameText(issuer), serialNumber: hex(serialNumber) }),
    attribute('Certificate Subject', {
      certificateSubjectDistinguishedName: nameText(subject),
      certificateSubjectAlternativeName: subjectNames.map(alternativeNameText),
    }),
    attribute('Certificate Issuer', {
      certificateIssuerDistinguishedName: nameText(issuer),
      certificateIssuerAlternativeName: issuerNames.map(alternativeNameText),
    }),
    // §3.16: an algorithm that KMIP has no value for goes without the attribute.
    ...(algorithm === undefined ? [] : [attribute('Digital Signature Algorithm', algorithm)]),
  ];
}

/**
 * What the value of a certificate says of it. `certificateType` is KMIP 1.4 §9.1.3.2.6; of a PGP certificate only the
 * length is told.
 *
 * @throws KmipError Invalid Field: the bytes are no X.509 certificate in DER.
 */
export function certificateAttributes(certificateType: number, value: Uint8Array): Attribute[] {
  const length = attribute('Certificate Length', value.length);
  if (certificateType !== CertificateType.X_509) return [length];
  try {
    return [length, ...attributesOfX509(parse(value))];
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw KmipError.invalidField('the Certificate Value is not an X.509 certificate in DER');
  }
}

/** Whether the attribute follows from a certificate's value. */
export function isOfCertificateValue({ attributeName }: Attribute): boolean {
  return computed.has(attributeName);
}

/** `attributes`, with those of the certificate's value in place of what a client may have said of it. */
export function withCertificateAttributes(
  attributes: readonly Attribute[],
  certificateType: number,
  value: Uint8Array,
): readonly Attribute[] {
  return [
    ...attributes.filter((a) => !isOfCertificateValue(a)),
    ...certificateAttributes(certificateType, value),
  ];
}
