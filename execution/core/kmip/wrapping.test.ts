// Keys that leave and enter wrapped (KMIP 1.4 §2.1.5, §2.1.6), as an application meets them through a gateway's tunnel.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { unwrapKey } from '../../cipher/index.ts';
import { SecretBytes } from '../../envelope/index.ts';
import {
  attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeTtlv,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  KmipError,
  type KmipObject,
  LinkType,
  ObjectType,
  Operation,
  PaddingMethod,
  plainKeyValue,
  ResultReason,
  WrappingMethod,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { blockOf, Forms, isKmip, mask, materialIn, past, symmetric, wrappedIn } from '../testing/forms.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { createKey } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const F = KeyFormatType;
const U = CryptographicUsageMask;
const R = ResultReason;

describe('wrapped keys', () => {
  let forms: Forms;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    const { url } = await testDatabase();
    forms = await Forms.open(await TestRegion.create(url, temporaryDirectory('core')));
    ({ gateway, app, other } = forms);
  });
  after(() => forms.close());
  const register: Forms['register'] = (...all) => forms.register(...all);
  const get: Forms['get'] = (...all) => forms.get(...all);
  const kek: Forms['kek'] = (...all) => forms.kek(...all);

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
});
