/**
 * The vendor operations of the mesh (KMIP 1.4 §9.1.3.2.27 leaves 8XXXXXXX to vendors) and their codecs, as one table;
 * and how a payload becomes a whole KMIP message and back. An application that sends one of these is refused.
 */
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  failedItem,
  ItemType,
  KmipError,
  LATEST_VERSION,
  type RequestItem,
  ResultReason,
  ResultStatus,
  successItem,
} from '../kmip/index.ts';
import { nowSeconds } from '../objects/index.ts';
import { announceRequest, announceResponse } from './announce.ts';
import { type MeshCodec, MeshCodecError } from './fields.ts';
import { heartbeatRequest, heartbeatResponse } from './heartbeat.ts';
import { leaseRequest, leaseResponse } from './lease.ts';
import { MESH_TTLV_LIMITS } from './limits.ts';
import { subscribeRequest, subscribeResponse, syncRequest, syncResponse } from './sync.ts';
import { tunnelRequest, tunnelResponse } from './tunnel.ts';

export const MeshOperation = {
  Tunnel: 0x80000001,
  Announce: 0x80000002,
  Lease: 0x80000003,
  Heartbeat: 0x80000004,
  Sync: 0x80000005,
  Subscribe: 0x80000006,
} as const;
export type MeshOperation = (typeof MeshOperation)[keyof typeof MeshOperation];

export const meshCodecs = {
  [MeshOperation.Tunnel]: { request: tunnelRequest, response: tunnelResponse },
  [MeshOperation.Announce]: { request: announceRequest, response: announceResponse },
  [MeshOperation.Lease]: { request: leaseRequest, response: leaseResponse },
  [MeshOperation.Heartbeat]: { request: heartbeatRequest, response: heartbeatResponse },
  [MeshOperation.Sync]: { request: syncRequest, response: syncResponse },
  [MeshOperation.Subscribe]: { request: subscribeRequest, response: subscribeResponse },
} as const;

type Value<C> = C extends MeshCodec<infer T> ? T : never;
export type MeshRequest<O extends MeshOperation> = Value<(typeof meshCodecs)[O]['request']>;
export type MeshResponse<O extends MeshOperation> = Value<(typeof meshCodecs)[O]['response']>;

export function isMeshOperation(operation: number): operation is MeshOperation {
  return Object.hasOwn(meshCodecs, operation);
}

/** TypeScript cannot follow an index into a table of generics: this is the one place where it is told. */
function codecOf<O extends MeshOperation>(operation: O) {
  return meshCodecs[operation] as unknown as {
    request: MeshCodec<MeshRequest<O>>;
    response: MeshCodec<MeshResponse<O>>;
  };
}

/** A whole KMIP request message with one batch item. */
export function encodeMeshRequest<O extends MeshOperation>(operation: O, value: MeshRequest<O>): Uint8Array {
  const payload = codecOf(operation).request.write(value);
  if (payload.type !== ItemType.Structure) throw new MeshCodecError('a payload is a structure');
  return encodeRequest(
    { header: { protocolVersion: LATEST_VERSION, batchCount: 1 }, items: [{ operation, payload }] },
    MESH_TTLV_LIMITS,
  );
}

/** What a gateway sent: the batch item, for the answer to echo, and its operation. Throws KmipError. */
export function decodeMeshRequest(bytes: Uint8Array): { item: RequestItem; operation: MeshOperation } {
  const { items } = decodeRequest(bytes, MESH_TTLV_LIMITS);
  const [item] = items;
  if (item === undefined || items.length !== 1) {
    throw KmipError.invalidMessage('a message of the mesh holds exactly one batch item');
  }
  const { operation } = item;
  if (!isMeshOperation(operation)) {
    throw KmipError.operationNotSupported(
      'this port speaks to gateways only; an application sends its requests to a gateway',
    );
  }
  return { item, operation };
}

/** The payload of a decoded request. Throws KmipError Invalid Message. */
export function meshPayload<O extends MeshOperation>(operation: O, item: RequestItem): MeshRequest<O> {
  return guarded(() => codecOf(operation).request.read(item.payload));
}

export function encodeMeshResponse<O extends MeshOperation>(
  operation: O,
  item: RequestItem,
  value: MeshResponse<O>,
): Uint8Array {
  return encodeResponse(
    {
      header: { protocolVersion: LATEST_VERSION, timeStamp: nowSeconds(), batchCount: 1 },
      items: [successItem(item, codecOf(operation).response.write(value))],
    },
    MESH_TTLV_LIMITS,
  );
}

export function encodeMeshFailure(item: RequestItem, error: unknown): Uint8Array {
  return encodeResponse({
    header: { protocolVersion: LATEST_VERSION, timeStamp: nowSeconds(), batchCount: 1 },
    items: [failedItem(item, error)],
  });
}

/** The answer's payload. Throws the KmipError that the other side answered with, or Invalid Message. */
export function decodeMeshResponse<O extends MeshOperation>(
  operation: O,
  bytes: Uint8Array,
): MeshResponse<O> {
  const [item] = decodeResponse(bytes, MESH_TTLV_LIMITS).items;
  if (item === undefined || item.resultStatus !== ResultStatus.Success) {
    throw new KmipError(
      item?.resultReason ?? ResultReason.GeneralFailure,
      item?.resultMessage ?? 'the other side of the mesh gave no reason',
    );
  }
  const { payload } = item;
  if (payload === undefined || item.operation !== operation) {
    throw KmipError.invalidMessage('the answer belongs to another operation');
  }
  return guarded(() => codecOf(operation).response.read(payload));
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MeshCodecError) {
      throw new KmipError(ResultReason.InvalidMessage, error.message, { cause: error });
    }
    throw KmipError.from(error);
  }
}
