// Derive Key (KMIP 1.4 §4.6), as an application meets it: published vectors, links, limits and refusals.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  type Attribute,
  attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  HashingAlgorithm,
  KeyFormatType,
  KmipError,
  LinkType,
  ObjectType,
  Operation,
  type RequestOf,
  ResultReason,
  State,
  UsageLimitsUnit,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { MAX_DERIVED_KEY_LINKS } from '../limits.ts';
import { type GatewayClient, payloadOf, request } from '../testing/gateway-client.ts';
import { auditReasons, populate, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { linksOf, materialOf, registerKey, valuesOf } from '../testing/requests.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';
const hex = (text: string) => Buffer.from(text, 'hex');
const { SymmetricKey, SecretData, PrivateKey, PublicKey } = ObjectType;

type DeriveRequest = RequestOf<typeof Operation.DeriveKey>;
type Parameters = DeriveRequest['derivationParameters'];

describe('Derive Key', () => {
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

  const symmetric = (material: Uint8Array, algorithm: number, ...extra: Attribute[]) =>
    registerKey(
      gateway,
      app,
      {
        objectType: SymmetricKey,
        keyFormatType: KeyFormatType.Raw,
        material,
        cryptographicAlgorithm: algorithm,
        cryptographicLength: material.length * 8,
      },
      ...extra,
    );
  const secretData = (material: Uint8Array, ...extra: Attribute[]) =>
    registerKey(
      gateway,
      app,
      { objectType: SecretData, keyFormatType: KeyFormatType.Raw, material },
      ...extra,
    );

  /** Secret Data of `sizeBytes` from the bases. */
  async function derive(
    uniqueIdentifier: readonly string[],
    derivationMethod: number,
    derivationParameters: Parameters,
    sizeBytes: number,
    ...extra: Attribute[]
  ): Promise<string> {
    const derived = await gateway.run(app, Operation.DeriveKey, {
      objectType: SecretData,
      uniqueIdentifier,
      derivationMethod,
      derivationParameters,
      templateAttribute: { attribute: [attribute('Cryptographic Length', sizeBytes * 8), ...extra] },
    });
    return derived.uniqueIdentifier;
  }

  async function derived(...args: Parameters_): Promise<string> {
    return (await materialOf(gateway, app, await derive(...args))).toString('hex');
  }
  type Parameters_ = [
    bases: readonly string[],
    method: number,
    parameters: Parameters,
    sizeBytes: number,
    ...extra: Attribute[],
  ];

  const sha = (hashingAlgorithm: number) => ({ cryptographicParameters: { hashingAlgorithm } });

  test('PBKDF2: the vectors of RFC 6070, and of RFC 7914 with SHA-256', async () => {
    const password = await secretData(Buffer.from('password'));
    const salt = Buffer.from('salt');
    for (const [iterationCount, size, out] of [
      [1, 20, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
      [2, 20, 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
      [4096, 20, '4b007901b765489abead49d926f721d065a429c1'],
    ] as const) {
      assert.equal(await derived([password], DerivationMethod.PBKDF2, { salt, iterationCount }, size), out);
    }
    const long = await secretData(Buffer.from('passwordPASSWORDpassword'));
    assert.equal(
      await derived(
        [long],
        DerivationMethod.PBKDF2,
        {
          ...sha(HashingAlgorithm.SHA_1),
          salt: Buffer.from('saltSALTsaltSALTsaltSALTsaltSALTsalt'),
          iterationCount: 4096,
        },
        25,
      ),
      '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038',
    );
    const passwd = await secretData(Buffer.from('passwd'));
    assert.equal(
      await derived(
        [passwd],
        DerivationMethod.PBKDF2,
        { ...sha(HashingAlgorithm.SHA_256), salt, iterationCount: 1 },
        64,
      ),
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    );
  });

  test('HASH, HMAC and ENCRYPT: the vectors of FIPS 180, RFC 4231 and SP 800-38A', async () => {
    const abc = await secretData(Buffer.from('abc'));
    assert.equal(
      await derived([abc], DerivationMethod.HASH, sha(HashingAlgorithm.SHA_256), 32),
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    const jefe = await symmetric(Buffer.from('Jefe'), CryptographicAlgorithm.HMAC_SHA256);
    const question = Buffer.from('what do ya want for nothing?');
    const answer = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    // §4.6: the key's own algorithm decides, whatever the parameters say.
    const parameters = { ...sha(HashingAlgorithm.SHA_512), derivationData: question };
    assert.equal(await derived([jefe], DerivationMethod.HMAC, parameters, 32), answer);
    const data = await secretData(question);
    assert.equal(await derived([jefe, data], DerivationMethod.HMAC, {}, 16), answer.slice(0, 32));
    const aes = await symmetric(hex('2b7e151628aed2a6abf7158809cf4f3c'), CryptographicAlgorithm.AES);
    const block = hex('6bc1bee22e409f96e93d7e117393172a');
    const mode = (blockCipherMode: number) => ({
      cryptographicParameters: { blockCipherMode, paddingMethod: 1 },
    });
    assert.equal(
      await derived(
        [aes],
        DerivationMethod.ENCRYPT,
        {
          ...mode(BlockCipherMode.CBC),
          initializationVector: hex('000102030405060708090a0b0c0d0e0f'),
          derivationData: block,
        },
        16,
      ),
      '7649abac8119b246cee98e9b12e9197d',
    );
    assert.equal(
      await derived(
        [aes],
        DerivationMethod.ENCRYPT,
        { ...mode(BlockCipherMode.ECB), derivationData: block },
        16,
      ),
      '3ad77bb40d7a3660a89ecaf32466ef97',
    );
    // An absent IV is one of zeros, so that the same request derives the same key.
    const cbc = { ...mode(BlockCipherMode.CBC), derivationData: block };
    assert.equal(await derived([aes], DerivationMethod.ENCRYPT, cbc, 16), '3ad77bb40d7a3660a89ecaf32466ef97');
    await assert.rejects(
      derive([aes], DerivationMethod.ENCRYPT, { ...mode(BlockCipherMode.GCM), derivationData: block }, 16),
      isKmip(ResultReason.InvalidField),
    );
  });

  test('SP 800-108 with CMAC and with HMAC, the vectors of CAVS', async () => {
    const cmac = await symmetric(hex('c10b152e8c97b77e18704e0f0bd38305'), CryptographicAlgorithm.AES);
    const derivationData = hex(
      '98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71f497bcc6906b48d36c4',
    );
    assert.equal(
      await derived([cmac], DerivationMethod.NIST800_108_C, { derivationData }, 16),
      '26faf61908ad9ee881b8305c221db53f',
    );
    const seed = await secretData(hex('dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0'));
    assert.equal(
      await derived(
        [seed],
        DerivationMethod.NIST800_108_C,
        {
          ...sha(HashingAlgorithm.SHA_256),
          derivationData: hex(
            '01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac',
          ),
        },
        16,
      ),
      '10621342bfb0fd40046c0e29f2cfdbf0',
    );
  });

  async function pairOf(privateKey: ReturnType<typeof createPrivateKey>, algorithm: number, bits: number) {
    const key = { cryptographicAlgorithm: algorithm, cryptographicLength: bits };
    return {
      privateUid: await registerKey(gateway, app, {
        ...key,
        objectType: PrivateKey,
        keyFormatType: KeyFormatType.PKCS_8,
        material: privateKey.export({ format: 'der', type: 'pkcs8' }),
      }),
      publicUid: await registerKey(gateway, app, {
        ...key,
        objectType: PublicKey,
        keyFormatType: KeyFormatType.X_509,
        material: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
      }),
    };
  }

  test('Asymmetric Key: the secret of RFC 7748, a curve of NIST, and keys that do not fit', async () => {
    const pkcs8 = (raw: string) =>
      createPrivateKey({ key: hex(`302e020100300506032b656e04220420${raw}`), format: 'der', type: 'pkcs8' });
    const { ECDH } = CryptographicAlgorithm;
    const alice = createPublicKey({
      key: hex('302a300506032b656e0321008520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
      format: 'der',
      type: 'spki',
    });
    const aliceUid = await registerKey(gateway, app, {
      objectType: PublicKey,
      keyFormatType: KeyFormatType.X_509,
      material: alice.export({ format: 'der', type: 'spki' }),
      cryptographicAlgorithm: ECDH,
      cryptographicLength: 256,
    });
    const bob = await pairOf(
      pkcs8('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
      ECDH,
      256,
    );
    const { AsymmetricKey } = DerivationMethod;
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    assert.equal(await derived([bob.privateUid, aliceUid], AsymmetricKey, {}, 32), shared);
    assert.equal(await derived([aliceUid, bob.privateUid], AsymmetricKey, {}, 16), shared.slice(0, 32));
    const nist = await pairOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, ECDH, 256);
    const own = await pairOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, ECDH, 256);
    assert.equal(
      await derived([nist.privateUid, own.publicUid], AsymmetricKey, {}, 32),
      await derived([own.privateUid, nist.publicUid], AsymmetricKey, {}, 32),
    );
    await assert.rejects(
      derive([bob.privateUid, nist.publicUid], AsymmetricKey, {}, 32),
      isKmip(ResultReason.CryptographicFailure),
    );
    await assert.rejects(
      derive([bob.privateUid, aliceUid], AsymmetricKey, {}, 33),
      isKmip(ResultReason.CryptographicFailure),
    );
    await assert.rejects(
      derive([nist.privateUid, own.privateUid], AsymmetricKey, {}, 32),
      isKmip(ResultReason.InvalidField),
    );
  });

  test('a derived key is an object like any other, linked to its bases, and the ID Placeholder', async () => {
    const base = await secretData(Buffer.from('base'));
    const { items } = await gateway.tunnel(app, [
      request(Operation.DeriveKey, {
        objectType: SymmetricKey,
        uniqueIdentifier: [base],
        derivationMethod: DerivationMethod.HASH,
        derivationParameters: sha(HashingAlgorithm.SHA_256),
        templateAttribute: {
          attribute: [
            attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
            attribute('Cryptographic Length', 128),
            attribute('Cryptographic Usage Mask', CryptographicUsageMask.Encrypt),
            nameAttribute('derived'),
          ],
        },
      }),
      request(Operation.GetAttributes, { attributeName: ['Object Type'] }),
    ]);
    const { uniqueIdentifier: uid } = payloadOf(Operation.DeriveKey, items[0]);
    assert.equal(payloadOf(Operation.GetAttributes, items[1]).uniqueIdentifier, uid);
    assert.deepEqual(await linksOf(gateway, app, uid, LinkType.DerivationBaseObjectLink), [base]);
    assert.deepEqual(await linksOf(gateway, app, base, LinkType.DerivedKeyLink), [uid]);
    assert.equal(await stateOf(gateway, app, uid), State.PreActive);
    assert.equal((await valuesOf(gateway, app, uid, 'Random Number Generator')).length, 1);
    assert.equal((await materialOf(gateway, app, uid)).length, 16);
    await gateway.run(app, Operation.Activate, { uniqueIdentifier: uid });
    const encrypted = await gateway.run(app, Operation.Encrypt, {
      uniqueIdentifier: uid,
      data: new Uint8Array(5),
    });
    assert.ok(encrypted.data);
  });

  test('a base keeps the newest of its links, and every derived object its own', async () => {
    const base = await secretData(Buffer.from('prolific'));
    const made: string[] = [];
    for (let i = 0; i < MAX_DERIVED_KEY_LINKS + 3; i++) {
      made.push(await derive([base], DerivationMethod.HASH, sha(HashingAlgorithm.SHA_256), 8));
    }
    const links = await linksOf(gateway, app, base, LinkType.DerivedKeyLink);
    assert.deepEqual(links, made.slice(-MAX_DERIVED_KEY_LINKS));
    assert.deepEqual(await linksOf(gateway, app, made[0] ?? '', LinkType.DerivationBaseObjectLink), [base]);
  });

  test('what must not be derived from is not, and the trail says so', async () => {
    const value = Buffer.from('value');
    const { HASH } = DerivationMethod;
    const sha256 = sha(HashingAlgorithm.SHA_256);
    const unmasked = await secretData(value, attribute('Cryptographic Usage Mask', 4));
    await assert.rejects(derive([unmasked], HASH, sha256, 8), isKmip(ResultReason.InvalidField));
    assert.ok((await auditReasons(region, 'OPERATION_REFUSED')).includes('DERIVATION_NOT_PERMITTED'));
    const future = Math.floor(Date.now() / 1000) + 1_000;
    const waiting = await secretData(value, attribute('Activation Date', future));
    await assert.rejects(derive([waiting], HASH, sha256, 8), isKmip(ResultReason.InvalidField));
    const base = await secretData(value);
    await assert.rejects(
      gateway.run(other, Operation.DeriveKey, {
        objectType: SecretData,
        uniqueIdentifier: [base],
        derivationMethod: HASH,
        derivationParameters: sha256,
        templateAttribute: { attribute: [attribute('Cryptographic Length', 64)] },
      }),
      isKmip(ResultReason.ItemNotFound),
    );
    await assert.rejects(derive(['nobody'], HASH, sha256, 8), isKmip(ResultReason.ItemNotFound));
    const once = { usageLimitsTotal: 1n, usageLimitsUnit: UsageLimitsUnit.Object };
    const limited = await symmetric(value, CryptographicAlgorithm.HMAC_SHA1, attribute('Usage Limits', once));
    await derive([limited], HASH, sha256, 8);
    await assert.rejects(derive([limited], HASH, sha256, 8), isKmip(ResultReason.PermissionDenied));
  });

  test('requests that make no sense are refused with the reasons of §11.7', async () => {
    const base = await secretData(Buffer.from('base'));
    const key = await symmetric(Buffer.alloc(32, 1), CryptographicAlgorithm.AES);
    const derivationData = Buffer.from('data');
    const salt = Buffer.from('salt');
    const sha256 = sha(HashingAlgorithm.SHA_256);
    const M = DerivationMethod;
    const cases: readonly (readonly [attempt: () => Promise<unknown>, reason: number])[] = [
      [() => derive([base], 99, sha256, 8), ResultReason.InvalidField],
      [() => derive([base], M.HASH, {}, 8), ResultReason.InvalidField],
      [() => derive([base], M.HASH, sha(HashingAlgorithm.Tiger), 8), ResultReason.FeatureNotSupported],
      [() => derive([base], M.HASH, sha256, 33), ResultReason.CryptographicFailure],
      [() => derive([base], M.HASH, { ...sha256, derivationData }, 8), ResultReason.InvalidMessage],
      [() => derive([key, base], M.HMAC, { ...sha256, derivationData }, 8), ResultReason.InvalidMessage],
      [() => derive([key], M.HMAC, sha256, 8), ResultReason.InvalidField],
      [() => derive([key, key], M.HMAC, sha256, 8), ResultReason.InvalidField],
      [() => derive([base], M.PBKDF2, { iterationCount: 1 }, 8), ResultReason.InvalidField],
      [() => derive([base], M.PBKDF2, { salt, iterationCount: 0 }, 8), ResultReason.InvalidField],
      [() => derive([base], M.PBKDF2, { salt, iterationCount: 2 ** 31 - 1 }, 8), ResultReason.InvalidField],
      [() => derive([base], M.HASH, sha256, 0), ResultReason.InvalidField],
      [
        () => derive([base], M.NIST800_108_C, { ...sha256, derivationData }, 100_000),
        ResultReason.InvalidField,
      ],
      [
        () => derive([base], M.NIST800_108_C, { ...sha256, derivationData: Buffer.alloc(20_000) }, 8),
        ResultReason.InvalidField,
      ],
    ];
    for (const [index, [attempt, reason]] of cases.entries()) {
      await assert.rejects(attempt(), isKmip(reason), `case ${index}`);
    }
    const template = (...attributes: Attribute[]) =>
      gateway.run(app, Operation.DeriveKey, {
        objectType: SymmetricKey,
        uniqueIdentifier: [base],
        derivationMethod: M.HASH,
        derivationParameters: sha256,
        templateAttribute: { attribute: attributes },
      });
    const aes = attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES);
    await assert.rejects(template(aes), isKmip(ResultReason.InvalidField));
    await assert.rejects(template(attribute('Cryptographic Length', 128)), isKmip(ResultReason.InvalidField));
    await assert.rejects(
      template(aes, attribute('Cryptographic Length', 136)),
      isKmip(ResultReason.InvalidField),
    );
  });

  test('parameters must be among those of the key, where it has any', async () => {
    const own = { blockCipherMode: BlockCipherMode.CBC, paddingMethod: 1 };
    const key = await symmetric(
      hex('2b7e151628aed2a6abf7158809cf4f3c'),
      CryptographicAlgorithm.AES,
      attribute('Cryptographic Parameters', own),
    );
    const derivationData = hex('6bc1bee22e409f96e93d7e117393172a');
    const asked = (blockCipherMode: number) => ({
      cryptographicParameters: { blockCipherMode },
      derivationData,
    });
    const { ENCRYPT } = DerivationMethod;
    await assert.rejects(
      derive([key], ENCRYPT, asked(BlockCipherMode.ECB), 16),
      isKmip(ResultReason.InvalidField),
    );
    // Without any in the request, the key's first.
    assert.equal(await derived([key], ENCRYPT, { derivationData }, 16), '3ad77bb40d7a3660a89ecaf32466ef97');
  });

  test('Secret Data that does not leave does not leave encrypted as a derived object either', async () => {
    const known = await symmetric(Buffer.alloc(16, 1), CryptographicAlgorithm.AES);
    const kept = await secretData(Buffer.alloc(32, 2), attribute('Extractable', false));
    const hidden = await secretData(Buffer.alloc(32, 3), attribute('Sensitive', true));
    const encrypted = (data: string) =>
      derive(
        [known, data],
        DerivationMethod.ENCRYPT,
        { cryptographicParameters: { blockCipherMode: BlockCipherMode.CTR } },
        32,
        attribute('Extractable', true),
        attribute('Sensitive', false),
      );
    const [ofKept, ofHidden] = [await encrypted(kept), await encrypted(hidden)];
    await assert.rejects(materialOf(gateway, app, ofKept), isKmip(ResultReason.NotExtractable));
    await assert.rejects(materialOf(gateway, app, ofHidden), isKmip(ResultReason.Sensitive));
  });
});
