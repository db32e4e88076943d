// Answers that come later: promised, polled for, cancelled (KMIP 1.4 §6.7, §6.8, §4.27, §4.28).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  attribute,
  CancellationResult,
  KmipError,
  Operation,
  type ResponseItem,
  ResultReason,
  ResultStatus,
  State,
  StorageStatusMask,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { ASYNCHRONOUS_DEADLINE_MS, MAX_ASYNCHRONOUS_PER_TENANT } from '../limits.ts';
import { cancelWaiting, claimWaiting, insertWaiting } from '../store/asynchronous.ts';
import { callerOf, type GatewayClient, request } from '../testing/gateway-client.ts';
import { acme, createKey, populate, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { Later } from './later.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';
const header = { asynchronousIndicator: true };

describe('asynchronous operations', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;
  let sibling: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    app = populated.app;
    const { fingerprint } = await region.application('app-3', 'acme', ['billing']);
    sibling = callerOf(fingerprint, 'acme', 'app-3');
    gateway = region.connect(populated.gatewayIdentity);
  });
  after(() => region.stop());

  async function archived(): Promise<string> {
    const uid = await createKey(gateway, app);
    await gateway.run(app, Operation.Archive, { uniqueIdentifier: uid });
    return uid;
  }
  const poll = async (correlation: Uint8Array, caller = app): Promise<ResponseItem | undefined> => {
    const asynchronousCorrelationValue = Uint8Array.from(correlation);
    return (await gateway.tunnel(caller, [request(Operation.Poll, { asynchronousCorrelationValue })]))
      .items[0];
  };
  async function polled(correlation: Uint8Array): Promise<ResponseItem | undefined> {
    for (let round = 0; round < 5_000; round++) {
      const item = await poll(correlation);
      if (item?.resultStatus !== ResultStatus.OperationPending) return item;
      assert.deepEqual(Buffer.from(item.asynchronousCorrelationValue ?? []), Buffer.from(correlation));
      assert.equal(item.payload, undefined);
    }
    throw new Error('the operation does not end');
  }
  const cancel = async (asynchronousCorrelationValue: Uint8Array, caller = app) =>
    (await gateway.run(caller, Operation.Cancel, { asynchronousCorrelationValue })).cancellationResult;

  async function promised(uid: string): Promise<Buffer> {
    const { items } = await gateway.tunnel(app, [request(Operation.Recover, { uniqueIdentifier: uid })], {
      header,
    });
    assert.equal(items[0]?.resultStatus, ResultStatus.OperationPending);
    assert.equal(items[0]?.operation, Operation.Recover);
    return Buffer.from(items[0]?.asynchronousCorrelationValue ?? []);
  }

  test('what may take long is promised, done, and told as it would have been at once', async () => {
    const uid = await archived();
    const correlation = await promised(uid);
    const item = await polled(correlation);
    assert.equal(item?.resultStatus, ResultStatus.Success);
    assert.equal(item?.operation, Operation.Recover);
    assert.equal(item?.payload?.value[0]?.value, uid);
    assert.ok(await stateOf(gateway, app, uid));
    assert.equal((await polled(correlation))?.resultStatus, ResultStatus.Success, 'an answer may be lost');
    const { effects } = await gateway.tunnel(app, [
      request(Operation.Poll, { asynchronousCorrelationValue: Uint8Array.from(correlation) }),
    ]);
    const [effect] = effects;
    assert.ok(
      effect?.push.kind === 'object.put' && effect.push.object.uid === uid,
      'a gateway need not wait',
    );
    assert.equal(effect.push.object.dates.archive, undefined);
    assert.equal(await cancel(correlation), CancellationResult.Completed);
  });

  test('a key pair is made while its client does something else', async () => {
    const { items } = await gateway.tunnel(
      app,
      [
        request(Operation.CreateKeyPair, {
          commonTemplateAttribute: {
            attribute: [attribute('Cryptographic Algorithm', 4), attribute('Cryptographic Length', 2048)],
          },
          privateKeyTemplateAttribute: { attribute: [attribute('Cryptographic Usage Mask', 1)] },
          publicKeyTemplateAttribute: { attribute: [attribute('Cryptographic Usage Mask', 2)] },
        }),
      ],
      { header },
    );
    const correlation = items[0]?.asynchronousCorrelationValue;
    assert.ok(correlation);
    const item = await polled(correlation);
    assert.equal(item?.resultStatus, ResultStatus.Success, item?.resultMessage);
    assert.equal(item?.operation, Operation.CreateKeyPair);
    for (const uid of item?.payload?.value.map((field) => String(field.value)) ?? [])
      assert.equal(await stateOf(gateway, app, uid), State.PreActive);
  });

  test('a search is promised, and its answer names what it found', async () => {
    const uid = await archived();
    const { items } = await gateway.tunnel(
      app,
      [request(Operation.Locate, { attribute: [attribute('Unique Identifier', uid)], storageStatusMask: 2 })],
      { header },
    );
    const correlation = items[0]?.asynchronousCorrelationValue;
    assert.ok(correlation);
    const item = await polled(correlation);
    assert.equal(item?.operation, Operation.Locate);
    assert.ok(item?.payload?.value.some(({ value }) => value === uid));
  });

  test('a failure is told with its reason', async () => {
    const correlation = await promised('no-such-object');
    const item = await polled(correlation);
    assert.equal(item?.resultStatus, ResultStatus.OperationFailed);
    assert.equal(item?.resultReason, ResultReason.ItemNotFound);
    assert.ok(item?.resultMessage);
    assert.equal(await cancel(correlation), CancellationResult.Failed);
  });

  test('nobody else can poll or cancel, and what nobody asked for is not there', async () => {
    const correlation = await promised(await archived());
    const stranger = await poll(correlation, sibling);
    assert.equal(stranger?.resultReason, ResultReason.ItemNotFound);
    assert.equal(await cancel(correlation, sibling), CancellationResult.Unavailable);
    assert.equal(await cancel(randomBytes(16)), CancellationResult.Unavailable);
    assert.equal((await poll(randomBytes(16)))?.resultReason, ResultReason.ItemNotFound);
    await polled(correlation);
  });

  test('in a batch only the last item is put off: no other waits for its ID Placeholder', async () => {
    const uid = await archived();
    const { items } = await gateway.tunnel(
      app,
      [
        request(Operation.Locate, {
          attribute: [attribute('Unique Identifier', uid)],
          storageStatusMask: StorageStatusMask.ArchivalStorage,
        }),
        request(Operation.Recover, {}),
        request(Operation.Archive, {}),
        request(Operation.Recover, {}),
      ],
      { header },
    );
    const { Success, OperationPending } = ResultStatus;
    assert.deepEqual(
      items.map((item) => item.resultStatus),
      [Success, Success, Success, OperationPending],
    );
    const last = await polled(items[3]?.asynchronousCorrelationValue ?? new Uint8Array());
    assert.equal(last?.payload?.value[0]?.value, uid, 'the placeholder as it was when the item was put off');
    const undo = { ...header, batchErrorContinuationOption: 3 };
    const both = [
      request(Operation.Archive, { uniqueIdentifier: uid }),
      request(Operation.Recover, { uniqueIdentifier: uid }),
    ];
    const undoable = await gateway.tunnel(app, both, { header: undo });
    assert.deepEqual(
      undoable.items.map((item) => item.resultStatus),
      [Success, Success],
    );
  });

  test('what was cancelled is not begun; what its process has left behind is told as lost', async () => {
    const { db } = region.core;
    const owner = { tenant: acme, fingerprint: app.fingerprint };
    const waiting = randomBytes(16);
    await insertWaiting(db, waiting, owner);
    assert.equal((await poll(waiting))?.resultStatus, ResultStatus.OperationPending);
    assert.equal(await cancel(waiting), CancellationResult.Canceled);
    assert.equal(await claimWaiting(db, waiting), false);
    assert.equal((await poll(waiting))?.resultReason, ResultReason.OperationCanceledByRequester);
    const running = randomBytes(16);
    await insertWaiting(db, running, owner);
    assert.ok(await claimWaiting(db, running));
    assert.equal(await cancelWaiting(db, running, owner), false);
    assert.equal(await cancel(running), CancellationResult.UnableToCancel);
    const created_at = new Date(Date.now() - ASYNCHRONOUS_DEADLINE_MS - 1000);
    await db
      .updateTable('core.asynchronous')
      .set({ created_at })
      .where('correlation', '=', running)
      .execute();
    assert.equal((await poll(running))?.resultReason, ResultReason.GeneralFailure);
    await assert.rejects(
      gateway.run(app, Operation.Poll, { asynchronousCorrelationValue: Uint8Array.from(running) }),
      isKmip(ResultReason.GeneralFailure),
    );
  });

  test('no tenant has more in line than its share', async () => {
    const later = new Later(
      (await import('../../../platform/log.ts')).createLogger({ name: 't', level: 'silent' }),
    );
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    later.add(acme, () => held);
    for (let i = 0; i < MAX_ASYNCHRONOUS_PER_TENANT; i++) later.add(acme, () => Promise.resolve());
    assert.equal(later.takes(acme), false);
    release();
    await later.stop();
    assert.equal(later.takes(acme), false, 'stopped');
  });
});
