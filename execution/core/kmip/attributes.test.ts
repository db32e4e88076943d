// Attributes, their operations and Locate, as an application meets them (KMIP 1.4 §3, §4.9–4.18, §4.22, §4.23).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  type Attribute,
  attribute,
  attributeValue,
  ItemType,
  KmipError,
  LinkType,
  ObjectGroupMember,
  ObjectType,
  Operation,
  ResultReason,
  ResultStatus,
  StorageStatusMask,
  schemasOf,
  Tag,
  UsageLimitsUnit,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { MeshOperation } from '../../mesh/index.ts';
import { LEASE_TIME_S, make, nameAttribute } from '../../objects/index.ts';
import { type GatewayClient, request } from '../testing/gateway-client.ts';
import { createKey, madeByGateway, populate } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';
const now = () => Math.floor(Date.now() / 1000);
const { IllegalOperation, InvalidField, ItemNotFound, PermissionDenied } = ResultReason;

describe('attributes', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    ({ app, other } = populated);
    gateway = region.connect(populated.gatewayIdentity);
  });
  after(() => region.stop());

  const valuesOf = async (uid: string, name: string): Promise<readonly Attribute[]> => {
    const { attribute: found } = await gateway.run(app, Operation.GetAttributes, {
      uniqueIdentifier: uid,
      attributeName: [name],
    });
    return found ?? [];
  };
  const theValue = async (uid: string, name: string): Promise<unknown> =>
    (await valuesOf(uid, name))[0]?.attributeValue.value;
  const add = (uid: string, given: Attribute) =>
    gateway.run(app, Operation.AddAttribute, { uniqueIdentifier: uid, attribute: given });
  const modify = (uid: string, given: Attribute) =>
    gateway.run(app, Operation.ModifyAttribute, { uniqueIdentifier: uid, attribute: given });
  const remove = (uid: string, attributeName: string, attributeIndex?: number) =>
    gateway.run(app, Operation.DeleteAttribute, { uniqueIdentifier: uid, attributeName, attributeIndex });
  const locate = async (given: readonly Attribute[], more = {}, caller = app): Promise<readonly string[]> =>
    (await gateway.run(caller, Operation.Locate, { attribute: given, ...more })).uniqueIdentifier ?? [];

  test('a key that is made here has what the specification says it always has', async () => {
    const uid = await createKey(gateway, app);
    assert.equal(await theValue(uid, 'Lease Time'), LEASE_TIME_S);
    assert.equal(await theValue(uid, 'Fresh'), true);
    assert.equal(await theValue(uid, 'Operation Policy Name'), 'default');
    assert.equal(await theValue(uid, 'Original Creation Date'), await theValue(uid, 'Initial Date'));
    const [generator] = await valuesOf(uid, 'Random Number Generator');
    assert.ok(generator);
    assert.equal(attributeValue(generator, 'Random Number Generator').drbgAlgorithm, 5);
    const { attributeName } = await gateway.run(app, Operation.GetAttributeList, { uniqueIdentifier: uid });
    assert.ok(attributeName.includes('Never Extractable'));
    assert.ok(!attributeName.includes('Operation Policy Name'), 'deprecated since KMIP 1.3');
    await assert.rejects(
      createKey(gateway, app, attribute('Random Number Generator', { rngAlgorithm: 5 })),
      isKmip(InvalidField),
    );
    await createKey(gateway, app, attribute('Random Number Generator', { rngAlgorithm: 3 }));
  });

  test('instances have indexes, and each is changed by its own', async () => {
    const uid = await createKey(gateway, app);
    assert.equal((await add(uid, attribute('Object Group', 'a'))).attribute.attributeIndex, undefined);
    assert.equal((await add(uid, attribute('Object Group', 'b'))).attribute.attributeIndex, 1);
    const changed = await modify(uid, { ...attribute('Object Group', 'c'), attributeIndex: 1 });
    assert.equal(changed.attribute.attributeIndex, 1);
    assert.deepEqual(
      (await valuesOf(uid, 'Object Group')).map((a) => [a.attributeIndex, a.attributeValue.value]),
      [
        [undefined, 'a'],
        [1, 'c'],
      ],
    );
    await assert.rejects(add(uid, attribute('Object Group', 'a')), isKmip(IllegalOperation));
    await assert.rejects(
      modify(uid, { ...attribute('Object Group', 'a'), attributeIndex: 1 }),
      isKmip(IllegalOperation),
    );
    await assert.rejects(
      modify(uid, { ...attribute('Object Group', 'x'), attributeIndex: 2 }),
      isKmip(ItemNotFound),
    );
    const deleted = await remove(uid, 'Object Group', 0);
    assert.equal(deleted.attribute.attributeValue.value, 'a');
    const [left, ...others] = await valuesOf(uid, 'Object Group');
    assert.equal(left?.attributeIndex, 1, '§2.1.1: an index does not change when others are deleted');
    assert.equal(others.length, 0);
    await assert.rejects(modify(uid, attribute('Object Group', 'x')), isKmip(ItemNotFound));
    assert.equal((await add(uid, attribute('Object Group', 'e'))).attribute.attributeIndex, 2);
  });

  test('custom attributes: any type, one level; those of the server are read-only', async () => {
    const uid = await createKey(gateway, app);
    const field = { tag: Tag.Attribute, type: ItemType.Integer, value: 7 } as const;
    await add(uid, make.structure('x-pair', [field]));
    await add(uid, make.date('x-when', 5));
    await modify(uid, make.integer('x-when', 6));
    assert.equal(await theValue(uid, 'x-when'), 6);
    const deep = { tag: Tag.AttributeValue, type: ItemType.Structure, value: [field] } as const;
    await assert.rejects(
      add(uid, { attributeName: 'x-deep', attributeValue: { ...deep, value: [deep] } }),
      isKmip(InvalidField),
    );
    await assert.rejects(add(uid, make.text('y-mine', 'x')), isKmip(PermissionDenied));
    await assert.rejects(remove(uid, 'y-mine'), isKmip(PermissionDenied));
    assert.deepEqual(await locate([make.structure('x-pair', [field])]), [uid]);
  });

  test('an attribute of another type of object is refused, at creation and later', async () => {
    const uid = await createKey(gateway, app);
    const domain = attribute('Cryptographic Domain Parameters', { qlength: 256 });
    await assert.rejects(createKey(gateway, app, domain), isKmip(InvalidField));
    await assert.rejects(add(uid, domain), isKmip(PermissionDenied));
    await assert.rejects(createKey(gateway, app, attribute('Certificate Type', 1)), isKmip(InvalidField));
  });

  test('Sensitive and Extractable: what has always been so, and what once was not', async () => {
    const born = await createKey(gateway, app, attribute('Sensitive', true), attribute('Extractable', false));
    const late = await createKey(gateway, app);
    for (const [name, atBirth] of [
      ['Always Sensitive', true],
      ['Never Extractable', true],
    ] as const) {
      assert.equal(await theValue(born, name), atBirth);
      assert.equal(await theValue(late, name), false);
    }
    await modify(late, attribute('Sensitive', true));
    assert.equal(await theValue(late, 'Sensitive'), true);
    assert.equal(await theValue(late, 'Always Sensitive'), false);
    await assert.rejects(
      gateway.run(app, Operation.Get, { uniqueIdentifier: late }),
      isKmip(ResultReason.Sensitive),
    );
    await assert.rejects(
      gateway.run(app, Operation.Get, { uniqueIdentifier: born }),
      isKmip(ResultReason.NotExtractable),
    );
    await modify(born, attribute('Sensitive', false));
    await modify(born, attribute('Sensitive', true));
    await modify(born, attribute('Extractable', true));
    await modify(born, attribute('Extractable', false));
    assert.equal(await theValue(born, 'Always Sensitive'), false);
    assert.equal(await theValue(born, 'Never Extractable'), false);
  });

  test('dates move until they have come, and never back', async () => {
    const uid = await createKey(gateway, app);
    await add(uid, attribute('Activation Date', now() + 1000));
    await assert.rejects(add(uid, attribute('Activation Date', now() + 5)), isKmip(IllegalOperation));
    await assert.rejects(
      add(uid, attribute('Deactivation Date', now() + 5)),
      isKmip(InvalidField),
      'before the Activation Date',
    );
    await add(uid, attribute('Deactivation Date', now() + 2000));
    await modify(uid, attribute('Activation Date', now() - 10));
    assert.equal(await theValue(uid, 'State'), 2);
    await assert.rejects(modify(uid, attribute('Activation Date', now())), isKmip(PermissionDenied));
    await assert.rejects(remove(uid, 'Activation Date'), isKmip(PermissionDenied));
    await modify(uid, attribute('Deactivation Date', now() - 1));
    assert.equal(await theValue(uid, 'State'), 3);
    await assert.rejects(modify(uid, attribute('Deactivation Date', now() + 9)), isKmip(PermissionDenied));
  });

  test('Usage Limits: the count is the server’s, allocations are final, and then nothing is changed', async () => {
    const limits = (usageLimitsTotal: bigint, usageLimitsCount?: bigint) =>
      attribute('Usage Limits', {
        usageLimitsTotal,
        usageLimitsCount,
        usageLimitsUnit: UsageLimitsUnit.Byte,
      });
    const active = attribute('Activation Date', now() - 5);
    const uid = await createKey(gateway, app, limits(100n, 7n), active);
    const left = async () => {
      const [found] = await valuesOf(uid, 'Usage Limits');
      return found && attributeValue(found, 'Usage Limits').usageLimitsCount;
    };
    const allocate = (usageLimitsCount: bigint, uniqueIdentifier = uid) =>
      gateway.run(app, Operation.GetUsageAllocation, { uniqueIdentifier, usageLimitsCount });
    assert.equal(await left(), 100n);
    await modify(uid, limits(50n, 1n));
    assert.equal(await left(), 50n);
    await allocate(20n);
    assert.equal(await left(), 30n);
    await assert.rejects(allocate(31n), isKmip(PermissionDenied));
    await assert.rejects(allocate(0n), isKmip(InvalidField));
    await assert.rejects(modify(uid, limits(500n)), isKmip(PermissionDenied));
    await assert.rejects(remove(uid, 'Usage Limits'), isKmip(PermissionDenied));
    const check = { uniqueIdentifier: uid, usageLimitsCount: 30n };
    assert.deepEqual(await gateway.run(app, Operation.Check, check), { uniqueIdentifier: uid });
    await gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: new Uint8Array(30) });
    await assert.rejects(allocate(1n), isKmip(PermissionDenied));
    assert.deepEqual(await locate([limits(50n, 0n)]), [uid]);
    assert.deepEqual(await locate([limits(50n, 1n)]), []);
    await assert.rejects(allocate(1n, await createKey(gateway, app, active)), isKmip(IllegalOperation));
    const later = await createKey(gateway, app, limits(5n));
    await assert.rejects(allocate(1n, later), isKmip(PermissionDenied), 'Pre-Active');
  });

  test('Check tells what in the request is too much, and empties the ID Placeholder', async () => {
    const uid = await createKey(gateway, app);
    const { items, idPlaceholder } = await gateway.tunnel(
      app,
      [request(Operation.Check, { cryptographicUsageMask: 12 | 1, leaseTime: LEASE_TIME_S + 1 })],
      { idPlaceholder: uid },
    );
    assert.equal(items[0]?.resultStatus, ResultStatus.OperationFailed);
    assert.equal(items[0]?.resultReason, PermissionDenied);
    assert.ok(items[0].payload);
    const refused = schemasOf(Operation.Check).response.read(items[0].payload);
    assert.deepEqual(refused, { cryptographicUsageMask: 13, leaseTime: LEASE_TIME_S + 1 });
    assert.equal(idPlaceholder, undefined);
    await gateway.run(app, Operation.Check, { uniqueIdentifier: uid, leaseTime: LEASE_TIME_S });
  });

  test('a lease ends with the object’s own use', async () => {
    const uid = await createKey(gateway, app, attribute('Activation Date', now() - 5));
    const lease = await gateway.run(app, Operation.ObtainLease, { uniqueIdentifier: uid });
    assert.equal(lease.leaseTime, LEASE_TIME_S);
    assert.equal(lease.lastChangeDate, await theValue(uid, 'Last Change Date'));
    await add(uid, attribute('Deactivation Date', now() + 60));
    const shorter = await gateway.run(app, Operation.ObtainLease, { uniqueIdentifier: uid });
    assert.ok(shorter.leaseTime > 0 && shorter.leaseTime <= 60);
  });

  test('an archived object is there for Locate by name of the archive, and for Recover', async () => {
    const name = nameAttribute('to the archive');
    const uid = await createKey(gateway, app, name, attribute('Activation Date', now() - 5));
    await gateway.run(app, Operation.Archive, { uniqueIdentifier: uid });
    const refused = isKmip(ResultReason.ObjectArchived);
    const uses: readonly (() => Promise<unknown>)[] = [
      () => gateway.run(app, Operation.Get, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.GetAttributes, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.GetAttributeList, { uniqueIdentifier: uid }),
      () => add(uid, attribute('Comment', 'x')),
      () => gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: new Uint8Array(1) }),
      () => gateway.run(app, Operation.Check, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.ObtainLease, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.Archive, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid }),
      () => gateway.run(app, Operation.ReKey, { uniqueIdentifier: uid }),
    ];
    for (const use of uses) await assert.rejects(use(), refused);
    const { ArchivalStorage, OnLineStorage } = StorageStatusMask;
    assert.deepEqual(await locate([name]), []);
    assert.deepEqual(await locate([name], { storageStatusMask: ArchivalStorage }), [uid]);
    assert.deepEqual(await locate([name], { storageStatusMask: ArchivalStorage | OnLineStorage }), [uid]);
    await assert.rejects(locate([name], { storageStatusMask: 0 }), isKmip(InvalidField));
    await gateway.run(app, Operation.Recover, { uniqueIdentifier: uid });
    assert.equal(await theValue(uid, 'Archive Date'), undefined);
    await gateway.run(app, Operation.Get, { uniqueIdentifier: uid });
  });

  test('an object is fresh until it has been served, wherever that was', async () => {
    const group = attribute('Object Group', 'pool');
    const first = await createKey(gateway, app, group);
    const second = await createKey(gateway, app, group);
    const fresh = { objectGroupMember: ObjectGroupMember.GroupMemberFresh };
    const standard = { objectGroupMember: ObjectGroupMember.GroupMemberDefault };
    assert.deepEqual(await locate([group], fresh), [first, second]);
    const taken = await gateway.tunnel(app, [
      request(Operation.Locate, { attribute: [group], maximumItems: 1, ...fresh }),
      request(Operation.Get, {}),
    ]);
    assert.equal(taken.items[1]?.resultStatus, ResultStatus.Success);
    const [handed] = taken.effects;
    assert.ok(handed?.push.kind === 'object.put');
    assert.ok(handed.push.object.attributes.some((a) => a.attributeName === 'Fresh'));
    assert.equal(await theValue(first, 'Fresh'), false);
    assert.deepEqual(await locate([group], fresh), [second]);
    assert.deepEqual(await locate([group, attribute('Fresh', false)]), [first]);
    assert.deepEqual(await locate([group], standard), [first]);
    await add(first, attribute('Comment', 'still served'));
    assert.equal(await theValue(first, 'Fresh'), false);

    const made = await madeByGateway(region, gateway, 'made-and-served');
    await gateway.ask(MeshOperation.Announce, { objects: [made] });
    assert.equal(await theValue(made.uid, 'Fresh'), true);
    const attributes = [...made.attributes, make.boolean('Fresh', false)];
    await gateway.ask(MeshOperation.Announce, { objects: [{ ...made, attributes }] });
    assert.equal(await theValue(made.uid, 'Fresh'), false);
  });

  test('Locate: ranges, structures by some of their fields, links, and the date that means none', async () => {
    const info = attribute('Application Specific Information', {
      applicationNamespace: 'tapes',
      applicationData: 'A1',
    });
    const target = await createKey(gateway, app);
    const link = attribute('Link', { linkType: LinkType.NextLink, linkedObjectIdentifier: target });
    const uid = await createKey(gateway, app, info, link, attribute('Deactivation Date', now() + 5000));
    const namespaceOnly = make.structure('Application Specific Information', [
      { tag: Tag.ApplicationNamespace, type: ItemType.TextString, value: 'tapes' },
    ]);
    assert.deepEqual(await locate([namespaceOnly]), [uid]);
    const toTarget = make.structure('Link', [
      { tag: Tag.LinkedObjectIdentifier, type: ItemType.TextString, value: target },
    ]);
    assert.deepEqual(await locate([toTarget]), [uid]);
    const otherType = attribute('Link', { linkType: LinkType.ParentLink, linkedObjectIdentifier: target });
    assert.deepEqual(await locate([otherType]), []);
    const between = (from: number, to: number) => [
      attribute('Deactivation Date', now() + from),
      attribute('Deactivation Date', now() + to),
    ];
    assert.deepEqual(await locate([info, ...between(4000, 6000)]), [uid]);
    assert.deepEqual(await locate([info, ...between(6000, 7000)]), []);
    const none = make.date('Deactivation Date', Number.MAX_SAFE_INTEGER);
    assert.deepEqual(await locate([info, none]), []);
    assert.deepEqual(await locate([attribute('Unique Identifier', target), none]), [target]);
    await assert.rejects(locate([make.text('No Such', 'x')]), isKmip(InvalidField));
    assert.deepEqual(await locate([info], {}, other), []);
  });

  test('what is searched for by its value is found by an index', async () => {
    const plan = await region.core.db.transaction().execute(async (tx) => {
      const { sql } = await import('kysely');
      await sql`set local enable_seqscan = off`.execute(tx);
      return sql<{ 'QUERY PLAN': string }>`explain select uid from core.objects
        where (terms is null or (terms <> '{}' and terms @> array[1]::bigint[]))`.execute(tx);
    });
    assert.match(plan.rows.map((row) => row['QUERY PLAN']).join('\n'), /objects_by_term/);
  });

  test('a secret has no attributes of keys, an opaque object no state', async () => {
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType: ObjectType.OpaqueObject,
      templateAttribute: { attribute: [] },
      object: {
        objectType: ObjectType.OpaqueObject,
        opaqueDataType: 0x80000001,
        opaqueDataValue: Uint8Array.of(1),
      },
    });
    const { attributeName } = await gateway.run(app, Operation.GetAttributeList, { uniqueIdentifier });
    for (const name of ['State', 'Lease Time', 'Fresh', 'Cryptographic Usage Mask'])
      assert.ok(!attributeName.includes(name), name);
    for (const name of ['Digest', 'Sensitive', 'Last Change Date'])
      assert.ok(attributeName.includes(name), name);
    await assert.rejects(
      gateway.run(app, Operation.ObtainLease, { uniqueIdentifier }),
      isKmip(PermissionDenied),
    );
  });
});
