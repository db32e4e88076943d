// The error tables of KMIP 1.4 §11, walked: each condition that can be brought about is, and is told with its reason.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  attribute,
  ItemType,
  ObjectType,
  Operation,
  operationName,
  type ResponseItem,
  type ResultReason,
  ResultStatus,
  structureItem,
  Tag,
  UsageLimitsUnit,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { comment, rows as lifeRows, now, type Objects, ownTests, R, taken } from '../testing/error-table.ts';
import { cryptographyRows } from '../testing/error-table-cryptography.ts';
import { type ClientRequest, type GatewayClient, request } from '../testing/gateway-client.ts';
import { createKey, populate } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { isServed } from './operations/index.ts';

const rows = [...lifeRows, ...cryptographyRows];
const empty = structureItem(Tag.RequestPayload, []);

describe('the error tables', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;
  let objects: Objects;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    app = populated.app;
    gateway = region.connect(populated.gatewayIdentity);
    const past = attribute('Activation Date', now() - 5);
    const limits = attribute('Usage Limits', {
      usageLimitsTotal: 10n,
      usageLimitsUnit: UsageLimitsUnit.Object,
    });
    const [archived, destroyed] = [
      await createKey(gateway, app, past, comment),
      await createKey(gateway, app),
    ];
    await gateway.run(app, Operation.Archive, { uniqueIdentifier: archived });
    await gateway.run(app, Operation.Destroy, { uniqueIdentifier: destroyed });
    const { uniqueIdentifier: opaque } = await gateway.run(app, Operation.Register, {
      objectType: ObjectType.OpaqueObject,
      templateAttribute: {},
      object: {
        objectType: ObjectType.OpaqueObject,
        opaqueDataType: 0x80000001,
        opaqueDataValue: Uint8Array.of(1),
      },
    });
    await createKey(gateway, app, taken);
    objects = {
      archived,
      destroyed,
      opaque,
      key: await createKey(gateway, app),
      active: await createKey(gateway, app, past, attribute('Object Group', 'g'), nameAttribute('mine')),
      limited: await createKey(gateway, app, past, limits),
      sensitive: await createKey(gateway, app, attribute('Sensitive', true)),
      unextractable: await createKey(gateway, app, attribute('Extractable', false)),
    };
  });
  after(() => region.stop());

  const answerTo = async (sent: ClientRequest): Promise<ResponseItem | undefined> =>
    (await gateway.tunnel(app, [sent])).items[0];

  function failedWith(item: ResponseItem | undefined, reason: ResultReason, what: string): void {
    assert.equal(item?.resultStatus, ResultStatus.OperationFailed, what);
    assert.equal(item?.resultReason, reason, `${what}: ${item?.resultMessage}`);
    assert.ok((item?.resultMessage ?? '').length > 0, what);
  }

  for (const { clause, condition, reason, send } of rows) {
    test(`${clause}: ${condition}`, async () => {
      const sent = send(objects);
      failedWith(await answerTo(sent), reason, `${operationName(sent.operation)}, ${condition}`);
    });
  }

  test('every operation that is served and has a table is in it, and each has its General Errors', async () => {
    const walked = new Set(rows.map(({ send }) => send(objects).operation));
    const without: readonly number[] = [Operation.Query, Operation.DiscoverVersions, Operation.Cancel];
    for (const operation of Object.values(Operation)) {
      if (isServed(operation) && !without.includes(operation) && ownTests.has(operation) === false)
        assert.ok(walked.has(operation), operationName(operation));
    }
    for (const operation of walked) {
      const stray = structureItem(Tag.RequestPayload, [{ tag: 0x540001, type: ItemType.Integer, value: 1 }]);
      const item = await answerTo({ operation, payload: stray });
      failedWith(item, R.InvalidField, `${operationName(operation)} with an unknown field (§11.1)`);
    }
  });

  test('11.1: a message as a whole', async () => {
    const query = request(Operation.Query, { queryFunction: [1] });
    failedWith(await answerTo({ operation: 0x3fff, payload: empty }), R.OperationNotSupported, 'unknown');
    failedWith(
      await answerTo({ operation: Operation.Notify, payload: empty }),
      R.OperationNotSupported,
      'Notify',
    );
    const sized = await gateway.tunnel(app, [query], { header: { maximumResponseSize: 100 } });
    failedWith(sized.items[0], R.ResponseTooLarge, 'Maximum Response Size');
    const option = await gateway.tunnel(app, [query, query], { header: { batchErrorContinuationOption: 9 } });
    assert.equal(option.items.length, 2, 'refused as a whole, and each item told so');
    for (const item of option.items) failedWith(item, R.InvalidField, 'Batch Error Continuation Option');
    failedWith(await answerTo(request(Operation.Get, {})), R.ItemNotFound, 'an empty ID Placeholder');
  });
});
