/**
 * What a client wants of a certificate: said in the Template-Attribute, and in a Certificate Request, which goes before
 * it (KMIP 1.4 §4.7).
 */

import { asn1, DerError, DerTag, encodeDer, readDer, readItems } from '../../../keyforms/index.ts';
import { type Attribute, attributeValue, CertificateType, KmipError, LinkType } from '../../../kmip/index.ts';
import { enumerationOf } from '../../../objects/index.ts';
import { MAX_ALTERNATIVE_NAMES } from '../../limits.ts';
import { linkedFrom } from '../links.ts';
import { nameFromText } from './names.ts';
import type { CertificateRequest } from './request.ts';
import { ExtendedKeyUsageExtension, type Extension, KeyUsageFlags, KeyUsagesExtension } from './x509.ts';

/** Absent: nobody said. */
export interface CertificateWish {
  /** Distinguished name, in DER. */
  readonly subject?: Uint8Array;
  /** GeneralNames, in DER. */
  readonly alternativeNames?: Uint8Array;
  readonly extendedKeyUsages?: readonly string[];
  /** X.509's Key Usage; never those of a CA. */
  readonly keyUsages?: number;
  /** KMIP 1.4 §9.1.3.2.7 */
  readonly signatureAlgorithm?: number;
  /** Links that name the issuer. */
  readonly issuer: readonly Attribute[];
  /** Attributes for the certificate's object. */
  readonly attributes: readonly Attribute[];
}

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const CA_USAGES = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;

function notDer(what: string): KmipError {
  return KmipError.invalidField(`${what} is not written in DER, or longer than is served here`);
}

function requireName(der: Uint8Array): Uint8Array {
  try {
    const { tag, end } = readDer(der);
    if (tag === DerTag.Sequence && end === der.length) return der;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  throw notDer('the Subject Distinguished Name');
}

function requireNames(der: Uint8Array): Uint8Array {
  try {
    const { tag, content, end } = readDer(der);
    const names = readItems(content, MAX_ALTERNATIVE_NAMES);
    if (tag === DerTag.Sequence && end === der.length && names.length > 0) return der;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  throw notDer('the Subject Alternative Name');
}

function generalNames(names: readonly Uint8Array[]): Uint8Array {
  return requireNames(encodeDer(asn1.tagged(DerTag.Sequence, Buffer.concat(names))));
}

function issues(attribute: Attribute): boolean {
  const links = [LinkType.CertificateLink, LinkType.PrivateKeyLink];
  return links.some((type) => linkedFrom([attribute], type).length > 0);
}

type Part = Partial<Omit<CertificateWish, 'issuer' | 'attributes'>>;

/** Attributes of the template that speak of the certificate, and not of its object. */
const readers: Readonly<Record<string, (attribute: Attribute) => Part>> = {
  'Certificate Type': (attribute) => {
    if (enumerationOf(attribute) === CertificateType.X_509) return {};
    throw KmipError.featureNotSupported('certificates of type X.509 are issued here, and no others');
  },
  'X.509 Certificate Subject': (attribute) => {
    const value = attributeValue(attribute, 'X.509 Certificate Subject');
    const { subjectDistinguishedName: name, subjectAlternativeName: names = [] } = value;
    return {
      ...(name.length === 0 ? {} : { subject: requireName(name) }),
      ...(names.length === 0 ? {} : { alternativeNames: generalNames(names) }),
    };
  },
  'Certificate Subject': (attribute) => ({
    subject: nameFromText(
      attributeValue(attribute, 'Certificate Subject').certificateSubjectDistinguishedName,
    ),
  }),
  'Digital Signature Algorithm': (attribute) => ({ signatureAlgorithm: enumerationOf(attribute) }),
};

function ofRequest({ subject, extensions }: CertificateRequest): Part {
  const names = extensions.find(({ type }) => type === SUBJECT_ALTERNATIVE_NAME);
  const extended = find(extensions, ExtendedKeyUsageExtension);
  const usages = find(extensions, KeyUsagesExtension);
  return {
    // A Name without parts is an empty SEQUENCE.
    ...(subject.length > 2 ? { subject: requireName(subject) } : {}),
    ...(names === undefined ? {} : { alternativeNames: requireNames(new Uint8Array(names.value)) }),
    ...(extended === undefined ? {} : { extendedKeyUsages: extended.usages.map(String) }),
    ...(usages === undefined ? {} : { keyUsages: usages.usages & ~CA_USAGES }),
  };
}

export function find<T extends Extension>(
  extensions: readonly Extension[],
  kind: new (...args: never[]) => T,
): T | undefined {
  return extensions.find((extension): extension is T => extension instanceof kind);
}

/** @throws KmipError Invalid Field, Feature Not Supported */
export function wishOf(
  template: readonly Attribute[],
  request: CertificateRequest | undefined,
): CertificateWish {
  const isRead = ({ attributeName: name }: Attribute) => Object.hasOwn(readers, name);
  const said = template.filter(isRead).map((attribute) => readers[attribute.attributeName]?.(attribute));
  const rest = template.filter((attribute) => !isRead(attribute));
  return {
    ...Object.assign({}, ...said),
    ...(request === undefined ? {} : ofRequest(request)),
    issuer: rest.filter(issues),
    attributes: rest.filter((attribute) => !issues(attribute)),
  };
}
