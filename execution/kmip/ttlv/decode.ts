/**
 * Bytes to tree (KMIP 1.4 §9.1.1). Each length is held against what encloses it before anything is read or
 * allocated, so that no length, however large, costs more than the bytes that arrived.
 *
 * Byte Strings are views into the input, not copies: whoever wipes the input wipes them too, and whoever wants to
 * keep one beyond the message copies it.
 */
import { isUtf8 } from 'node:buffer';
import { TtlvError, type TtlvErrorCode } from './error.ts';
import { HEADER_BYTES, ItemType, itemTypeName, padded, type Ttlv } from './item.ts';
import { limitsFrom, type TtlvLimits } from './limits.ts';

const LARGEST_DATE = 2n ** 63n - 1n;

/** The value length of each type, or 0 where it varies. */
const FIXED_LENGTH_BYTES: Readonly<Record<number, number>> = {
  [ItemType.Integer]: 4,
  [ItemType.LongInteger]: 8,
  [ItemType.Enumeration]: 4,
  [ItemType.Boolean]: 8,
  [ItemType.DateTime]: 8,
  [ItemType.Interval]: 4,
};

class Decoder {
  readonly #bytes: Buffer;
  readonly #limits: TtlvLimits;
  readonly #path: number[] = [];
  #items = 0;

  constructor(bytes: Uint8Array, limits: TtlvLimits) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
  }

  message(): Ttlv {
    const size = this.#bytes.length;
    if (size > this.#limits.maxBytes) {
      throw new TtlvError('TTLV_TOO_LARGE', `${size} bytes exceed the limit of ${this.#limits.maxBytes}`, {
        offset: 0,
      });
    }
    const item = this.#item(0, size);
    const end = HEADER_BYTES + padded(this.#bytes.readUInt32BE(4));
    if (end !== size) {
      throw new TtlvError('TTLV_TRAILING', `${size - end} bytes follow the message`, { offset: end });
    }
    return item;
  }

  #fail(code: TtlvErrorCode, detail: string, offset: number): never {
    throw new TtlvError(code, detail, { offset, tag: this.#path.at(-1), path: this.#path });
  }

  /** Decodes the item at `at`, which must end by `end`. Its padded size is in the bytes themselves. */
  #item(at: number, end: number): Ttlv {
    const bytes = this.#bytes;
    if (end - at < HEADER_BYTES)
      this.#fail('TTLV_TRUNCATED', `${end - at} bytes are too few for an item`, at);
    const tag = bytes.readUIntBE(at, 3);
    const type = bytes.readUInt8(at + 3);
    const length = bytes.readUInt32BE(at + 4);
    this.#path.push(tag);
    const family = tag >>> 16;
    if (family !== 0x42 && family !== 0x54) this.#fail('TTLV_TAG', 'tag starts with neither 42 nor 54', at);
    if (type < ItemType.Structure || type > ItemType.Interval) {
      this.#fail('TTLV_TYPE', `type ${type} does not exist`, at);
    }
    if (++this.#items > this.#limits.maxItems) {
      this.#fail('TTLV_TOO_MANY', `more than ${this.#limits.maxItems} items`, at);
    }
    const start = at + HEADER_BYTES;
    const room = end - start;
    if (padded(length) > room) {
      this.#fail('TTLV_TRUNCATED', `length ${length} exceeds the ${room} bytes that are left`, at);
    }
    const fixed = FIXED_LENGTH_BYTES[type];
    if (fixed !== undefined && length !== fixed) {
      this.#fail(
        'TTLV_LENGTH',
        `${itemTypeName(type as ItemType)} must have length ${fixed}, not ${length}`,
        at,
      );
    }
    for (let i = start + length; i < start + padded(length); i++) {
      if (bytes[i] !== 0) this.#fail('TTLV_PADDING', 'padding is not zero', i);
    }
    const item = this.#value(tag, type as ItemType, start, length, at);
    this.#path.pop();
    return item;
  }

  #value(tag: number, type: ItemType, start: number, length: number, at: number): Ttlv {
    const bytes = this.#bytes;
    switch (type) {
      case ItemType.Structure:
        return { tag, type, value: this.#children(start, length, at) };
      case ItemType.Integer:
        return { tag, type, value: bytes.readInt32BE(start) };
      case ItemType.Enumeration:
      case ItemType.Interval:
        return { tag, type, value: bytes.readUInt32BE(start) };
      case ItemType.LongInteger:
        return { tag, type, value: bytes.readBigInt64BE(start) };
      case ItemType.BigInteger:
        return { tag, type, value: this.#bigInteger(start, length, at) };
      case ItemType.Boolean: {
        const value = bytes.readBigUInt64BE(start);
        if (value > 1n) this.#fail('TTLV_VALUE', 'Boolean is neither 0 nor 1', at);
        return { tag, type, value: value === 1n };
      }
      case ItemType.TextString:
        if (!isUtf8(bytes.subarray(start, start + length))) {
          this.#fail('TTLV_VALUE', 'Text String is not valid UTF-8', at);
        }
        return { tag, type, value: bytes.toString('utf8', start, start + length) };
      case ItemType.ByteString:
        return { tag, type, value: bytes.subarray(start, start + length) };
      case ItemType.DateTime: {
        const seconds = bytes.readBigInt64BE(start);
        // KMIP 1.4 §4.9 gives the largest value a meaning of its own, "no date": it becomes the largest that we tell apart.
        const value = seconds === LARGEST_DATE ? Number.MAX_SAFE_INTEGER : Number(seconds);
        if (!Number.isSafeInteger(value)) {
          this.#fail('TTLV_VALUE', 'Date-Time is out of the range that can be told apart', at);
        }
        return { tag, type, value };
      }
    }
  }

  #children(start: number, length: number, at: number): readonly Ttlv[] {
    if (length % 8 !== 0) this.#fail('TTLV_LENGTH', `Structure length ${length} is not a multiple of 8`, at);
    if (this.#path.length > this.#limits.maxDepth) {
      this.#fail('TTLV_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`, at);
    }
    const children: Ttlv[] = [];
    const end = start + length;
    for (let next = start; next < end; next += HEADER_BYTES + padded(this.#bytes.readUInt32BE(next + 4))) {
      children.push(this.#item(next, end));
    }
    return children;
  }

  #bigInteger(start: number, length: number, at: number): bigint {
    if (length === 0 || length % 8 !== 0) {
      this.#fail('TTLV_LENGTH', `Big Integer length ${length} is not a positive multiple of 8`, at);
    }
    if (length > this.#limits.maxBigIntegerBytes) {
      this.#fail('TTLV_LENGTH', `Big Integer exceeds ${this.#limits.maxBigIntegerBytes} bytes`, at);
    }
    return BigInt.asIntN(length * 8, BigInt(`0x${this.#bytes.toString('hex', start, start + length)}`));
  }
}

/**
 * Decodes exactly one item that fills `bytes`.
 *
 * @throws TtlvError, and nothing else, for every input.
 */
export function decodeTtlv(bytes: Uint8Array, limits?: Partial<TtlvLimits>): Ttlv {
  return new Decoder(bytes, limitsFrom(limits)).message();
}
