/** The names in a certificate as text: distinguished names as RFC 4514 writes them, alternative names plainly. */
import { type DerItem, DerTag, itemAt, readDer, readItems } from '../keyforms/index.ts';

const MAX_RDNS = 64;

/** RFC 4514 §3 and what OpenSSL adds, by the content of the object identifier in hexadecimal. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ['550403', 'CN'],
  ['550404', 'SN'],
  ['550405', 'serialNumber'],
  ['550406', 'C'],
  ['550407', 'L'],
  ['550408', 'ST'],
  ['550409', 'STREET'],
  ['55040a', 'O'],
  ['55040b', 'OU'],
  ['55040c', 'title'],
  ['55042a', 'GN'],
  ['0992268993f22c640101', 'UID'],
  ['0992268993f22c640119', 'DC'],
  ['2a864886f70d010901', 'emailAddress'],
]);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** 1.2.840…; @returns `#` and the bytes for what is no object identifier. */
function dotted(content: Uint8Array): string {
  const numbers: bigint[] = [];
  let number = 0n;
  for (const byte of content) {
    number = (number << 7n) | BigInt(byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    numbers.push(number);
    number = 0n;
  }
  const [first] = numbers;
  if (first === undefined) return `#${hex(content)}`;
  const root = first >= 80n ? 2n : first / 40n;
  return [root, first - root * 40n, ...numbers.slice(1)].join('.');
}

const UTF8 = 0x0c;
const TELETEX = 0x14;
const BMP = 0x1e;
/** Numeric, Printable, IA5 and Visible String. */
const ascii: ReadonlySet<number> = new Set([0x12, 0x13, 0x16, 0x1a]);

/** undefined for a value that is no text. */
function textOf({ tag, content }: DerItem): string | undefined {
  const bytes = Buffer.from(content);
  if (tag === UTF8) return bytes.toString('utf8');
  if (tag === TELETEX || ascii.has(tag)) return bytes.toString('latin1');
  if (tag === BMP && bytes.length % 2 === 0) return bytes.swap16().toString('utf16le');
  return undefined;
}

/** RFC 4514 §2.4; U+0000, which no database takes, becomes `\00` by the same rule. */
function escaped(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replaceAll('\0', '\\00')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ');
}

function typeAndValue(item: DerItem): string {
  const parts = readItems(item.content, 2);
  const type = itemAt(parts, 0, DerTag.ObjectIdentifier).content;
  const [, value] = parts;
  const text = value === undefined ? undefined : textOf(value);
  const name = shortNames.get(hex(type)) ?? dotted(type);
  return `${name}=${text === undefined ? `#${hex(value?.content ?? new Uint8Array())}` : escaped(text)}`;
}

/** `CN=…,OU=…,C=…`, the last part first, of a Name in DER. @throws DerError */
export function nameText(name: Uint8Array): string {
  return readItems(readDer(name).content, MAX_RDNS)
    .map((rdn) => readItems(rdn.content, MAX_RDNS).map(typeAndValue).join('+'))
    .reverse()
    .join(',');
}

/** Tags of RFC 5280's GeneralName that hold an IA5 String: e-mail address, DNS name, URI. */
const textTags: ReadonlySet<number> = new Set([0x81, 0x82, 0x86]);
const DIRECTORY_NAME = 0xa4;
const IP_ADDRESS = 0x87;

/** The value of a GeneralName in DER; `#` and its bytes for a kind that is no text. @throws DerError */
export function alternativeNameText(generalName: Uint8Array): string {
  const { tag, content } = readDer(generalName);
  if (textTags.has(tag)) return Buffer.from(content).toString('latin1').replaceAll('\0', '\\00');
  if (tag === DIRECTORY_NAME) return nameText(content);
  if (tag === IP_ADDRESS && content.length === 4) return content.join('.');
  if (tag === IP_ADDRESS && content.length === 16) {
    const groups = Array.from({ length: 8 }, (_, i) => hex(content.subarray(2 * i, 2 * i + 2)));
    return groups.map((group) => group.replace(/^0{1,3}/, '')).join(':');
  }
  return `#${hex(generalName)}`;
}
