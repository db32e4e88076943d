// Objects and templates as an application registers and gets them, through a gateway's tunnel.
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
import {
  type Attribute,
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  KeyCompressionType,
  KeyFormatType,
  type KmipObject,
  LinkType,
  ObjectType,
  Operation,
  ResultReason,
  State,
  structureItem,
  Tag,
  transparentKeys,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { blockOf, Forms, isKmip, mask, materialIn, past, symmetric } from '../testing/forms.ts';
import { callerOf, type GatewayClient } from '../testing/gateway-client.ts';
import { aesKey, createKey, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const F = KeyFormatType;
const U = CryptographicUsageMask;
const R = ResultReason;

describe('objects and their forms', () => {
  let region: TestRegion;
  let forms: Forms;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    const { url } = await testDatabase();
    region = await TestRegion.create(url, temporaryDirectory('core'));
    forms = await Forms.open(region);
    ({ gateway, app, other } = forms);
  });
  after(() => forms.close());
  const register: Forms['register'] = (...all) => forms.register(...all);
  const get: Forms['get'] = (...all) => forms.get(...all);
  const attributesOf: Forms['attributesOf'] = (...all) => forms.attributesOf(...all);

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
      const bytes = { ...blockOf(said(4, 2048)), keyFormatType: F.TransparentRSAPublicKey };
      const noStructure = register({ objectType: ObjectType.PublicKey, keyBlock: bytes });
      await assert.rejects(noStructure, isKmip(R.InvalidField));
      const keyValue = { keyMaterial: structureItem(Tag.KeyMaterial, []) };
      const structure = { ...blockOf(said(4, 2048)), keyValue };
      const noBytes = register({ objectType: ObjectType.PublicKey, keyBlock: structure });
      await assert.rejects(noBytes, isKmip(R.InvalidField));
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
});
