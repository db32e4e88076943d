// The core as gateways and governance meet it: real PostgreSQL, real TLS, signed jobs.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseRegionId, parseServiceName, parseTenantId } from '../../contracts/index.ts';
import { sealLinkSecret } from '../../contracts/sealing.ts';
import { sleep } from '../../platform/backoff.ts';
import { writePublic } from '../../platform/config-file.ts';
import { createCa } from '../../platform/pki.ts';
import { waitedMs } from '../../testkit/clocks.ts';
import { revocationList } from '../../testkit/crl.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { until } from '../../testkit/until.ts';
import { generateKeyPair } from '../envelope/index.ts';
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  KmipError,
  ObjectType,
  Operation,
  ResultReason,
  schemasOf,
} from '../kmip/index.ts';
import { type Caller, MeshOperation } from '../mesh/index.ts';
import { type ManagedObject, nameAttribute, served } from '../objects/index.ts';
import { verifyAudit } from './audit/verify.ts';
import { PUSH_ACK_WAIT_MS } from './limits.ts';
import { callerOf, type GatewayClient } from './testing/gateway-client.ts';
import {
  acme,
  auditReasons,
  billing,
  createKey,
  headOf,
  lease,
  leasedKey,
  madeByGateway,
  openLease,
  populate,
} from './testing/keys.ts';
import { JobFailedError, type TestIdentity, TestRegion } from './testing/region.ts';

const LINK_TTL_MS = 3_600_000;

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

describe('core', () => {
  let region: TestRegion;
  let gatewayIdentity: TestIdentity;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;
  let revoked: string;

  before(async () => {
    const directory = temporaryDirectory('core');
    region = await TestRegion.create((await testDatabase()).url, directory);
    revoked = join(directory, 'gateways.crl');
    await writePublic(revoked, (await revocationList(region.ca)).pem);
    region.config.tls.crl = { files: [revoked] };
    await region.start();
    ({ gatewayIdentity, app, other } = await populate(region));
    gateway = region.connect(gatewayIdentity);
  });
  after(() => region.stop());

  test('a lease opens for the gateway that asked, and for nobody else', async () => {
    const { key } = await leasedKey(region, gateway);
    assert.equal(key.sizeBytes, 32);
    const { response } = await lease(gateway);
    await assert.rejects(openLease(region, { response, pair: await generateKeyPair() }));
  });

  test('no lease before the gateway has applied every push', async () => {
    const { response } = await lease(gateway, acme, billing, { appliedHead: 0 });
    assert.deepEqual(response, { outcome: 'behind', head: await headOf(gateway) });
  });

  test('unknown tenants and services are refused a lease, each with its reason', async () => {
    const unknown = (await lease(gateway, parseTenantId('nobody'))).response;
    assert.equal(unknown.outcome === 'refused' && unknown.reason, 'TENANT_UNKNOWN');
    const service = (await lease(gateway, acme, parseServiceName('nothing'))).response;
    assert.equal(service.outcome === 'refused' && service.reason, 'SERVICE_UNKNOWN');
  });

  test('an announcement may be repeated; a tombstone wins over it', async () => {
    const object = await madeByGateway(region, gateway, 'gw-key-1', 'announced');
    const first = await gateway.ask(MeshOperation.Announce, { objects: [object] });
    assert.deepEqual(first.outcomes, [{ uid: 'gw-key-1', outcome: 'accepted' }]);
    const again = await gateway.ask(MeshOperation.Announce, { objects: [object] });
    assert.deepEqual(again.outcomes, [{ uid: 'gw-key-1', outcome: 'known' }]);
    const located = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('announced')] });
    assert.deepEqual(located.uniqueIdentifier, ['gw-key-1']);
    const got = await gateway.run(app, Operation.Get, { uniqueIdentifier: 'gw-key-1' });
    assert.equal(got.objectType, 2);
    await gateway.run(app, Operation.Destroy, { uniqueIdentifier: 'gw-key-1' });
    const late = await gateway.ask(MeshOperation.Announce, { objects: [object] });
    assert.deepEqual(late.outcomes, [{ uid: 'gw-key-1', outcome: 'tombstone' }]);
  });

  test('another key under a taken UID, or in a service that is not there, is refused', async () => {
    const [one, two] = [
      await madeByGateway(region, gateway, 'gw-key-2'),
      await madeByGateway(region, gateway, 'gw-key-2'),
    ];
    await gateway.ask(MeshOperation.Announce, { objects: [one] });
    const stray = {
      ...(await madeByGateway(region, gateway, 'gw-key-3')),
      service: parseServiceName('nothing'),
    };
    const { outcomes } = await gateway.ask(MeshOperation.Announce, { objects: [two, stray] });
    assert.deepEqual(outcomes, [
      { uid: 'gw-key-2', outcome: 'refused', reason: 'UID_TAKEN' },
      { uid: 'gw-key-3', outcome: 'refused', reason: 'SERVICE_UNKNOWN' },
    ]);
  });

  test('a key that Import has put in the place of another is known when its gateway has served it', async () => {
    const key = await madeByGateway(region, gateway, 'gw-replaced');
    await gateway.ask(MeshOperation.Announce, { objects: [key] });
    const replace = async (): Promise<ManagedObject> => {
      const payload = schemasOf(Operation.Import).request.write({
        uniqueIdentifier: key.uid,
        replaceExisting: true,
        attribute: [attribute('Cryptographic Usage Mask', CryptographicUsageMask.Encrypt)],
        object: {
          objectType: ObjectType.SymmetricKey,
          keyBlock: {
            keyFormatType: KeyFormatType.Raw,
            keyValue: { keyMaterial: randomBytes(16) },
            cryptographicAlgorithm: CryptographicAlgorithm.AES,
            cryptographicLength: 128,
          },
        },
      });
      const { effects } = await gateway.tunnel(app, [{ operation: Operation.Import, payload }]);
      const push = effects[0]?.push;
      assert.ok(push?.kind === 'object.put');
      return push.object;
    };
    const announce = async (object: ManagedObject) =>
      (await gateway.ask(MeshOperation.Announce, { objects: [served(object)] })).outcomes;
    const second = await replace();
    const third = await replace();
    for (const object of [second, third])
      assert.deepEqual(await announce(object), [{ uid: key.uid, outcome: 'known' }]);
    const { attribute: fresh } = await gateway.run(app, Operation.GetAttributes, {
      uniqueIdentifier: key.uid,
      attributeName: ['Fresh'],
    });
    assert.equal(fresh?.[0]?.attributeValue.value, false);
  });

  test('the loser of a name keeps its UID and is told, again if need be', async () => {
    const winner = await createKey(gateway, app, nameAttribute('contested'));
    const loser = await madeByGateway(region, gateway, 'gw-loser', 'contested');
    for (let i = 0; i < 2; i++) {
      const { outcomes } = await gateway.ask(MeshOperation.Announce, { objects: [loser] });
      const outcome = outcomes[0];
      assert.ok(outcome?.outcome === 'name-conflict');
      assert.deepEqual(
        outcome.object.attributes
          .filter((a) => a.attributeName === 'Name' || a.attributeName.startsWith('y-'))
          .map((a) => [a.attributeName, a.attributeValue.value]),
        [['y-name-conflict', 'contested']],
      );
    }
    const located = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('contested')] });
    assert.deepEqual(located.uniqueIdentifier, [winner]);
    assert.deepEqual(await auditReasons(region, 'NAME_CONFLICT'), ['NAME_TAKEN']);
    await assert.rejects(
      createKey(gateway, app, nameAttribute('contested')),
      isKmip(ResultReason.InvalidField),
    );
  });

  test('a gateway that lies about a caller is refused, and the trail tells', async () => {
    const unknown = callerOf('ef'.repeat(32), 'acme', 'app-1');
    await assert.rejects(gateway.run(unknown, Operation.Locate, {}), isKmip(ResultReason.PermissionDenied));
    const lie = callerOf(other.fingerprint, 'acme', 'app-2');
    await assert.rejects(gateway.run(lie, Operation.Locate, {}), isKmip(ResultReason.PermissionDenied));
    const self = callerOf(gatewayIdentity.fingerprint, 'acme', 'gateway-1');
    await assert.rejects(gateway.run(self, Operation.Locate, {}), isKmip(ResultReason.PermissionDenied));
    assert.deepEqual(await auditReasons(region, 'TUNNEL_REFUSED'), [
      'CALLER_UNKNOWN',
      'CALLER_MISMATCH',
      'CALLER_UNKNOWN',
    ]);
  });

  test('strangers, applications and unregistered gateways do not get past the handshake', async () => {
    const strangersCa = await createCa({ commonName: 'somebody else', days: 1 });
    const reasons: string[] = [];
    for (const [identity, reason] of [
      [undefined, 'NO_CERTIFICATE'],
      [await region.identity('stranger', strangersCa), 'UNTRUSTED_ISSUER'],
      [await region.identity('not registered'), 'NOT_REGISTERED'],
      [await region.application('app-3', 'acme', ['billing']), 'WRONG_ROLE'],
    ] as const) {
      const client = region.connect(identity);
      await assert.rejects(client.ask(MeshOperation.Sync, { after: 0 }), /closed the connection/);
      reasons.push(reason);
    }
    // The connection is cut first and noted then.
    await until('all are noted', async () => {
      const trail = await auditReasons(region, 'CONNECTION_REFUSED');
      return reasons.every((reason) => trail.includes(reason));
    });
  });

  test("a gateway's audit events reach the trail once, whatever is repeated", async () => {
    const event = {
      id: 'ev-1',
      at: new Date().toISOString(),
      event: 'CONNECTION_REFUSED_AT_GATEWAY',
      outcome: 'refused',
      reason: 'EXPIRED',
    } as const;
    const beat = { appliedHead: 0, backlog: 2, leases: [{ tenant: acme, service: billing }], audit: [event] };
    const { renewed } = await gateway.ask(MeshOperation.Heartbeat, beat);
    const { response } = await lease(gateway);
    assert.ok(response.outcome === 'granted');
    assert.deepEqual(renewed, [{ tenant: acme, service: billing, ttlMs: 300_000, etag: response.etag }]);
    await gateway.ask(MeshOperation.Heartbeat, beat);
    assert.deepEqual(await auditReasons(region, 'CONNECTION_REFUSED_AT_GATEWAY'), ['EXPIRED']);
  });

  test('pushes come in order on the second connection, and again after a gap', async () => {
    const second = region.connect(gatewayIdentity);
    const start = await headOf(gateway);
    assert.equal(await second.subscribe(start), start);
    const uid = await createKey(gateway, app);
    await gateway.run(app, Operation.Activate, { uniqueIdentifier: uid });
    const pushes = [await second.nextPush(), await second.nextPush()];
    assert.deepEqual(
      pushes.map((p) => p.number),
      [start + 1, start + 2],
    );
    assert.ok(pushes.every(({ push }) => push.kind === 'object.put' && push.object.uid === uid));
    second.close();
    const { pushes: missed, more, head: now } = await gateway.ask(MeshOperation.Sync, { after: start });
    assert.equal(more, false);
    assert.deepEqual(
      missed.map((p) => p.number),
      Array.from({ length: now - start }, (_, i) => start + i + 1),
    );
  });

  test('UNLINK closes at once: pushed, acknowledged, no lease, no key, for ever', async () => {
    await region.job('TENANT_PROVISION', { tenant: 'initech' });
    await region.job('SERVICE_PROVISION', { tenant: 'initech', service: 'mail' });
    const tenant = parseTenantId('initech');
    const mail = parseServiceName('mail');
    const identity = await region.application('mailer', 'initech', ['mail']);
    const mailer = callerOf(identity.fingerprint, 'initech', 'mailer');
    const { publicKey } = await region.job('LINK_PREPARE', { tenant: 'initech', epoch: 1 });
    const provedAt = new Date();
    const jobId = randomUUID();
    const link = {
      tenant: 'initech',
      epoch: 1,
      provedAt: provedAt.toISOString(),
      expiresAt: new Date(provedAt.getTime() + LINK_TTL_MS).toISOString(),
      secret: await sealLinkSecret(Buffer.from(publicKey, 'base64url'), randomBytes(32), {
        tenant,
        region: parseRegionId(region.config.region),
        epoch: 1,
        purpose: 'fresh',
        job: jobId,
      }),
    };
    await assert.rejects(
      region.job('LINK', link),
      (error: unknown) => error instanceof JobFailedError && error.code === 'SECRET_REJECTED',
      'a secret that was sealed for another job',
    );
    await region.job('LINK', link, jobId);
    const uid = await createKey(gateway, mailer);
    await gateway.run(mailer, Operation.Activate, { uniqueIdentifier: uid });
    const part = { uniqueIdentifier: uid, data: new Uint8Array(16) };
    const { correlationValue } = await gateway.run(mailer, Operation.Encrypt, {
      ...part,
      initIndicator: true,
    });
    const second = region.connect(gatewayIdentity);
    await second.subscribe(await headOf(gateway));
    const unlink = region.job('UNLINK', { tenant: 'initech', epoch: 1, reason: 'customer said so' });
    const told = second.nextPush();
    const tookMs = await waitedMs(() => told);
    assert.deepEqual((await told).push, { kind: 'tenant.closed', tenant, epoch: 1 });
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.equal((await unlink).gatewaysTold, 1);
    const refused = (await lease(gateway, tenant, mail)).response;
    assert.equal(refused.outcome === 'refused' && refused.reason, 'LINK_CLOSED');
    await assert.rejects(
      gateway.run(mailer, Operation.Get, { uniqueIdentifier: uid }),
      isKmip(ResultReason.PermissionDenied),
    );
    // Nor does an operation in parts go on.
    await assert.rejects(
      gateway.run(mailer, Operation.Encrypt, { ...part, correlationValue }),
      isKmip(ResultReason.ItemNotFound),
    );
    const beat = { appliedHead: 0, backlog: 0, leases: [{ tenant, service: mail }], audit: [] };
    assert.deepEqual((await gateway.ask(MeshOperation.Heartbeat, beat)).renewed, []);
    await assert.rejects(
      region.job('LINK', link),
      (error: unknown) => error instanceof JobFailedError && error.code === 'EPOCH_CLOSED',
    );
    second.close();
  });

  test('an application is registered once the gateways know it', async () => {
    const identity = await region.gateway('gateway-4');
    const client = region.connect(identity);
    await client.subscribe(await headOf(region.connect(identity)));
    let ended = false;
    const registered = region.application('late', 'acme', ['billing']).finally(() => {
      ended = true;
    });
    const { push } = await client.nextPush(false);
    assert.equal(push.kind, 'identity.put');
    await sleep(PUSH_ACK_WAIT_MS / 4);
    assert.equal(ended, false);
    client.close();
    await registered;
  });

  test('a gateway that loses its registration is cut off', async () => {
    const identity = await region.gateway('gateway-2');
    const client = region.connect(identity);
    await client.ask(MeshOperation.Sync, { after: 0 });
    await region.job('IDENTITY_REMOVE', { fingerprint: identity.fingerprint, reason: 'lost' });
    await assert.rejects(client.ask(MeshOperation.Sync, { after: 0 }), /closed the connection/);
  });

  test('a gateway whose certificate is on a revocation list is cut off, and stays out', async () => {
    const identity = await region.gateway('gateway-3');
    const client = region.connect(identity);
    await client.ask(MeshOperation.Sync, { after: 0 });
    await writePublic(revoked, (await revocationList(region.ca, { revoked: [identity.certificatePem] })).pem);
    assert.ok((await waitedMs(() => until('it is cut off', () => client.isClosed))) < 1_000);
    await assert.rejects(
      region.connect(identity).ask(MeshOperation.Sync, { after: 0 }),
      /closed the connection/,
    );
    await until('the trail', async () =>
      (await auditReasons(region, 'CONNECTION_REFUSED')).includes('REVOKED'),
    );
    await gateway.ask(MeshOperation.Sync, { after: 0 });
  });

  test('jobs that make no sense are refused with a code', async () => {
    const code = (expected: string) => (error: unknown) =>
      error instanceof JobFailedError && error.code === expected;
    await assert.rejects(region.job('TENANT_PROVISION', { tenant: 'NO' }), code('INVALID_PAYLOAD'));
    await assert.rejects(
      region.job('SERVICE_PROVISION', { tenant: 'nobody', service: 'x' }),
      code('TENANT_UNKNOWN'),
    );
  });

  test('health, report and metrics tell the same story', async () => {
    const health = (await (await fetch(`${region.core.healthUrl}/healthz`)).json()) as Record<
      string,
      unknown
    >;
    assert.equal(health['status'], 'ok');
    assert.equal(health['region'], region.config.region);
    assert.equal(health['seal'], 'unsealed');
    const metrics = await (await fetch(`${region.core.healthUrl}/metrics`)).text();
    assert.match(metrics, /okcm_core_connections_refused_total\{reason="WRONG_ROLE"[^}]*\} 1/);
    assert.ok(region.report !== undefined);
  });

  test('a restart loses nothing: keys, names, trail', async () => {
    const uid = await createKey(gateway, app, nameAttribute('survivor'));
    await region.stop();
    await region.start();
    gateway = region.connect(gatewayIdentity);
    const located = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('survivor')] });
    assert.deepEqual(located.uniqueIdentifier, [uid]);
    const { object } = await gateway.run(app, Operation.Get, { uniqueIdentifier: uid });
    assert.equal(object.objectType, 2);
    assert.equal(await verifyAudit(region.core.db), null);
  });
});
