/**
 * Reads a request in one pass over its bytes, without a tree, as far as it is of the plainest kind: KMIP 1.0 to 1.4, one
 * batch item, fields in the specification's order and none but those below. Whatever differs in anything, an error
 * included, is not for here: the general codec reads it and answers.
 */
import { ItemType, Operation, Tag } from '../../../kmip/index.ts';
import {
  bytesHead,
  enumerationHead,
  head,
  integerHead,
  padded,
  structureHead,
  textHead,
} from '../../ttlv-writer.ts';

/** Offsets are into the bytes that were scanned. A length of -1: the field is absent. */
export interface Scan {
  operation: number;
  minor: number;
  uidAt: number;
  uidLength: number;
  dataAt: number;
  dataLength: number;
  ivAt: number;
  ivLength: number;
  aadAt: number;
  aadLength: number;
  tagAt: number;
  tagLength: number;
  /** Unique Batch Item ID. */
  idAt: number;
  idLength: number;
  /** The payload of a Create, which `scanCreate` reads. */
  payloadAt: number;
  payloadEnd: number;
}

export function newScan(): Scan {
  return {
    operation: 0,
    minor: 0,
    uidAt: 0,
    uidLength: -1,
    dataAt: 0,
    dataLength: -1,
    ivAt: 0,
    ivLength: -1,
    aadAt: 0,
    aadLength: -1,
    tagAt: 0,
    tagLength: -1,
    idAt: 0,
    idLength: -1,
    payloadAt: 0,
    payloadEnd: 0,
  };
}

const REQUEST_MESSAGE = structureHead(Tag.RequestMessage);
const REQUEST_HEADER = structureHead(Tag.RequestHeader);
const PROTOCOL_VERSION = structureHead(Tag.ProtocolVersion);
const MAJOR = integerHead(Tag.ProtocolVersionMajor);
const MINOR = integerHead(Tag.ProtocolVersionMinor);
const CONTINUATION = enumerationHead(Tag.BatchErrorContinuationOption);
const BATCH_COUNT = integerHead(Tag.BatchCount);
const BATCH_ITEM = structureHead(Tag.BatchItem);
const OPERATION = enumerationHead(Tag.Operation);
const UNIQUE_BATCH_ITEM_ID = bytesHead(Tag.UniqueBatchItemID);
const REQUEST_PAYLOAD = structureHead(Tag.RequestPayload);
const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const DATA = bytesHead(Tag.Data);
const IV = bytesHead(Tag.IVCounterNonce);
const AAD = bytesHead(Tag.AuthenticatedEncryptionAdditionalData);
const TAG = bytesHead(Tag.AuthenticatedEncryptionTag);

/** Message, header and protocol version; their lengths and the two numbers of the version. */
const VERSION_AT = 16;
const AFTER_VERSION = 56;
/** Batch Count, a batch item's start and its Operation, and the payload's start. */
const SHORTEST = AFTER_VERSION + 16 + 8 + 16 + 8;
/** Encrypt and Decrypt came with KMIP 1.2. */
const FIRST_WITH_CIPHER = 2;
const MAX_MINOR = 4;
const FIRST_WITH_AEAD = 4;
const STOP = 2;
/** A Byte String of more is rare, and padding is checked by the byte. */
const MAX_ID_LENGTH = 64;

/** Fills `scan` from the message that lies from `start` to `end`, and returns whether it is of the kind above. */
export function scanRequest(bytes: Uint8Array, start: number, end: number, scan: Scan): boolean {
  if (end - start < SHORTEST || wordAt(bytes, start) !== REQUEST_MESSAGE) return false;
  if (wordAt(bytes, start + 4) !== end - start - 8 || wordAt(bytes, start + 8) !== REQUEST_HEADER)
    return false;
  const headerEnd = start + 16 + wordAt(bytes, start + 12);
  if (headerEnd > end - 32) return false;
  const versionAt = start + VERSION_AT;
  if (wordAt(bytes, versionAt) !== PROTOCOL_VERSION || wordAt(bytes, versionAt + 4) !== 32) return false;
  if (integerAt(bytes, versionAt + 8, MAJOR) !== 1) return false;
  const minor = integerAt(bytes, versionAt + 24, MINOR);
  if (minor < 0 || minor > MAX_MINOR) return false;
  let at = start + AFTER_VERSION;
  // With one item there is nothing to go on with, nor to undo: the option says nothing then. Others are left alone.
  if (at + 16 < headerEnd && wordAt(bytes, at) === CONTINUATION) {
    if (integerAt(bytes, at, CONTINUATION) !== STOP) return false;
    at += 16;
  }
  if (at + 16 !== headerEnd || integerAt(bytes, at, BATCH_COUNT) !== 1) return false;
  at = headerEnd;

  if (wordAt(bytes, at) !== BATCH_ITEM || at + 8 + wordAt(bytes, at + 4) !== end) return false;
  at += 8;
  if (at + 24 > end) return false;
  const operation = integerAt(bytes, at, OPERATION);
  if (operation === Operation.Encrypt || operation === Operation.Decrypt) {
    if (minor < FIRST_WITH_CIPHER) return false;
  } else if (operation !== Operation.Get && operation !== Operation.Create) return false;
  at += 16;
  scan.idLength = -1;
  if (wordAt(bytes, at) === UNIQUE_BATCH_ITEM_ID) {
    scan.idLength = wordAt(bytes, at + 4);
    scan.idAt = at + 8;
    if (scan.idLength > MAX_ID_LENGTH || !isWhole(bytes, scan.idAt, scan.idLength, end)) return false;
    at = scan.idAt + padded(scan.idLength);
    if (at + 8 > end) return false;
  }
  if (wordAt(bytes, at) !== REQUEST_PAYLOAD || at + 8 + wordAt(bytes, at + 4) !== end) return false;
  scan.operation = operation;
  scan.minor = minor;
  scan.payloadAt = at + 8;
  scan.payloadEnd = end;
  return operation === Operation.Create || scanUse(bytes, at + 8, end, scan);
}

/** Unique Identifier first, then the byte strings of Encrypt and Decrypt in their order, each once at most. */
function scanUse(bytes: Uint8Array, start: number, end: number, scan: Scan): boolean {
  if (start + 8 > end || wordAt(bytes, start) !== UNIQUE_IDENTIFIER) return false;
  scan.uidLength = wordAt(bytes, start + 4);
  scan.uidAt = start + 8;
  if (!isWhole(bytes, scan.uidAt, scan.uidLength, end)) return false;
  let at = scan.uidAt + padded(scan.uidLength);
  scan.dataLength = scan.ivLength = scan.aadLength = scan.tagLength = -1;
  if (scan.operation === Operation.Get) return at === end;

  let last = 0;
  while (at < end) {
    if (at + 8 > end) return false;
    const kind = wordAt(bytes, at);
    const length = wordAt(bytes, at + 4);
    const valueAt = at + 8;
    if (!isWhole(bytes, valueAt, length, end)) return false;
    if (kind === DATA && last < 1) {
      last = 1;
      scan.dataAt = valueAt;
      scan.dataLength = length;
    } else if (kind === IV && last < 2) {
      last = 2;
      scan.ivAt = valueAt;
      scan.ivLength = length;
    } else if (kind === AAD && last < 3 && scan.minor >= FIRST_WITH_AEAD) {
      last = 3;
      scan.aadAt = valueAt;
      scan.aadLength = length;
    } else if (
      kind === TAG &&
      last < 4 &&
      scan.minor >= FIRST_WITH_AEAD &&
      scan.operation === Operation.Decrypt
    ) {
      last = 4;
      scan.tagAt = valueAt;
      scan.tagLength = length;
    } else {
      return false;
    }
    at = valueAt + padded(length);
  }
  return scan.dataLength >= 0;
}

/** Four bytes, not negative. Where the bytes have ended it reads zeros: the callers know their length. */
export function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

/** The value of an Integer or Enumeration that is whole and well padded; -1 for anything else, and for negative ones. */
export function integerAt(bytes: Uint8Array, at: number, kind: number): number {
  const isOne = wordAt(bytes, at) === kind && wordAt(bytes, at + 4) === 4 && wordAt(bytes, at + 12) === 0;
  const value = isOne ? wordAt(bytes, at + 8) : -1;
  return value > 0x7fff_ffff ? -1 : value;
}

/** The eight bytes of a Date-Time; -1 for anything else, and for what no clock will show. */
export function dateAt(bytes: Uint8Array, at: number, tag: number): number {
  if (wordAt(bytes, at) !== head(tag, ItemType.DateTime) || wordAt(bytes, at + 4) !== 8) return -1;
  const high = wordAt(bytes, at + 8);
  return high > 0xff ? -1 : high * 0x1_0000_0000 + wordAt(bytes, at + 12);
}

/** 0 or 1, as a Boolean that is whole has it; -1 for anything else. */
export function booleanAt(bytes: Uint8Array, at: number, tag: number): number {
  if (wordAt(bytes, at) !== head(tag, ItemType.Boolean) || wordAt(bytes, at + 4) !== 8) return -1;
  const value = wordAt(bytes, at + 12);
  return wordAt(bytes, at + 8) === 0 && value < 2 ? value : -1;
}

/** Whether a string with its padding lies before `end`, and the padding is zero (KMIP 1.4 §9.1.1.3). */
export function isWhole(bytes: Uint8Array, at: number, length: number, end: number): boolean {
  // Compared before it is padded: a length of almost 2^32 would wrap.
  if (length > end - at) return false;
  const paddedEnd = at + padded(length);
  if (paddedEnd > end) return false;
  for (let i = at + length; i < paddedEnd; i++) if (bytes[i] !== 0) return false;
  return true;
}
