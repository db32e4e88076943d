/** Distinguished names as DER: from a common name, and from the text that KMIP 1.0 carries (RFC 4514). */
import { asn1, type DerNode, encodeDer } from '../../../keyforms/index.ts';
import { KmipError } from '../../../kmip/index.ts';

const MAX_NAME_CHARACTERS = 4_096;
/** RFC 5280, upper bound of a common name. */
const MAX_COMMON_NAME_CHARACTERS = 64;

const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const IA5 = 0x16;

/** RFC 4514 §3 and `emailAddress`, with the type of string that RFC 5280 has for each. */
const types: Readonly<Record<string, readonly [oid: string, tag: number]>> = {
  CN: ['2.5.4.3', UTF8],
  SN: ['2.5.4.4', UTF8],
  SERIALNUMBER: ['2.5.4.5', PRINTABLE],
  C: ['2.5.4.6', PRINTABLE],
  L: ['2.5.4.7', UTF8],
  ST: ['2.5.4.8', UTF8],
  STREET: ['2.5.4.9', UTF8],
  O: ['2.5.4.10', UTF8],
  OU: ['2.5.4.11', UTF8],
  TITLE: ['2.5.4.12', UTF8],
  GN: ['2.5.4.42', UTF8],
  UID: ['0.9.2342.19200300.100.1.1', UTF8],
  DC: ['0.9.2342.19200300.100.1.25', IA5],
  EMAILADDRESS: ['1.2.840.113549.1.9.1', IA5],
};

function typeAndValue(oid: string, tag: number, value: string): DerNode {
  return asn1.sequence(asn1.oid(oid), asn1.tagged(tag, Buffer.from(value, 'utf8')));
}

/** Longer ones are cut: what names the object in KMIP may be longer than what X.509 allows. */
export function commonName(text: string): Uint8Array {
  const value = [...text].slice(0, MAX_COMMON_NAME_CHARACTERS).join('');
  return encodeDer(asn1.sequence(asn1.set(typeAndValue('2.5.4.3', UTF8, value))));
}

function refused(): KmipError {
  return KmipError.invalidField(
    'a subject is written as RFC 4514 has it: CN=name,O=organisation,C=country; or give its DER',
  );
}

/** The parts between separators that no backslash precedes. */
function split(text: string, separator: string): string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const last = parts.length - 1;
    if (character === separator) parts.push('');
    else if (character === '\\') parts[last] += character + text.charAt(++at);
    else parts[last] += character;
  }
  return parts;
}

function part(text: string): DerNode {
  const [name = '', ...rest] = text.split('=');
  const type = name.trim().toUpperCase();
  const known = Object.hasOwn(types, type) ? types[type] : undefined;
  const value = rest.join('=').trim().replace(/\\(.)/gu, '$1');
  if (known === undefined || value === '') throw refused();
  const [oid, tag] = known;
  const ascii = /^[\x20-\x7e]*$/u.test(value);
  return typeAndValue(oid, tag !== UTF8 && !ascii ? UTF8 : tag, value);
}

/** `CN=…,OU=…,C=…`, the last part first, as DER; the empty text is the empty name. @throws KmipError Invalid Field */
export function nameFromText(text: string): Uint8Array {
  if (text.length > MAX_NAME_CHARACTERS) throw refused();
  if (text.trim() === '') return encodeDer(asn1.sequence());
  const rdns = split(text, ',').map((rdn) => asn1.set(...split(rdn, '+').map(part)));
  return encodeDer(asn1.sequence(...rdns.reverse()));
}
