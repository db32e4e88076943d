/**
 * Reads a request in one pass over its bytes, without a tree, as far as it is of the plainest kind: KMIP 1.0 to 1.4, one
 * batch item, fields in the specification's order and none but those below. Whatever differs in anything, an error
 * included, is not for here: the general codec reads it and answers.
 */
import { ItemType, Operation, Tag } from '../../../kmip/index.ts';

/** Offsets are from the start of the message. A length of -1: the field is absent. */
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
  };
}

/** Tag and type as they stand at the start of an item. */
const head = (tag: number, type: number): number => ((tag << 8) | type) >>> 0;

const REQUEST_MESSAGE = head(Tag.RequestMessage, ItemType.Structure);
const REQUEST_HEADER = head(Tag.RequestHeader, ItemType.Structure);
const PROTOCOL_VERSION = head(Tag.ProtocolVersion, ItemType.Structure);
const MAJOR = head(Tag.ProtocolVersionMajor, ItemType.Integer);
const MINOR = head(Tag.ProtocolVersionMinor, ItemType.Integer);
const CONTINUATION = head(Tag.BatchErrorContinuationOption, ItemType.Enumeration);
const BATCH_COUNT = head(Tag.BatchCount, ItemType.Integer);
const BATCH_ITEM = head(Tag.BatchItem, ItemType.Structure);
const OPERATION = head(Tag.Operation, ItemType.Enumeration);
const UNIQUE_BATCH_ITEM_ID = head(Tag.UniqueBatchItemID, ItemType.ByteString);
const REQUEST_PAYLOAD = head(Tag.RequestPayload, ItemType.Structure);
const UNIQUE_IDENTIFIER = head(Tag.UniqueIdentifier, ItemType.TextString);
const DATA = head(Tag.Data, ItemType.ByteString);
const IV = head(Tag.IVCounterNonce, ItemType.ByteString);
const AAD = head(Tag.AuthenticatedEncryptionAdditionalData, ItemType.ByteString);
const TAG = head(Tag.AuthenticatedEncryptionTag, ItemType.ByteString);

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

/** Fills `scan`, and returns whether the request is of the kind above. */
export function scanRequest(bytes: Buffer, scan: Scan): boolean {
  const end = bytes.length;
  if (end < SHORTEST || bytes.readUInt32BE(0) !== REQUEST_MESSAGE || bytes.readUInt32BE(4) !== end - 8)
    return false;
  if (bytes.readUInt32BE(8) !== REQUEST_HEADER) return false;
  const headerEnd = 16 + bytes.readUInt32BE(12);
  if (headerEnd > end - 32) return false;
  if (bytes.readUInt32BE(VERSION_AT) !== PROTOCOL_VERSION || bytes.readUInt32BE(VERSION_AT + 4) !== 32)
    return false;
  if (integerAt(bytes, 24, MAJOR) !== 1) return false;
  const minor = integerAt(bytes, 40, MINOR);
  if (minor < 0 || minor > MAX_MINOR) return false;
  let at = AFTER_VERSION;
  // With one item there is nothing to go on with, nor to undo: the option says nothing then. Others are left alone.
  if (at + 16 < headerEnd && bytes.readUInt32BE(at) === CONTINUATION) {
    if (integerAt(bytes, at, CONTINUATION) !== STOP) return false;
    at += 16;
  }
  if (at + 16 !== headerEnd || integerAt(bytes, at, BATCH_COUNT) !== 1) return false;
  at = headerEnd;

  if (bytes.readUInt32BE(at) !== BATCH_ITEM || at + 8 + bytes.readUInt32BE(at + 4) !== end) return false;
  at += 8;
  if (at + 24 > end) return false;
  const operation = integerAt(bytes, at, OPERATION);
  const isCipher = operation === Operation.Encrypt || operation === Operation.Decrypt;
  if (isCipher ? minor < FIRST_WITH_CIPHER : operation !== Operation.Get) return false;
  at += 16;
  scan.idLength = -1;
  if (bytes.readUInt32BE(at) === UNIQUE_BATCH_ITEM_ID) {
    scan.idLength = bytes.readUInt32BE(at + 4);
    scan.idAt = at + 8;
    if (scan.idLength > MAX_ID_LENGTH || !isWhole(bytes, scan.idAt, scan.idLength, end)) return false;
    at = scan.idAt + padded(scan.idLength);
    if (at + 8 > end) return false;
  }
  if (bytes.readUInt32BE(at) !== REQUEST_PAYLOAD || at + 8 + bytes.readUInt32BE(at + 4) !== end) return false;
  scan.operation = operation;
  scan.minor = minor;
  return scanPayload(bytes, at + 8, end, scan);
}

/** Unique Identifier first, then the byte strings of Encrypt and Decrypt in their order, each once at most. */
function scanPayload(bytes: Buffer, start: number, end: number, scan: Scan): boolean {
  if (start + 8 > end || bytes.readUInt32BE(start) !== UNIQUE_IDENTIFIER) return false;
  scan.uidLength = bytes.readUInt32BE(start + 4);
  scan.uidAt = start + 8;
  if (!isWhole(bytes, scan.uidAt, scan.uidLength, end)) return false;
  let at = scan.uidAt + padded(scan.uidLength);
  scan.dataLength = scan.ivLength = scan.aadLength = scan.tagLength = -1;
  if (scan.operation === Operation.Get) return at === end;

  let last = 0;
  while (at < end) {
    if (at + 8 > end) return false;
    const kind = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
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

/** The value of an Integer or Enumeration that is whole and well padded; -1 for anything else, and for negative ones. */
function integerAt(bytes: Buffer, at: number, kind: number): number {
  const isOne =
    bytes.readUInt32BE(at) === kind && bytes.readUInt32BE(at + 4) === 4 && bytes.readUInt32BE(at + 12) === 0;
  return isOne ? bytes.readInt32BE(at + 8) : -1;
}

/** Whether a string with its padding lies before `end`, and the padding is zero (KMIP 1.4 §9.1.1.3). */
function isWhole(bytes: Buffer, at: number, length: number, end: number): boolean {
  const paddedEnd = at + padded(length);
  if (paddedEnd > end) return false;
  for (let i = at + length; i < paddedEnd; i++) if (bytes[i] !== 0) return false;
  return true;
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
