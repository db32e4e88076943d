/** Who and what a gateway refuses, with the reason in the log and the trail, and that neither it nor its core is harmed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { verifyAudit } from '../execution/core/index.ts';
import {
  attribute,
  customAttribute,
  decodeResponse,
  encodeRequest,
  ItemType,
  type KmipClient,
  KmipClientError,
  KmipError,
  NameType,
  Operation,
  operationSchemas,
  QueryFunction,
  type RequestItem,
  ResultReason,
  ResultStatus,
  structureItem,
  Tag,
  V1_2,
  V1_4,
} from '../execution/kmip/index.ts';
import { writePrivate, writePublic } from '../platform/config-file.ts';
import { issue } from '../platform/pki.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { testPki } from '../testkit/pki.ts';
import {
  create,
  depopulate,
  keyTemplate,
  type Populated,
  populate,
  reasonsSince,
  refused,
  refusedConnection,
  roundTrip,
} from './support/applications.ts';
import { type LogLine, type RegionWorld, until } from './support/region.ts';

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

describe('who is refused, and why', () => {
  it('connections', async () => {
    const stranger = await testPki('another authority');
    await refusedConnection(world, world.client(await stranger.client('x')), 'UNTRUSTED_ISSUER');
    await refusedConnection(world, world.client(await world.pki.server('x')), 'WRONG_PURPOSE');
    await refusedConnection(world, world.client(await world.pki.client('unknown')), 'NOT_REGISTERED');
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
    await until('the connection is ended', () => reasonsSince(world, position).includes('EXPIRED'), 6_000);
    client.close();
    // A client of its own: the first may not have heard yet that its connection has ended.
    await refusedConnection(world, world.client(application), 'EXPIRED');
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
    assert.ok(reasonsSince(world, position).includes('OTHER_TENANT'));
    assert.ok(reasonsSince(world, position).includes('OTHER_SERVICE'));
  });

  it('a flood of them is counted one by one, and logged by a few lines that tell of the others', async () => {
    const uid = await create(billing);
    const asked = 200;
    const counted = await metricOf(world, REFUSALS_OF_OTHERS);
    const position = world.log.length;
    const ask = (): Promise<unknown> => rival.request(Operation.Get, { uniqueIdentifier: uid });
    const flood = Array.from({ length: asked }, () => assert.rejects(ask(), KmipError));
    const tookMs = await measured(() => Promise.all(flood));
    assert.equal((await metricOf(world, REFUSALS_OF_OTHERS)) - counted, asked);
    const lines = (): LogLine[] =>
      world.log.slice(position).filter(({ reason }) => reason === 'OTHER_TENANT');
    const seconds = Math.ceil(tookMs / 1_000) + 1;
    assert.ok(lines().length <= seconds * 20, `${lines().length} lines in ${tookMs} ms`);
    // The first line of a later second.
    await until('a line tells of the others', async () => {
      await assert.rejects(ask(), KmipError);
      const told = lines().reduce((sum, { leftOut }) => sum + Number(leftOut ?? 0), 0);
      return told + lines().length > asked;
    });
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

describe('certificates that change while both run', () => {
  it('the gateway shows its core the new one, and goes on when the former is no longer registered', async () => {
    const { cert, key } = world.gatewayConfig.core;
    const former = keyFingerprint(await readFile(cert, 'utf8'));
    const fresh = await world.pki.both('renewed');
    const fingerprint = keyFingerprint(fresh.certificatePem);
    await world.job('IDENTITY_PUT', { identity: { fingerprint, role: 'gateway', name: 'gateway-1' } });
    await writePrivate(key, fresh.privateKeyPem);
    await writePublic(cert, fresh.certificatePem);
    await until(
      'the new one is in use',
      () => world.gateway.status().certificates.core.subject === 'CN=renewed',
    );
    await billing.request(Operation.Locate, {});
    await world.job('IDENTITY_REMOVE', { fingerprint: former, reason: 'replaced' });
    await until('the gateway is at the head again', async () => {
      await world.caughtUp(world.gateway);
      return world.gateway.status().status === 'ok';
    });
    await billing.request(Operation.Locate, {});
    assert.equal(await metricOf(world, 'okcm_gateway_tls_reloads_total{outcome="taken"'), 1);
  });

  it('the core serves new connections with the new one, and says until when', async () => {
    const { cert, key } = world.coreConfig.tls;
    const fresh = await world.pki.server('renewed');
    await writePrivate(key, fresh.privateKeyPem);
    await writePublic(cert, fresh.certificatePem);
    await until('the new one is served', async () => {
      const socket = connect({ host: '127.0.0.1', port: world.core.port, ca: world.pki.ca.certificatePem });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN === 'renewed';
    });
    assert.equal(world.gateway.status().core, 'connected');
    await billing.request(Operation.Locate, {});
  });
});

const REFUSALS_OF_OTHERS = 'okcm_gateway_refusals_total{reason="OTHER_TENANT"';

async function measured(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

async function metricOf({ gateway }: RegionWorld, series: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', gateway.healthUrl))).text();
  const line =
    text.split('\n').find((one) => one.startsWith(series)) ?? assert.fail(`no ${series} in\n${text}`);
  return Number(line.split(' ').at(-1));
}

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
    assert.ok(!reasonsSince(world, before).includes('CORE_UNREACHABLE'));
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
