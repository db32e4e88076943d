/** What can be wrong with text that claims to be KMIP in XML or JSON, or with a tree that should become such text. */

/** Stable codes: programs may branch on them, messages may change. */
export const encodingErrors = {
  ENCODING_UTF8: 'the text is not well-formed Unicode, or holds characters that the format cannot carry',
  ENCODING_SYNTAX: 'the text is not the plain XML or JSON that KMIP uses',
  ENCODING_TAG: 'a tag is neither a known name nor a number that starts with 42 or 54',
  ENCODING_TYPE: 'a type is not one of the ten',
  ENCODING_VALUE: 'a value is not one that the type and tag allow',
  ENCODING_TOO_DEEP: 'structures are nested deeper than the limit',
  ENCODING_TOO_MANY: 'there are more items than the limit',
  ENCODING_TOO_LARGE: 'the text is larger than the limit',
} as const;
export type EncodingErrorCode = keyof typeof encodingErrors;

export type EncodingPlace = {
  /** UTF-16 units from the start of the text. */
  readonly offset?: number | undefined;
  /** Names of the enclosing items, outermost first, the item itself last. */
  readonly path?: readonly string[] | undefined;
};

/** Never carries a value: values may be key material. */
export class EncodingError extends Error {
  readonly code: EncodingErrorCode;
  /** UTF-16 units from the start of the text; undefined where only the path is known, and when encoding. */
  readonly offset: number | undefined;
  /** Names of the enclosing items, outermost first, the item itself last. */
  readonly path: readonly string[];

  constructor(code: EncodingErrorCode, detail: string, place: EncodingPlace = {}) {
    const path = place.path ?? [];
    const at = place.offset === undefined ? '' : ` at character ${place.offset}`;
    super(`${detail}${at}${path.length === 0 ? '' : ` (${path.join('/')})`}`);
    this.name = 'EncodingError';
    this.code = code;
    this.offset = place.offset;
    this.path = path;
  }
}
