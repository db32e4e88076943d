/** From a number to its name, for error messages and logs, and since when an operation exists. */
import { Operation, ResultReason, ResultStatus } from './messages.ts';
import { Tag, VENDOR_TAG_FIRST, VENDOR_TAG_LAST } from './tags.ts';
import { OperationV2, TagV2 } from './v2.ts';

/** Vendor values of an enumeration, "Extensions 8XXXXXXX" in every table of KMIP 1.4 §9.1.3.2. */
export const VENDOR_ENUM_FIRST = 0x80000000;
export const VENDOR_ENUM_LAST = 0x8fffffff;

type Table = Readonly<Record<string, number>>;

/** Turns one of this library's tables around; where a table names a value twice, the first name wins. */
export function namesByValue(...tables: readonly Table[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const table of tables) {
    for (const [name, value] of Object.entries(table)) if (!names.has(value)) names.set(value, name);
  }
  return names;
}

const tagNames = namesByValue(Tag, TagV2);
const operationNames = namesByValue(Operation, OperationV2);
const reasonNames = namesByValue(ResultReason);
const statusNames = namesByValue(ResultStatus);

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** `UniqueIdentifier`, or the number in hexadecimal for a tag that has no name here. */
export function tagName(tag: number): string {
  return tagNames.get(tag) ?? hex(tag, 6);
}

/** `CreateKeyPair`, or the number in hexadecimal. */
export function operationName(operation: number): string {
  return operationNames.get(operation) ?? hex(operation, 8);
}

/** `ItemNotFound`, or the number in hexadecimal. */
export function resultReasonName(reason: number): string {
  return reasonNames.get(reason) ?? hex(reason, 8);
}

/** `OperationFailed`, or the number in hexadecimal. */
export function resultStatusName(status: number): string {
  return statusNames.get(status) ?? hex(status, 8);
}

/** The name that `table` gives to `value`, or the number in hexadecimal. */
export function enumName(table: Table, value: number): string {
  for (const [name, known] of Object.entries(table)) if (known === value) return name;
  return hex(value, 8);
}

export function isVendorTag(tag: number): boolean {
  return tag >= VENDOR_TAG_FIRST && tag <= VENDOR_TAG_LAST;
}

export function isVendorEnum(value: number): boolean {
  return value >= VENDOR_ENUM_FIRST && value <= VENDOR_ENUM_LAST;
}

/** The minor version of KMIP 1 that introduced an operation; `undefined` for vendor operations and those of KMIP 2. */
export function operationSince(operation: number): number | undefined {
  if (operation < Operation.Create) return undefined;
  if (operation <= Operation.Put) return 0;
  if (operation <= Operation.DiscoverVersions) return 1;
  if (operation <= Operation.JoinSplitKey) return 2;
  if (operation <= Operation.Export) return 4;
  return undefined;
}
