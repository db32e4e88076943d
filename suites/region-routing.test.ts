/**
 * A region as applications see it: what the gateway does itself, what it asks its core for, and that nobody can tell
 * (D6, D9). Core and gateway are real and run in this process; what they say to each other goes through a proxy.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { verifyAudit } from '../execution/core/index.ts';
import {
  attribute,
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  call,
  EncodingOption,
  type KmipClient,
  KmipError,
  NameType,
  ObjectType,
  Operation,
  QueryFunction,
  ResultReason,
  ResultStatus,
  RevocationReasonCode,
  State,
  V1_2,
  WrappingMethod,
} from '../execution/kmip/index.ts';
import {
  create,
  depopulate,
  isDenied,
  keyTemplate,
  nowS,
  type Populated,
  populate,
  refused,
  roundTrip,
  stateOf,
} from './support/applications.ts';
import { type RegionWorld, until } from './support/region.ts';

const { Encrypt, Decrypt, WrapKey } = CryptographicUsageMask;

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
let shipping: KmipClient;
let rival: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing, shipping, rival } = populated);
});
after(() => depopulate(populated));

describe('data keys', () => {
  it('are created, used and given out by the gateway', async () => {
    const uid = await create(billing);
    await roundTrip(billing, uid);
    const { object } = await billing.request(Operation.Get, { uniqueIdentifier: uid });
    assert.equal(object.objectType, ObjectType.SymmetricKey);
    assert.equal(object.objectType === ObjectType.SymmetricKey && object.keyBlock.cryptographicLength, 256);
  });

  it('are encrypted with for clients of KMIP 1.2, whose messages have no field for the tag', async () => {
    const uid = await create(billing);
    const old = world.client(await world.application('old-app', 'acme', ['orders']), { version: V1_2 });
    const data = Buffer.from('old');
    const sealed = await old.request(Operation.Encrypt, { uniqueIdentifier: uid, data });
    assert.equal(sealed.data?.length, data.length + 16);
    const opened = await old.request(Operation.Decrypt, {
      uniqueIdentifier: uid,
      data: sealed.data,
      ivCounterNonce: sealed.ivCounterNonce,
    });
    assert.deepEqual(Buffer.from(opened.data ?? []), data);
    old.close();
  });

  it('obey state, usage mask and dates', async () => {
    const preActive = await create(billing, { active: false });
    const encrypt = (uniqueIdentifier: string) => () =>
      billing.request(Operation.Encrypt, { uniqueIdentifier, data: Buffer.from('x') });
    await refused(ResultReason.PermissionDenied, /Pre-Active/, encrypt(preActive));
    const decryptOnly = await create(billing, { mask: Decrypt });
    await refused(ResultReason.PermissionDenied, /Usage Mask/, encrypt(decryptOnly));
    const template = keyTemplate();
    const soon = await billing.request(Operation.Create, {
      ...template,
      templateAttribute: {
        attribute: [...template.templateAttribute.attribute, attribute('Deactivation Date', nowS() + 1)],
      },
    });
    await roundTrip(billing, soon.uniqueIdentifier);
    await until('the Deactivation Date is applied here', () => isDenied(encrypt(soon.uniqueIdentifier)));
  });

  it('are known to the core before its next answer: a client reads its own writes', async () => {
    const uid = await create(billing, { name: 'read-your-writes' });
    const { uniqueIdentifier } = await billing.request(Operation.Locate, {
      attribute: [
        attribute('Name', { nameValue: 'read-your-writes', nameType: NameType.UninterpretedTextString }),
      ],
    });
    assert.deepEqual(uniqueIdentifier, [uid]);
    await refused(ResultReason.InvalidField, /belongs to another/, () =>
      create(billing, { name: 'read-your-writes' }),
    );
  });

  it('change state with the answer of the request that changed it', async () => {
    const uid = await create(billing);
    await roundTrip(billing, uid);
    const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
    await billing.request(Operation.Revoke, { uniqueIdentifier: uid, revocationReason });
    await refused(ResultReason.PermissionDenied, /Deactivated/, () =>
      billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    );
    await billing.request(Operation.Destroy, { uniqueIdentifier: uid });
    await assert.rejects(billing.request(Operation.Get, { uniqueIdentifier: uid }), KmipError);
    assert.equal(await stateOf(billing, uid), State.Destroyed);
  });

  it('made elsewhere are fetched once and then served here', async () => {
    const registered = await billing.request(Operation.Register, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: {
        attribute: [
          attribute('Cryptographic Usage Mask', Encrypt | Decrypt),
          attribute('Activation Date', nowS()),
        ],
      },
      object: {
        objectType: ObjectType.SymmetricKey,
        keyBlock: {
          keyFormatType: 1,
          keyValue: { keyMaterial: Buffer.alloc(32, 5) },
          cryptographicAlgorithm: CryptographicAlgorithm.AES,
          cryptographicLength: 256,
        },
      },
    });
    await roundTrip(billing, registered.uniqueIdentifier);
    world.proxy.cut();
    try {
      await roundTrip(billing, registered.uniqueIdentifier);
    } finally {
      world.proxy.resume();
      await until('the core is back', () => world.gateway.status().core === 'connected');
    }
  });
});

describe('service keys', () => {
  it('wrap and unwrap the data keys of their own services, bound to additional data', async () => {
    const data = Buffer.alloc(32, 9);
    const aad = Buffer.from('row 7');
    const uniqueIdentifier = 'l3:orders';
    const sealed = await billing.request(Operation.Encrypt, {
      uniqueIdentifier,
      data,
      authenticatedEncryptionAdditionalData: aad,
    });
    const open = (additional: Buffer | undefined, client = billing) =>
      client.request(Operation.Decrypt, {
        uniqueIdentifier,
        data: sealed.data,
        authenticatedEncryptionAdditionalData: additional,
      });
    assert.deepEqual(Buffer.from((await open(aad)).data ?? []), data);
    await refused(ResultReason.CryptographicFailure, /does not open/, () => open(Buffer.from('row 8')));
    await refused(ResultReason.CryptographicFailure, /does not open/, () => open(undefined));
    await refused(ResultReason.CryptographicFailure, /does not open/, () => open(aad, rival));
    await refused(ResultReason.PermissionDenied, /service/, () => open(aad, shipping));
  });

  it('are never given out, nor found', async () => {
    await refused(ResultReason.PermissionDenied, /l3:/, () =>
      billing.request(Operation.Get, { uniqueIdentifier: 'l3:orders' }),
    );
    const { uniqueIdentifier = [] } = await billing.request(Operation.Locate, { maximumItems: 100 });
    assert.ok(uniqueIdentifier.length > 0);
    assert.ok(!uniqueIdentifier.some((uid) => uid.startsWith('l3:')));
  });

  it('wrap a key that is given out, so that Decrypt brings it back', async () => {
    const uid = await create(billing);
    const { object } = await billing.request(Operation.Get, {
      uniqueIdentifier: uid,
      keyWrappingSpecification: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: 'l3:orders' },
        encodingOption: EncodingOption.NoEncoding,
      },
    });
    assert.ok(
      object.objectType === ObjectType.SymmetricKey && object.keyBlock.keyValue instanceof Uint8Array,
    );
    const opened = await billing.request(Operation.Decrypt, {
      uniqueIdentifier: 'l3:orders',
      data: object.keyBlock.keyValue,
    });
    const plain = await billing.request(Operation.Get, { uniqueIdentifier: uid });
    assert.ok(plain.object.objectType === ObjectType.SymmetricKey);
    const value = plain.object.keyBlock.keyValue;
    assert.ok(value !== undefined && !(value instanceof Uint8Array));
    assert.deepEqual(opened.data, value.keyMaterial);
  });

  it('wrap by an L4 with a mask for it', async () => {
    const uid = await create(billing);
    const wrapper = await create(billing, { mask: WrapKey });
    const wrapped = (kek: string) =>
      billing.request(Operation.Get, {
        uniqueIdentifier: uid,
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: kek },
          encodingOption: EncodingOption.NoEncoding,
        },
      });
    const { object } = await wrapped(wrapper);
    assert.ok(
      object.objectType === ObjectType.SymmetricKey && object.keyBlock.keyValue instanceof Uint8Array,
    );
    assert.equal(object.keyBlock.keyValue.length, 40, 'RFC 3394 adds eight bytes');
    await refused(ResultReason.PermissionDenied, /Usage Mask/, () => wrapped(uid));
  });
});

describe('batches', () => {
  it('carry the ID Placeholder from the gateway to the core and back', async () => {
    const results = await billing.batch([
      call(Operation.Create, keyTemplate({ name: 'mixed-1' })),
      call(Operation.GetAttributes, { attributeName: ['Name'] }),
      call(Operation.Encrypt, { data: Buffer.from('x') }),
      call(Operation.Query, { queryFunction: [QueryFunction.QueryObjects] }),
      call(Operation.Locate, {
        attribute: [attribute('Name', { nameValue: 'mixed-1', nameType: NameType.UninterpretedTextString })],
      }),
      call(Operation.Get, {}),
    ]);
    const [created, attributes, encrypted, query, located, got] = results;
    assert.ok(
      created.ok && attributes.ok && encrypted.ok && query.ok && located.ok && got.ok,
      JSON.stringify(results),
    );
    const uid = created.payload.uniqueIdentifier;
    assert.equal(attributes.payload.uniqueIdentifier, uid);
    assert.equal(encrypted.payload.uniqueIdentifier, uid);
    assert.deepEqual(located.payload.uniqueIdentifier, [uid]);
    assert.equal(got.payload.uniqueIdentifier, uid);
  });

  it('stop at the first failure unless told to continue', async () => {
    const calls = [
      call(Operation.Create, keyTemplate()),
      call(Operation.Encrypt, { uniqueIdentifier: 'l3:none', data: Buffer.from('x') }),
      call(Operation.Locate, { maximumItems: 1 }),
    ] as const;
    const stopped = await billing.batch(calls);
    assert.deepEqual(
      stopped.map(({ ok }) => ok),
      [true, false, false],
    );
    const continued = await billing.batch(calls, {
      header: { batchErrorContinuationOption: BatchErrorContinuationOption.Continue },
    });
    assert.deepEqual(
      continued.map(({ ok }) => ok),
      [true, false, true],
    );
  });

  it('are undone whole, here and at the core', async () => {
    const header = { batchErrorContinuationOption: BatchErrorContinuationOption.Undo };
    const found = async (nameValue: string) =>
      (
        await billing.request(Operation.Locate, {
          attribute: [attribute('Name', { nameValue, nameType: NameType.UninterpretedTextString })],
        })
      ).uniqueIdentifier ?? [];
    const [made, used, failed] = await billing.batch(
      [
        call(Operation.Create, keyTemplate({ name: 'undone-here' })),
        call(Operation.Encrypt, { data: Buffer.from('x') }),
        call(Operation.Encrypt, { uniqueIdentifier: 'l3:none', data: Buffer.from('x') }),
      ],
      { header },
    );
    assert.ok(!made.ok && !used.ok && !failed.ok);
    assert.equal(made.error.resultStatus, ResultStatus.OperationUndone);
    assert.equal(failed.error.resultStatus, ResultStatus.OperationFailed);
    assert.deepEqual(await found('undone-here'), []);

    const kept = await billing.batch(
      [
        call(Operation.Create, keyTemplate({ name: 'kept' })),
        call(Operation.Encrypt, { data: Buffer.from('x') }),
      ],
      { header },
    );
    assert.ok(kept.every(({ ok }) => ok));
    assert.equal((await found('kept')).length, 1);

    const mixed = await billing.batch(
      [
        call(Operation.Create, keyTemplate({ name: 'undone-there' })),
        call(Operation.Activate, { uniqueIdentifier: 'no such object' }),
      ],
      { header },
    );
    assert.ok(mixed.every(({ ok }) => !ok));
    assert.deepEqual(await found('undone-there'), []);
  });
});

describe('the trail and the health page', () => {
  it('every key that a gateway gives out is recorded', async () => {
    const uid = await create(billing);
    await billing.request(Operation.Get, { uniqueIdentifier: uid });
    await until('the region has it', async () => {
      const rows = await world.core.db
        .selectFrom('core.audit_events')
        .selectAll()
        .where('event', '=', 'OBJECT_READ')
        .execute();
      return rows.some((row) => JSON.stringify(row).includes(uid));
    });
    await verifyAudit(world.core.db);
  });

  it('the page counts leases and names nobody', async () => {
    await roundTrip(billing, await create(billing));
    const text = await (await fetch(`${world.gateway.healthUrl}/healthz`)).text();
    const { leases } = JSON.parse(text) as { leases: unknown };
    assert.equal(leases, world.gateway.status().leases.length);
    assert.doesNotMatch(text, /acme|rival|orders|parcels/);
  });
});
