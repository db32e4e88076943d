/** Writes the answers of the hot path: the bytes that the general codec would have written, field by field. */
import { ItemType, ResultStatus, Tag } from '../../../kmip/index.ts';

const head = (tag: number, type: number): number => ((tag << 8) | type) >>> 0;

const RESPONSE_MESSAGE = head(Tag.ResponseMessage, ItemType.Structure);
const RESPONSE_HEADER = head(Tag.ResponseHeader, ItemType.Structure);
const PROTOCOL_VERSION = head(Tag.ProtocolVersion, ItemType.Structure);
const MAJOR = head(Tag.ProtocolVersionMajor, ItemType.Integer);
const MINOR = head(Tag.ProtocolVersionMinor, ItemType.Integer);
const TIME_STAMP = head(Tag.TimeStamp, ItemType.DateTime);
const BATCH_COUNT = head(Tag.BatchCount, ItemType.Integer);
const BATCH_ITEM = head(Tag.BatchItem, ItemType.Structure);
const OPERATION = head(Tag.Operation, ItemType.Enumeration);
const UNIQUE_BATCH_ITEM_ID = head(Tag.UniqueBatchItemID, ItemType.ByteString);
const RESULT_STATUS = head(Tag.ResultStatus, ItemType.Enumeration);
const RESPONSE_PAYLOAD = head(Tag.ResponsePayload, ItemType.Structure);
const UNIQUE_IDENTIFIER = head(Tag.UniqueIdentifier, ItemType.TextString);

/** Protocol version, time stamp, batch count. */
const HEADER_BYTES = 40 + 16 + 16;
/** What stands before the first field of the payload, without a Unique Batch Item ID. */
const BEFORE_PAYLOAD = 8 + 8 + HEADER_BYTES + 8 + 16 + 16 + 8;

export class AnswerWriter {
  readonly bytes: Buffer;
  #at = 0;

  /**
   * An answer to one item that has succeeded; `fieldsBytes` is what the payload's fields take, each with its eight bytes
   * of tag, type and length, and padded.
   */
  constructor(
    operation: number,
    minor: number,
    nowS: number,
    request: Buffer,
    idAt: number,
    idLength: number,
    fieldsBytes: number,
  ) {
    const idBytes = idLength < 0 ? 0 : 8 + padded(idLength);
    const size = BEFORE_PAYLOAD + idBytes + fieldsBytes;
    // Every byte is written below and by the fields, padding too.
    this.bytes = Buffer.allocUnsafe(size);
    this.#start(RESPONSE_MESSAGE, size - 8);
    this.#start(RESPONSE_HEADER, HEADER_BYTES);
    this.#start(PROTOCOL_VERSION, 32);
    this.#number(MAJOR, 1);
    this.#number(MINOR, minor);
    this.#start(TIME_STAMP, 8);
    this.#word(Math.floor(nowS / 0x1_0000_0000));
    this.#word(nowS >>> 0);
    this.#number(BATCH_COUNT, 1);
    this.#start(BATCH_ITEM, size - this.#at - 8);
    this.#number(OPERATION, operation);
    if (idLength >= 0) this.#string(UNIQUE_BATCH_ITEM_ID, request, idAt, idLength);
    this.#number(RESULT_STATUS, ResultStatus.Success);
    this.#start(RESPONSE_PAYLOAD, fieldsBytes);
  }

  /** The Unique Identifier, as it stands in the request. */
  uid(request: Buffer, at: number, length: number): void {
    this.#string(UNIQUE_IDENTIFIER, request, at, length);
  }

  /** A Byte String, whose bytes the caller writes: returns where. */
  hole(tag: number, length: number): number {
    this.#start(head(tag, ItemType.ByteString), length);
    const at = this.#at;
    this.#at += padded(length);
    this.bytes.fill(0, at + length, this.#at);
    return at;
  }

  structure(tag: number, length: number): void {
    this.#start(head(tag, ItemType.Structure), length);
  }
  enumeration(tag: number, value: number): void {
    this.#number(head(tag, ItemType.Enumeration), value);
  }
  integer(tag: number, value: number): void {
    this.#number(head(tag, ItemType.Integer), value);
  }

  #string(kind: number, source: Buffer, from: number, length: number): void {
    this.#start(kind, length);
    source.copy(this.bytes, this.#at, from, from + length);
    const end = this.#at + padded(length);
    this.bytes.fill(0, this.#at + length, end);
    this.#at = end;
  }

  #start(kind: number, length: number): void {
    this.#word(kind);
    this.#word(length);
  }

  #number(kind: number, value: number): void {
    this.#start(kind, 4);
    this.#word(value);
    this.#word(0);
  }

  #word(value: number): void {
    this.bytes.writeUInt32BE(value, this.#at);
    this.#at += 4;
  }
}

/** Bytes that a Byte or Text String of this length takes. */
export function fieldBytes(length: number): number {
  return 8 + padded(length);
}

export function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
