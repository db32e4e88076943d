/**
 * The entries of a certificate revocation list (RFC 5280 §5.1.2.6), taken out of its DER. All else about a list is read and
 * verified by the library, which builds a tree of objects for each entry: seconds, where a list has 10,000 of them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Entries that are read in one go; requests are answered between two. */
const ENTRIES_IN_ONE_GO = 2_000;

const INTEGER = 0x02;
const BOOLEAN = 0x01;
const SEQUENCE = 0x30;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

interface Element {
  readonly tag: number;
  /** Where it begins, where its content begins, and where it ends. */
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

export interface SplitList {
  /** The same list without entries, whose signature is then that of `signed`. */
  readonly withoutEntries: Buffer;
  /** What is signed: the whole TBSCertList. */
  readonly signed: Buffer;
  /** The content of `revokedCertificates`; empty where there is none. */
  readonly entries: Buffer;
}

/** Throws RangeError for what is not DER, and TypeError for what is no CertificateList. */
export function splitList(der: Buffer): SplitList {
  const list = elementAt(der, 0, der.length);
  const [tbs, ...rest] = childrenOf(der, list);
  if (list.tag !== SEQUENCE || tbs?.tag !== SEQUENCE || list.end !== der.length)
    throw new TypeError('no CertificateList');
  const fields = childrenOf(der, tbs);
  const firstTime = fields.findIndex(({ tag }) => tag === UTC_TIME || tag === GENERALIZED_TIME);
  const revoked = fields.findIndex(({ tag }, index) => index > firstTime && tag === SEQUENCE);
  const bytes = ({ start, end }: Element): Buffer => der.subarray(start, end);
  const kept = fields.filter((_, index) => firstTime < 0 || index !== revoked).map(bytes);
  const entries = firstTime < 0 ? undefined : fields[revoked];
  return {
    withoutEntries: sequence([sequence(kept), ...rest.map(bytes)]),
    signed: bytes(tbs),
    entries: entries === undefined ? Buffer.alloc(0) : der.subarray(entries.content, entries.end),
  };
}

export interface Entries {
  /** As `serialOf` writes them. */
  readonly serials: ReadonlySet<string>;
  /** Whether an entry has an extension that nobody may pass over, such as the name of another authority. */
  readonly hasCritical: boolean;
}

/** Throws RangeError or TypeError as `splitList`. */
export async function readEntries(entries: Buffer): Promise<Entries> {
  const serials = new Set<string>();
  let hasCritical = false;
  for (let at = 0, count = 1; at < entries.length; count++) {
    const entry = elementAt(entries, at, entries.length);
    const [serial, , extensions] = childrenOf(entries, entry);
    if (entry.tag !== SEQUENCE || serial?.tag !== INTEGER) throw new TypeError('no entry of a list');
    serials.add(serialIn(entries, serial));
    if (extensions !== undefined) hasCritical ||= childrenOf(entries, extensions).some(isCritical(entries));
    at = entry.end;
    if (count % ENTRIES_IN_ONE_GO === 0) await nextTurn();
  }
  return { serials, hasCritical };
}

/** The one way in which serial numbers are written here: lower-case hex without leading zeros. */
export function serialOf(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^(-?)0+(?=.)/, '$1');
}

/** Two's complement (X.690 §8.3.3): authorities have given negative ones (RFC 5280 §4.1.2.2), which OpenSSL tells with a sign. */
function serialIn(bytes: Buffer, { content, end }: Element): string {
  const hex = bytes.toString('hex', content, end);
  const isNegative = content < end && (bytes[content] ?? 0) >= 0x80;
  if (!isNegative) return serialOf(hex);
  return `-${((1n << BigInt(8 * (end - content))) - BigInt(`0x${hex}`)).toString(16)}`;
}

/** Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue } */
function isCritical(bytes: Buffer) {
  return (extension: Element): boolean => {
    const [, critical] = childrenOf(bytes, extension);
    return critical?.tag === BOOLEAN && bytes[critical.content] !== 0;
  };
}

function childrenOf(bytes: Buffer, { content, end }: Element): Element[] {
  const children: Element[] = [];
  for (let at = content; at < end; ) {
    const child = elementAt(bytes, at, end);
    children.push(child);
    at = child.end;
  }
  return children;
}

/** An element of definite length that ends by `limit`. */
function elementAt(bytes: Buffer, start: number, limit: number): Element {
  const [tag, first] = [bytes[start], bytes[start + 1]];
  if (tag === undefined || first === undefined || start + 2 > limit) throw new RangeError('DER ends early');
  let length = first;
  let content = start + 2;
  if (first >= 0x80) {
    const size = first & 0x7f;
    if (size === 0 || size > 4 || content + size > limit) throw new RangeError('a length that is no DER');
    length = bytes.readUIntBE(content, size);
    content += size;
  }
  const end = content + length;
  if (end > limit) throw new RangeError('DER ends early');
  return { tag, start, content, end };
}

function sequence(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(SEQUENCE, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const significant = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(SEQUENCE, 0x80 | significant.length), significant, body]);
}
