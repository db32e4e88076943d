// The control path as an application meets it, through a gateway's tunnel.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  attribute,
  KmipError,
  Operation,
  OperationV2,
  ResultReason,
  State,
  schemasOf,
  TagV2,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { callerOf, type GatewayClient } from '../testing/gateway-client.ts';
import { aesKey, auditReasons, createKey, headOf, populate, stateOf } from '../testing/keys.ts';
import { type TestIdentity, TestRegion } from '../testing/region.ts';

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

describe('control path', () => {
  let region: TestRegion;
  let gatewayIdentity: TestIdentity;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    ({ gatewayIdentity, app, other } = await populate(region));
    gateway = region.connect(gatewayIdentity);
  });
  after(() => region.stop());

  test('a key lives: created, activated, used, revoked, destroyed', async () => {
    const uid = await createKey(gateway, app);
    assert.equal(await stateOf(gateway, app, uid), State.PreActive);
    await assert.rejects(
      gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: new Uint8Array(3) }),
      isKmip(ResultReason.PermissionDenied),
    );
    await gateway.run(app, Operation.Activate, { uniqueIdentifier: uid });
    assert.equal(await stateOf(gateway, app, uid), State.Active);
    const data = Uint8Array.from(randomBytes(40));
    const encrypted = await gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data });
    assert.ok(encrypted.data);
    const decrypted = await gateway.run(app, Operation.Decrypt, {
      uniqueIdentifier: uid,
      data: encrypted.data,
      ivCounterNonce: encrypted.ivCounterNonce,
      authenticatedEncryptionTag: encrypted.authenticatedEncryptionTag,
    });
    assert.deepEqual(Uint8Array.from(decrypted.data ?? []), data);
    await assert.rejects(
      gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid }),
      isKmip(ResultReason.PermissionDenied),
    );
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: uid,
      revocationReason: { revocationReasonCode: 6 },
    });
    assert.equal(await stateOf(gateway, app, uid), State.Deactivated);
    await gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid });
    assert.equal(await stateOf(gateway, app, uid), State.Destroyed);
    await assert.rejects(
      gateway.run(app, Operation.Get, { uniqueIdentifier: uid }),
      isKmip(ResultReason.IllegalOperation),
    );
  });

  test('what the tunnel changes comes back as an effect, with the number of its push', async () => {
    const uid = await createKey(gateway, app);
    const before = await headOf(gateway);
    const { items, effects } = await gateway.tunnel(
      app,
      [{ operation: Operation.Activate, payload: { tag: 0x420079, type: 1, value: [] } }],
      { idPlaceholder: uid },
    );
    assert.equal(items[0]?.resultStatus, 0);
    assert.equal(effects.length, 1);
    assert.equal(effects[0]?.number, before + 1);
    const push = effects[0]?.push;
    assert.ok(push?.kind === 'object.put' && push.object.uid === uid && push.object.state === State.Active);
  });

  test("another tenant's object is not there, and the trail knows better", async () => {
    const uid = await createKey(gateway, app, nameAttribute('secret of acme'));
    for (const operation of [Operation.Get, Operation.Activate, Operation.Destroy, Operation.GetAttributes]) {
      await assert.rejects(
        gateway.run(other, operation, { uniqueIdentifier: uid }),
        isKmip(ResultReason.ItemNotFound),
      );
    }
    const located = await gateway.run(other, Operation.Locate, {
      attribute: [nameAttribute('secret of acme')],
    });
    assert.deepEqual(located.uniqueIdentifier ?? [], []);
    const mine = await gateway.run(other, Operation.Locate, {});
    assert.equal(mine.locatedItems, 0);
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('OTHER_TENANT'));
  });

  test('an application sees its own services only', async () => {
    const identity = await region.application('app-payroll', 'acme', ['payroll']);
    const payroll = callerOf(identity.fingerprint, 'acme', 'app-payroll');
    const uid = await createKey(gateway, app);
    await assert.rejects(gateway.run(payroll, Operation.Get, { uniqueIdentifier: uid }), isKmip(1));
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('OTHER_SERVICE'));
  });

  test('Locate: state as of now, algorithm, group, custom attributes, paging', async () => {
    const group = attribute('Object Group', 'locate-me');
    const past = attribute('Activation Date', Math.floor(Date.now() / 1000) - 60);
    const active = await createKey(gateway, app, group, past);
    const waiting = await createKey(gateway, app, group);
    const third = await createKey(gateway, app, group);
    const all = await gateway.run(app, Operation.Locate, { attribute: [group] });
    assert.deepEqual(all.uniqueIdentifier, [active, waiting, third]);
    const byState = await gateway.run(app, Operation.Locate, {
      attribute: [group, attribute('State', State.Active)],
    });
    assert.deepEqual(byState.uniqueIdentifier, [active]);
    const page = await gateway.run(app, Operation.Locate, {
      attribute: [group],
      maximumItems: 1,
      offsetItems: 1,
    });
    assert.deepEqual(page.uniqueIdentifier, [waiting]);
    const mask = attribute('Cryptographic Usage Mask', 4);
    const byMask = await gateway.run(app, Operation.Locate, { attribute: [mask, group] });
    assert.equal(byMask.uniqueIdentifier?.length, 3);
    const none = await gateway.run(app, Operation.Locate, {
      attribute: [group, attribute('Cryptographic Length', 128)],
    });
    assert.deepEqual(none.uniqueIdentifier ?? [], []);
    await gateway.run(app, Operation.Destroy, { uniqueIdentifier: third });
    const living = await gateway.run(app, Operation.Locate, { attribute: [group] });
    assert.deepEqual(living.uniqueIdentifier, [active, waiting]);
    const destroyed = await gateway.run(app, Operation.Locate, {
      attribute: [group, attribute('State', State.Destroyed)],
    });
    assert.deepEqual(destroyed.uniqueIdentifier, [third]);
  });

  test('Re-key makes a new key with the name, links both ways, and keeps the old state', async () => {
    const old = await createKey(gateway, app, nameAttribute('rotating'));
    await gateway.run(app, Operation.Activate, { uniqueIdentifier: old });
    const { uniqueIdentifier: fresh } = await gateway.run(app, Operation.ReKey, {
      uniqueIdentifier: old,
      offset: 0,
    });
    assert.notEqual(fresh, old);
    assert.equal(await stateOf(gateway, app, old), State.Active);
    assert.equal(await stateOf(gateway, app, fresh), State.Active);
    const located = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('rotating')] });
    assert.deepEqual(located.uniqueIdentifier, [fresh]);
    for (const [uid, linkType, linked] of [
      [old, 0x106, fresh],
      [fresh, 0x107, old],
    ] as const) {
      const { attribute: links } = await gateway.run(app, Operation.GetAttributes, {
        uniqueIdentifier: uid,
        attributeName: ['Link'],
      });
      const link = links?.[0];
      assert.ok(link);
      assert.deepEqual(
        link.attributeValue,
        attribute('Link', { linkType, linkedObjectIdentifier: linked }).attributeValue,
      );
    }
  });

  test('attributes: added, modified, deleted; read-only ones stay as they are', async () => {
    const uid = await createKey(gateway, app);
    const add = await gateway.run(app, Operation.AddAttribute, {
      uniqueIdentifier: uid,
      attribute: attribute('Contact Information', 'ops'),
    });
    assert.equal(add.attribute.attributeValue.value, 'ops');
    await assert.rejects(
      gateway.run(app, Operation.AddAttribute, {
        uniqueIdentifier: uid,
        attribute: attribute('Contact Information', 'x'),
      }),
      isKmip(ResultReason.IllegalOperation),
    );
    await gateway.run(app, Operation.ModifyAttribute, {
      uniqueIdentifier: uid,
      attribute: attribute('Contact Information', 'dev'),
    });
    await gateway.run(app, Operation.DeleteAttribute, {
      uniqueIdentifier: uid,
      attributeName: 'Contact Information',
    });
    await assert.rejects(
      gateway.run(app, Operation.ModifyAttribute, {
        uniqueIdentifier: uid,
        attribute: attribute('State', 2),
      }),
      isKmip(ResultReason.PermissionDenied),
    );
    // Set Attribute of KMIP 2 activates here, by moving the date into the past (§3.22, transition 4).
    const newAttribute = {
      tag: TagV2.NewAttribute,
      type: 1,
      value: [{ tag: 0x420001, type: 9, value: 1000 }],
    } as const;
    await gateway.run(app, OperationV2.SetAttribute, { uniqueIdentifier: uid, newAttribute });
    assert.equal(await stateOf(gateway, app, uid), State.Active);
  });

  test('Register keeps what comes and gives it back', async () => {
    const secret = Uint8Array.from(randomBytes(96));
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType: 7,
      templateAttribute: { attribute: [attribute('Cryptographic Usage Mask', 0)] },
      object: {
        objectType: 7,
        secretDataType: 1,
        keyBlock: { keyFormatType: 2, keyValue: { keyMaterial: secret } },
      },
    });
    await gateway.run(app, Operation.Activate, { uniqueIdentifier });
    const { object } = await gateway.run(app, Operation.Get, { uniqueIdentifier });
    assert.ok(
      object.objectType === 7 &&
        object.keyBlock.keyValue &&
        !(object.keyBlock.keyValue instanceof Uint8Array),
    );
    assert.deepEqual(Uint8Array.from(object.keyBlock.keyValue.keyMaterial as Uint8Array), secret);
  });

  test('batches: ID Placeholder, stop, continue, undo, selected items, size limit', async () => {
    const create = {
      operation: Operation.Create,
      payload: schemasOf(Operation.Create).request.write({
        objectType: 2,
        templateAttribute: {
          attribute: [...aesKey, attribute('Object Group', 'batch')],
        },
      }),
    };
    const empty = { tag: 0x420079, type: 1, value: [] } as const;
    const activate = { operation: Operation.Activate, payload: empty };
    const count = async () =>
      (await gateway.run(app, Operation.Locate, { attribute: [attribute('Object Group', 'batch')] }))
        .locatedItems;

    const placed = await gateway.tunnel(app, [create, activate]);
    assert.deepEqual(
      placed.items.map((i) => i.resultStatus),
      [0, 0],
    );
    assert.ok(placed.idPlaceholder);
    // A second Activate fails: the object is not Pre-Active any more.
    const stopped = await gateway.tunnel(app, [create, activate, activate, create]);
    assert.deepEqual(
      stopped.items.map((i) => i.resultStatus),
      [0, 0, 1],
    );
    assert.equal(stopped.items[2]?.operation, Operation.Activate);
    assert.ok(stopped.items[2]?.resultReason && stopped.items[2].resultMessage);
    const header = { batchErrorContinuationOption: 1 };
    const gone = await gateway.tunnel(app, [create, activate, activate, create], { header });
    assert.deepEqual(
      gone.items.map((i) => i.resultStatus),
      [0, 0, 1, 0],
    );
    const total = await count();
    const undone = await gateway.tunnel(app, [create, activate, activate], {
      header: { batchErrorContinuationOption: 3 },
    });
    assert.deepEqual(
      undone.items.map((i) => i.resultStatus),
      [3, 3, 1],
    );
    assert.deepEqual(undone.effects, []);
    assert.equal(await count(), total);
    const some = await gateway.tunnel(app, [create, activate], { items: [1], ...(await placeholder()) });
    assert.equal(some.items.length, 1);
    const small = await gateway.tunnel(app, [{ operation: Operation.Query, payload: queryAll() }], {
      header: { maximumResponseSize: 200 },
    });
    assert.equal(small.items[0]?.resultReason, ResultReason.ResponseTooLarge);

    async function placeholder() {
      return { idPlaceholder: await createKey(gateway, app) };
    }
    function queryAll() {
      return { tag: 0x420079, type: 1, value: [{ tag: 0x420074, type: 5, value: 1 }] } as const;
    }
  });

  test('an operation that an identity may not ask for, and one that nobody may', async () => {
    const identity = await region.identity('reader');
    await region.job('IDENTITY_PUT', {
      identity: {
        fingerprint: identity.fingerprint,
        role: 'application',
        name: 'reader',
        tenant: 'acme',
        services: ['billing'],
        operations: ['Get', 'Locate'],
      },
    });
    const reader = callerOf(identity.fingerprint, 'acme', 'reader');
    await assert.rejects(createKey(gateway, reader), isKmip(ResultReason.PermissionDenied));
    await gateway.run(reader, Operation.Locate, {});
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('OPERATION_NOT_PERMITTED'));
    const { items } = await gateway.tunnel(app, [
      { operation: Operation.Put, payload: { tag: 0x420079, type: 1, value: [] } },
    ]);
    assert.equal(items[0]?.resultReason, ResultReason.OperationNotSupported);
  });
});
