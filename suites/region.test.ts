/**
 * A region as applications see it: one gateway and its core, joined by a line that breaks (split record §1–§3, D6–D9).
 * Core and gateway are real and run in this process; what they say to each other goes through a proxy.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { verifyAudit } from '../execution/core/index.ts';
import {
  attribute,
  attributeValue,
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  call,
  customAttribute,
  decodeResponse,
  EncodingOption,
  encodeRequest,
  ItemType,
  type KmipClient,
  KmipClientError,
  KmipError,
  NameType,
  ObjectType,
  Operation,
  operationSchemas,
  QueryFunction,
  type RequestItem,
  ResultReason,
  ResultStatus,
  RevocationReasonCode,
  State,
  structureItem,
  Tag,
  V1_2,
  V1_4,
  WrappingMethod,
} from '../execution/kmip/index.ts';
import { issue } from '../platform/pki.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { testPki } from '../testkit/pki.ts';
import { type RegionWorld, startRegion, until } from './support/region.ts';

const { Encrypt, Decrypt, WrapKey } = CryptographicUsageMask;
/** "At once" for a request whose answer needs no core that is away. */
const AT_ONCE_MS = 150;

let world: RegionWorld;
let billing: KmipClient;
let shipping: KmipClient;
let rival: KmipClient;

before(async () => {
  world = await startRegion();
  await world.provision('acme', 'orders', 'parcels');
  await world.provision('rival', 'orders');
  await world.link('acme', 1);
  billing = world.client(await world.application('billing', 'acme', ['orders']));
  shipping = world.client(await world.application('shipping', 'acme', ['parcels']));
  rival = world.client(await world.application('rival-app', 'rival', ['orders']));
});

after(async () => {
  for (const client of [billing, shipping, rival]) client.close();
  await world.close();
});

const nowS = (): number => Math.floor(Date.now() / 1000);

function keyTemplate(options: { name?: string; mask?: number; active?: boolean } = {}) {
  return {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', options.mask ?? Encrypt | Decrypt),
        ...(options.active === false ? [] : [attribute('Activation Date', nowS())]),
        ...(options.name === undefined
          ? []
          : [attribute('Name', { nameValue: options.name, nameType: NameType.UninterpretedTextString })]),
      ],
    },
  };
}

async function create(client: KmipClient, options: Parameters<typeof keyTemplate>[0] = {}): Promise<string> {
  return (await client.request(Operation.Create, keyTemplate(options))).uniqueIdentifier;
}

async function roundTrip(client: KmipClient, uniqueIdentifier: string): Promise<void> {
  const data = Buffer.from('a secret of some length');
  const {
    data: sealed,
    ivCounterNonce,
    authenticatedEncryptionTag,
  } = await client.request(Operation.Encrypt, {
    uniqueIdentifier,
    data,
  });
  assert.notDeepEqual(sealed, data);
  const opened = await client.request(Operation.Decrypt, {
    uniqueIdentifier,
    data: sealed,
    ivCounterNonce,
    authenticatedEncryptionTag,
  });
  assert.deepEqual(Buffer.from(opened.data ?? []), data);
}

async function refused(reason: number, message: RegExp, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof KmipError, `${error}`);
    assert.equal(error.resultReason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });
  return performance.now() - startedAt;
}

async function isDenied(run: () => Promise<unknown>): Promise<boolean> {
  return run().then(
    () => false,
    (error: unknown) => error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied,
  );
}

/** A handshake may end well for the client before the server refuses: the first request tells. */
async function refusedConnection(client: KmipClient, reason: string): Promise<void> {
  const before = world.log.length;
  await assert.rejects(client.request(Operation.Query, { queryFunction: [1] }), KmipClientError);
  client.close();
  await until(`the log names ${reason}`, () =>
    world.log.slice(before).some((line) => line.reason === reason),
  );
}

async function stateOf(client: KmipClient, uniqueIdentifier: string): Promise<number> {
  const { attribute: list } = await client.request(Operation.GetAttributes, {
    uniqueIdentifier,
    attributeName: ['State'],
  });
  const [state] = list ?? [];
  assert.ok(state !== undefined);
  return attributeValue(state, 'State');
}

function reasonsSince(position: number): (string | undefined)[] {
  return world.log.slice(position).map(({ reason }) => reason);
}

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

describe('with the core away', () => {
  let uid: string;
  before(async () => {
    uid = await create(billing);
    await create(shipping);
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
  });
  after(async () => {
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
  });

  it('Create, Get, Encrypt, Decrypt, Query and Discover Versions go on', async () => {
    await roundTrip(billing, uid);
    const made = await create(billing, { name: 'made-alone' });
    await roundTrip(billing, made);
    await billing.request(Operation.Get, { uniqueIdentifier: made });
    await roundTrip(billing, made);
    const { data } = await billing.request(Operation.Encrypt, {
      uniqueIdentifier: 'l3:orders',
      data: Buffer.from('x'),
    });
    await billing.request(Operation.Decrypt, { uniqueIdentifier: 'l3:orders', data });
    assert.ok(
      (await billing.request(Operation.Query, { queryFunction: [QueryFunction.QueryOperations] })).operation,
    );
    assert.ok((await billing.request(Operation.DiscoverVersions, {})).protocolVersion);
    assert.ok(world.gateway.status().backlog >= 1);
  });

  it('everything else is refused at once, as something to try again and never as absent', async () => {
    const attempts = [
      () => billing.request(Operation.ReKey, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Destroy, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Locate, {}),
      () => billing.request(Operation.Get, { uniqueIdentifier: 'held-by-another-gateway' }),
    ];
    for (const attempt of attempts) {
      const tookMs = await refused(ResultReason.GeneralFailure, /core cannot be reached; try again/, attempt);
      assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
    }
  });

  it('a restart loses nothing that was acknowledged, and refuses what it has no service key for', async () => {
    await world.stopGateway();
    await world.restartGateway();
    await refused(ResultReason.GeneralFailure, /core cannot be reached/, () =>
      billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    );
  });

  it('what was made alone is announced when the core is back', async () => {
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await until('the backlog is empty', () => world.gateway.status().backlog === 0);
    const { uniqueIdentifier = [] } = await billing.request(Operation.Locate, {
      attribute: [attribute('Name', { nameValue: 'made-alone', nameType: NameType.UninterpretedTextString })],
    });
    assert.equal(uniqueIdentifier.length, 1);
    await roundTrip(billing, uniqueIdentifier[0] ?? '');
  });

  it('a core process that stops and starts again is found again', async () => {
    await world.stopCore();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    const made = await create(billing);
    await world.startCore();
    await until('the core is back', () => world.gateway.status().core === 'connected', 15_000);
    assert.equal(await stateOf(billing, made), State.Active);
  });

  it('a line that swallows everything is a core that is away', async () => {
    world.proxy.swallow();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable', 6_000);
    await roundTrip(billing, await create(billing));
    const tookMs = await refused(ResultReason.GeneralFailure, /try again/, () =>
      billing.request(Operation.Activate, { uniqueIdentifier: uid }),
    );
    assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
  });
});

describe('past the backlog limit', () => {
  it('only Create is refused, and it goes on when the core has taken the keys', async () => {
    await world.stopGateway();
    await world.restartGateway({ limits: { backlog: 2 } });
    const uid = await create(billing);
    await until('the core knows it', () => world.gateway.status().backlog === 0);
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    await create(billing);
    await create(billing);
    await refused(ResultReason.GeneralFailure, /too many new keys/, () => create(billing));
    await roundTrip(billing, uid);
    world.proxy.resume();
    await until('the core has taken them', () => world.gateway.status().backlog === 0);
    await create(billing);
  });
});

describe('who is refused, and why', () => {
  it('connections', async () => {
    const stranger = await testPki('another authority');
    await refusedConnection(world.client(await stranger.client('x')), 'UNTRUSTED_ISSUER');
    await refusedConnection(world.client(await world.pki.server('x')), 'WRONG_PURPOSE');
    await refusedConnection(world.client(await world.pki.client('unknown')), 'NOT_REGISTERED');
    await until('the trail of the region has them', async () => {
      const rows = await world.core.db
        .selectFrom('core.audit_events')
        .select((row) => row.fn.countAll<string>().as('n'))
        .where('event', '=', 'CONNECTION_REFUSED')
        .executeTakeFirstOrThrow();
      return Number(rows.n) >= 3;
    });
    await verifyAudit(world.core.db);
  });

  it('an application whose identity is removed, within a second, on its open connection', async () => {
    const certificate = await world.application('leaver', 'acme', ['orders']);
    const leaver = world.client(certificate);
    await leaver.request(Operation.Query, { queryFunction: [1] });
    await world.job('IDENTITY_REMOVE', {
      fingerprint: keyFingerprint(certificate.certificatePem),
      reason: 'left',
    });
    const tookMs = await until('the connection is refused', async () =>
      leaver.request(Operation.Query, { queryFunction: [1] }).then(
        () => false,
        (error: unknown) => error instanceof KmipClientError,
      ),
    );
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    leaver.close();
  });

  it('an application whose certificate expires, on its open connection too', async () => {
    const seconds = 3;
    const certificate = await issue({
      ca: world.pki.ca,
      commonName: 'short-lived',
      usages: ['client'],
      days: seconds / 86_400,
    });
    const application = await world.application('short-lived', 'acme', ['orders'], { certificate });
    const client = world.client(application);
    await client.request(Operation.Query, { queryFunction: [1] });
    const position = world.log.length;
    await until('the connection is ended', () => reasonsSince(position).includes('EXPIRED'), 6_000);
    client.close();
    // A client of its own: the first may not have heard yet that its connection has ended.
    await refusedConnection(world.client(application), 'EXPIRED');
  });

  it('another tenant, for whom the key does not exist', async () => {
    const uid = await create(billing);
    const position = world.log.length;
    for (const attempt of [
      () => rival.request(Operation.Get, { uniqueIdentifier: uid }),
      () => rival.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    ]) {
      await refused(ResultReason.ItemNotFound, /^no object has this unique identifier$/, attempt);
    }
    await refused(ResultReason.ItemNotFound, /^no object has this unique identifier$/, () =>
      rival.request(Operation.Get, { uniqueIdentifier: 'not-there-at-all' }),
    );
    await refused(ResultReason.ItemNotFound, /no object has/, () =>
      shipping.request(Operation.Get, { uniqueIdentifier: uid }),
    );
    assert.ok(reasonsSince(position).includes('OTHER_TENANT'));
    assert.ok(reasonsSince(position).includes('OTHER_SERVICE'));
  });

  it('operations that the identity may not ask for, and those of the mesh', async () => {
    const reader = world.client(
      await world.application('reader', 'acme', ['orders'], { operations: ['Get', 'Query'] }),
    );
    await reader.request(Operation.Query, { queryFunction: [1] });
    await refused(ResultReason.PermissionDenied, /operation/, () =>
      reader.request(Operation.Create, keyTemplate()),
    );
    await refused(ResultReason.PermissionDenied, /operation/, () => reader.request(Operation.Locate, {}));
    reader.close();
    const lease = encodeRequest({
      header: { protocolVersion: V1_4, batchCount: 1 },
      items: [{ operation: 0x80000003, payload: structureItem(Tag.RequestPayload, []) }],
    });
    const [answer] = decodeResponse(await billing.send(lease)).items;
    assert.equal(answer?.resultReason, ResultReason.PermissionDenied);
  });
});

describe('messages', () => {
  it('are answered in their own version, with nothing that it does not know', async () => {
    const payload = operationSchemas[Operation.Query].request.write({ queryFunction: [1] });
    const item: RequestItem = { operation: Operation.Query, payload };
    const bytes = await billing.send(
      encodeRequest({ header: { protocolVersion: V1_2, batchCount: 1 }, items: [item] }),
    );
    const { header } = decodeResponse(bytes);
    assert.deepEqual(header.protocolVersion, V1_2);
    assert.deepEqual(Object.keys(header).sort(), ['batchCount', 'protocolVersion', 'timeStamp']);
  });

  it('respect Maximum Response Size', async () => {
    const header = { maximumResponseSize: 128 };
    await refused(ResultReason.ResponseTooLarge, /Maximum Response Size/, () =>
      billing.request(Operation.Query, { queryFunction: [QueryFunction.QueryOperations] }, { header }),
    );
  });

  it('that are broken get a KMIP error and harm nobody else', async () => {
    const hostile = [
      Buffer.from('420078010000000000', 'hex').subarray(0, 8),
      Buffer.from('4200780100000010420077010000000842006901000000ff', 'hex'),
      Buffer.concat([Buffer.from('4200780100000018', 'hex'), Buffer.alloc(24, 0xff)]),
    ];
    for (const bytes of hostile) {
      const client = world.client(world.certificate('billing'), { poolSize: 1 });
      const answer = await client.send(bytes).then(
        (message) => decodeResponse(message).items[0]?.resultStatus,
        (error: unknown) => (error instanceof KmipClientError ? ResultStatus.OperationFailed : undefined),
      );
      assert.equal(answer, ResultStatus.OperationFailed);
      client.close();
    }
    await billing.request(Operation.Query, { queryFunction: [1] });
  });

  it('with a critical extension are not half understood', async () => {
    const payload = operationSchemas[Operation.Query].request.write({ queryFunction: [1] });
    const messageExtension = {
      vendorIdentification: 'someone',
      criticalityIndicator: true,
      vendorExtension: structureItem(Tag.VendorExtension, []),
    };
    const items = [{ operation: Operation.Query, payload, messageExtension }];
    const [answer] = decodeResponse(
      await billing.send(encodeRequest({ header: { protocolVersion: V1_4, batchCount: 1 }, items })),
    ).items;
    assert.equal(answer?.resultReason, ResultReason.FeatureNotSupported);
  });

  it('may carry attributes of their own', async () => {
    const template = keyTemplate();
    const note = customAttribute('x-note', {
      tag: Tag.AttributeValue,
      type: ItemType.TextString,
      value: 'mine',
    });
    const { uniqueIdentifier } = await billing.request(Operation.Create, {
      ...template,
      templateAttribute: { attribute: [...template.templateAttribute.attribute, note] },
    });
    const { attribute: list } = await billing.request(Operation.GetAttributes, {
      uniqueIdentifier,
      attributeName: ['x-note'],
    });
    assert.equal(list?.[0]?.attributeValue.value, 'mine');
  });
});

describe('what a hostile application sends', () => {
  /** The gateway still talks to its core, and new keys still get there. */
  async function unharmed(): Promise<void> {
    const before = world.log.length;
    const name = `after-${Math.random()}`;
    const uid = await create(billing, { name });
    const { uniqueIdentifier } = await billing.request(Operation.Locate, {
      attribute: [attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString })],
    });
    assert.deepEqual(uniqueIdentifier, [uid]);
    await new Promise((resolve) => setTimeout(resolve, 2_200)); // two heartbeats
    assert.equal(world.gateway.status().core, 'connected');
    assert.ok(!reasonsSince(before).includes('CORE_UNREACHABLE'));
    await until('the trail has been handed over', () => world.gateway.status().auditBacklog === 0);
  }

  it('as a unique identifier does not part the gateway from its core', async () => {
    for (const uniqueIdentifier of [`l3:${'a'.repeat(124)}\u{1F600}`, 'l3:a\0b']) {
      await assert.rejects(billing.request(Operation.Get, { uniqueIdentifier }), KmipError);
    }
    await unharmed();
  });

  it('as a Name is refused before it is a key that the core cannot take', async () => {
    for (const name of ['a\0b', '鍵'.repeat(1024)]) {
      await refused(ResultReason.InvalidField, /Name Value|U\+0000/, () => create(billing, { name }));
    }
    await create(billing, { name: '鍵'.repeat(341) });
    await unharmed();
  });

  it('as attributes is refused when it could not be stored and read again', async () => {
    const template = keyTemplate();
    const note = (sizeBytes: number) =>
      customAttribute('x-note', {
        tag: Tag.AttributeValue,
        type: ItemType.TextString,
        value: 'a'.repeat(sizeBytes),
      });
    const createWith = (sizeBytes: number) =>
      billing.request(Operation.Create, {
        ...template,
        templateAttribute: { attribute: [...template.templateAttribute.attribute, note(sizeBytes)] },
      });
    await refused(ResultReason.InvalidField, /bytes/, () => createWith(1_000_000));
    const { uniqueIdentifier } = await createWith(120_000);
    await roundTrip(billing, uniqueIdentifier);
    for (let i = 0; i < 2; i++) {
      await refused(ResultReason.InvalidField, /bytes/, () =>
        billing.request(Operation.AddAttribute, { uniqueIdentifier, attribute: note(600_000) }),
      );
    }
    await roundTrip(billing, uniqueIdentifier);
    await unharmed();
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

describe('the customer withdraws the master key', () => {
  let uid: string;

  it('the gateway refuses within a second, and keeps nothing', async () => {
    uid = await create(billing);
    await roundTrip(billing, uid);
    const startedAt = performance.now();
    const unlinked = world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'test' });
    await until('Encrypt is refused', () =>
      isDenied(() => billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') })),
    );
    const { gatewaysTold } = await unlinked;
    assert.equal(gatewaysTold, 1);
    assert.ok(performance.now() - startedAt < 3_000, 'job and refusal together');
    assert.ok(!world.gateway.status().leases.some(({ tenant }) => tenant === 'acme'));
    for (const attempt of [
      () => create(billing),
      () => billing.request(Operation.Get, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Encrypt, { uniqueIdentifier: 'l3:orders', data: Buffer.from('x') }),
    ]) {
      await refused(ResultReason.PermissionDenied, /withdrawn the master key/, attempt);
    }
    await roundTrip(rival, await create(rival));
  });

  it('it refuses still after a restart, with the core away', async () => {
    world.proxy.cut();
    await world.stopGateway();
    await world.restartGateway();
    await refused(ResultReason.PermissionDenied, /withdrawn the master key/, () => create(billing));
    world.proxy.resume();
  });

  it('a new link brings the same keys back', async () => {
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await world.link('acme', 2);
    await until('the key is served again', async () => !(await isDenied(() => roundTrip(billing, uid))));
    await roundTrip(billing, uid);
  });
});
