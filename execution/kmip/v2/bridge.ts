/**
 * KMIP 2.0 and 2.1 at the edge of a server that speaks KMIP 1.4: a request is rewritten into 1.4, and its answer back.
 * Messages of KMIP 1 pass untouched. What KMIP 1 cannot say is refused with the reason; Discover Versions goes on naming
 * the versions that are spoken in full, so that a client that can speak one of them does.
 */
import { KmipError } from '../errors.ts';
import { errorResponse, nowS, peekVersion, resultMessageText } from '../messages/messages.ts';
import { ResultStatus } from '../names/messages.ts';
import { Tag } from '../names/tags.ts';
import { AsynchronousIndicatorV2, TagV2 } from '../names/v2.ts';
import { decodeTtlv } from '../ttlv/decode.ts';
import { encodeTtlv } from '../ttlv/encode.ts';
import { TtlvError } from '../ttlv/error.ts';
import { childOf, ItemType, structureItem, type Ttlv } from '../ttlv/item.ts';
import { OWN_MESSAGE_LIMITS, type TtlvLimits } from '../ttlv/limits.ts';
import { LATEST_VERSION, type Version } from '../version.ts';
import { requestPayloadToV1, responsePayloadToV2 } from './payloads.ts';

type Handle = (request: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export function isBridged(version: Version | undefined): boolean {
  return version !== undefined && version.major === 2 && (version.minor === 0 || version.minor === 1);
}

export type AnyVersionOptions = {
  /** Of a request, as it came and as it is rewritten: it may have become larger. */
  readonly limits?: Partial<TtlvLimits> | undefined;
  /** Hears of requests that cannot be said in KMIP 1, and of answers that have grown too large; the peer is told. */
  readonly onRefused?: ((error: KmipError) => void) | undefined;
};

/** Answers a message of KMIP 1.x or 2.x with a handler of KMIP 1.x. */
export function answerAnyVersion(
  request: Uint8Array,
  handle: Handle,
  options: AnyVersionOptions = {},
): Uint8Array | Promise<Uint8Array> {
  const version = peekVersion(request);
  if (version === undefined || !isBridged(version)) return handle(request);
  let tree: Ttlv;
  try {
    tree = decodeTtlv(request, options.limits);
  } catch (error) {
    // The handler says what is wrong with it, as with any message.
    if (error instanceof TtlvError) return handle(request);
    throw error;
  }
  let asked: Uint8Array;
  try {
    asked = encodeTtlv(requestToV1(tree), options.limits);
  } catch (error) {
    return refusal(tree, version, KmipError.from(error), options);
  }
  const answer = handle(asked);
  const finish = (bytes: Uint8Array): Uint8Array => responseToV2(bytes, tree, version, options);
  return answer instanceof Uint8Array ? finish(answer) : answer.then(finish);
}

const structureOf = (item: Ttlv, rewrite: (child: Ttlv) => readonly Ttlv[]): Ttlv =>
  item.type === ItemType.Structure ? structureItem(item.tag, item.value.flatMap(rewrite)) : item;

const versionItem = ({ major, minor }: Version): Ttlv =>
  structureItem(Tag.ProtocolVersion, [
    { tag: Tag.ProtocolVersionMajor, type: ItemType.Integer, value: major },
    { tag: Tag.ProtocolVersionMinor, type: ItemType.Integer, value: minor },
  ]);

function requestToV1(message: Ttlv): Ttlv {
  return structureOf(message, (part) => [
    part.tag === Tag.BatchItem
      ? structureOf(part, (child) => itemPartToV1(child, operationOf(part)))
      : structureOf(part, headerPartToV1),
  ]);
}

function headerPartToV1(item: Ttlv): readonly Ttlv[] {
  if (item.tag === Tag.ProtocolVersion) return [versionItem(LATEST_VERSION)];
  if (item.tag === Tag.AsynchronousIndicator && item.type === ItemType.Enumeration) {
    const value = item.value !== AsynchronousIndicatorV2.Prohibited;
    return [{ tag: item.tag, type: ItemType.Boolean, value }];
  }
  return [item];
}

function itemPartToV1(item: Ttlv, operation: number | undefined): readonly Ttlv[] {
  if (item.tag === TagV2.Ephemeral) {
    if (item.type === ItemType.Boolean && !item.value) return [];
    throw KmipError.featureNotSupported('objects that are Ephemeral are not supported');
  }
  if (item.tag === Tag.RequestPayload && operation !== undefined)
    return [requestPayloadToV1(operation, item)];
  return [item];
}

function operationOf(batchItem: Ttlv): number | undefined {
  const operation = childOf(batchItem, Tag.Operation);
  return operation?.type === ItemType.Enumeration ? operation.value : undefined;
}

function responseToV2(
  answer: Uint8Array,
  request: Ttlv,
  version: Version,
  options: AnyVersionOptions,
): Uint8Array {
  const tree = withVersion(decodeTtlv(answer, OWN_MESSAGE_LIMITS), version);
  const bytes = encodeTtlv(
    structureOf(tree, (part) => [
      part.tag === Tag.BatchItem
        ? structureOf(part, (child) => [
            child.tag === Tag.ResponsePayload ? responsePayloadToV2(operationOf(part), child) : child,
          ])
        : part,
    ]),
    OWN_MESSAGE_LIMITS,
  );
  // The name of a vendor may have made it longer than what the handler measured.
  const limit = maximumOf(request);
  if (limit === undefined || bytes.length <= limit || bytes.length <= answer.length) return bytes;
  const failure = KmipError.responseTooLarge('Maximum Response Size allows fewer bytes');
  return refusal(request, version, failure, options);
}

function maximumOf(request: Ttlv): number | undefined {
  const header = childOf(request, Tag.RequestHeader);
  const maximum = header && childOf(header, Tag.MaximumResponseSize);
  return maximum?.type === ItemType.Integer ? maximum.value : undefined;
}

function withVersion(message: Ttlv, version: Version): Ttlv {
  return structureOf(message, (part) => [
    part.tag === Tag.ResponseHeader
      ? structureOf(part, (child) => [child.tag === Tag.ProtocolVersion ? versionItem(version) : child])
      : part,
  ]);
}

/** An item that cannot be rewritten fails, if it is the only one; among others, it fails the whole message. */
function refusal(
  request: Ttlv,
  version: Version,
  failure: KmipError,
  { onRefused }: AnyVersionOptions,
): Uint8Array {
  onRefused?.(failure);
  const items = request.type === ItemType.Structure ? request.value.slice(1) : [];
  const [only] = items;
  if (only === undefined || items.length > 1) {
    const whole = errorResponse(undefined, failure.resultReason, failure.message);
    return encodeTtlv(withVersion(decodeTtlv(whole), version));
  }
  const echoed = [childOf(only, Tag.Operation), childOf(only, Tag.UniqueBatchItemID)];
  return encodeTtlv(
    structureItem(Tag.ResponseMessage, [
      structureItem(Tag.ResponseHeader, [
        versionItem(version),
        { tag: Tag.TimeStamp, type: ItemType.DateTime, value: nowS() },
        { tag: Tag.BatchCount, type: ItemType.Integer, value: 1 },
      ]),
      structureItem(Tag.BatchItem, [
        ...echoed.filter((item) => item !== undefined),
        { tag: Tag.ResultStatus, type: ItemType.Enumeration, value: ResultStatus.OperationFailed },
        { tag: Tag.ResultReason, type: ItemType.Enumeration, value: failure.resultReason },
        { tag: Tag.ResultMessage, type: ItemType.TextString, value: resultMessageText(failure.message) },
      ]),
    ]),
  );
}
