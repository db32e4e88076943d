// What objects are, and the forms in which they enter and leave, as an application meets them through a gateway's tunnel.
import assert from 'node:assert/strict';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  verify,
  X509Certificate,
} from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { createCa } from '../../../platform/pki.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { unwrapKey } from '../../cipher/index.ts';
import { SecretBytes } from '../../envelope/index.ts';
import {
  type Attribute,
  attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeTtlv,
  EncodingOption,
  HashingAlgorithm,
  type KeyBlock,
  KeyCompressionType,
  KeyFormatType,
  KeyWrapType,
  KmipError,
  type KmipObject,
  LinkType,
  ObjectType,
  Operation,
  PaddingMethod,
  plainKeyValue,
  type RequestOf,
  ResultReason,
  SplitKeyMethod,
  State,
  transparentKeys,
  WrappingMethod,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { callerOf, type GatewayClient } from '../testing/gateway-client.ts';
import { aesKey, createKey, populate, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const F = KeyFormatType;
const U = CryptographicUsageMask;
const R = ResultReason;
const past = attribute('Activation Date', 1_000);

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

function mask(bits: number): Attribute {
  return attribute('Cryptographic Usage Mask', bits);
}

function blockOf(object: KmipObject): KeyBlock {
  assert.ok('keyBlock' in object);
  return object.keyBlock;
}

/** Key Material in the clear. */
function materialIn(object: KmipObject): Buffer {
  const { keyValue } = blockOf(object);
  assert.ok(keyValue !== undefined && !(keyValue instanceof Uint8Array));
  assert.ok(keyValue.keyMaterial instanceof Uint8Array);
  return Buffer.from(keyValue.keyMaterial);
}

/** The wrapped Key Value. */
function wrappedIn(object: KmipObject): Buffer {
  const { keyValue } = blockOf(object);
  assert.ok(keyValue instanceof Uint8Array);
  return Buffer.from(keyValue);
}

describe('objects and their forms', () => {
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

  async function register(object: KmipObject, ...attributes: Attribute[]): Promise<string> {
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType: object.objectType,
      templateAttribute: { attribute: attributes },
      object,
    });
    return uniqueIdentifier;
  }

  async function get(uid: string, more: Omit<RequestOf<typeof Operation.Get>, 'uniqueIdentifier'> = {}) {
    const { object } = await gateway.run(app, Operation.Get, { uniqueIdentifier: uid, ...more });
    return object;
  }

  async function attributesOf(uid: string, ...names: string[]) {
    const answer = await gateway.run(app, Operation.GetAttributes, {
      uniqueIdentifier: uid,
      attributeName: names,
    });
    return (answer.attribute ?? []).map((a) => a.attributeValue.value);
  }

  function symmetric(material: Uint8Array, more: Partial<KeyBlock> = {}): KmipObject {
    return {
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: F.Raw,
        keyValue: { keyMaterial: material },
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLength: material.length * 8,
        ...more,
      },
    };
  }

  function kek(material: Uint8Array, ...attributes: Attribute[]): Promise<string> {
    return register(symmetric(material), mask(U.WrapKey | U.UnwrapKey), past, ...attributes);
  }

  describe('Register and Get', () => {
    test('give back what came, for every type of object', async () => {
      const material = Uint8Array.from(randomBytes(32));
      const plain = { keyFormatType: F.Raw, keyValue: { keyMaterial: material } };
      const split = { splitKeyParts: 3, keyPartIdentifier: 2, splitKeyThreshold: 2, splitKeyMethod: 4 };
      const given: readonly KmipObject[] = [
        symmetric(material),
        { objectType: ObjectType.SecretData, secretDataType: 2, keyBlock: plain },
        { objectType: ObjectType.OpaqueObject, opaqueDataType: 0x80000001, opaqueDataValue: material },
        { objectType: ObjectType.PGPKey, pgpKeyVersion: 4, keyBlock: { ...plain, keyFormatType: F.Opaque } },
        { objectType: ObjectType.SplitKey, ...split, keyBlock: plain },
        { objectType: ObjectType.Certificate, certificateType: 2, certificateValue: material },
        { objectType: ObjectType.Template, attribute: [attribute('Object Group', 'g')] },
      ];
      for (const object of given) {
        const uid = await register(object);
        const back = await get(uid);
        assert.equal(back.objectType, object.objectType);
        if ('keyBlock' in back) assert.deepEqual(materialIn(back), Buffer.from(material));
        else if ('opaqueDataValue' in back) assert.deepEqual(Uint8Array.from(back.opaqueDataValue), material);
        else if ('certificateValue' in back)
          assert.deepEqual(Uint8Array.from(back.certificateValue), material);
        else assert.deepEqual(back, object);
        const { keyBlock: _, ...fields } = back as { keyBlock?: unknown };
        for (const [name, value] of Object.entries(fields)) {
          if (!(value instanceof Uint8Array) && !Array.isArray(value))
            assert.equal(value, (object as unknown as Record<string, unknown>)[name], name);
        }
      }
    });

    test('a PGP key of a version that cannot be is refused by name', async () => {
      const keyBlock = { keyFormatType: F.Opaque, keyValue: { keyMaterial: new Uint8Array(9) } };
      for (const pgpKeyVersion of [-1, 256]) {
        const impossible: KmipObject = { objectType: ObjectType.PGPKey, pgpKeyVersion, keyBlock };
        await assert.rejects(register(impossible), isKmip(R.InvalidField));
      }
    });

    test('a key pair leaves in every format, whichever it came in', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const uid = await register(
        {
          objectType: ObjectType.PrivateKey,
          keyBlock: {
            keyFormatType: F.PKCS_1,
            keyValue: { keyMaterial: privateKey.export({ format: 'der', type: 'pkcs1' }) },
          },
        },
        mask(U.Sign),
      );
      assert.deepEqual(await attributesOf(uid, 'Cryptographic Algorithm', 'Cryptographic Length'), [4, 2048]);
      const pkcs8 = materialIn(await get(uid, { keyFormatType: F.PKCS_8 }));
      assert.ok(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).equals(privateKey));
      const transparent = blockOf(await get(uid, { keyFormatType: F.TransparentRSAPrivateKey }));
      assert.ok(transparent.keyValue && !(transparent.keyValue instanceof Uint8Array));
      const { keyMaterial } = transparent.keyValue;
      assert.ok(!(keyMaterial instanceof Uint8Array));
      const schema = transparentKeys[F.TransparentRSAPrivateKey];
      const numbers = schema.read(keyMaterial);
      assert.equal(numbers.publicExponent, 65_537n);
      await assert.rejects(get(uid, { keyFormatType: F.X_509 }), isKmip(R.KeyFormatTypeNotSupported));
      await assert.rejects(
        get(uid, { keyCompressionType: KeyCompressionType.ECPublicKeyTypeUncompressed }),
        isKmip(R.KeyCompressionTypeNotSupported),
      );

      const again = await register(
        {
          objectType: ObjectType.PrivateKey,
          keyBlock: { keyFormatType: F.TransparentRSAPrivateKey, keyValue: { keyMaterial } },
        },
        mask(U.Sign),
      );
      const pkcs1 = materialIn(await get(again, { keyFormatType: F.PKCS_1 }));
      assert.deepEqual(pkcs1, privateKey.export({ format: 'der', type: 'pkcs1' }));

      const publicUid = await register(
        {
          objectType: ObjectType.PublicKey,
          keyBlock: {
            keyFormatType: F.X_509,
            keyValue: { keyMaterial: publicKey.export({ format: 'der', type: 'spki' }) },
          },
        },
        mask(U.Verify),
      );
      const der = materialIn(await get(publicUid, { keyFormatType: F.PKCS_1 }));
      assert.ok(createPublicKey({ key: der, format: 'der', type: 'pkcs1' }).equals(publicKey));
    });

    test('points of EC public keys leave compressed', async () => {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const uid = await register(
        {
          objectType: ObjectType.PublicKey,
          keyBlock: {
            keyFormatType: F.X_509,
            keyValue: { keyMaterial: publicKey.export({ format: 'der', type: 'spki' }) },
            cryptographicAlgorithm: CryptographicAlgorithm.ECDSA,
            cryptographicLength: 256,
          },
        },
        mask(U.Verify),
      );
      const keyCompressionType = KeyCompressionType.ECPublicKeyTypeX9_62CompressedPrime;
      const object = await get(uid, { keyCompressionType });
      assert.equal(blockOf(object).keyCompressionType, keyCompressionType);
      assert.equal(blockOf(object).cryptographicAlgorithm, CryptographicAlgorithm.ECDSA);
      assert.equal(materialIn(object).length, 59);
      const key = createPublicKey({ key: materialIn(object), format: 'der', type: 'spki' });
      assert.deepEqual(key.export({ format: 'jwk' }), publicKey.export({ format: 'jwk' }));
    });

    test('plain contradictions between a key and what is said of it are refused', async () => {
      const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
      const spki = rsa.export({ format: 'der', type: 'spki' });
      const said = (algorithm: number, length: number): KmipObject => ({
        objectType: ObjectType.PublicKey,
        keyBlock: {
          keyFormatType: F.X_509,
          keyValue: { keyMaterial: spki },
          cryptographicAlgorithm: algorithm,
          cryptographicLength: length,
        },
      });
      await assert.rejects(register(said(CryptographicAlgorithm.RSA, 1024)), isKmip(R.InvalidField));
      await assert.rejects(register(said(CryptographicAlgorithm.EC, 2048)), isKmip(R.InvalidField));
      await register(said(CryptographicAlgorithm.RSA, 2048));
      const aes = symmetric(randomBytes(16), { cryptographicLength: 256 });
      await assert.rejects(register(aes), isKmip(R.InvalidField));
      const unreadable = { ...blockOf(said(4, 2048)), keyValue: { keyMaterial: randomBytes(100) } };
      const uid = await register({ objectType: ObjectType.PublicKey, keyBlock: unreadable });
      assert.equal(materialIn(await get(uid)).length, 100);
      await assert.rejects(get(uid, { keyFormatType: F.PKCS_1 }), isKmip(R.KeyFormatTypeNotSupported));
    });

    test('a key whose value is kept elsewhere is there, and its value is not', async () => {
      const uid = await register(
        {
          objectType: ObjectType.SymmetricKey,
          keyBlock: { keyFormatType: F.Raw, cryptographicAlgorithm: 3, cryptographicLength: 256 },
        },
        mask(U.Encrypt),
        past,
        attribute('Key Value Location', { keyValueLocationValue: 'safe 7', keyValueLocationType: 1 }),
      );
      assert.deepEqual(await attributesOf(uid, 'Key Value Present'), [false]);
      assert.equal(await stateOf(gateway, app, uid), State.Active);
      await assert.rejects(get(uid), isKmip(R.IllegalOperation));
      await assert.rejects(
        gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: randomBytes(16) }),
        isKmip(R.KeyValueNotPresent),
      );
      const bare = { objectType: ObjectType.PublicKey, keyBlock: { keyFormatType: F.X_509 } } as const;
      await assert.rejects(register(bare), isKmip(R.InvalidField));
    });

    test('attributes inside the Key Value are the object’s, as far as the request does not say otherwise', async () => {
      const inside = [attribute('Object Group', 'inside'), attribute('Contact Information', 'inside')];
      const uid = await register(
        symmetric(randomBytes(16), { keyValue: { keyMaterial: randomBytes(16), attribute: inside } }),
        mask(U.Encrypt),
        attribute('Contact Information', 'outside'),
      );
      assert.deepEqual(await attributesOf(uid, 'Object Group', 'Contact Information'), ['inside', 'outside']);
    });
  });

  describe('templates', () => {
    test('give their attributes to what names them, below those that are given', async () => {
      const template = nameAttribute('usual');
      await register(
        {
          objectType: ObjectType.Template,
          attribute: [...aesKey, attribute('Object Group', 'from template'), attribute('Comment', 'a')],
        },
        template,
      );
      const { uniqueIdentifier } = await gateway.run(app, Operation.Create, {
        objectType: ObjectType.SymmetricKey,
        templateAttribute: {
          name: [{ nameValue: 'usual', nameType: 1 }],
          attribute: [attribute('Cryptographic Length', 128), attribute('Comment', 'b')],
        },
      });
      assert.deepEqual(
        await attributesOf(uniqueIdentifier, 'Cryptographic Length', 'Object Group', 'Comment'),
        [128, 'from template', 'b'],
      );
      assert.equal(materialIn(await get(uniqueIdentifier)).length, 16);
    });

    test('are objects with attributes, which change what is made with them from then on', async () => {
      const uid = await register(
        { objectType: ObjectType.Template, attribute: [...aesKey] },
        nameAttribute('changing'),
      );
      const group = attribute('Object Group', 'later');
      await gateway.run(app, Operation.AddAttribute, { uniqueIdentifier: uid, attribute: group });
      const template = await get(uid);
      assert.ok(template.objectType === ObjectType.Template);
      assert.deepEqual(JSON.stringify(template.attribute), JSON.stringify([...aesKey, group]));
      const templateAttribute = { name: [{ nameValue: 'changing', nameType: 1 }] };
      const made = await gateway.run(app, Operation.Create, {
        objectType: ObjectType.SymmetricKey,
        templateAttribute,
      });
      assert.deepEqual(await attributesOf(made.uniqueIdentifier, 'Object Group', 'Name'), ['later']);
      await gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid });
      await assert.rejects(
        gateway.run(app, Operation.Create, { objectType: ObjectType.SymmetricKey, templateAttribute }),
        isKmip(R.ItemNotFound),
      );
    });

    test('are of their tenant, are templates, and hold no Name', async () => {
      const named = (caller: Caller, nameValue: string) =>
        gateway.run(caller, Operation.Create, {
          objectType: ObjectType.SymmetricKey,
          templateAttribute: { name: [{ nameValue, nameType: 1 }], attribute: aesKey },
        });
      await assert.rejects(named(other, 'usual'), isKmip(R.ItemNotFound));
      await createKey(gateway, app, nameAttribute('no template'));
      await assert.rejects(named(app, 'no template'), isKmip(R.ItemNotFound));
      await assert.rejects(named(app, 'nothing'), isKmip(R.ItemNotFound));
      const { fingerprint } = await region.application('clerk', 'acme', ['payroll']);
      const clerk = callerOf(fingerprint, 'acme', 'clerk');
      const told: string[] = [];
      for (const name of ['no template', 'nothing']) {
        await assert.rejects(named(clerk, name), (error) => told.push(String(error)) > 0);
      }
      assert.equal(told[0], told[1], 'what another service has looks like nothing');
      await assert.rejects(
        register({ objectType: ObjectType.Template, attribute: [nameAttribute('x')] }),
        isKmip(R.InvalidField),
      );
    });
  });

  describe('wrapping', () => {
    const material = Uint8Array.from(randomBytes(32));
    const kekBytes = Uint8Array.from(randomBytes(32));
    let kekUid: string;
    let keyUid: string;
    before(async () => {
      kekUid = await kek(kekBytes);
      keyUid = await register(symmetric(material), mask(U.Encrypt), past, nameAttribute('to be wrapped'));
    });

    /** A registered copy of what a Get gave out wrapped, in the clear. */
    async function unwrappedCopy(object: KmipObject): Promise<Buffer> {
      const uid = await register(object, mask(U.Encrypt));
      return materialIn(await get(uid, { keyWrapType: KeyWrapType.NotWrapped }));
    }

    test('with an AES key: what leaves is RFC 3394, with or without attributes and encoding', async () => {
      const encryptionKeyInformation = { uniqueIdentifier: kekUid };
      const bare = await get(keyUid, {
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation,
          encodingOption: EncodingOption.NoEncoding,
        },
      });
      using secret = SecretBytes.take(Uint8Array.from(kekBytes));
      assert.deepEqual(unwrapKey(secret, wrappedIn(bare)), Buffer.from(material));
      const whole = await get(keyUid, {
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation,
          attributeName: ['Name'],
        },
      });
      const value = plainKeyValue.read(decodeTtlv(unwrapKey(secret, wrappedIn(whole))));
      assert.equal(value.attribute?.[0]?.attributeName, 'Name');
      assert.deepEqual(Buffer.from(value.keyMaterial as Uint8Array), Buffer.from(material));
      assert.deepEqual(await unwrappedCopy(bare), Buffer.from(material));
    });

    test('with every mode, method and kind of key there is a way back', async () => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const publicUid = await register(
        {
          objectType: ObjectType.PublicKey,
          keyBlock: {
            keyFormatType: F.X_509,
            keyValue: { keyMaterial: publicKey.export({ format: 'der', type: 'spki' }) },
          },
        },
        mask(U.WrapKey | U.Verify),
        past,
      );
      const privateUid = await register(
        {
          objectType: ObjectType.PrivateKey,
          keyBlock: {
            keyFormatType: F.PKCS_8,
            keyValue: { keyMaterial: privateKey.export({ format: 'der', type: 'pkcs8' }) },
          },
        },
        mask(U.UnwrapKey | U.Sign),
        past,
      );
      await gateway.run(app, Operation.AddAttribute, {
        uniqueIdentifier: publicUid,
        attribute: attribute('Link', {
          linkType: LinkType.PrivateKeyLink,
          linkedObjectIdentifier: privateUid,
        }),
      });
      const macUid = await register(
        symmetric(randomBytes(32), { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 }),
        mask(U.MACGenerate | U.MACVerify),
        past,
      );
      const byKek = (cryptographicParameters?: object) => ({
        uniqueIdentifier: kekUid,
        ...(cryptographicParameters && { cryptographicParameters }),
      });
      const mac = { uniqueIdentifier: macUid };
      const signature = {
        uniqueIdentifier: privateUid,
        cryptographicParameters: {
          cryptographicAlgorithm: CryptographicAlgorithm.RSA,
          hashingAlgorithm: HashingAlgorithm.SHA_256,
          paddingMethod: PaddingMethod.PKCS1V1_5,
        },
      };
      const M = WrappingMethod;
      for (const [name, specification] of Object.entries({
        padding: {
          wrappingMethod: M.Encrypt,
          encryptionKeyInformation: byKek({ blockCipherMode: BlockCipherMode.AESKeyWrapPadding }),
        },
        cbc: {
          wrappingMethod: M.Encrypt,
          encryptionKeyInformation: byKek({
            blockCipherMode: BlockCipherMode.CBC,
            paddingMethod: PaddingMethod.PKCS5,
          }),
        },
        gcm: {
          wrappingMethod: M.Encrypt,
          encryptionKeyInformation: byKek({ blockCipherMode: BlockCipherMode.GCM }),
        },
        oaep: {
          wrappingMethod: M.Encrypt,
          encryptionKeyInformation: {
            uniqueIdentifier: publicUid,
            cryptographicParameters: {
              paddingMethod: PaddingMethod.OAEP,
              hashingAlgorithm: HashingAlgorithm.SHA_256,
            },
          },
        },
        rsaByDefault: {
          wrappingMethod: M.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: publicUid },
        },
        mac: { wrappingMethod: M.MACSign, macSignatureKeyInformation: mac },
        signature: { wrappingMethod: M.MACSign, macSignatureKeyInformation: signature },
        encryptThenMac: {
          wrappingMethod: M.EncryptThenMACSign,
          encryptionKeyInformation: byKek(),
          macSignatureKeyInformation: mac,
        },
        signThenEncrypt: {
          wrappingMethod: M.MACSignThenEncrypt,
          encryptionKeyInformation: byKek(),
          macSignatureKeyInformation: signature,
        },
      })) {
        const object = await get(keyUid, { keyWrappingSpecification: specification });
        assert.deepEqual(await unwrappedCopy(object), Buffer.from(material), name);
        const { macSignature } = blockOf(object).keyWrappingData ?? {};
        if (macSignature === undefined) continue;
        macSignature[0] = (macSignature[0] ?? 0) ^ 1;
        await assert.rejects(unwrappedCopy(object), isKmip(R.CryptographicFailure), name);
      }
    });

    test('a key registered wrapped leaves as it came, is used, and is not wrapped twice by accident', async () => {
      const keyWrappingSpecification = {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: kekUid },
        encodingOption: EncodingOption.NoEncoding,
      };
      const object = await get(keyUid, { keyWrappingSpecification });
      const uid = await register(object, mask(U.Encrypt | U.Decrypt), past);
      for (const keyWrapType of [undefined, KeyWrapType.AsRegistered]) {
        const back = await get(uid, { keyWrapType });
        assert.deepEqual(wrappedIn(back), wrappedIn(object));
        assert.equal(blockOf(back).keyWrappingData?.encryptionKeyInformation?.uniqueIdentifier, kekUid);
      }
      const data = Uint8Array.from(randomBytes(20));
      const encrypted = await gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data });
      const decrypted = await gateway
        .run(app, Operation.Decrypt, {
          uniqueIdentifier: keyUid,
          data: encrypted.data,
          ivCounterNonce: encrypted.ivCounterNonce,
          authenticatedEncryptionTag: encrypted.authenticatedEncryptionTag,
        })
        .catch((error: unknown) => error);
      assert.ok(decrypted instanceof KmipError, 'the copy in the clear may only encrypt');
      const own = await gateway.run(app, Operation.Decrypt, {
        uniqueIdentifier: uid,
        data: encrypted.data,
        ivCounterNonce: encrypted.ivCounterNonce,
        authenticatedEncryptionTag: encrypted.authenticatedEncryptionTag,
      });
      assert.deepEqual(Uint8Array.from(own.data ?? []), data);
      const anew = await get(uid, { keyWrappingSpecification });
      assert.deepEqual(wrappedIn(anew), wrappedIn(object), 'RFC 3394 is deterministic');
      await assert.rejects(
        get(uid, { keyWrapType: KeyWrapType.AsRegistered, keyWrappingSpecification }),
        isKmip(R.InvalidField),
      );
    });

    test('without its wrapping key a wrapped key is kept, and nothing else', async () => {
      const stranger = symmetric(new Uint8Array(0), {
        keyValue: randomBytes(40),
        cryptographicLength: 256,
        keyWrappingData: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: 'elsewhere' },
        },
      });
      const uid = await register(stranger, mask(U.Encrypt), past);
      assert.deepEqual(wrappedIn(await get(uid)), wrappedIn(stranger));
      await assert.rejects(get(uid, { keyWrapType: KeyWrapType.NotWrapped }), isKmip(R.ItemNotFound));
      await assert.rejects(
        gateway.run(app, Operation.Encrypt, { uniqueIdentifier: uid, data: randomBytes(16) }),
        isKmip(R.ItemNotFound),
      );
    });

    test('is refused as the specification says', async () => {
      const wrap = (uniqueIdentifier: string, more: object = {}) =>
        get(keyUid, {
          keyWrappingSpecification: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: { uniqueIdentifier },
            ...more,
          },
        });
      const secretData = await register({
        objectType: ObjectType.SecretData,
        secretDataType: 1,
        keyBlock: { keyFormatType: F.Raw, keyValue: { keyMaterial: randomBytes(16) } },
      });
      const noMask = await register(symmetric(randomBytes(16)), mask(U.Encrypt), past);
      const parameters = attribute('Cryptographic Parameters', { blockCipherMode: BlockCipherMode.CBC });
      const particular = await kek(randomBytes(16), parameters);
      await assert.rejects(wrap('nobody'), isKmip(R.ItemNotFound));
      await assert.rejects(wrap(secretData), isKmip(R.IllegalOperation));
      await assert.rejects(wrap(noMask), isKmip(R.PermissionDenied));
      await assert.rejects(
        wrap(kekUid, { encodingOption: EncodingOption.NoEncoding, attributeName: ['Name'] }),
        isKmip(R.EncodingOptionError),
      );
      await assert.rejects(
        wrap(kekUid, { wrappingMethod: WrappingMethod.TR_31 }),
        isKmip(R.FeatureNotSupported),
      );
      await assert.rejects(wrap(kekUid, { wrappingMethod: WrappingMethod.MACSign }), isKmip(R.InvalidField));
      await assert.rejects(
        wrap(particular, {
          encryptionKeyInformation: {
            uniqueIdentifier: particular,
            cryptographicParameters: { blockCipherMode: BlockCipherMode.NISTKeyWrap },
          },
        }),
        isKmip(R.ItemNotFound),
      );
      const foreign = await createKey(gateway, other, mask(U.WrapKey)).catch(() => 'x');
      await assert.rejects(wrap(foreign), isKmip(R.ItemNotFound));
      await assert.rejects(get(keyUid, { keyWrapType: 7 }), isKmip(R.FeatureNotSupported));
    });

    test('an attribute that is named again and again is wrapped once', async () => {
      const big = attribute('Description', 'x'.repeat(10_000));
      const uid = await register(symmetric(material), mask(U.Encrypt), big);
      const object = await get(uid, {
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: kekUid },
          attributeName: Array.from({ length: 300 }, () => 'Description'),
        },
      });
      assert.ok(wrappedIn(object).length < 20_000);
    });

    test('a Sensitive key leaves wrapped only, one that is not Extractable never', async () => {
      const keyWrappingSpecification = {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: kekUid },
      };
      const sensitive = await register(symmetric(material), mask(U.Encrypt), attribute('Sensitive', true));
      await assert.rejects(get(sensitive), isKmip(R.Sensitive));
      wrappedIn(await get(sensitive, { keyWrappingSpecification }));
      const macUid = await register(
        symmetric(randomBytes(32), { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 }),
        mask(U.MACGenerate),
        past,
      );
      const signed = {
        wrappingMethod: WrappingMethod.MACSign,
        macSignatureKeyInformation: { uniqueIdentifier: macUid },
      };
      await assert.rejects(get(sensitive, { keyWrappingSpecification: signed }), isKmip(R.Sensitive));
      const kept = await register(symmetric(material), mask(U.Encrypt), attribute('Extractable', false));
      await assert.rejects(get(kept, { keyWrappingSpecification }), isKmip(R.NotExtractable));
    });
  });

  test('a private key leaves as PKCS#12, with its chain, under its password', async () => {
    const root = await createCa({ commonName: 'root', days: 1 });
    const ca = await createCa({ commonName: 'leaf', days: 1, issuer: root });
    const privateKey = createPrivateKey(ca.privateKeyPem);
    const linkTo = (linkType: LinkType, linkedObjectIdentifier: string) =>
      attribute('Link', { linkType, linkedObjectIdentifier });
    const certificate = (pem: string, ...links: Attribute[]) =>
      register(
        {
          objectType: ObjectType.Certificate,
          certificateType: 1,
          certificateValue: new X509Certificate(pem).raw,
        },
        mask(U.CertificateSign),
        ...links,
      );
    const rootUid = await certificate(root.certificatePem);
    const chain = linkTo(LinkType.CertificateLink, rootUid);
    const certificateUid = await certificate(ca.certificatePem, chain);
    const password = await register(
      {
        objectType: ObjectType.SecretData,
        secretDataType: 1,
        keyBlock: { keyFormatType: F.Raw, keyValue: { keyMaterial: Buffer.from('correct horse') } },
      },
      mask(0),
    );
    const key = {
      objectType: ObjectType.PrivateKey,
      keyBlock: {
        keyFormatType: F.PKCS_8,
        keyValue: { keyMaterial: privateKey.export({ format: 'der', type: 'pkcs8' }) },
      },
    } as const;
    const link = linkTo(LinkType.PKCS_12PasswordLink, password);
    const toCertificate = linkTo(LinkType.PKCS_12CertificateLink, certificateUid);
    const uid = await register(key, mask(U.Sign), link, toCertificate);
    const pfx = materialIn(await get(uid, { keyFormatType: F.PKCS_12 }));
    createSecureContext({ pfx, passphrase: 'correct horse' });
    for (const pem of [ca.certificatePem, root.certificatePem]) {
      assert.ok(pfx.includes(new X509Certificate(pem).raw));
    }
    assert.throws(() => createSecureContext({ pfx, passphrase: 'wrong' }));
    const without = await register(key, mask(U.Sign));
    await assert.rejects(get(without, { keyFormatType: F.PKCS_12 }), isKmip(R.KeyFormatTypeNotSupported));

    const container = { keyFormatType: F.PKCS_12, keyValue: { keyMaterial: pfx } };
    const said = { cryptographicAlgorithm: CryptographicAlgorithm.EC, cryptographicLength: 256 };
    const asContainer = { objectType: ObjectType.PrivateKey, keyBlock: { ...container, ...said } } as const;
    await assert.rejects(register(asContainer, mask(U.Sign)), isKmip(R.InvalidField));
    const whole = await register(asContainer, mask(U.Sign), link, past);
    assert.deepEqual(materialIn(await get(whole)), pfx);
    assert.deepEqual(await attributesOf(whole, 'PKCS#12 Friendly Name'), ['alias']);
    const inside = materialIn(await get(whole, { keyFormatType: F.PKCS_8 }));
    assert.deepEqual(inside, privateKey.export({ format: 'der', type: 'pkcs8' }));
    const data = randomBytes(10);
    const { signatureData } = await gateway.run(app, Operation.Sign, {
      uniqueIdentifier: whole,
      cryptographicParameters: {
        cryptographicAlgorithm: CryptographicAlgorithm.ECDSA,
        hashingAlgorithm: HashingAlgorithm.SHA_256,
      },
      data,
    });
    assert.ok(verify('sha256', data, createPublicKey(privateKey), signatureData ?? new Uint8Array()));
  });

  describe('Export and Import', () => {
    const uidIn = (n: number) => `imported-${n}`;

    test('move an object with all that it is', async () => {
      const uid = await createKey(gateway, app, nameAttribute('moving'), attribute('Object Group', 'g'));
      await gateway.run(app, Operation.Activate, { uniqueIdentifier: uid });
      // Served once, so that Fresh stays what it is.
      await get(uid);
      const exported = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.equal(exported.uniqueIdentifier, uid);
      const importIt = (more: Partial<RequestOf<typeof Operation.Import>> = {}) =>
        gateway.run(app, Operation.Import, {
          uniqueIdentifier: uid,
          attribute: exported.attribute,
          object: exported.object,
          ...more,
        });
      await assert.rejects(importIt(), isKmip(R.ObjectAlreadyExists));
      await gateway.run(app, Operation.Revoke, {
        uniqueIdentifier: uid,
        revocationReason: { revocationReasonCode: 1 },
      });
      await gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid });
      const gone = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.equal(blockOf(gone.object).keyValue, undefined);
      await importIt({ replaceExisting: true });
      assert.equal(await stateOf(gateway, app, uid), State.Active);
      assert.deepEqual(materialIn(await get(uid)), materialIn(exported.object));
      const back = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.deepEqual(JSON.stringify(back.attribute), JSON.stringify(exported.attribute));
      const found = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('moving')] });
      assert.deepEqual(found.uniqueIdentifier, [uid]);
    });

    test('unwrap on the way in if so asked, and keep the wrapping if not', async () => {
      const kekUid = await kek(randomBytes(32));
      const uid = await createKey(gateway, app);
      const { object, attribute: attributes } = await gateway.run(app, Operation.Export, {
        uniqueIdentifier: uid,
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: kekUid },
        },
      });
      for (const [n, keyWrapType] of [KeyWrapType.AsRegistered, KeyWrapType.NotWrapped].entries()) {
        const request = { uniqueIdentifier: uidIn(n), attribute: attributes, object, keyWrapType };
        await gateway.run(app, Operation.Import, request);
      }
      assert.deepEqual(wrappedIn(await get(uidIn(0))), wrappedIn(object));
      assert.deepEqual(materialIn(await get(uidIn(1))), materialIn(await get(uid)));
      const stranger = {
        ...object,
        keyBlock: {
          ...blockOf(object),
          keyWrappingData: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: { uniqueIdentifier: 'elsewhere' },
          },
        },
      } as KmipObject;
      await assert.rejects(
        gateway.run(app, Operation.Import, {
          uniqueIdentifier: uidIn(2),
          attribute: attributes,
          object: stranger,
          keyWrapType: KeyWrapType.NotWrapped,
        }),
        isKmip(R.ItemNotFound),
      );
    });

    test('tell nobody of what another tenant has, and give it a place of its own', async () => {
      const uid = await createKey(gateway, other);
      const mine = symmetric(randomBytes(16));
      const { uniqueIdentifier } = await gateway.run(app, Operation.Import, {
        uniqueIdentifier: uid,
        replaceExisting: true,
        attribute: [mask(U.Encrypt)],
        object: mine,
      });
      assert.notEqual(uniqueIdentifier, uid);
      assert.deepEqual(materialIn(await get(uniqueIdentifier)), materialIn(mine));
      await assert.rejects(get(uid), isKmip(R.ItemNotFound));
    });

    test('refuse identifiers that are none, and attributes that are not the object’s', async () => {
      const object = symmetric(randomBytes(16));
      const importAs = (uniqueIdentifier: string, ...attributes: Attribute[]) =>
        gateway.run(app, Operation.Import, { uniqueIdentifier, attribute: attributes, object });
      for (const uid of ['', 'l3:billing', 'x'.repeat(129)]) {
        await assert.rejects(importAs(uid, mask(U.Encrypt)), isKmip(R.InvalidField));
      }
      await assert.rejects(
        importAs('length', mask(4), attribute('Cryptographic Length', 256)),
        isKmip(R.InvalidField),
      );
      await assert.rejects(importAs('state', attribute('State', 9)), isKmip(R.InvalidField));
    });
  });

  describe('split keys', () => {
    const methods = [
      ['XOR', SplitKeyMethod.XOR, undefined],
      ['GF(2^8)', SplitKeyMethod.PolynomialSharingGF2_8, undefined],
      ['GF(2^16)', SplitKeyMethod.PolynomialSharingGF2_16, undefined],
      ['prime field', SplitKeyMethod.PolynomialSharingPrimeField, 2n ** 256n + 297n],
    ] as const;

    for (const [name, splitKeyMethod, primeFieldSize] of methods) {
      test(`by ${name}: a key comes back from its parts`, async () => {
        const whole = await createKey(gateway, app);
        const splitKeyThreshold = splitKeyMethod === SplitKeyMethod.XOR ? 3 : 2;
        const { uniqueIdentifier: uids } = await gateway.run(app, Operation.CreateSplitKey, {
          objectType: ObjectType.SplitKey,
          uniqueIdentifier: whole,
          splitKeyParts: 3,
          splitKeyThreshold,
          splitKeyMethod,
          primeFieldSize,
          templateAttribute: { attribute: [attribute('Cryptographic Length', 128)] },
        });
        assert.equal(uids.length, 3);
        const [, second = ''] = uids;
        const part = await get(second);
        assert.ok(part.objectType === ObjectType.SplitKey && part.keyPartIdentifier === 2);
        assert.deepEqual(await attributesOf(second, 'Cryptographic Length'), [256]);
        const few = uids.slice(0, splitKeyThreshold - 1);
        const join = (uniqueIdentifier: readonly string[]) =>
          gateway.run(app, Operation.JoinSplitKey, {
            objectType: ObjectType.SymmetricKey,
            uniqueIdentifier,
            templateAttribute: { attribute: [nameAttribute(`joined by ${name}`)] },
          });
        await assert.rejects(join(few), isKmip(R.CryptographicFailure));
        const joined = await join(uids.slice(3 - splitKeyThreshold));
        assert.deepEqual(materialIn(await get(joined.uniqueIdentifier)), materialIn(await get(whole)));
        assert.deepEqual(await attributesOf(joined.uniqueIdentifier, 'Cryptographic Usage Mask'), [12]);
      });
    }

    test('a new key is made in parts, and a private key survives them', async () => {
      const sharing = { splitKeyParts: 4, splitKeyThreshold: 3, splitKeyMethod: 4 };
      const { uniqueIdentifier: parts } = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.SplitKey,
        ...sharing,
        templateAttribute: { attribute: [...aesKey, nameAttribute('in parts')] },
      });
      const named = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('in parts')] });
      assert.deepEqual(named.uniqueIdentifier, [parts[0]]);
      const joined = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifier: parts,
      });
      assert.equal(materialIn(await get(joined.uniqueIdentifier)).length, 32);

      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const der = privateKey.export({ format: 'der', type: 'pkcs8' });
      const uid = await register(
        {
          objectType: ObjectType.PrivateKey,
          keyBlock: { keyFormatType: F.PKCS_8, keyValue: { keyMaterial: der } },
        },
        mask(U.Sign),
        attribute('Sensitive', true),
      );
      const split = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.PrivateKey,
        uniqueIdentifier: uid,
        ...sharing,
        templateAttribute: { attribute: [attribute('Sensitive', false)] },
      });
      const [first = '', ...others] = split.uniqueIdentifier;
      await assert.rejects(get(first), isKmip(R.Sensitive), 'no way around leads over the parts');
      const again = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.PrivateKey,
        uniqueIdentifier: others,
      });
      await assert.rejects(get(again.uniqueIdentifier), isKmip(R.Sensitive));
      const mixed = [first, ...parts.slice(0, 2)];
      await assert.rejects(
        gateway.run(app, Operation.JoinSplitKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifier: mixed,
        }),
        isKmip(R.InvalidField),
      );
    });

    test('more parts than there can be are not even looked for', async () => {
      const uniqueIdentifier = Array.from({ length: 65 }, (_, i) => `part-${i}`);
      await assert.rejects(
        gateway.run(app, Operation.JoinSplitKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifier,
        }),
        isKmip(R.InvalidField),
      );
    });

    test('what is not Extractable is not split, and its parts give no key for another use', async () => {
      const sharing = { splitKeyParts: 2, splitKeyThreshold: 2, splitKeyMethod: SplitKeyMethod.XOR };
      const kept = await createKey(gateway, app, attribute('Extractable', false));
      await assert.rejects(
        gateway.run(app, Operation.CreateSplitKey, {
          objectType: ObjectType.SplitKey,
          uniqueIdentifier: kept,
          ...sharing,
          templateAttribute: {},
        }),
        isKmip(R.NotExtractable),
      );
      const { uniqueIdentifier: parts } = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.SplitKey,
        ...sharing,
        templateAttribute: { attribute: [...aesKey, attribute('Extractable', false)] },
      });
      const joined = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifier: parts,
        templateAttribute: {
          attribute: [attribute('Extractable', true), mask(U.WrapKey | U.UnwrapKey)],
        },
      });
      await assert.rejects(get(joined.uniqueIdentifier), isKmip(R.NotExtractable));
      assert.deepEqual(await attributesOf(joined.uniqueIdentifier, 'Cryptographic Usage Mask'), [12]);
    });
  });
});
