import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeRequest,
  decodeResponse,
  decodeTtlv,
  encodeRequest,
  encodeResponse,
  encodeTtlv,
  errorResponse,
  failedItem,
  ItemType,
  KmipError,
  MAX_BATCH_ITEMS,
  Operation,
  peekVersion,
  type RequestHeader,
  type RequestMessage,
  type ResponseMessage,
  ResultReason,
  ResultStatus,
  responseHeaderFor,
  SUPPORTED_VERSIONS,
  structureItem,
  successItem,
  Tag,
  type Ttlv,
  tagSince,
  V1_0,
  V1_2,
  V1_4,
} from '../index.ts';

const bytes = Buffer.from([1, 2, 3]);
const payload = structureItem(Tag.RequestPayload, [
  { tag: Tag.UniqueIdentifier, type: ItemType.TextString, value: 'a' },
]);
const messageExtension = {
  vendorIdentification: 'vendor',
  criticalityIndicator: false,
  vendorExtension: structureItem(Tag.VendorExtension, [{ tag: 0x540001, type: ItemType.Integer, value: 1 }]),
};
const header: Required<RequestHeader> = {
  protocolVersion: V1_4,
  maximumResponseSize: 8192,
  clientCorrelationValue: 'c',
  serverCorrelationValue: 's',
  asynchronousIndicator: false,
  attestationCapableIndicator: false,
  attestationType: [1, 2],
  authentication: {
    credential: [
      {
        credentialType: 1,
        credentialValue: structureItem(Tag.CredentialValue, [
          { tag: Tag.Username, type: ItemType.TextString, value: 'u' },
        ]),
      },
    ],
  },
  batchErrorContinuationOption: 3,
  batchOrderOption: true,
  timeStamp: 1_700_000_000,
  batchCount: 2,
};
const request: RequestMessage = {
  header,
  items: [
    { operation: Operation.Get, uniqueBatchItemId: bytes, payload, messageExtension },
    { operation: 0x80000001, uniqueBatchItemId: Buffer.from([9]), payload },
  ],
};
const response: ResponseMessage = {
  header: {
    protocolVersion: V1_4,
    timeStamp: 1_700_000_000,
    nonce: { nonceId: bytes, nonceValue: bytes },
    attestationType: [1],
    clientCorrelationValue: 'c',
    serverCorrelationValue: 's',
    batchCount: 2,
  },
  items: [
    {
      operation: Operation.Get,
      uniqueBatchItemId: bytes,
      resultStatus: ResultStatus.Success,
      asynchronousCorrelationValue: bytes,
      payload: structureItem(Tag.ResponsePayload, []),
      messageExtension,
    },
    {
      resultStatus: ResultStatus.OperationFailed,
      resultReason: ResultReason.ItemNotFound,
      resultMessage: 'no',
    },
  ],
};

function refuses(reason: number, message: Uint8Array, pattern: RegExp): void {
  assert.throws(
    () => decodeRequest(message),
    (error: unknown) => {
      assert.ok(error instanceof KmipError, String(error));
      assert.equal(error.resultReason, reason);
      assert.match(error.message, pattern);
      return true;
    },
  );
}

/** The request as a tree, changed. */
function edited(
  change: (fields: readonly Ttlv[]) => readonly Ttlv[],
  from: RequestMessage = request,
): Uint8Array {
  const tree = decodeTtlv(encodeRequest(from));
  assert.ok(tree.type === ItemType.Structure);
  return encodeTtlv(structureItem(tree.tag, change(tree.value)));
}

function withVersion(major: number, minor: number): Uint8Array {
  return encodeRequest({ ...request, header: { ...header, protocolVersion: { major, minor } } });
}

function tagsIn(item: Ttlv): readonly number[] {
  return [item.tag, ...(item.type === ItemType.Structure ? item.value.flatMap(tagsIn) : [])];
}

describe('messages', () => {
  it('travel and come back with every field of header and items', () => {
    assert.deepEqual(decodeRequest(encodeRequest(request)), request);
    assert.deepEqual(decodeResponse(encodeResponse(response)), response);
  });

  it('hold nothing that their own version does not know', () => {
    for (const protocolVersion of SUPPORTED_VERSIONS) {
      for (const message of [
        encodeRequest({ ...request, header: { ...header, protocolVersion } }),
        encodeResponse({ ...response, header: { ...response.header, protocolVersion } }),
      ]) {
        for (const tag of tagsIn(decodeTtlv(message)))
          assert.ok((tagSince(tag) ?? 0) <= protocolVersion.minor);
        assert.deepEqual(peekVersion(message), protocolVersion);
      }
    }
  });

  it('with an unknown field are refused in our version, and read in another minor version', () => {
    const stray: Ttlv = { tag: 0x5400aa, type: ItemType.Integer, value: 1 };
    const add = ([head, ...items]: readonly Ttlv[]): readonly Ttlv[] =>
      head?.type === ItemType.Structure ? [structureItem(head.tag, [...head.value, stray]), ...items] : items;
    refuses(ResultReason.InvalidField, edited(add), /RequestHeader\/0x5400aa/);
    const older = { ...request, header: { ...header, protocolVersion: V1_2 } };
    assert.equal(decodeRequest(edited(add, older)).items.length, 2);
  });

  it('of another major version, or a later minor one, are refused with the version that would do', () => {
    for (const [major, minor] of [
      [2, 0],
      [3, 1],
      [1, 5],
      [0, 9],
      [1, -1],
    ] as const) {
      refuses(
        ResultReason.InvalidMessage,
        withVersion(major, minor),
        /is not supported; ask for 1\.4 or less/,
      );
    }
  });

  it('must have as many items as they say', () => {
    refuses(
      ResultReason.InvalidMessage,
      edited((fields) => fields.slice(0, 2)),
      /Batch Count is 2, but there are 1/,
    );
    const empty = encodeRequest({ header: { protocolVersion: V1_4, batchCount: 0 }, items: [] });
    refuses(ResultReason.InvalidMessage, empty, /Batch Count is 0/);
    const [item] = request.items;
    assert.ok(item !== undefined);
    const items = Array.from({ length: MAX_BATCH_ITEMS + 1 }, () => item);
    const tooMany = encodeRequest({ header: { protocolVersion: V1_4, batchCount: items.length }, items });
    refuses(ResultReason.InvalidMessage, tooMany, /more than 256/);
  });

  it('that are no requests are refused', () => {
    refuses(ResultReason.InvalidMessage, encodeResponse(response), /not a request/);
    refuses(ResultReason.InvalidMessage, Buffer.from('GET / HTTP/1.1'), /byte 0/);
    refuses(ResultReason.InvalidMessage, encodeTtlv(structureItem(Tag.RequestMessage, [])), /empty/);
    refuses(
      ResultReason.InvalidMessage,
      edited((fields) => fields.slice(1)),
      /no protocol version/,
    );
  });
});

describe('responses', () => {
  it('have headers that hold no more than the request calls for', () => {
    const plain = responseHeaderFor({ protocolVersion: V1_2, batchCount: 1 }, 5, 1);
    assert.deepEqual(
      decodeResponse(encodeResponse({ header: plain, items: response.items.slice(1) })).header,
      {
        protocolVersion: V1_2,
        timeStamp: 5,
        batchCount: 1,
      },
    );
    assert.equal(responseHeaderFor(header, 5, 1).clientCorrelationValue, 'c');
    assert.equal(responseHeaderFor(header, 5, 1).serverCorrelationValue, undefined);
  });

  it('to what cannot be read have one failed item without an operation, in a version that the peer reads', () => {
    for (const [given, written] of [
      [undefined, V1_0],
      [V1_2, V1_2],
      [{ major: 2, minor: 0 }, V1_4],
    ] as const) {
      const { header: head, items } = decodeResponse(
        errorResponse(given, ResultReason.InvalidMessage, 'because'),
      );
      assert.deepEqual(head.protocolVersion, written);
      assert.deepEqual(items, [
        {
          resultStatus: ResultStatus.OperationFailed,
          resultReason: ResultReason.InvalidMessage,
          resultMessage: 'because',
        },
      ]);
    }
  });

  it('echo operation and id, and always have reason and message', () => {
    const [item] = request.items;
    assert.ok(item !== undefined);
    const failed = failedItem(item, KmipError.itemNotFound(''));
    assert.equal(failed.operation, Operation.Get);
    assert.deepEqual(failed.uniqueBatchItemId, bytes);
    assert.equal(failed.resultReason, ResultReason.ItemNotFound);
    assert.ok((failed.resultMessage ?? '').length > 0);
    assert.ok(
      (failedItem(item, KmipError.itemNotFound('x'.repeat(100_000))).resultMessage ?? '').length <= 1024,
    );
    assert.equal(failedItem(item, new Error('secret')).resultReason, ResultReason.GeneralFailure);
    assert.deepEqual(successItem(item, payload).payload, { ...payload, tag: Tag.ResponsePayload });
  });
});

describe('peekVersion', () => {
  it('needs the bytes of the version only', () => {
    assert.deepEqual(peekVersion(withVersion(9, 7).subarray(0, 56)), { major: 9, minor: 7 });
    assert.equal(peekVersion(withVersion(1, 4).subarray(0, 55)), undefined);
    assert.equal(peekVersion(Buffer.alloc(200)), undefined);
  });
});
