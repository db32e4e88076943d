/** Writes TTLV (KMIP 1.4 §9.1.1) into a buffer that is there already, item by item, without a tree. */
import { ItemType } from '../kmip/index.ts';

/** Bytes of an Integer, Enumeration, Boolean or Date-Time. */
export const NUMBER_BYTES = 16;

/** Tag and type, as they stand at the start of an item. */
export const head = (tag: number, type: number): number => ((tag << 8) | type) >>> 0;
export const structureHead = (tag: number): number => head(tag, ItemType.Structure);
export const textHead = (tag: number): number => head(tag, ItemType.TextString);
export const bytesHead = (tag: number): number => head(tag, ItemType.ByteString);
export const enumerationHead = (tag: number): number => head(tag, ItemType.Enumeration);
export const integerHead = (tag: number): number => head(tag, ItemType.Integer);
export const dateHead = (tag: number): number => head(tag, ItemType.DateTime);

/** Bytes that a Byte or Text String of this length takes. */
export function fieldBytes(length: number): number {
  return 8 + padded(length);
}

export function padded(length: number): number {
  return (length + 7) & ~7;
}

/** Whoever uses it has seen to the room: it writes where it stands. `kind` is what the functions above give. */
export class Writer {
  out: Buffer;
  at = 0;

  constructor(out: Buffer) {
    this.out = out;
  }

  /** Goes on in another buffer, or at another place. */
  place(out: Buffer, at: number): void {
    this.out = out;
    this.at = at;
  }

  start(kind: number, length: number): void {
    this.word(kind);
    this.word(length);
  }

  number(kind: number, value: number): void {
    this.word(kind);
    this.word(4);
    this.word(value);
    this.word(0);
  }

  /** A Date-Time or Long Integer: whole, and not negative. */
  long(kind: number, value: number): void {
    this.word(kind);
    this.word(8);
    this.word(Math.floor(value / 0x1_0000_0000));
    this.word(value >>> 0);
  }

  /** Byte or Text String whose bytes stand in `source`. */
  copy(kind: number, source: Uint8Array, from: number, length: number): void {
    const at = this.hole(kind, length);
    const { out } = this;
    for (let i = 0; i < length; i++) out[at + i] = source[from + i] ?? 0;
  }

  /** A text of ASCII. */
  text(kind: number, text: string): void {
    const at = this.hole(kind, text.length);
    this.out.write(text, at, 'latin1');
  }

  /** A string whose bytes the caller writes: returns where. */
  hole(kind: number, length: number): number {
    this.word(kind);
    this.word(length);
    const at = this.at;
    const end = at + padded(length);
    for (let i = at + length; i < end; i++) this.out[i] = 0;
    this.at = end;
    return at;
  }

  /** Items that are encoded already. */
  raw(bytes: Uint8Array): void {
    this.out.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Items that stand in `source`. */
  rawFrom(source: Uint8Array, from: number, length: number): void {
    const { out, at } = this;
    for (let i = 0; i < length; i++) out[at + i] = source[from + i] ?? 0;
    this.at = at + length;
  }

  word(value: number): void {
    const { out, at } = this;
    out[at] = value >>> 24;
    out[at + 1] = value >>> 16;
    out[at + 2] = value >>> 8;
    out[at + 3] = value;
    this.at = at + 4;
  }
}
