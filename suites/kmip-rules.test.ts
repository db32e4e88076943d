// The rules of KMIP that gateway and core must keep alike, asked at a gateway: batches, sizes, versions, archived and
// fresh keys, wherever each item runs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  attribute,
  decodeResponse,
  encodeRequest,
  type KmipClient,
  type KnownOperation,
  ObjectGroupMember,
  Operation,
  operationSchemas,
  QueryFunction,
  type RequestHeader,
  type RequestItem,
  type RequestOf,
  type ResponseItem,
  ResultReason,
  ResultStatus,
  schemasOf,
  structureItem,
  Tag,
  V1_0,
  V1_4,
} from '../execution/kmip/index.ts';
import {
  create,
  depopulate,
  keyTemplate,
  type Populated,
  populate,
  refused,
} from './support/applications.ts';
import type { RegionWorld } from './support/region.ts';

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing } = populated);
});
after(() => depopulate(populated));

function item<O extends KnownOperation>(operation: O, payload: RequestOf<O>, id?: number): RequestItem {
  return {
    operation,
    payload: schemasOf(operation).request.write(payload),
    ...(id === undefined ? {} : { uniqueBatchItemId: Uint8Array.of(id) }),
  };
}

async function send(
  items: readonly RequestItem[],
  header: Partial<RequestHeader> = {},
): Promise<{ readonly items: readonly ResponseItem[]; readonly sizeBytes: number }> {
  const bytes = await billing.send(
    encodeRequest({ header: { protocolVersion: V1_4, ...header, batchCount: items.length }, items }),
  );
  return { items: decodeResponse(bytes).items, sizeBytes: bytes.length };
}

const query = { queryFunction: [QueryFunction.QueryOperations] };

describe('a message as a whole', () => {
  it('is refused for what its header or one of its items asks, before any item has run', async () => {
    const group = attribute('Object Group', 'never made');
    const template = keyTemplate();
    const creating = item(Operation.Create, {
      ...template,
      templateAttribute: { attribute: [...template.templateAttribute.attribute, group] },
    });
    const messageExtension = {
      vendorIdentification: 'someone',
      criticalityIndicator: true,
      vendorExtension: structureItem(Tag.VendorExtension, []),
    };
    for (const [items, header, reason] of [
      [
        [creating, { ...item(Operation.Query, query), messageExtension }],
        {},
        ResultReason.FeatureNotSupported,
      ],
      [[creating, creating], { batchErrorContinuationOption: 7 }, ResultReason.InvalidField],
    ] as const) {
      const answer = await send(items, header);
      assert.deepEqual(
        answer.items.map((one) => [one.operation, one.resultReason]),
        items.map((one) => [one.operation, reason]),
      );
    }
    const { uniqueIdentifier } = await billing.request(Operation.Locate, { attribute: [group] });
    assert.deepEqual(uniqueIdentifier ?? [], []);
  });

  it('is taken without item ids, with equal ones, with credentials and any time stamp', async () => {
    const { items } = await send(
      [
        item(Operation.Query, query, 1),
        item(Operation.Locate, { maximumItems: 1 }, 1),
        item(Operation.Query, query),
      ],
      {
        timeStamp: 1,
        batchOrderOption: true,
        attestationCapableIndicator: true,
        authentication: {
          credential: [{ credentialType: 1, credentialValue: structureItem(Tag.CredentialValue, []) }],
        },
      },
    );
    assert.deepEqual(
      items.map(({ resultStatus, uniqueBatchItemId }) => [resultStatus, uniqueBatchItemId?.[0]]),
      [
        [ResultStatus.Success, 1],
        [ResultStatus.Success, 1],
        [ResultStatus.Success, undefined],
      ],
    );
  });

  it('is answered within its Maximum Response Size: the last answers give way, wherever they were made', async () => {
    const locate = item(Operation.Locate, { maximumItems: 1 }, 1);
    const large = item(Operation.Query, query, 2);
    for (const items of [
      [locate, large],
      [item(Operation.DiscoverVersions, {}, 1), large],
    ]) {
      const whole = await send(items);
      const maximumResponseSize = whole.sizeBytes - 64;
      const answer = await send(items, { maximumResponseSize });
      assert.ok(answer.sizeBytes <= maximumResponseSize);
      assert.equal(answer.items[0]?.resultStatus, ResultStatus.Success);
      assert.equal(answer.items[1]?.resultReason, ResultReason.ResponseTooLarge);
      assert.equal(answer.items[1]?.operation, Operation.Query);
    }
  });
});

describe('versions', () => {
  it('have the operations that they have, whoever would run them', async () => {
    const uid = await create(billing);
    for (const one of [
      item(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
      item(Operation.DiscoverVersions, {}),
    ]) {
      const payload = structureItem(Tag.RequestPayload, one.payload.value);
      const { items } = await send([{ ...one, payload }], { protocolVersion: V1_0 });
      assert.equal(items[0]?.resultReason, ResultReason.OperationNotSupported);
      assert.match(items[0]?.resultMessage ?? '', /came with KMIP 1\.[12]/);
    }
  });
});

describe('data keys', () => {
  it('are refused where they are held while they are archived', async () => {
    const uid = await create(billing);
    const data = Buffer.from('x');
    await billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data });
    await billing.request(Operation.Archive, { uniqueIdentifier: uid });
    for (const attempt of [
      () => billing.request(Operation.Get, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data }),
      () => billing.request(Operation.GetAttributes, { uniqueIdentifier: uid }),
    ])
      await refused(ResultReason.ObjectArchived, /Recover/, attempt);
    await billing.request(Operation.Recover, { uniqueIdentifier: uid });
    await billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data });
  });

  it('are fresh until a gateway has given them out, and the region knows', async () => {
    const group = attribute('Object Group', 'spares');
    const template = keyTemplate();
    const grouped = {
      ...template,
      templateAttribute: { attribute: [...template.templateAttribute.attribute, group] },
    };
    const isFresh = async (uniqueIdentifier: string) => {
      const attributeName = ['Fresh'];
      const answer = await billing.request(Operation.GetAttributes, { uniqueIdentifier, attributeName });
      return answer.attribute?.[0]?.attributeValue.value;
    };
    const spares = async () =>
      (
        await billing.request(Operation.Locate, {
          attribute: [group],
          objectGroupMember: ObjectGroupMember.GroupMemberFresh,
        })
      ).uniqueIdentifier ?? [];
    // Given out before the core has heard of it, and after.
    const { uniqueIdentifier: early } = await billing.request(Operation.Create, grouped);
    await billing.request(Operation.Get, { uniqueIdentifier: early });
    const { uniqueIdentifier: late } = await billing.request(Operation.Create, grouped);
    assert.equal(await isFresh(early), false);
    assert.equal(await isFresh(late), true);
    assert.deepEqual(await spares(), [late]);
    await billing.request(Operation.Encrypt, { uniqueIdentifier: late, data: Buffer.from('x') });
    assert.equal(await isFresh(late), true, 'a use is no serving');
    await billing.request(Operation.Get, { uniqueIdentifier: late });
    assert.deepEqual(await spares(), []);
    // A change by the core does not make it fresh again here.
    await billing.request(Operation.AddAttribute, {
      uniqueIdentifier: late,
      attribute: attribute('Comment', 'taken'),
    });
    assert.equal(await isFresh(late), false);
  });

  it('made in a batch that is undone or not are fresh until that batch has given them out', async () => {
    const { items } = await send([item(Operation.Create, keyTemplate(), 1), item(Operation.Get, {}, 2)], {
      batchErrorContinuationOption: 3,
    });
    assert.ok(items.every(({ resultStatus }) => resultStatus === ResultStatus.Success));
    const created = operationSchemas[Operation.Create].response.read(
      items[0]?.payload ?? structureItem(Tag.ResponsePayload, []),
    );
    const answer = await billing.request(Operation.GetAttributes, {
      uniqueIdentifier: created.uniqueIdentifier,
      attributeName: ['Fresh'],
    });
    assert.equal(answer.attribute?.[0]?.attributeValue.value, false);
  });
});

describe('asynchronous operations', () => {
  it('are promised, polled for and told through the gateway, alone and among items that it runs itself', async () => {
    const uid = await create(billing);
    await billing.request(Operation.Archive, { uniqueIdentifier: uid });
    const promised = await send(
      [item(Operation.Query, query, 1), item(Operation.Recover, { uniqueIdentifier: uid }, 2)],
      { asynchronousIndicator: true },
    );
    assert.equal(promised.items[1]?.resultStatus, ResultStatus.OperationPending);
    const asynchronousCorrelationValue = promised.items[1]?.asynchronousCorrelationValue;
    assert.ok(asynchronousCorrelationValue);
    let polled: ResponseItem | undefined;
    do {
      const answer = await send([
        item(Operation.Query, query, 1),
        item(Operation.Poll, { asynchronousCorrelationValue }, 2),
      ]);
      polled = answer.items[1];
    } while (polled?.resultStatus === ResultStatus.OperationPending);
    assert.equal(polled?.resultStatus, ResultStatus.Success, polled?.resultMessage);
    assert.equal(polled?.operation, Operation.Recover);
    assert.equal(polled?.uniqueBatchItemId?.[0], 2);
    await billing.request(Operation.Get, { uniqueIdentifier: uid });
    assert.ok(world.gateway.status().core === 'connected');
  });
});
