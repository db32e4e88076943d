/** The answers of the hot path: the bytes that the general codec would have written. */
import { ItemType, ResultStatus, Tag } from '../../../kmip/index.ts';
import {
  bytesHead,
  enumerationHead,
  fieldBytes,
  head,
  integerHead,
  structureHead,
  Writer,
} from '../../ttlv-writer.ts';
import type { Scan } from './scan.ts';

const UNIQUE_BATCH_ITEM_ID = bytesHead(Tag.UniqueBatchItemID);
const RESULT_STATUS = enumerationHead(Tag.ResultStatus);
const RESPONSE_PAYLOAD = structureHead(Tag.ResponsePayload);

/** Message, header with protocol version, time stamp and batch count, and the start of the item with its operation. */
const START_BYTES = 8 + 8 + 72 + 8 + 16;
/** Result Status and the start of the payload. */
const MIDDLE_BYTES = 16 + 8;
/** Where that differs from answer to answer. */
const MESSAGE_LENGTH_AT = 4;
const MINOR_AT = 48;
const TIME_AT = 64;
const ITEM_LENGTH_AT = 92;
const OPERATION_AT = 104;

const start = ((): Buffer => {
  const writer = new Writer(Buffer.alloc(START_BYTES));
  writer.start(structureHead(Tag.ResponseMessage), 0);
  writer.start(structureHead(Tag.ResponseHeader), 72);
  writer.start(structureHead(Tag.ProtocolVersion), 32);
  writer.number(integerHead(Tag.ProtocolVersionMajor), 1);
  writer.number(integerHead(Tag.ProtocolVersionMinor), 0);
  writer.long(head(Tag.TimeStamp, ItemType.DateTime), 0);
  writer.number(integerHead(Tag.BatchCount), 1);
  writer.start(structureHead(Tag.BatchItem), 0);
  writer.number(enumerationHead(Tag.Operation), 0);
  return writer.out;
})();

/** Bytes of an answer to one item that has succeeded, whose payload's fields take `fieldsBytes`. */
export function answerBytes({ idLength }: Scan, fieldsBytes: number): number {
  return START_BYTES + (idLength < 0 ? 0 : fieldBytes(idLength)) + MIDDLE_BYTES + fieldsBytes;
}

/** Writes all that stands before the payload's fields. `bytes`: the request. */
export function beginAnswer(
  writer: Writer,
  bytes: Uint8Array,
  scan: Scan,
  fieldsBytes: number,
  nowS: number,
): void {
  const { at } = writer;
  const size = answerBytes(scan, fieldsBytes);
  writer.raw(start);
  const after = writer.at;
  put(writer, at + MESSAGE_LENGTH_AT, size - 8);
  put(writer, at + MINOR_AT, scan.minor);
  put(writer, at + TIME_AT, Math.floor(nowS / 0x1_0000_0000));
  put(writer, at + TIME_AT + 4, nowS >>> 0);
  put(writer, at + ITEM_LENGTH_AT, size - ITEM_LENGTH_AT - 4);
  put(writer, at + OPERATION_AT, scan.operation);
  writer.at = after;
  if (scan.idLength >= 0) writer.copy(UNIQUE_BATCH_ITEM_ID, bytes, scan.idAt, scan.idLength);
  writer.number(RESULT_STATUS, ResultStatus.Success);
  writer.start(RESPONSE_PAYLOAD, fieldsBytes);
}

function put(writer: Writer, at: number, value: number): void {
  writer.at = at;
  writer.word(value);
}
