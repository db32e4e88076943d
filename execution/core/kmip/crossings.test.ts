// What one operation, permission, limit or process keeps from an application, no other way gives it.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { createCa, issue } from '../../../platform/pki.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  KeyFormatType,
  KmipError,
  ObjectType,
  Operation,
  ResultReason,
  RevocationReasonCode,
  UsageLimitsUnit,
  ValidityIndicator,
  WrappingMethod,
} from '../../kmip/index.ts';
import { type Caller, MeshOperation } from '../../mesh/index.ts';
import { callerOf, type GatewayClient, request } from '../testing/gateway-client.ts';
import { auditReasons, createKey, headOf, populate } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { registerCertificate, registerKey, valuesOf } from '../testing/requests.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';

describe('no way around', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    ({ app } = populated);
    gateway = region.connect(populated.gatewayIdentity);
  });
  after(() => region.stop());

  /** Another application of the same service, that may ask for these operations only. */
  async function permitted(name: string, ...operations: string[]): Promise<Caller> {
    const { fingerprint } = await region.identity(name);
    const tenant = 'acme';
    await region.job('IDENTITY_PUT', {
      identity: { fingerprint, role: 'application', name, tenant, services: ['billing'], operations },
    });
    return callerOf(fingerprint, tenant, name);
  }

  const secretData = () =>
    registerKey(gateway, app, {
      objectType: ObjectType.SecretData,
      keyFormatType: KeyFormatType.Raw,
      material: Buffer.from('what is to be signed'),
    });

  test('gateways are sent the keys that they may hold, and no others', async () => {
    const start = await headOf(gateway);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const kept = [
      await secretData(),
      await registerKey(gateway, app, {
        objectType: ObjectType.PrivateKey,
        keyFormatType: KeyFormatType.PKCS_8,
        material: privateKey.export({ format: 'der', type: 'pkcs8' }),
      }),
    ];
    for (const uniqueIdentifier of kept) {
      await gateway.run(app, Operation.AddAttribute, {
        uniqueIdentifier,
        attribute: attribute('Object Group', 'changed'),
      });
    }
    const key = await createKey(gateway, app);
    const { pushes } = await gateway.ask(MeshOperation.Sync, { after: start });
    const sent = pushes.flatMap(({ push }) => (push.kind === 'object.put' ? [push.object.uid] : []));
    assert.deepEqual(sent, [key]);
  });

  test('who may not sign is given no signature with a key, and no MAC', async () => {
    const reader = await permitted('reader', 'Get');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const signer = await registerKey(gateway, app, {
      objectType: ObjectType.PrivateKey,
      keyFormatType: KeyFormatType.PKCS_8,
      material: privateKey.export({ format: 'der', type: 'pkcs8' }),
    });
    const macKey = await registerKey(gateway, app, {
      objectType: ObjectType.SymmetricKey,
      keyFormatType: KeyFormatType.Raw,
      material: Buffer.alloc(32, 1),
      cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256,
      cryptographicLength: 256,
    });
    const uniqueIdentifier = await secretData();
    const signedBy = (caller: Caller, by: string, cryptographicParameters = {}) =>
      gateway.run(caller, Operation.Get, {
        uniqueIdentifier,
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.MACSign,
          macSignatureKeyInformation: { uniqueIdentifier: by, cryptographicParameters },
          encodingOption: EncodingOption.NoEncoding,
        },
      });
    await signedBy(app, macKey);
    await assert.rejects(signedBy(reader, macKey), isKmip(ResultReason.PermissionDenied));
    await assert.rejects(signedBy(reader, signer), isKmip(ResultReason.PermissionDenied));
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('OPERATION_NOT_PERMITTED'));
    await signedBy(await permitted('notary', 'Get', 'MAC'), macKey);
  });

  test('who may not destroy replaces nothing either', async () => {
    const carrier = await permitted('carrier', 'Import', 'Get');
    const uniqueIdentifier = await createKey(gateway, app);
    const object = {
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: { keyMaterial: new Uint8Array(32) },
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLength: 256,
      },
    } as const;
    const importAs = (caller: Caller, uid: string) =>
      gateway.run(caller, Operation.Import, {
        uniqueIdentifier: uid,
        replaceExisting: true,
        attribute: [attribute('Cryptographic Usage Mask', 12)],
        object,
      });
    await assert.rejects(importAs(carrier, uniqueIdentifier), isKmip(ResultReason.PermissionDenied));
    await importAs(carrier, randomUUID());
    await importAs(app, uniqueIdentifier);
  });

  test('a limited key that wraps a transparent key is used, byte by byte', async () => {
    const limits = {
      usageLimitsTotal: 3_000n,
      usageLimitsCount: 3_000n,
      usageLimitsUnit: UsageLimitsUnit.Byte,
    };
    const kek = await registerKey(
      gateway,
      app,
      {
        objectType: ObjectType.SymmetricKey,
        keyFormatType: KeyFormatType.Raw,
        material: Buffer.alloc(32, 1),
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLength: 256,
      },
      attribute('Usage Limits', limits),
    );
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const uniqueIdentifier = await registerKey(gateway, app, {
      objectType: ObjectType.PrivateKey,
      keyFormatType: KeyFormatType.PKCS_8,
      material: privateKey.export({ format: 'der', type: 'pkcs8' }),
    });
    const wrapped = () =>
      gateway.run(app, Operation.Get, {
        uniqueIdentifier,
        keyFormatType: KeyFormatType.TransparentRSAPrivateKey,
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: kek },
        },
      });
    await wrapped();
    const [left] = await valuesOf(gateway, app, kek, 'Usage Limits');
    // A modulus, its exponent and five numbers of half its size beside them.
    assert.ok((left?.usageLimitsCount ?? 0n) < 2_000n, `${left?.usageLimitsCount} bytes are left`);
    await wrapped();
    await assert.rejects(wrapped(), isKmip(ResultReason.PermissionDenied));
  });

  test('a revoked certificate stays revoked, however many others are registered after it', async () => {
    const ca = await createCa({ commonName: 'crowded', days: 10 });
    const leaf = await issue({ ca, commonName: 'leaf', usages: ['client'], days: 5 });
    const next = await issue({ ca, commonName: 'next', usages: ['client'], days: 5 });
    const der = (pem: string) => Uint8Array.from(new X509Certificate(pem).raw);
    const rootUid = await registerCertificate(gateway, app, der(ca.certificatePem));
    const leafUid = await registerCertificate(gateway, app, der(leaf.certificatePem));
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: leafUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.Superseded },
    });
    const nextUid = await registerCertificate(gateway, app, der(next.certificatePem));
    await sql`
      insert into core.objects (uid, tenant, service, object_type, state, usage_mask, initial_date, wrapped_digest,
        revision, terms, body)
      select uid || '-' || n, tenant, service, object_type, state, usage_mask, initial_date, wrapped_digest,
        revision, terms, body
      from core.objects, generate_series(1, 1100) as n where uid = ${nextUid}`.execute(region.core.db);
    const { validityIndicator } = await gateway.run(app, Operation.Validate, {
      uniqueIdentifier: [rootUid],
      certificate: [{ certificateType: 1, certificateValue: der(leaf.certificatePem) }],
    });
    assert.equal(validityIndicator, ValidityIndicator.Invalid);
  });

  test('what was promised to an application that is gone by then is not done', async () => {
    const { fingerprint } = await region.application('leaving', 'acme', ['billing']);
    const leaving = callerOf(fingerprint, 'acme', 'leaving');
    const header = { asynchronousIndicator: true };
    const promise = async (operation: ReturnType<typeof request>) =>
      (await gateway.tunnel(leaving, [operation], { header })).items[0]?.asynchronousCorrelationValue;
    // The line is busy with another one while the application is removed: how that one ends cannot be written down.
    const rsa = [
      attribute('Cryptographic Algorithm', CryptographicAlgorithm.RSA),
      attribute('Cryptographic Length', 4_096),
    ];
    const held = await region.core.db.startTransaction().execute();
    const stateOf = async (correlation: Uint8Array) => {
      const row = held.selectFrom('core.asynchronous').select('state').forUpdate();
      return (await row.where('correlation', '=', Buffer.from(correlation)).executeTakeFirst())?.state;
    };
    const leave = async () => {
      let ahead: string | undefined;
      for (let time = 0; time < 5 && ahead !== 'waiting' && ahead !== 'running'; time++) {
        const busy = await promise(
          request(Operation.CreateKeyPair, { commonTemplateAttribute: { attribute: rsa } }),
        );
        ahead = busy && (await stateOf(busy));
      }
      assert.ok(ahead === 'waiting' || ahead === 'running', ahead);
      const uniqueIdentifier = await createKey(gateway, app);
      await gateway.run(app, Operation.Archive, { uniqueIdentifier });
      const correlation = await promise(request(Operation.Recover, { uniqueIdentifier }));
      assert.ok(correlation !== undefined);
      await region.job('IDENTITY_REMOVE', { fingerprint, reason: 'left' });
      return { uniqueIdentifier, correlation };
    };
    const { uniqueIdentifier, correlation } = await leave().finally(() => held.rollback().execute());
    let state: string | undefined;
    for (let round = 0; round < 400 && state !== 'done' && state !== 'failed'; round++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const row = await region.core.db
        .selectFrom('core.asynchronous')
        .select('state')
        .where('correlation', '=', Buffer.from(correlation))
        .executeTakeFirst();
      state = row?.state;
    }
    assert.equal(state, 'failed');
    await assert.rejects(
      gateway.run(app, Operation.Get, { uniqueIdentifier }),
      isKmip(ResultReason.ObjectArchived),
    );
  });

  test('an operation in parts ends with the key that it began with', async () => {
    const key = (byte: number) =>
      ({
        objectType: ObjectType.SymmetricKey,
        keyBlock: {
          keyFormatType: KeyFormatType.Raw,
          keyValue: { keyMaterial: new Uint8Array(32).fill(byte) },
          cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256,
          cryptographicLength: 256,
        },
      }) as const;
    const uniqueIdentifier = randomUUID();
    const importIt = (byte: number) =>
      gateway.run(app, Operation.Import, {
        uniqueIdentifier,
        replaceExisting: true,
        attribute: [
          attribute('Cryptographic Usage Mask', CryptographicUsageMask.MACGenerate),
          attribute('Activation Date', 1_000),
        ],
        object: key(byte),
      });
    await importIt(1);
    const data = Buffer.from('data');
    const { correlationValue } = await gateway.run(app, Operation.MAC, {
      uniqueIdentifier,
      data,
      initIndicator: true,
    });
    await importIt(2);
    await assert.rejects(
      gateway.run(app, Operation.MAC, { uniqueIdentifier, data, correlationValue, finalIndicator: true }),
      isKmip(ResultReason.ItemNotFound),
    );
  });
});
