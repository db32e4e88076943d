/**
 * The second connection (D7, D8): the core sends KMIP's server-to-client requests. `object.put` is Put (KMIP 1.4
 * §5.2), its object travelling as an Opaque Object; every other push is Notify (§5.1). Number, kind and what else
 * a push holds stand in the Message Extension (§6.16), marked critical, since a gateway that skipped one would serve
 * what it must not.
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
  Operation,
  type RequestItem,
  ResultStatus,
  schemasOf,
  structureItem,
  successItem,
  Tag,
  type TtlvStructure,
} from '../kmip/index.ts';
import { decodeObject, encodeObject, make, nowSeconds } from '../objects/index.ts';
import { MESH_TTLV_LIMITS } from './limits.ts';
import type { NumberedPush, Push } from './messages.ts';
import { pushCodec } from './push.ts';

export const MESH_VENDOR = 'openkcm';
/** KMIP 1.4 §9.1.3.2.26: Put Function. */
const PUT_NEW = 1;
/** Opaque Data Type, vendor space: a managed object as `encodeObject` writes it. */
const OPAQUE_MANAGED_OBJECT = 0x80000001;

/** What the standard fields of a Notify name: nothing depends on it but whoever reads the wire. */
function subjectOf(push: Exclude<Push, { kind: 'object.put' }>): string {
  switch (push.kind) {
    case 'identity.put':
      return push.identity.fingerprint;
    case 'identity.remove':
    case 'issuer.put':
      return push.fingerprint;
    case 'tenant.closed':
    case 'tenant.opened':
      return push.tenant;
    case 'service.flush':
    case 'service.rotated':
      return `${push.tenant}/${push.service}`;
    case 'object.destroyed':
      return push.uid;
    case 'announce.asked':
      return 'gateway';
  }
}

function text(tag: number, value: string) {
  return { tag, type: ItemType.TextString, value } as const;
}

function payloadOf(push: Push): { operation: number; payload: TtlvStructure } {
  if (push.kind !== 'object.put') {
    return {
      operation: Operation.Notify,
      payload: schemasOf(Operation.Notify).request.write({
        uniqueIdentifier: subjectOf(push),
        attribute: [make.text('y-push', push.kind)],
      }),
    };
  }
  return {
    operation: Operation.Put,
    payload: structureItem(Tag.RequestPayload, [
      text(Tag.UniqueIdentifier, push.object.uid),
      { tag: Tag.PutFunction, type: ItemType.Enumeration, value: PUT_NEW },
      structureItem(Tag.OpaqueObject, [
        { tag: Tag.OpaqueDataType, type: ItemType.Enumeration, value: OPAQUE_MANAGED_OBJECT },
        { tag: Tag.OpaqueDataValue, type: ItemType.ByteString, value: encodeObject(push.object) },
      ]),
    ]),
  };
}

/** The push as a KMIP request that the core sends. */
export function encodePush(numbered: NumberedPush): Uint8Array {
  const { number, push } = numbered;
  // The object of a Put is in its payload already; the extension holds the number and kind alone.
  const extension =
    push.kind === 'object.put' ? pushCodec.writeHead(number, push.kind) : pushCodec.write(numbered);
  return encodeRequest(
    {
      header: { protocolVersion: LATEST_VERSION, batchCount: 1 },
      items: [
        {
          ...payloadOf(push),
          messageExtension: {
            vendorIdentification: MESH_VENDOR,
            criticalityIndicator: true,
            vendorExtension: structureItem(Tag.VendorExtension, [extension]),
          },
        },
      ],
    },
    MESH_TTLV_LIMITS,
  );
}

/** The push that the core sent, and the item that the answer echoes. Throws KmipError. */
export function decodePush(bytes: Uint8Array): { item: RequestItem; numbered: NumberedPush } {
  const { items } = decodeRequest(bytes, MESH_TTLV_LIMITS);
  const [item] = items;
  const extension = item?.messageExtension;
  const inner = extension?.vendorExtension.value[0];
  if (item === undefined || items.length !== 1 || extension?.vendorIdentification !== MESH_VENDOR || !inner) {
    throw KmipError.invalidMessage('a push of the mesh is one Put or Notify with our Message Extension');
  }
  try {
    if (item.operation !== Operation.Put) return { item, numbered: pushCodec.read(inner) };
    const opaque = item.payload.value.find((field) => field.tag === Tag.OpaqueObject);
    const data =
      opaque?.type === ItemType.Structure
        ? opaque.value.find((f) => f.tag === Tag.OpaqueDataValue)
        : undefined;
    if (data?.type !== ItemType.ByteString)
      throw KmipError.invalidMessage('a Put of the mesh lacks its object');
    const { number } = pushCodec.readHead(inner);
    return { item, numbered: { number, push: { kind: 'object.put', object: decodeObject(data.value) } } };
  } catch (error) {
    throw error instanceof KmipError ? error : KmipError.invalidMessage('a push of the mesh cannot be read');
  }
}

/** The gateway's answer once the push is durable with it; or why it could not be applied. */
export function encodePushAnswer(item: RequestItem, error?: unknown): Uint8Array {
  return encodeResponse({
    header: { protocolVersion: LATEST_VERSION, timeStamp: nowSeconds(), batchCount: 1 },
    items: [
      error === undefined
        ? successItem(item, structureItem(Tag.ResponsePayload, []))
        : failedItem(item, error),
    ],
  });
}

/** Throws the KmipError with which the gateway refused the push. */
export function readPushAnswer(bytes: Uint8Array): void {
  const [item] = decodeResponse(bytes, MESH_TTLV_LIMITS).items;
  if (item?.resultStatus === ResultStatus.Success) return;
  throw KmipError.generalFailure(item?.resultMessage ?? 'the gateway gave no reason');
}
