/** Whole messages, bytes to objects and back (KMIP 1.4 §7). */
import { KmipError } from '../errors.ts';
import { ResultReason, ResultStatus } from '../names/messages.ts';
import { resultReasonFor } from '../names/since.ts';
import { Tag } from '../names/tags.ts';
import type { Structure } from '../schema/index.ts';
import { decodeTtlv } from '../ttlv/decode.ts';
import { encodeTtlv } from '../ttlv/encode.ts';
import { childOf, ItemType, structureItem, type Ttlv, type TtlvStructure } from '../ttlv/item.ts';
import type { TtlvLimits } from '../ttlv/limits.ts';
import { isSupported, LATEST_VERSION, V1_0, type Version, versionText } from '../version.ts';
import {
  type RequestHeader,
  type RequestItem,
  type RequestMessage,
  type ResponseHeader,
  type ResponseMessage,
  requestHeader,
  requestItem,
  responseHeader,
  responseItem,
} from './schemas.ts';

/** Batch items in one message. */
export const MAX_BATCH_ITEMS = 256;

/**
 * @throws KmipError. Invalid Message: not TTLV, not a request, another major version, a batch count that is not the
 * number of items. Invalid Field: an unknown field of header or item. Payloads are not looked into.
 */
export function decodeRequest(bytes: Uint8Array, limits?: Partial<TtlvLimits>): RequestMessage {
  return readRequest(decoded(bytes, limits));
}

/** @throws KmipError, as `decodeRequest`. */
export function decodeResponse(bytes: Uint8Array, limits?: Partial<TtlvLimits>): ResponseMessage {
  return readResponse(decoded(bytes, limits));
}

/**
 * A request from its tree, whatever encoding that came in.
 *
 * @throws KmipError, as `decodeRequest`.
 */
export function readRequest(tree: Ttlv): RequestMessage {
  return readMessage(tree, Tag.RequestMessage, requestHeader, requestItem);
}

/** @throws KmipError, as `decodeRequest`. */
export function readResponse(tree: Ttlv): ResponseMessage {
  return readMessage(tree, Tag.ResponseMessage, responseHeader, responseItem);
}

/**
 * Encodes in the version that the header names; what that version does not know is left out of header and items.
 *
 * @throws TtlvError or SchemaError when a value does not fit.
 */
export function encodeRequest(message: RequestMessage, limits?: Partial<TtlvLimits>): Uint8Array {
  return encodeTtlv(writeRequest(message), limits);
}

/** As `encodeRequest`. */
export function encodeResponse(message: ResponseMessage, limits?: Partial<TtlvLimits>): Uint8Array {
  return encodeTtlv(writeResponse(message), limits);
}

/** The tree of a request, for any encoding. As `encodeRequest`. */
export function writeRequest({ header, items }: RequestMessage): TtlvStructure {
  const version = header.protocolVersion;
  return structureItem(Tag.RequestMessage, [
    requestHeader.write(header, version),
    ...items.map((item) => requestItem.write(item, version)),
  ]);
}

/** The tree of a response, for any encoding. As `encodeRequest`. */
export function writeResponse({ header, items }: ResponseMessage): TtlvStructure {
  const version = header.protocolVersion;
  return structureItem(Tag.ResponseMessage, [
    responseHeader.write(header, version),
    ...items.map((item) => responseItem.write(inVersion(item, version), version)),
  ]);
}

/** A reason that came after `version` is told by the one that came before it. */
function inVersion(
  item: ResponseMessage['items'][number],
  version: Version,
): ResponseMessage['items'][number] {
  const { resultReason } = item;
  if (resultReason === undefined) return item;
  const known = resultReasonFor(resultReason, version);
  return known === resultReason ? item : { ...item, resultReason: known };
}

function decoded(bytes: Uint8Array, limits: Partial<TtlvLimits> | undefined): Ttlv {
  try {
    return decodeTtlv(bytes, limits);
  } catch (error) {
    throw KmipError.from(error);
  }
}

function readMessage<H extends { readonly batchCount: number }, I>(
  message: Ttlv,
  tag: number,
  headerSchema: Structure<H>,
  itemSchema: Structure<I>,
): { header: H; items: readonly I[] } {
  try {
    if (message.tag !== tag || message.type !== ItemType.Structure) {
      throw KmipError.invalidMessage(
        tag === Tag.RequestMessage ? 'this is not a request' : 'this is not a response',
      );
    }
    const [first, ...rest] = message.value;
    if (first === undefined) throw KmipError.invalidMessage('the message is empty');
    const version = versionOf(first);
    const header = headerSchema.read(first, version);
    if (rest.length > MAX_BATCH_ITEMS) {
      throw KmipError.invalidMessage(`more than ${MAX_BATCH_ITEMS} batch items in one message`);
    }
    if (header.batchCount !== rest.length || rest.length === 0) {
      throw KmipError.invalidMessage(
        `Batch Count is ${header.batchCount}, but there are ${rest.length} batch items`,
      );
    }
    return { header, items: rest.map((item) => itemSchema.read(item, version)) };
  } catch (error) {
    throw KmipError.from(error);
  }
}

/** The version is read before anything else: it decides how strictly the rest is read. */
function versionOf(header: Ttlv): Version {
  const found = childOf(header, Tag.ProtocolVersion);
  const major = found && childOf(found, Tag.ProtocolVersionMajor);
  const minor = found && childOf(found, Tag.ProtocolVersionMinor);
  if (major?.type !== ItemType.Integer || minor?.type !== ItemType.Integer) {
    throw KmipError.invalidMessage('the header has no protocol version');
  }
  const version = { major: major.value, minor: minor.value };
  if (!isSupported(version)) {
    throw KmipError.invalidMessage(
      `protocol version ${versionText(version)} is not supported; ask for ${versionText(LATEST_VERSION)} or less`,
    );
  }
  return version;
}

/** Offset of Protocol Version Major in a well-formed message: after three structure headers (KMIP 1.4 §7.2). */
const VERSION_OFFSET_BYTES = 24;
const VERSION_SIZE_BYTES = 32;

/**
 * The protocol version of a message that may be malformed further on, without decoding it; undefined where even
 * that is not legible. An error response is then written in the version that the peer understands.
 */
export function peekVersion(bytes: Uint8Array): Version | undefined {
  if (bytes.length < VERSION_OFFSET_BYTES + VERSION_SIZE_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isInteger = (at: number, tag: number): boolean =>
    view.getUint32(at) === tag * 256 + ItemType.Integer && view.getUint32(at + 4) === 4;
  const minorAt = VERSION_OFFSET_BYTES + 16;
  if (view.getUint32(16) !== Tag.ProtocolVersion * 256 + ItemType.Structure) return undefined;
  if (!isInteger(VERSION_OFFSET_BYTES, Tag.ProtocolVersionMajor)) return undefined;
  if (!isInteger(minorAt, Tag.ProtocolVersionMinor)) return undefined;
  return { major: view.getInt32(VERSION_OFFSET_BYTES + 8), minor: view.getInt32(minorAt + 8) };
}

/** A response's header holds no more than its request calls for: one client refuses anything else. */
export function responseHeaderFor(
  request: RequestHeader,
  timeStampS: number,
  batchCount: number,
): ResponseHeader {
  return {
    protocolVersion: request.protocolVersion,
    timeStamp: timeStampS,
    clientCorrelationValue: request.clientCorrelationValue,
    batchCount,
  };
}

export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

/** Longest Result Message, in UTF-16 units: an error is never larger than what it answers may be. */
const MAX_RESULT_MESSAGE = 1024;

export function resultMessageText(message: string): string {
  const text = message === '' ? 'no further detail' : message.toWellFormed();
  return text.length <= MAX_RESULT_MESSAGE ? text : text.slice(0, MAX_RESULT_MESSAGE).toWellFormed();
}

/**
 * The response to a message that cannot be read at all: a header and one failed item without an operation
 * (KMIP 1.4 §11.1). Written in the peer's version if we speak it, in our latest if we do not, so that the peer learns
 * it, and in 1.0, which everybody reads, when the peer's version is not legible.
 */
export function errorResponse(
  version: Version | undefined,
  resultReason: number,
  message: string,
): Uint8Array {
  return encodeResponse({
    header: {
      protocolVersion: version === undefined ? V1_0 : isSupported(version) ? version : LATEST_VERSION,
      timeStamp: nowS(),
      batchCount: 1,
    },
    items: [
      { resultStatus: ResultStatus.OperationFailed, resultReason, resultMessage: resultMessageText(message) },
    ],
  });
}

/** A failed item, which echoes the operation and the id of its request (KMIP 1.4 table 285). */
export function failedItem(request: RequestItem, error: unknown): ResponseMessage['items'][number] {
  const failure = KmipError.from(error);
  return {
    operation: request.operation,
    uniqueBatchItemId: request.uniqueBatchItemId,
    resultStatus: failure.resultStatus,
    resultReason: failure.resultReason || ResultReason.GeneralFailure,
    resultMessage: resultMessageText(failure.message),
  };
}

/** A finished item. `payload` is a Response Payload structure. */
export function successItem(request: RequestItem, payload: Ttlv): ResponseMessage['items'][number] {
  return {
    operation: request.operation,
    uniqueBatchItemId: request.uniqueBatchItemId,
    resultStatus: ResultStatus.Success,
    payload: structureItem(Tag.ResponsePayload, payload.type === ItemType.Structure ? payload.value : []),
  };
}
