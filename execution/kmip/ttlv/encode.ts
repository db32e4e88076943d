/** Tree to bytes (KMIP 1.4 §9.1.1): one pass that measures and checks, one that writes into a single allocation. */
import { TtlvError, type TtlvErrorCode } from './error.ts';
import { bigIntegerBytes, HEADER_BYTES, ItemType, padded, type Ttlv } from './item.ts';
import { limitsFrom, type TtlvLimits } from './limits.ts';

class Encoder {
  readonly #limits: TtlvLimits;
  readonly #path: number[] = [];
  #items = 0;
  #at = 0;
  #out: Buffer = Buffer.alloc(0);

  constructor(limits: TtlvLimits) {
    this.#limits = limits;
  }

  message(item: Ttlv): Uint8Array {
    // Not from Buffer's shared pool: a message may hold key material, and its bytes are for the caller to wipe.
    const size = this.#measure(item, 0);
    this.#out = Buffer.alloc(size);
    this.#write(item);
    return this.#out;
  }

  #fail(code: TtlvErrorCode, detail: string, offset: number): never {
    throw new TtlvError(code, detail, { offset, tag: this.#path.at(-1), path: this.#path });
  }

  #measure(item: Ttlv, offset: number): number {
    this.#path.push(item.tag);
    const family = item.tag >>> 16;
    if (!Number.isInteger(item.tag) || (family !== 0x42 && family !== 0x54)) {
      this.#fail('TTLV_TAG', 'tag starts with neither 42 nor 54', offset);
    }
    if (++this.#items > this.#limits.maxItems) {
      this.#fail('TTLV_TOO_MANY', `more than ${this.#limits.maxItems} items`, offset);
    }
    const size = HEADER_BYTES + this.#measureValue(item, offset);
    if (size > this.#limits.maxBytes) {
      this.#fail('TTLV_TOO_LARGE', `more than ${this.#limits.maxBytes} bytes`, offset);
    }
    this.#path.pop();
    return size;
  }

  #measureValue(item: Ttlv, offset: number): number {
    switch (item.type) {
      case ItemType.Structure: {
        if (this.#path.length > this.#limits.maxDepth) {
          this.#fail('TTLV_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`, offset);
        }
        let size = 0;
        for (const child of item.value) size += this.#measure(child, offset + HEADER_BYTES + size);
        return size;
      }
      case ItemType.Integer:
        this.#range(item.value, -(2 ** 31), 2 ** 31 - 1, offset);
        return 8;
      case ItemType.Enumeration:
      case ItemType.Interval:
        this.#range(item.value, 0, 2 ** 32 - 1, offset);
        return 8;
      case ItemType.LongInteger:
        if (BigInt.asIntN(64, item.value) !== item.value)
          this.#fail('TTLV_VALUE', 'Long Integer needs more than 64 bits', offset);
        return 8;
      case ItemType.BigInteger: {
        const size = bigIntegerBytes(item.value);
        if (size > this.#limits.maxBigIntegerBytes) {
          this.#fail('TTLV_LENGTH', `Big Integer exceeds ${this.#limits.maxBigIntegerBytes} bytes`, offset);
        }
        return size;
      }
      case ItemType.Boolean:
        return 8;
      case ItemType.TextString:
        // A lone surrogate would silently become U+FFFD: another string than the caller gave.
        if (!item.value.isWellFormed())
          this.#fail('TTLV_VALUE', 'Text String is not well-formed Unicode', offset);
        return padded(Buffer.byteLength(item.value, 'utf8'));
      case ItemType.ByteString:
        return padded(item.value.length);
      case ItemType.DateTime:
        this.#range(item.value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, offset);
        return 8;
      default:
        return this.#fail('TTLV_TYPE', 'type does not exist', offset);
    }
  }

  #range(value: number, least: number, greatest: number, offset: number): void {
    if (!Number.isInteger(value) || value < least || value > greatest) {
      this.#fail('TTLV_VALUE', `value is not a whole number from ${least} to ${greatest}`, offset);
    }
  }

  #write(item: Ttlv): void {
    const out = this.#out;
    const at = this.#at;
    const start = at + HEADER_BYTES;
    out.writeUIntBE(item.tag, at, 3);
    out.writeUInt8(item.type, at + 3);
    const length = this.#writeValue(item, start);
    out.writeUInt32BE(length, at + 4);
    this.#at = start + padded(length);
  }

  /** Writes the value at `start` and returns its length without padding. */
  #writeValue(item: Ttlv, start: number): number {
    const out = this.#out;
    switch (item.type) {
      case ItemType.Structure:
        this.#at = start;
        for (const child of item.value) this.#write(child);
        return this.#at - start;
      case ItemType.Integer:
        out.writeInt32BE(item.value, start);
        return 4;
      case ItemType.Enumeration:
      case ItemType.Interval:
        out.writeUInt32BE(item.value, start);
        return 4;
      case ItemType.LongInteger:
        out.writeBigInt64BE(item.value, start);
        return 8;
      case ItemType.BigInteger: {
        const length = bigIntegerBytes(item.value);
        const digits = BigInt.asUintN(length * 8, item.value).toString(16);
        out.write(digits.padStart(length * 2, '0'), start, 'hex');
        return length;
      }
      case ItemType.Boolean:
        out.writeUInt8(item.value ? 1 : 0, start + 7);
        return 8;
      case ItemType.TextString:
        return out.write(item.value, start, 'utf8');
      case ItemType.ByteString:
        out.set(item.value, start);
        return item.value.length;
      case ItemType.DateTime:
        out.writeBigInt64BE(BigInt(item.value), start);
        return 8;
    }
  }
}

/**
 * Encodes one item. The result is freshly allocated and belongs to the caller.
 *
 * @throws TtlvError when a value does not fit its type, or the tree is beyond the limits.
 */
export function encodeTtlv(item: Ttlv, limits?: Partial<TtlvLimits>): Uint8Array {
  return new Encoder(limitsFrom(limits)).message(item);
}
