// Create Key Pair and Re-key Key Pair (KMIP 1.4 §4.2, §4.5), as an application meets them.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { keyObjectOf } from '../../keyforms/index.ts';
import {
  type Attribute,
  attribute,
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  KeyFormatType,
  KmipError,
  LinkType,
  ObjectType,
  Operation,
  RecommendedCurve,
  ResultReason,
  ResultStatus,
  State,
  UsageLimitsUnit,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute, nowSeconds } from '../../objects/index.ts';
import { type GatewayClient, payloadOf, request } from '../testing/gateway-client.ts';
import { populate, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { linksOf, materialOf, valuesOf } from '../testing/requests.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';

const algorithm = (value: number) => attribute('Cryptographic Algorithm', value);
const length = (value: number) => attribute('Cryptographic Length', value);
const curve = (recommendedCurve: number) =>
  attribute('Cryptographic Domain Parameters', { recommendedCurve });
const mask = (value: number) => attribute('Cryptographic Usage Mask', value);

const p256 = [algorithm(CryptographicAlgorithm.ECDSA), length(256)];

describe('key pairs', () => {
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

  async function create(
    common: readonly Attribute[],
    privateKey: readonly Attribute[] = [],
    publicKey: readonly Attribute[] = [],
  ): Promise<{ privateUid: string; publicUid: string }> {
    const made = await gateway.run(app, Operation.CreateKeyPair, {
      commonTemplateAttribute: { attribute: common },
      privateKeyTemplateAttribute: { attribute: privateKey },
      publicKeyTemplateAttribute: { attribute: publicKey },
    });
    return { privateUid: made.privateKeyUniqueIdentifier, publicUid: made.publicKeyUniqueIdentifier };
  }

  async function keyOf(uid: string): Promise<KeyObject> {
    const { object } = await gateway.run(app, Operation.Get, { uniqueIdentifier: uid });
    assert.ok(object.objectType === ObjectType.PrivateKey || object.objectType === ObjectType.PublicKey);
    const { keyFormatType, cryptographicAlgorithm } = object.keyBlock;
    const material = await materialOf(gateway, app, uid);
    return keyObjectOf({ objectType: object.objectType, keyFormatType, cryptographicAlgorithm, material });
  }

  /** Both halves belong together. */
  async function requirePair({ privateUid, publicUid }: { privateUid: string; publicUid: string }) {
    const privateKey = await keyOf(privateUid);
    assert.ok(createPublicKey(privateKey).equals(await keyOf(publicUid)));
    return privateKey;
  }

  test('an RSA pair: attributes as the profiles have them, links both ways, both halves of one key', async () => {
    const pair = await create(
      [algorithm(CryptographicAlgorithm.RSA), length(2048)],
      [nameAttribute('rsa-private'), mask(CryptographicUsageMask.Sign)],
      [nameAttribute('rsa-public'), mask(CryptographicUsageMask.Verify)],
    );
    for (const [uid, type, usage, counterpart, linkType] of [
      [
        pair.privateUid,
        ObjectType.PrivateKey,
        CryptographicUsageMask.Sign,
        pair.publicUid,
        LinkType.PublicKeyLink,
      ],
      [
        pair.publicUid,
        ObjectType.PublicKey,
        CryptographicUsageMask.Verify,
        pair.privateUid,
        LinkType.PrivateKeyLink,
      ],
    ] as const) {
      assert.deepEqual(await valuesOf(gateway, app, uid, 'Object Type'), [type]);
      assert.deepEqual(await valuesOf(gateway, app, uid, 'Cryptographic Usage Mask'), [usage]);
      assert.deepEqual(await valuesOf(gateway, app, uid, 'Cryptographic Length'), [2048]);
      assert.deepEqual(await linksOf(gateway, app, uid, linkType), [counterpart]);
      const [digest] = await valuesOf(gateway, app, uid, 'Digest');
      assert.equal(digest?.keyFormatType, KeyFormatType.PKCS_1);
      assert.equal((await valuesOf(gateway, app, uid, 'Random Number Generator')).length, 1);
      assert.deepEqual(
        await valuesOf(gateway, app, uid, 'Original Creation Date'),
        await valuesOf(gateway, app, uid, 'Initial Date'),
      );
      assert.deepEqual(await valuesOf(gateway, app, uid, 'Activation Date'), []);
      assert.equal(await stateOf(gateway, app, uid), State.PreActive);
    }
    const privateKey = await requirePair(pair);
    const data = Buffer.from('signed');
    assert.ok(verify('sha256', data, await keyOf(pair.publicUid), sign('sha256', data, privateKey)));
    const found = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('rsa-public')] });
    assert.deepEqual(found.uniqueIdentifier, [pair.publicUid]);
  });

  test('curves by name and by length, in their formats', async () => {
    for (const [attributes, named, bits] of [
      [[algorithm(CryptographicAlgorithm.EC)], 'prime256v1', 256],
      [[algorithm(CryptographicAlgorithm.ECDSA), length(384)], 'secp384r1', 384],
      [[algorithm(CryptographicAlgorithm.ECDH), curve(RecommendedCurve.P_521)], 'secp521r1', 521],
      [
        [algorithm(CryptographicAlgorithm.ECMQV), curve(RecommendedCurve.BRAINPOOLP256R1)],
        'brainpoolP256r1',
        256,
      ],
      [
        [algorithm(CryptographicAlgorithm.EC), curve(RecommendedCurve.SECP256K1), length(256)],
        'secp256k1',
        256,
      ],
      [[algorithm(CryptographicAlgorithm.EC), curve(RecommendedCurve.B_283)], 'sect283r1', 283],
    ] as const) {
      const pair = await create(attributes);
      const key = await requirePair(pair);
      assert.equal(key.asymmetricKeyDetails?.namedCurve, named);
      assert.deepEqual(await valuesOf(gateway, app, pair.publicUid, 'Cryptographic Length'), [bits]);
      const domains = await valuesOf(gateway, app, pair.privateUid, 'Cryptographic Domain Parameters');
      assert.equal(domains.length, 1);
      assert.ok(
        createPrivateKey({
          key: await materialOf(gateway, app, pair.privateUid),
          format: 'der',
          type: 'pkcs8',
        }),
      );
    }
  });

  test('Edwards and Montgomery curves by their values of KMIP 2, and Diffie-Hellman', async () => {
    for (const [attributes, type] of [
      [[algorithm(0x37)], 'ed25519'],
      [[algorithm(0x38)], 'ed448'],
      [[algorithm(CryptographicAlgorithm.ECDH), curve(0x45)], 'x25519'],
      [[algorithm(CryptographicAlgorithm.DH), length(2048)], 'dh'],
    ] as const) {
      const key = await requirePair(await create(attributes));
      assert.equal(key.asymmetricKeyType, type);
    }
  });

  test('what no pair is made of is refused, and says why', async () => {
    const rsa = algorithm(CryptographicAlgorithm.RSA);
    for (const [attributes, reason] of [
      [[length(2048)], ResultReason.InvalidMessage],
      [[rsa, length(1024)], ResultReason.InvalidField],
      [[rsa, length(2047)], ResultReason.InvalidField],
      [[rsa, length(16_384)], ResultReason.InvalidField],
      [[algorithm(CryptographicAlgorithm.AES), length(256)], ResultReason.InvalidField],
      [[algorithm(CryptographicAlgorithm.EC), length(255)], ResultReason.InvalidField],
      [[algorithm(CryptographicAlgorithm.EC), curve(RecommendedCurve.P_192)], ResultReason.InvalidField],
      [[...p256, curve(RecommendedCurve.P_384)], ResultReason.InvalidField],
      [
        [
          algorithm(CryptographicAlgorithm.DSA),
          length(2048),
          attribute('Cryptographic Domain Parameters', { qlength: 160 }),
        ],
        ResultReason.InvalidField,
      ],
      [
        [
          algorithm(CryptographicAlgorithm.DH),
          length(2048),
          attribute('Cryptographic Domain Parameters', { qlength: 224 }),
        ],
        ResultReason.InvalidField,
      ],
      [[...p256, attribute('Random Number Generator', { rngAlgorithm: 2 })], ResultReason.InvalidField],
    ] as const) {
      await assert.rejects(create(attributes), isKmip(reason), JSON.stringify(attributes.map(String)));
    }
    await assert.rejects(create([], p256, [length(384)]), isKmip(ResultReason.InvalidField));
  });

  test('what is said for one key goes before what is said for both; instances add up', async () => {
    const group = (name: string) => attribute('Object Group', name);
    const pair = await create(
      [...p256, mask(CryptographicUsageMask.Sign), group('both'), attribute('Contact Information', 'all')],
      [group('private')],
      [mask(CryptographicUsageMask.Verify), attribute('Contact Information', 'public')],
    );
    const values = (uid: string, name: 'Object Group' | 'Contact Information' | 'Cryptographic Usage Mask') =>
      valuesOf(gateway, app, uid, name);
    assert.deepEqual(await values(pair.privateUid, 'Object Group'), ['both', 'private']);
    assert.deepEqual(await values(pair.publicUid, 'Object Group'), ['both']);
    assert.deepEqual(await values(pair.privateUid, 'Contact Information'), ['all']);
    assert.deepEqual(await values(pair.publicUid, 'Contact Information'), ['public']);
    assert.deepEqual(await values(pair.privateUid, 'Cryptographic Usage Mask'), [
      CryptographicUsageMask.Sign,
    ]);
    assert.deepEqual(await values(pair.publicUid, 'Cryptographic Usage Mask'), [
      CryptographicUsageMask.Verify,
    ]);
  });

  test('a client that gives no usage masks gets keys that are good for nothing but reading', async () => {
    const pair = await create(p256);
    assert.deepEqual(await valuesOf(gateway, app, pair.privateUid, 'Cryptographic Usage Mask'), [0]);
  });

  test('one name for both is one too many, and nothing of the pair is left', async () => {
    const group = attribute('Object Group', 'never');
    await assert.rejects(
      create([...p256, nameAttribute('shared'), group]),
      isKmip(ResultReason.InvalidField),
    );
    const left = await gateway.run(app, Operation.Locate, { attribute: [group] });
    assert.equal(left.locatedItems, 0);
  });

  test('the ID Placeholder is the private key', async () => {
    const { items } = await gateway.tunnel(app, [
      request(Operation.CreateKeyPair, { commonTemplateAttribute: { attribute: p256 } }),
      request(Operation.GetAttributes, { attributeName: ['Object Type'] }),
    ]);
    const made = payloadOf(Operation.CreateKeyPair, items[0]);
    const read = payloadOf(Operation.GetAttributes, items[1]);
    assert.equal(read.uniqueIdentifier, made.privateKeyUniqueIdentifier);
  });

  test('in one transaction that may be undone: two pairs are two pairs, or none', async () => {
    const group = attribute('Object Group', 'undoable');
    const ask = (...attributes: Attribute[]) =>
      request(Operation.CreateKeyPair, { commonTemplateAttribute: { attribute: attributes } });
    const header = { batchErrorContinuationOption: BatchErrorContinuationOption.Undo };
    const { items } = await gateway.tunnel(app, [ask(...p256), ask(...p256)], { header });
    const uids = items.map((item) => payloadOf(Operation.CreateKeyPair, item).privateKeyUniqueIdentifier);
    const [first, second] = [await keyOf(uids[0] ?? ''), await keyOf(uids[1] ?? '')];
    assert.ok(!first.equals(second));
    const undone = await gateway.tunnel(app, [ask(...p256, group), ask(...p256, length(384))], { header });
    assert.deepEqual(
      undone.items.map((item) => item.resultStatus),
      [ResultStatus.OperationUndone, ResultStatus.OperationFailed],
    );
    assert.deepEqual(undone.effects, []);
    assert.equal((await gateway.run(app, Operation.Locate, { attribute: [group] })).locatedItems, 0);
  });

  describe('Re-key Key Pair', () => {
    const reKey = async (
      privateKeyUniqueIdentifier: string,
      more: { offset?: number; common?: Attribute[] } = {},
    ) => {
      const { offset, common } = more;
      const made = await gateway.run(app, Operation.ReKeyKeyPair, {
        privateKeyUniqueIdentifier,
        offset,
        commonTemplateAttribute: common === undefined ? undefined : { attribute: common },
      });
      return { privateUid: made.privateKeyUniqueIdentifier, publicUid: made.publicKeyUniqueIdentifier };
    };

    test('moves names and copies attributes key by key, links both ways, and keeps the old state', async () => {
      const limits = { usageLimitsTotal: 5n, usageLimitsCount: 2n, usageLimitsUnit: UsageLimitsUnit.Object };
      const old = await create(
        p256,
        [nameAttribute('pair-private'), mask(1), attribute('Usage Limits', limits)],
        [nameAttribute('pair-public'), mask(2)],
      );
      await gateway.run(app, Operation.Activate, { uniqueIdentifier: old.privateUid });
      await gateway.run(app, Operation.Sign, {
        uniqueIdentifier: old.privateUid,
        cryptographicParameters: { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.ECDSAWithSHA256 },
        data: Buffer.from('once'),
      });
      const [spent] = await valuesOf(gateway, app, old.privateUid, 'Usage Limits');
      assert.equal(spent?.usageLimitsCount, 4n);
      const fresh = await reKey(old.privateUid, { offset: 0 });
      await requirePair(fresh);
      assert.equal(await stateOf(gateway, app, old.privateUid), State.Active);
      assert.equal(await stateOf(gateway, app, fresh.privateUid), State.Active);
      for (const half of ['privateUid', 'publicUid'] as const) {
        assert.deepEqual(await linksOf(gateway, app, old[half], LinkType.ReplacementObjectLink), [
          fresh[half],
        ]);
        assert.deepEqual(await linksOf(gateway, app, fresh[half], LinkType.ReplacedObjectLink), [old[half]]);
        assert.deepEqual(await valuesOf(gateway, app, old[half], 'Name'), []);
        assert.deepEqual(
          await valuesOf(gateway, app, fresh[half], 'Cryptographic Usage Mask'),
          await valuesOf(gateway, app, old[half], 'Cryptographic Usage Mask'),
        );
      }
      assert.deepEqual(await linksOf(gateway, app, fresh.privateUid, LinkType.PublicKeyLink), [
        fresh.publicUid,
      ]);
      const [name] = await valuesOf(gateway, app, fresh.publicUid, 'Name');
      assert.equal(name?.nameValue, 'pair-public');
      const [renewed] = await valuesOf(gateway, app, fresh.privateUid, 'Usage Limits');
      assert.equal(renewed?.usageLimitsTotal, 5n);
      assert.equal(renewed?.usageLimitsCount, 5n);
      assert.deepEqual(
        (await valuesOf(gateway, app, fresh.privateUid, 'Cryptographic Domain Parameters')).map(
          (d) => d.recommendedCurve,
        ),
        [RecommendedCurve.P_256],
      );
    });

    test('an Offset moves the dates, and cannot be given beside them', async () => {
      const start = nowSeconds() - 100;
      const dates = [attribute('Activation Date', start), attribute('Deactivation Date', start + 1_000)];
      const old = await create([...p256, ...dates]);
      const fresh = await reKey(old.privateUid, { offset: 500 });
      const [activation] = await valuesOf(gateway, app, fresh.publicUid, 'Activation Date');
      const [deactivation] = await valuesOf(gateway, app, fresh.publicUid, 'Deactivation Date');
      const [initial] = await valuesOf(gateway, app, fresh.publicUid, 'Initial Date');
      assert.equal(activation, (initial ?? 0) + 500);
      assert.equal(deactivation, (activation ?? 0) + 1_000);
      assert.equal(await stateOf(gateway, app, fresh.privateUid), State.PreActive);
      await assert.rejects(
        reKey(old.privateUid, { offset: 1, common: [attribute('Activation Date', start)] }),
        isKmip(ResultReason.InvalidMessage),
      );
      const undated = await create([...p256, attribute('Deactivation Date', start + 1_000)]);
      await assert.rejects(reKey(undated.privateUid, { offset: 1 }), isKmip(ResultReason.IllegalOperation));
    });

    test('the template may ask for another length', async () => {
      const old = await create([algorithm(CryptographicAlgorithm.ECDSA), length(256)]);
      const fresh = await reKey(old.privateUid, {
        common: [length(384), curve(RecommendedCurve.P_384)],
      });
      assert.equal((await requirePair(fresh)).asymmetricKeyDetails?.namedCurve, 'secp384r1');
    });

    test('what is no pair of the caller is refused', async () => {
      const pair = await create(p256);
      await assert.rejects(reKey(pair.publicUid), isKmip(ResultReason.PermissionDenied));
      await assert.rejects(
        gateway.run(other, Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: pair.privateUid }),
        isKmip(ResultReason.ItemNotFound),
      );
      await gateway.run(app, Operation.Destroy, { uniqueIdentifier: pair.privateUid });
      await assert.rejects(reKey(pair.privateUid), isKmip(ResultReason.PermissionDenied));
    });
  });
});
