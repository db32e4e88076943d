// What a hostile or unlucky client can do to the others of a region: nothing. Bounds, refusals and their traces.
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { parseCorrelationId, parseRegionId, parseServiceName, parseTenantId } from '../../contracts/index.ts';
import { createLogger } from '../../platform/log.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { StreamTable } from '../cipher/index.ts';
import { WrapBlocks } from '../keychain/index.ts';
import {
  type Attribute,
  attribute,
  attributeValue,
  BatchErrorContinuationOption,
  CryptographicUsageMask,
  customAttribute,
  decodeResponse,
  ItemType,
  KmipError,
  LATEST_VERSION,
  LinkType,
  ObjectType,
  Operation,
  type ResponseItem,
  ResultReason,
  Tag,
  UsageLimitsUnit,
} from '../kmip/index.ts';
import { type Caller, MAX_MESH_MESSAGE_BYTES, MeshOperation } from '../mesh/index.ts';
import { type ManagedObject, nameAttribute, nowSeconds } from '../objects/index.ts';
import { MessageBudget } from './kmip/budget.ts';
import { Later } from './kmip/later.ts';
import { runBatch } from './kmip/run-batch.ts';
import { MAX_LOCATE_COUNT, MAX_RANDOM_IVS_PER_KEY } from './limits.ts';
import { locateObjects } from './store/locate.ts';
import { keysIn } from './store/tables.ts';
import { type ClientRequest, type GatewayClient, payloadOf, request } from './testing/gateway-client.ts';
import { auditReasons, billing, createKey, headOf, madeByGateway, populate } from './testing/keys.ts';
import { JobFailedError, type TestIdentity, TestRegion } from './testing/region.ts';

const { Encrypt, Decrypt, WrapKey } = CryptographicUsageMask;
const Continue = { header: { batchErrorContinuationOption: BatchErrorContinuationOption.Continue } };

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

function reasonsOf(items: readonly ResponseItem[]): (number | undefined)[] {
  return items.map((item) => item.resultReason);
}

function text(name: string, value: string): Attribute {
  return customAttribute(name, { tag: Tag.AttributeValue, type: ItemType.TextString, value });
}

describe('bounds', () => {
  let region: TestRegion;
  let gatewayIdentity: TestIdentity;
  let gateway: GatewayClient;
  let app: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    ({ gatewayIdentity, app } = await populate(region));
    gateway = region.connect(gatewayIdentity);
  });
  after(() => region.stop());

  const active = (...extra: Attribute[]) =>
    createKey(gateway, app, attribute('Activation Date', nowSeconds() - 60), ...extra);

  async function registerSecret(sizeBytes: number): Promise<string> {
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType: ObjectType.SecretData,
      templateAttribute: { attribute: [attribute('Cryptographic Usage Mask', 0)] },
      object: {
        objectType: ObjectType.SecretData,
        secretDataType: 1,
        keyBlock: {
          keyFormatType: 2,
          keyValue: { keyMaterial: Uint8Array.from(randomBytes(sizeBytes)) },
        },
      },
    });
    return uniqueIdentifier;
  }

  async function attributeOf(uid: string, name: string): Promise<Attribute> {
    const { attribute: found } = await gateway.run(app, Operation.GetAttributes, {
      uniqueIdentifier: uid,
      attributeName: [name],
    });
    const [first] = found ?? [];
    assert.ok(first);
    return first;
  }

  test('one announced key that cannot be stored does not keep the others out', async () => {
    const named = async (uid: string, name: string): Promise<ManagedObject> => {
      const object = await madeByGateway(region, gateway, uid);
      return { ...object, attributes: [...object.attributes, nameAttribute(name)] };
    };
    const wide = String.fromCodePoint(...Array.from({ length: 1024 }, () => randomInt(0x4e00, 0x9fff)));
    const objects = [
      await madeByGateway(region, gateway, 'before'),
      await named('zero', 'a\0b'),
      await named('wide', wide),
      await madeByGateway(region, gateway, 'u\0id'),
      await madeByGateway(region, gateway, 'behind', 'a good name'),
    ];
    const { outcomes } = await gateway.ask(MeshOperation.Announce, { objects });
    assert.deepEqual(outcomes, [
      { uid: 'before', outcome: 'accepted' },
      { uid: 'zero', outcome: 'refused', reason: 'NOT_STORABLE' },
      { uid: 'wide', outcome: 'refused', reason: 'NOT_STORABLE' },
      { uid: 'u\0id', outcome: 'refused', reason: 'NOT_STORABLE' },
      { uid: 'behind', outcome: 'accepted' },
    ]);
    const located = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('a good name')] });
    assert.deepEqual(located.uniqueIdentifier, ['behind']);
    assert.equal((await auditReasons(region, 'ANNOUNCEMENT_REFUSED')).length, 3);
  });

  test("a gateway's audit event with text that the database does not take is kept all the same", async () => {
    const event = {
      id: `ev\0${randomBytes(5_000).toString('hex')}`,
      at: new Date().toISOString(),
      event: 'STRANGE',
      outcome: 'refused',
      reason: 'a\0b',
      uid: 'l3:\0',
    } as const;
    await gateway.ask(MeshOperation.Heartbeat, { appliedHead: 0, backlog: 0, leases: [], audit: [event] });
    await gateway.ask(MeshOperation.Heartbeat, { appliedHead: 0, backlog: 0, leases: [], audit: [event] });
    assert.deepEqual(await auditReasons(region, 'STRANGE'), ['a\ufffdb']);
  });

  test('U+0000 in a unique identifier or a name finds nothing, and breaks nothing', async () => {
    await assert.rejects(
      gateway.run(app, Operation.Get, { uniqueIdentifier: 'a\0b' }),
      isKmip(ResultReason.ItemNotFound),
    );
    for (const wanted of [nameAttribute('a\0b'), text('x-a', 'a\0b'), attribute('State', 0xffff_ffff)]) {
      const { uniqueIdentifier } = await gateway.run(app, Operation.Locate, { attribute: [wanted] });
      assert.deepEqual(uniqueIdentifier ?? [], []);
    }
  });

  test('an object does not grow until nobody can read it', async () => {
    const uid = await active();
    const add = (name: string) =>
      gateway.run(app, Operation.AddAttribute, {
        uniqueIdentifier: uid,
        attribute: text(name, 'a'.repeat(600_000)),
      });
    await Promise.allSettled([add('x-a')]);
    await assert.rejects(add('x-b'), isKmip(ResultReason.InvalidField));
    const { object } = await gateway.run(app, Operation.Get, { uniqueIdentifier: uid });
    assert.equal(object.objectType, ObjectType.SymmetricKey);
    await gateway.run(app, Operation.Locate, { attribute: [text('x-none', 'none')] });
  });

  test('Re-key keeps to the number of attributes that an object may have', async () => {
    const links = Array.from({ length: 64 }, (_, i) =>
      attribute('Link', { linkType: LinkType.NextLink, linkedObjectIdentifier: `link-${i}` }),
    );
    const uid = await active(...links);
    await assert.rejects(
      gateway.run(app, Operation.ReKey, { uniqueIdentifier: uid }),
      isKmip(ResultReason.IndexOutOfBounds),
    );
    const { attribute: kept } = await gateway.run(app, Operation.GetAttributes, {
      uniqueIdentifier: uid,
      attributeName: ['Link'],
    });
    assert.equal(kept?.length, links.length);
  });

  test('a search names a limited number of attributes', async () => {
    const wanted = Array.from({ length: 129 }, () => attribute('Object Group', 'g'));
    await assert.rejects(
      gateway.run(app, Operation.Locate, { attribute: wanted }),
      isKmip(ResultReason.InvalidField),
    );
    await gateway.run(app, Operation.Locate, { attribute: wanted.slice(1) });
  });

  test('Locate passes over a row that cannot be read', async () => {
    const group = attribute('Object Group', 'with a damaged row');
    const damaged = await createKey(gateway, app, group);
    const whole = await createKey(gateway, app, group);
    await region.core.db
      .updateTable('core.objects')
      .set({ body: Buffer.from('not an object') })
      .where('uid', '=', damaged)
      .execute();
    const located = await gateway.run(app, Operation.Locate, { attribute: [group] });
    assert.deepEqual(located.uniqueIdentifier, [whole]);
    await region.core.db.deleteFrom('core.objects').where('uid', '=', damaged).execute();
  });

  /** A client's message, run with a budget of the test's own. */
  async function runWithin(budget: MessageBudget, requests: readonly ClientRequest[]) {
    const { services } = await region.core.db
      .selectFrom('core.identities')
      .select('services')
      .where('fingerprint', '=', app.fingerprint)
      .executeTakeFirstOrThrow();
    const logger = createLogger({ name: 'test', level: 'silent' });
    const result = await runBatch(
      {
        db: region.core.db,
        region: parseRegionId(region.config.region),
        instance: 'core-1',
        keychain: region.core.keychain,
        wraps: new WrapBlocks(keysIn(region.core.db)),
        later: new Later(logger),
        cryptography: { allowWeak: false, streams: new StreamTable() },
        logger,
      },
      {
        message: {
          header: { protocolVersion: LATEST_VERSION, batchCount: requests.length, ...Continue.header },
          items: requests.map((item, i) => ({ ...item, uniqueBatchItemId: Uint8Array.of(i) })),
        },
        requester: {
          caller: app,
          scope: { tenant: app.tenant, services: services.map(parseServiceName) },
          operations: null,
          gateway: 'gateway-1',
          correlationId: parseCorrelationId('test'),
        },
        budget,
      },
    );
    return decodeResponse(result.message).items;
  }

  test('the searches of one message share one budget', async () => {
    const group = attribute('Object Group', 'searched');
    for (let i = 0; i < 3; i++) await createKey(gateway, app, group);
    const held = await region.core.db
      .selectFrom('core.objects')
      .select('uid')
      .where('tenant', '=', app.tenant)
      .where('service', '=', 'billing')
      .where('state', '<', 5)
      .execute();
    // No index knows who is Sensitive, so every object is looked at; a group is found by its members alone.
    const locate = request(Operation.Locate, { attribute: [attribute('Sensitive', false)] });
    const items = await runWithin(new MessageBudget({ scans: held.length + 2 }), [locate, locate]);
    const [ofGroup] = await runWithin(new MessageBudget({ scans: 3 }), [
      request(Operation.Locate, { attribute: [group] }),
    ]);
    assert.equal(ofGroup?.resultStatus, 0);
    assert.deepEqual(
      items.map((item) => item.resultStatus),
      [0, 1],
    );
    assert.match(items[1]?.resultMessage ?? '', /would have to be looked at/);
  });

  test('State and dates are searched for without a look at any object', async () => {
    const moment = 1_000_000_000 + randomInt(1_000_000);
    const uid = await createKey(gateway, app, attribute('Activation Date', moment));
    const locate = request(Operation.Locate, {
      attribute: [
        attribute('State', 2),
        attribute('Activation Date', moment - 1),
        attribute('Activation Date', moment + 1),
        attribute('Object Type', ObjectType.SymmetricKey),
      ],
    });
    const [item] = await runWithin(new MessageBudget({ scans: 0 }), [locate]);
    assert.deepEqual(
      item?.payload?.value.flatMap((field) => (field.type === ItemType.TextString ? [field.value] : [])),
      [uid],
    );
  });

  test('Located Items is left out where nobody can want the exact number', async () => {
    const uid = await createKey(gateway, app);
    const { db } = region.core;
    await sql`
      insert into core.objects (uid, tenant, service, object_type, state, usage_mask, initial_date, wrapped_digest, revision, terms, body)
      select 'many-' || n, 'crowded', service, object_type, state, usage_mask, initial_date, wrapped_digest, revision, terms, body
      from core.objects, generate_series(1, ${MAX_LOCATE_COUNT}::int) n where uid = ${uid}`.execute(db);
    const scope = { tenant: parseTenantId('crowded'), services: [billing] };
    const search = { attributes: [], maximumItems: 2, offsetItems: 0, nowS: 0, budget: new MessageBudget() };
    const locate = () =>
      locateObjects(db, scope, { ...search, onDamaged: () => assert.fail('nothing is looked at') });
    assert.equal((await locate()).total, MAX_LOCATE_COUNT);
    await sql`
      insert into core.objects (uid, tenant, service, object_type, state, usage_mask, initial_date, wrapped_digest, revision, terms, body)
      select 'one-more', tenant, service, object_type, state, usage_mask, initial_date, wrapped_digest, revision, terms, body
      from core.objects where uid = 'many-1'`.execute(db);
    const { uids, total } = await locate();
    assert.deepEqual(uids, ['many-1', 'many-2']);
    assert.equal(total, undefined);
    await db.deleteFrom('core.objects').where('tenant', '=', 'crowded').execute();
  });

  test('work stops when nobody waits for it any more', async () => {
    const group = attribute('Object Group', 'too late');
    const create = request(Operation.Create, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: {
        attribute: [
          attribute('Cryptographic Algorithm', 3),
          attribute('Cryptographic Usage Mask', 12),
          group,
        ],
      },
    });
    const items = await runWithin(new MessageBudget({ untilMs: performance.now() - 1 }), [create, create]);
    assert.deepEqual(reasonsOf(items), [ResultReason.GeneralFailure, ResultReason.GeneralFailure]);
    const { locatedItems } = await gateway.run(app, Operation.Locate, { attribute: [group] });
    assert.equal(locatedItems, 0);
  });

  test('Usage Limits are spent by what protects, and by nothing else', async () => {
    const usageLimitsUnit = UsageLimitsUnit.Object;
    const limits = attribute('Usage Limits', { usageLimitsTotal: 2n, usageLimitsCount: 9n, usageLimitsUnit });
    const uid = await active(limits);
    const data = new Uint8Array(16);
    const encrypt = () => gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data });
    const before = await headOf(gateway);
    const { items } = await gateway.tunnel(
      app,
      Array.from({ length: 4 }, () => request(Operation.Encrypt, { uniqueIdentifier: uid, data })),
      Continue,
    );
    const { PermissionDenied } = ResultReason;
    assert.deepEqual(reasonsOf(items), [undefined, undefined, PermissionDenied, PermissionDenied]);
    await assert.rejects(encrypt(), isKmip(ResultReason.PermissionDenied));
    assert.equal(await headOf(gateway), before, 'spending is no news for the gateways');
    const { usageLimitsCount } = attributeValue(await attributeOf(uid, 'Usage Limits'), 'Usage Limits');
    assert.equal(usageLimitsCount, 0n);
    const sealed = payloadOf(Operation.Encrypt, items[0]);
    assert.ok(sealed.data);
    await gateway.run(app, Operation.Decrypt, { ...sealed, data: sealed.data });
    await assert.rejects(
      gateway.run(app, Operation.ModifyAttribute, {
        uniqueIdentifier: uid,
        attribute: attribute('Usage Limits', { usageLimitsTotal: 100n, usageLimitsUnit }),
      }),
      isKmip(ResultReason.PermissionDenied),
    );
  });

  test('Usage Limits in bytes, from several connections at once, and of a wrapping key', async () => {
    const bytes = await active(
      attribute('Usage Limits', { usageLimitsTotal: 40n, usageLimitsUnit: UsageLimitsUnit.Byte }),
    );
    const second = region.connect(gatewayIdentity);
    const spent = await Promise.allSettled(
      [gateway, second].map((client) =>
        client.run(app, Operation.Encrypt, { uniqueIdentifier: bytes, data: new Uint8Array(24) }),
      ),
    );
    assert.deepEqual(spent.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    second.close();

    const { uniqueIdentifier: kek } = await gateway.run(app, Operation.Create, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: {
        attribute: [
          attribute('Cryptographic Algorithm', 3),
          attribute('Cryptographic Usage Mask', Encrypt | Decrypt | WrapKey),
          attribute('Activation Date', nowSeconds() - 60),
          attribute('Usage Limits', { usageLimitsTotal: 1n, usageLimitsUnit: UsageLimitsUnit.Object }),
        ],
      },
    });
    const wrap = {
      uniqueIdentifier: await active(),
      keyWrappingSpecification: {
        wrappingMethod: 1,
        encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode: 13 } },
      },
    };
    await gateway.run(app, Operation.Get, wrap);
    await assert.rejects(gateway.run(app, Operation.Get, wrap), isKmip(ResultReason.PermissionDenied));
  });

  test('an answer that the link cannot carry is refused item by item; the line stays', async () => {
    const uid = await registerSecret(90_000);
    const get = request(Operation.Get, { uniqueIdentifier: uid });
    const { items } = await gateway.tunnel(
      app,
      Array.from({ length: 50 }, () => get),
      Continue,
    );
    assert.equal(items.length, 50);
    assert.equal(items[0]?.resultReason, undefined);
    assert.equal(items[49]?.resultReason, ResultReason.ResponseTooLarge);
    await headOf(gateway);
  });

  test('changes whose effects the link cannot carry are not made', async () => {
    const uid = await active(text('x-large', 'a'.repeat(120_000)));
    const items = Array.from({ length: 50 }, (_, i) =>
      request(Operation.AddAttribute, { uniqueIdentifier: uid, attribute: text(`x-${i}`, 'small') }),
    );
    const answer = await gateway.tunnel(app, items, Continue);
    const done = answer.items.filter((item) => item.resultStatus === 0).length;
    assert.ok(done > 0 && done < 50 && answer.effects.length === done);
    assert.equal(answer.items[49]?.resultReason, ResultReason.ResponseTooLarge);
    const { attributeName } = await gateway.run(app, Operation.GetAttributeList, { uniqueIdentifier: uid });
    const small = attributeName.filter((name) => /^x-\d+$/.test(name));
    assert.equal(small.length, done, 'what was refused was not done');
    assert.ok(answer.message.length < MAX_MESH_MESSAGE_BYTES);
  });

  test('whatever a client could store, the gateways can fetch', async () => {
    const start = await headOf(gateway);
    const links = Array.from({ length: 60 }, (_, i) =>
      attribute('Link', { linkType: 0x101, linkedObjectIdentifier: `link-${i}` }),
    );
    const uid = await active(...links);
    for (let i = 0; i < 40; i++) {
      await gateway.run(app, Operation.AddAttribute, {
        uniqueIdentifier: uid,
        attribute: text('x-many', `${i}`),
      });
    }
    const { pushes } = await gateway.ask(MeshOperation.Sync, { after: start });
    assert.equal(pushes.length, 41);
    const second = region.connect(gatewayIdentity);
    await second.subscribe(start);
    const { push } = await second.nextPush();
    assert.ok(push.kind === 'object.put' && push.object.uid === uid);
    second.close();
  });

  test('a read hands the key to the gateway that asked, once, and to nobody else', async () => {
    const uid = await active();
    const secret = await registerSecret(32);
    const before = await headOf(gateway);
    const { items, effects } = await gateway.tunnel(app, [
      request(Operation.Get, { uniqueIdentifier: uid }),
      request(Operation.Encrypt, { uniqueIdentifier: uid, data: new Uint8Array(3) }),
      request(Operation.Get, { uniqueIdentifier: secret }),
    ]);
    assert.deepEqual(reasonsOf(items), [undefined, undefined, undefined]);
    assert.deepEqual(
      effects.map(({ number, push }) => [number, push.kind === 'object.put' && push.object.uid]),
      [[0, uid]],
    );
    assert.equal(await headOf(gateway), before);
  });

  test('random IVs are counted here too, and an IV of the client is noted', async () => {
    const uid = await active();
    const encrypt = (ivCounterNonce?: Uint8Array) =>
      gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: new Uint8Array(8), ivCounterNonce });
    await encrypt(Uint8Array.from(randomBytes(12)));
    const noted = await region.core.db
      .selectFrom('core.audit_events')
      .select('body')
      .where('event', '=', 'CLIENT_IV_USED')
      .execute();
    assert.deepEqual(
      noted.map(({ body }) => JSON.parse(body).uid),
      [uid],
    );
    await encrypt();
    await encrypt();
    const ivs = region.core.db.selectFrom('core.random_ivs').select('used').where('uid', '=', uid);
    assert.equal(Number((await ivs.executeTakeFirstOrThrow()).used), 2);
    await region.core.db
      .updateTable('core.random_ivs')
      .set({ used: MAX_RANDOM_IVS_PER_KEY })
      .where('uid', '=', uid)
      .execute();
    await assert.rejects(encrypt(), isKmip(ResultReason.PermissionDenied));
    await encrypt(Uint8Array.from(randomBytes(12)));
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('IV_BUDGET_SPENT'));
  });

  test('every refusal is in the trail, with the object and the reason', async () => {
    const waiting = await createKey(gateway, app);
    const hidden = await active(attribute('Sensitive', true));
    const running = await active();
    const refusals: readonly (readonly [string, string, ClientRequest])[] = [
      [
        waiting,
        'PERMISSION_DENIED',
        request(Operation.Encrypt, { uniqueIdentifier: waiting, data: new Uint8Array(3) }),
      ],
      [
        running,
        'PERMISSION_DENIED',
        request(Operation.Check, { uniqueIdentifier: running, cryptographicUsageMask: 0x40 }),
      ],
      ['l3:billing', 'PERMISSION_DENIED', request(Operation.Destroy, { uniqueIdentifier: 'l3:billing' })],
      [running, 'PERMISSION_DENIED', request(Operation.Destroy, { uniqueIdentifier: running })],
      [hidden, 'SENSITIVE', request(Operation.Get, { uniqueIdentifier: hidden })],
    ];
    for (const [uid, reason, refused] of refusals) {
      const { items } = await gateway.tunnel(app, [refused]);
      assert.equal(items[0]?.resultStatus, 1);
      const last = await region.core.db
        .selectFrom('core.audit_events')
        .select(['event', 'outcome', 'reason', 'body'])
        .orderBy('seq', 'desc')
        .executeTakeFirstOrThrow();
      assert.deepEqual(
        [last.event, last.outcome, last.reason, JSON.parse(last.body).uid],
        ['OPERATION_REFUSED', 'refused', reason, uid],
      );
    }
  });

  test('a gateway serves a whole region: one for a single tenant is not registered', async () => {
    const identity = await region.identity('bound');
    const { fingerprint } = identity;
    await assert.rejects(
      region.job('IDENTITY_PUT', {
        identity: { fingerprint, role: 'gateway', name: 'bound', tenant: 'acme' },
      }),
      (error: unknown) => error instanceof JobFailedError && error.code === 'INVALID_PAYLOAD',
    );
  });
});
