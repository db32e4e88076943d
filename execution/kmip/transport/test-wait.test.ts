/** An operation that takes as long as it is told, for both ends of a connection. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeRequest,
  decodeResponse,
  defineOperation,
  encodeRequest,
  encodeResponse,
  failedItem,
  integer,
  KmipError,
  Operation,
  type RequestItem,
  type ResponseItem,
  required,
  responseHeaderFor,
  schemasOf,
  structure,
  successItem,
  Tag,
  V1_2,
} from '../index.ts';

/** A vendor operation: waits as many milliseconds as it is told, then echoes them. */
export const wait = defineOperation({
  operation: 0x80000001,
  request: structure(Tag.RequestPayload, { waitMs: required(0x540001, integer) }),
  response: structure(Tag.ResponsePayload, { waitMs: required(0x540001, integer) }),
});

/** What no request of these tests is left to wait for. */
export const LONG_MS = 60_000;
/** Requests of this kind that have been begun. */
export let started = 0;

async function answerItem(item: RequestItem): Promise<ResponseItem> {
  if (item.operation === wait.operation) {
    const { waitMs } = wait.request.read(item.payload);
    started += 1;
    await sleep(waitMs, undefined, { ref: waitMs < LONG_MS }); // nobody waits for a long one after the last test
    return successItem(item, wait.response.write({ waitMs }));
  }
  if (item.operation === Operation.RNGRetrieve) {
    const { dataLength } = schemasOf(Operation.RNGRetrieve).request.read(item.payload);
    return successItem(
      item,
      schemasOf(Operation.RNGRetrieve).response.write({ data: Buffer.alloc(dataLength, 1) }),
    );
  }
  return failedItem(item, KmipError.operationNotSupported('only random bytes here'));
}

export async function answer(bytes: Uint8Array): Promise<Uint8Array> {
  const request = decodeRequest(bytes);
  const items: ResponseItem[] = [];
  for (const item of request.items) items.push(await answerItem(item));
  return encodeResponse({ header: responseHeaderFor(request.header, 1, items.length), items });
}

export const request = (waitMs: number): Uint8Array =>
  encodeRequest({
    header: { protocolVersion: V1_2, batchCount: 1 },
    items: [{ operation: wait.operation, payload: wait.request.write({ waitMs }) }],
  });
export const waited = (bytes: Uint8Array): number => {
  const payload = decodeResponse(bytes).items[0]?.payload;
  assert.ok(payload !== undefined);
  return wait.response.read(payload).waitMs;
};

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
