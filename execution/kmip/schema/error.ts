/** What can be wrong between a tree and the structure that a schema describes. */
import { tagName } from '../names/lookup.ts';
import { bigIntegerBytes, HEADER_BYTES, ItemType, padded, type Ttlv } from '../ttlv/item.ts';

/** Stable codes. The clause of each decides which Result Reason a server answers with (KMIP 1.4 §11.1). */
export const schemaErrors = {
  SCHEMA_TYPE: 'an item has another type than its field',
  SCHEMA_MISSING: 'a field that is required is absent',
  SCHEMA_REPEATED: 'a field that may occur once occurs again',
  SCHEMA_UNKNOWN: 'a field is unknown in this version of the protocol',
  SCHEMA_ORDER: 'a field is out of the order that the specification gives',
  SCHEMA_VALUE: 'a value is not one that the field allows',
} as const;
export type SchemaErrorCode = keyof typeof schemaErrors;

/** Never carries a value: values may be key material. */
export class SchemaError extends Error {
  readonly code: SchemaErrorCode;
  readonly tag: number;
  /** Names from the outermost structure that was decoded to the item at fault, with a position where repeated. */
  readonly path: string;
  /** Bytes from the start of the outermost structure that was decoded. Absent when encoding. */
  readonly offset: number | undefined;
  /** What is wrong, without the place. */
  readonly detail: string;

  constructor(code: SchemaErrorCode, detail: string, tag: number, path: string, offset: number | undefined) {
    super(offset === undefined ? `${detail} (${path})` : `${detail} (${path}, byte ${offset})`);
    this.name = 'SchemaError';
    this.code = code;
    this.tag = tag;
    this.path = path;
    this.offset = offset;
    this.detail = detail;
  }
}

/**
 * Thrown inside the schema layer. It remembers only the item: its place in the message is looked for when the error
 * leaves the layer, so that a message without errors pays nothing for good error messages.
 */
export class SchemaFault extends Error {
  readonly code: SchemaErrorCode;
  readonly detail: string;
  readonly tag: number;
  readonly item: Ttlv | undefined;

  constructor(code: SchemaErrorCode, detail: string, tag: number, item?: Ttlv) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.tag = tag;
    this.item = item;
  }

  /** The public error, with the place of the item inside `root`. */
  located(root: Ttlv | undefined): SchemaError {
    const place = root === undefined || this.item === undefined ? undefined : locate(root, this.item, 0);
    const path = place?.path ?? (root === undefined ? '' : tagName(root.tag));
    const named = this.item?.tag === this.tag || path === '' ? path : `${path}/${tagName(this.tag)}`;
    return new SchemaError(this.code, this.detail, this.tag, named || tagName(this.tag), place?.offset);
  }
}

function sizeOf(item: Ttlv): number {
  if (item.type === ItemType.Structure) {
    return item.value.reduce((sum, child) => sum + sizeOf(child), HEADER_BYTES);
  }
  if (item.type === ItemType.TextString) return HEADER_BYTES + padded(Buffer.byteLength(item.value, 'utf8'));
  if (item.type === ItemType.ByteString) return HEADER_BYTES + padded(item.value.length);
  if (item.type === ItemType.BigInteger) return HEADER_BYTES + bigIntegerBytes(item.value);
  return HEADER_BYTES + 8;
}

function locate(root: Ttlv, wanted: Ttlv, offset: number): { path: string; offset: number } | undefined {
  if (root === wanted) return { path: tagName(root.tag), offset };
  if (root.type !== ItemType.Structure) return undefined;
  let at = offset + HEADER_BYTES;
  const seen = new Map<number, number>();
  for (const child of root.value) {
    const position = seen.get(child.tag) ?? 0;
    seen.set(child.tag, position + 1);
    const found = locate(child, wanted, at);
    if (found !== undefined) {
      const repeated = root.value.filter((sibling) => sibling.tag === child.tag).length > 1;
      const inner = repeated ? found.path.replace(/^[^/]+/, (name) => `${name}[${position}]`) : found.path;
      return { path: `${tagName(root.tag)}/${inner}`, offset: found.offset };
    }
    at += sizeOf(child);
  }
  return undefined;
}
