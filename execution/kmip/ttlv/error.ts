/** What can be wrong with bytes that claim to be TTLV, or with a tree that should become bytes. */
import { tagName } from '../names/lookup.ts';

/** Stable codes: programs may branch on them, messages may change. */
export const ttlvErrors = {
  TTLV_TRUNCATED: 'an item ends beyond the structure or the bytes that hold it',
  TTLV_TRAILING: 'bytes follow the outermost item',
  TTLV_TAG: 'a tag does not start with 42 or 54',
  TTLV_TYPE: 'a type is not one of the ten',
  TTLV_LENGTH: 'a length is not one that the type allows',
  TTLV_PADDING: 'padding is not zero',
  TTLV_VALUE: 'a value is not one that the type allows',
  TTLV_TOO_DEEP: 'structures are nested deeper than the limit',
  TTLV_TOO_MANY: 'there are more items than the limit',
  TTLV_TOO_LARGE: 'the message is larger than the limit',
  TTLV_NOT_KMIP: 'the stream does not start with a KMIP message',
} as const;
export type TtlvErrorCode = keyof typeof ttlvErrors;

export type TtlvPlace = {
  /** Bytes from the start of the message; for encoding, where the item would have started. */
  readonly offset: number;
  readonly tag?: number | undefined;
  /** Tags of the enclosing structures, outermost first, the item itself last. */
  readonly path?: readonly number[] | undefined;
};

/** Never carries a value: values may be key material. */
export class TtlvError extends Error {
  readonly code: TtlvErrorCode;
  readonly offset: number;
  readonly tag: number | undefined;
  /** Names of the enclosing structures, outermost first, the item itself last. */
  readonly path: readonly string[];

  constructor(code: TtlvErrorCode, detail: string, place: TtlvPlace) {
    const path = (place.path ?? (place.tag === undefined ? [] : [place.tag])).map(tagName);
    const where = path.length === 0 ? '' : ` (${path.join('/')})`;
    super(`${detail} at byte ${place.offset}${where}`);
    this.name = 'TtlvError';
    this.code = code;
    this.offset = place.offset;
    this.tag = place.tag;
    this.path = path;
  }
}
