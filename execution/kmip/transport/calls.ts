/** Operations with their payloads, as one message, and the outcomes in its answer. Knows no connection. */
import { KmipError } from '../errors.ts';
import { decodeResponse, encodeRequest, MAX_BATCH_ITEMS } from '../messages/messages.ts';
import type { RequestHeader, RequestItem, ResponseItem } from '../messages/schemas.ts';
import { operationName } from '../names/lookup.ts';
import { ResultReason, ResultStatus } from '../names/messages.ts';
import type { OperationDefinition } from '../operations/define.ts';
import { type KnownOperation, type RequestOf, type ResponseOf, schemasOf } from '../operations/index.ts';
import { ItemType, type Ttlv } from '../ttlv/item.ts';
import { type Version, versionText } from '../version.ts';
import { KmipClientError } from './client-errors.ts';

/** An operation with its payload; `call()` makes it. */
export type Call<Response> = {
  readonly operation: number;
  readonly encode: (version: Version) => Ttlv;
  readonly decode: (payload: Ttlv, version: Version) => Response;
};

export type CallResult<Response> =
  | { readonly ok: true; readonly payload: Response }
  | { readonly ok: false; readonly error: KmipError };

export type CallResults<Calls extends readonly Call<unknown>[]> = {
  -readonly [K in keyof Calls]: Calls[K] extends Call<infer Response> ? CallResult<Response> : never;
};

/** Fields of the request header that are the caller's, e.g. `batchErrorContinuationOption` or `maximumResponseSize`. */
export type CallHeader = Partial<Omit<RequestHeader, 'protocolVersion' | 'batchCount'>>;

/** Ties an operation to its payload: for `batch`, and for vendor operations by their definition. */
export function call<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Call<ResponseOf<O>>;
export function call<Request, Response>(
  definition: OperationDefinition<number, Request, Response>,
  payload: Request,
): Call<Response>;
export function call(
  operation: KnownOperation | OperationDefinition<number, unknown, unknown>,
  payload: unknown,
): Call<unknown> {
  const definition = (
    typeof operation === 'number' ? schemasOf(operation) : operation
  ) as OperationDefinition<number, unknown, unknown>;
  return {
    operation: definition.operation,
    encode: (version) => {
      const item = definition.request.write(payload, version);
      // Leaving out what the version does not know could change what is asked: data that should be authenticated
      // would not be. A response may be cut down, a request may not.
      if (itemsIn(definition.request.write(payload)) !== itemsIn(item)) {
        const what = `KMIP ${versionText(version)} does not know a field of this ${operationName(definition.operation)} request`;
        throw new KmipClientError('KMIP_VERSION', what);
      }
      return item;
    },
    decode: (item, version) => definition.response.read(item, version),
  };
}

function itemsIn(item: Ttlv): number {
  return item.type === ItemType.Structure ? item.value.reduce((sum, child) => sum + itemsIn(child), 1) : 1;
}

/**
 * The bytes of one message that asks for `calls`, in their order.
 *
 * @throws RangeError for none or too many; KmipClientError KMIP_VERSION.
 */
export function encodeCalls(
  calls: readonly Call<unknown>[],
  version: Version,
  header: CallHeader = {},
): Uint8Array {
  if (calls.length < 1 || calls.length > MAX_BATCH_ITEMS) {
    throw new RangeError(`a batch has 1 to ${MAX_BATCH_ITEMS} operations`);
  }
  const items = calls.map((each, index): RequestItem => {
    const payload = each.encode(version);
    if (payload.type !== ItemType.Structure) throw new TypeError('a payload is a structure');
    return calls.length === 1
      ? { operation: each.operation, payload }
      : { operation: each.operation, uniqueBatchItemId: batchItemId(index), payload };
  });
  return encodeRequest({ header: { ...header, protocolVersion: version, batchCount: items.length }, items });
}

/**
 * The outcomes of `calls`, in their order, out of the answer to `encodeCalls`. Operations that the server did not run,
 * since an earlier one failed, have a result with status Operation Undone. `where` names the server in errors.
 *
 * @throws KmipError when the message as a whole is refused; KmipClientError KMIP_BAD_RESPONSE.
 */
export function decodeCalls<const Calls extends readonly Call<unknown>[]>(
  calls: Calls,
  version: Version,
  response: Uint8Array,
  where: string,
): CallResults<Calls> {
  const answers = answersIn(response, where);
  return calls.map((each, index) =>
    resultOf(each, answers, { index, count: calls.length, version, where }),
  ) as CallResults<Calls>;
}

type Place = {
  readonly index: number;
  readonly count: number;
  readonly version: Version;
  readonly where: string;
};

function answersIn(response: Uint8Array, where: string): readonly ResponseItem[] {
  try {
    return decodeResponse(response).items;
  } catch (error) {
    throw badResponse(where, error instanceof Error ? error.message : 'unreadable', error);
  }
}

function resultOf<Response>(
  each: Call<Response>,
  answers: readonly ResponseItem[],
  { index, count, version, where }: Place,
): CallResult<Response> {
  const [first] = answers;
  // A message that could not be read is answered by one item without an operation (KMIP 1.4 §11.1).
  if (
    answers.length === 1 &&
    first?.operation === undefined &&
    first?.resultStatus !== ResultStatus.Success
  ) {
    throw errorOf(first);
  }
  const answer = count === 1 ? first : answers.find((one) => isBatchItem(one.uniqueBatchItemId, index));
  if (answer === undefined) {
    const detail = 'not run, since an earlier item of the batch failed';
    const options = { resultStatus: ResultStatus.OperationUndone };
    return { ok: false, error: new KmipError(ResultReason.GeneralFailure, detail, options) };
  }
  if (answer.resultStatus !== ResultStatus.Success) return { ok: false, error: errorOf(answer) };
  if (answer.operation !== undefined && answer.operation !== each.operation) {
    throw badResponse(where, `${operationName(answer.operation)} answered ${operationName(each.operation)}`);
  }
  if (answer.payload === undefined) throw badResponse(where, 'a success without a payload');
  try {
    return { ok: true, payload: each.decode(answer.payload, version) };
  } catch (error) {
    throw badResponse(where, error instanceof Error ? error.message : 'unreadable', error);
  }
}

export function badResponse(where: string, detail: string, cause?: unknown): KmipClientError {
  return new KmipClientError('KMIP_BAD_RESPONSE', `bad response from ${where}: ${detail}`, { cause });
}

function batchItemId(index: number): Uint8Array {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(index + 1);
  return id;
}

function isBatchItem(id: Uint8Array | undefined, index: number): boolean {
  return id !== undefined && Buffer.compare(id, batchItemId(index)) === 0;
}

function errorOf(answer: ResponseItem | undefined): KmipError {
  const status = answer?.resultStatus;
  const resultStatus =
    status === ResultStatus.OperationPending || status === ResultStatus.OperationUndone
      ? status
      : ResultStatus.OperationFailed;
  return new KmipError(
    answer?.resultReason ?? ResultReason.GeneralFailure,
    answer?.resultMessage ?? 'the server gave no message',
    { resultStatus },
  );
}
