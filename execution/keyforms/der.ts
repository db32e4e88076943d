/**
 * As much of DER (ITU-T X.690) as key formats need. Writing fills one buffer, so that there is one to wipe; reading
 * gives views into what it reads.
 */
import { oidBytes } from './oid.ts';

export const DerTag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  ObjectIdentifier: 0x06,
  BmpString: 0x1e,
  Sequence: 0x30,
  Set: 0x31,
  /** Constructed, context-specific, [0] and [1]. */
  Context0: 0xa0,
  Context1: 0xa1,
} as const;

/** What is to be written: bytes, or the items inside. */
export interface DerNode {
  readonly tag: number;
  readonly content: Uint8Array | readonly DerNode[];
  /** A byte 0 before the content: the sign of an integer, the unused bits of a bit string. */
  readonly isPrefixed: boolean;
}

function node(tag: number, content: DerNode['content'], isPrefixed = false): DerNode {
  return { tag, content, isPrefixed };
}

/** The bytes of a number without leading zeros; none for 0. */
export function magnitude(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? bytes.subarray(bytes.length) : bytes.subarray(first);
}

const ZERO = Uint8Array.of(0);

export const asn1 = {
  sequence: (...items: DerNode[]) => node(DerTag.Sequence, items),
  set: (...items: DerNode[]) => node(DerTag.Set, items),
  /** A number of no sign, most significant byte first. */
  integer(unsigned: Uint8Array): DerNode {
    const digits = magnitude(unsigned);
    const [first] = digits;
    return first === undefined
      ? node(DerTag.Integer, ZERO)
      : node(DerTag.Integer, digits, (first & 0x80) !== 0);
  },
  small: (value: number) => asn1.integer(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)),
  octets: (content: Uint8Array | readonly DerNode[]) => node(DerTag.OctetString, content),
  /** Whole bytes. */
  bits: (content: Uint8Array | readonly DerNode[]) => node(DerTag.BitString, content, true),
  null: () => node(DerTag.Null, []),
  oid: (dotted: string) => node(DerTag.ObjectIdentifier, oidBytes(dotted)),
  tagged: (tag: number, content: Uint8Array | readonly DerNode[]) => node(tag, content),
} as const;

function contentSize({ content, isPrefixed }: DerNode): number {
  const size =
    content instanceof Uint8Array ? content.length : content.reduce((sum, item) => sum + sizeOf(item), 0);
  return size + (isPrefixed ? 1 : 0);
}

function lengthSize(size: number): number {
  return size < 0x80 ? 1 : size < 0x100 ? 2 : size < 0x1_0000 ? 3 : 4;
}

function sizeOf(item: DerNode): number {
  const size = contentSize(item);
  return 1 + lengthSize(size) + size;
}

function write(item: DerNode, out: Uint8Array, start: number): number {
  const size = contentSize(item);
  let at = start;
  out[at++] = item.tag;
  const octets = lengthSize(size) - 1;
  if (octets === 0) out[at++] = size;
  else {
    out[at++] = 0x80 | octets;
    for (let i = octets - 1; i >= 0; i--) out[at++] = (size >>> (8 * i)) & 0xff;
  }
  if (item.isPrefixed) out[at++] = 0;
  if (item.content instanceof Uint8Array) {
    out.set(item.content, at);
    return at + item.content.length;
  }
  for (const child of item.content) at = write(child, out, at);
  return at;
}

/** Bytes of their own, at most 16 MiB, for the caller to wipe. */
export function encodeDer(item: DerNode): Buffer {
  const out = Buffer.alloc(sizeOf(item));
  write(item, out, 0);
  return out;
}

/** The bytes are not the DER that was expected. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

export interface DerItem {
  readonly tag: number;
  /** A view into the bytes read. */
  readonly content: Uint8Array;
  /** Where the next item starts. */
  readonly end: number;
}

/** @throws DerError */
export function readDer(bytes: Uint8Array, start = 0): DerItem {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw new DerError('an item is cut short');
  let at = start + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 3) throw new DerError('the length of an item is not one of DER');
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[at++] ?? 0);
  }
  const end = at + length;
  if (end > bytes.length) throw new DerError('an item is cut short');
  return { tag, content: bytes.subarray(at, end), end };
}

/** The items inside; at most `most`, more is an error. @throws DerError */
export function readItems(content: Uint8Array, most = 32): DerItem[] {
  const items: DerItem[] = [];
  for (let at = 0; at < content.length; ) {
    if (items.length === most) throw new DerError('there are too many items');
    const item = readDer(content, at);
    items.push(item);
    at = item.end;
  }
  return items;
}

/** The item with this tag at this place. @throws DerError */
export function itemAt(items: readonly DerItem[], index: number, tag: number): DerItem {
  const item = items[index];
  if (item?.tag !== tag) throw new DerError(`item ${index} is not of type ${tag}`);
  return item;
}

/** The items of the one SEQUENCE that `bytes` hold. @throws DerError */
export function readSequence(bytes: Uint8Array): DerItem[] {
  const outer = readDer(bytes);
  if (outer.tag !== DerTag.Sequence || outer.end !== bytes.length) throw new DerError('not one SEQUENCE');
  return readItems(outer.content);
}

/** The numbers of a SEQUENCE OF INTEGER, without sign and leading zeros. @throws DerError */
export function integersIn(items: readonly DerItem[]): Uint8Array[] {
  return items.map((_, index) => magnitude(itemAt(items, index, DerTag.Integer).content));
}
