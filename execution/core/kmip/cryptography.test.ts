// Cryptographic operations as an application meets them at the core, through a gateway's tunnel.
import assert from 'node:assert/strict';
import {
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createCa } from '../../../platform/pki.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  type Attribute,
  attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  KeyFormatType,
  KmipError,
  ObjectType,
  Operation,
  PaddingMethod,
  ResultReason,
  UsageLimitsUnit,
  V1_3,
  ValidityIndicator,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { type GatewayClient, payloadOf, request } from '../testing/gateway-client.ts';
import { auditReasons, populate } from '../testing/keys.ts';
import { type TestIdentity, TestRegion } from '../testing/region.ts';

const Mask = CryptographicUsageMask;
const { SHA_256, SHA_1, MD5 } = HashingAlgorithm;
const active = attribute('Activation Date', 1000);
const data = Buffer.from('0102030405060708091011121314151601', 'hex');

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

describe('cryptographic operations', () => {
  let region: TestRegion;
  let gatewayIdentity: TestIdentity;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    ({ gatewayIdentity, app, other } = await populate(region));
    gateway = region.connect(gatewayIdentity);
  });
  after(() => region.stop());

  async function register(
    objectType: 2 | 3 | 4,
    keyFormatType: number,
    keyMaterial: Uint8Array,
    algorithm: number,
    mask: number,
    ...more: Attribute[]
  ): Promise<string> {
    const keyBlock = {
      keyFormatType,
      keyValue: { keyMaterial: Uint8Array.from(keyMaterial), attribute: [] },
      cryptographicAlgorithm: algorithm,
      cryptographicLength: objectType === 2 ? keyMaterial.length * 8 : 2048,
    };
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType,
      templateAttribute: { attribute: [attribute('Cryptographic Usage Mask', mask), active, ...more] },
      object: { objectType, keyBlock },
    });
    return uniqueIdentifier;
  }

  const symmetric = (mask: number, algorithm: number = CryptographicAlgorithm.AES, ...more: Attribute[]) => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
    return register(ObjectType.SymmetricKey, KeyFormatType.Raw, key, algorithm, mask, ...more);
  };

  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const privateKey = (mask: number, ...more: Attribute[]) => {
    const der = pair.privateKey.export({ type: 'pkcs1', format: 'der' });
    return register(
      ObjectType.PrivateKey,
      KeyFormatType.PKCS_1,
      der,
      CryptographicAlgorithm.RSA,
      mask,
      ...more,
    );
  };
  const publicKey = (mask: number, ...more: Attribute[]) => {
    const der = pair.publicKey.export({ type: 'spki', format: 'der' });
    return register(
      ObjectType.PublicKey,
      KeyFormatType.X_509,
      der,
      CryptographicAlgorithm.RSA,
      mask,
      ...more,
    );
  };

  test('MAC and MAC Verify, by the parameters of the key', async () => {
    const parameters = attribute('Cryptographic Parameters', {
      cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256,
    });
    const uid = await symmetric(Mask.MACGenerate | Mask.MACVerify, CryptographicAlgorithm.AES, parameters);
    const { macData } = await gateway.run(app, Operation.MAC, { uniqueIdentifier: uid, data });
    const expected = createHmac('sha256', Buffer.from('0123456789abcdef0123456789abcdef', 'hex')).update(
      data,
    );
    assert.deepEqual(Buffer.from(macData ?? []), expected.digest());
    const verified = async (mac: Uint8Array) =>
      (await gateway.run(app, Operation.MACVerify, { uniqueIdentifier: uid, data, macData: mac }))
        .validityIndicator;
    assert.equal(await verified(macData ?? data), ValidityIndicator.Valid);
    assert.equal(await verified(data), ValidityIndicator.Invalid);
    const encryptOnly = await symmetric(Mask.Encrypt);
    await assert.rejects(
      gateway.run(app, Operation.MAC, { uniqueIdentifier: encryptOnly, data }),
      isKmip(ResultReason.PermissionDenied),
    );
    await assert.rejects(
      gateway.run(app, Operation.MACVerify, { uniqueIdentifier: uid, data }),
      isKmip(ResultReason.MissingData),
    );
  });

  test('Sign and Signature Verify, by data and by digest', async () => {
    const pss = { paddingMethod: PaddingMethod.PSS, hashingAlgorithm: SHA_256 };
    const parameters = attribute('Cryptographic Parameters', pss);
    const signer = await privateKey(Mask.Sign, parameters);
    const verifier = await publicKey(Mask.Verify, parameters);
    const { signatureData } = await gateway.run(app, Operation.Sign, { uniqueIdentifier: signer, data });
    const verified = async (more: {
      cryptographicParameters?: { hashingAlgorithm: number };
      digestedData?: Uint8Array;
    }) => {
      const { validityIndicator } = await gateway.run(app, Operation.SignatureVerify, {
        uniqueIdentifier: verifier,
        ...(more.digestedData === undefined ? { data } : {}),
        ...(signatureData === undefined ? {} : { signatureData }),
        ...more,
      });
      return validityIndicator;
    };
    assert.equal(await verified({}), ValidityIndicator.Valid);
    // As CS-AC-M-3 has it: a signature over another hash is not valid, which is no error.
    const sha1 = { ...pss, hashingAlgorithm: SHA_1 };
    assert.equal(await verified({ cryptographicParameters: sha1 }), ValidityIndicator.Invalid);
    const digestedData = Uint8Array.from(createHash('sha256').update(data).digest());
    assert.equal(await verified({ digestedData }), ValidityIndicator.Valid);
    const pkcs1 = { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm: SHA_256 };
    const byDigest = await gateway.run(app, Operation.Sign, {
      uniqueIdentifier: signer,
      cryptographicParameters: pkcs1,
      digestedData,
    });
    assert.ok(verify('sha256', data, pair.publicKey, Buffer.from(byDigest.signatureData ?? [])));
    await assert.rejects(
      gateway.run(app, Operation.Sign, { uniqueIdentifier: verifier, data }),
      isKmip(ResultReason.PermissionDenied),
    );
    await assert.rejects(
      gateway.run(app, Operation.Sign, { uniqueIdentifier: signer, data, digestedData }),
      isKmip(ResultReason.InvalidField),
    );
    await assert.rejects(
      gateway.run(other, Operation.Sign, { uniqueIdentifier: signer, data }),
      isKmip(ResultReason.ItemNotFound),
    );
  });

  test('a certificate verifies what its key has signed', async () => {
    const { certificatePem, privateKeyPem } = await createCa({ commonName: 'signer', days: 1 });
    const { uniqueIdentifier } = await gateway.run(app, Operation.Register, {
      objectType: ObjectType.Certificate,
      templateAttribute: { attribute: [attribute('Cryptographic Usage Mask', Mask.Verify), active] },
      object: {
        objectType: ObjectType.Certificate,
        certificateType: 1,
        certificateValue: Uint8Array.from(new X509Certificate(certificatePem).raw),
      },
    });
    const signatureData = Uint8Array.from(sign('sha256', data, privateKeyPem));
    const cryptographicParameters = { hashingAlgorithm: SHA_256 };
    const verified = async (signed: Uint8Array) =>
      (
        await gateway.run(app, Operation.SignatureVerify, {
          uniqueIdentifier,
          cryptographicParameters,
          data: signed,
          signatureData,
        })
      ).validityIndicator;
    assert.equal(await verified(data), ValidityIndicator.Valid);
    assert.equal(await verified(data.subarray(1)), ValidityIndicator.Invalid);
  });

  test('RSA encrypts with the public key and decrypts with the private one', async () => {
    const cryptographicParameters = {
      paddingMethod: PaddingMethod.OAEP,
      hashingAlgorithm: HashingAlgorithm.SHA_384,
      maskGeneratorHashingAlgorithm: SHA_256,
      pSource: Uint8Array.from(Buffer.from('label')),
    };
    const encrypts = await publicKey(Mask.Encrypt);
    const decrypts = await privateKey(Mask.Decrypt);
    const encrypted = await gateway.run(app, Operation.Encrypt, {
      uniqueIdentifier: encrypts,
      cryptographicParameters,
      data,
    });
    assert.ok(encrypted.data);
    const back = { uniqueIdentifier: decrypts, cryptographicParameters, data: encrypted.data };
    const decrypted = await gateway.run(app, Operation.Decrypt, back);
    assert.deepEqual(Buffer.from(decrypted.data ?? []), data);
    await assert.rejects(
      gateway.run(app, Operation.Decrypt, { ...back, data: new Uint8Array(256) }),
      isKmip(ResultReason.CryptographicFailure),
    );
  });

  test('Hash, RNG Retrieve, RNG Seed', async () => {
    const hash = async (hashingAlgorithm: number) =>
      Buffer.from(
        (await gateway.run(app, Operation.Hash, { cryptographicParameters: { hashingAlgorithm }, data }))
          .data ?? [],
      ).toString('hex');
    assert.equal(await hash(SHA_256), createHash('sha256').update(data).digest('hex'));
    await assert.rejects(hash(MD5), isKmip(ResultReason.FeatureNotSupported));
    await assert.rejects(hash(HashingAlgorithm.Tiger), isKmip(ResultReason.FeatureNotSupported));
    await assert.rejects(hash(0x7f), isKmip(ResultReason.InvalidField));
    await assert.rejects(
      gateway.run(app, Operation.Hash, { cryptographicParameters: {}, data }),
      isKmip(ResultReason.MissingData),
    );
    const random = async (dataLength: number) =>
      (await gateway.run(app, Operation.RNGRetrieve, { dataLength })).data;
    assert.equal((await random(32)).length, 32);
    assert.notDeepEqual(await random(32), await random(32));
    assert.equal((await random(65_536)).length, 65_536);
    for (const size of [-1, 0, 65_537]) await assert.rejects(random(size), isKmip(ResultReason.InvalidField));
    assert.deepEqual(await gateway.run(app, Operation.RNGSeed, { data }), { dataLength: 0 });
    assert.equal((await auditReasons(region, 'RNG_SEED_IGNORED')).length, 1);
  });

  /** What an operation in parts answers, part by part. */
  async function inParts(
    operation: typeof Operation.Encrypt | typeof Operation.Decrypt,
    first: Parameters<typeof gateway.run<typeof Operation.Decrypt>>[2],
    ...rest: Uint8Array[]
  ) {
    const answers = [await gateway.run(app, operation, { ...first, initIndicator: true })];
    const correlationValue = answers[0]?.correlationValue;
    assert.ok(correlationValue);
    for (const [i, part] of rest.entries()) {
      const finalIndicator = i === rest.length - 1 ? { finalIndicator: true } : {};
      const { uniqueIdentifier } = first;
      const next = { uniqueIdentifier, data: part, correlationValue, ...finalIndicator };
      answers.push(await gateway.run(app, operation, next));
    }
    return answers;
  }

  test('GCM in parts (CS-BC-M-GCM-3): encrypted as it comes, decrypted at the end', async () => {
    const key = Buffer.from('feffe9928665731c6d6a8f9467308308', 'hex');
    const both = Mask.Encrypt | Mask.Decrypt;
    const uid = await register(2, KeyFormatType.Raw, key, CryptographicAlgorithm.AES, both);
    const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
    const setup = {
      uniqueIdentifier: uid,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 },
      ivCounterNonce: hex('cafebabefacedbad'),
      authenticatedEncryptionAdditionalData: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    };
    const plain = [
      hex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72'),
      hex('1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'),
    ] as const;
    const encrypted = [
      hex('61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c7423'),
      hex('73806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598'),
    ] as const;
    const tag = hex('3612d2e79e3b0785561be14aaca2fccb');
    const [first, last] = await inParts(Operation.Encrypt, { ...setup, data: plain[0] }, plain[1]);
    assert.deepEqual(Uint8Array.from(first?.data ?? []), encrypted[0]);
    assert.deepEqual(Uint8Array.from(last?.data ?? []), encrypted[1]);
    assert.ok(last !== undefined && 'authenticatedEncryptionTag' in last);
    assert.deepEqual(Uint8Array.from(last.authenticatedEncryptionTag ?? []), tag);
    assert.equal(last.correlationValue, undefined);

    const opening = { ...setup, authenticatedEncryptionTag: tag, data: encrypted[0] };
    const [held, whole] = await inParts(Operation.Decrypt, opening, encrypted[1]);
    assert.equal(held?.data, undefined);
    assert.deepEqual(Buffer.from(whole?.data ?? []), Buffer.concat(plain));
    await assert.rejects(
      inParts(
        Operation.Decrypt,
        { ...opening, authenticatedEncryptionTag: new Uint8Array(16) },
        encrypted[1],
      ),
      isKmip(ResultReason.CryptographicFailure),
    );
  });

  test("a stream is its owner's, ends with its last part, and with an error", async () => {
    const uid = await symmetric(Mask.Encrypt);
    const cryptographicParameters = { blockCipherMode: BlockCipherMode.CTR };
    const begin = async () => {
      const first = { uniqueIdentifier: uid, cryptographicParameters, data, initIndicator: true };
      const { correlationValue } = await gateway.run(app, Operation.Encrypt, first);
      return { uniqueIdentifier: uid, data, ...(correlationValue === undefined ? {} : { correlationValue }) };
    };
    const next = await begin();
    const missing = isKmip(ResultReason.ItemNotFound);
    await assert.rejects(gateway.run(other, Operation.Encrypt, next), missing);
    await assert.rejects(gateway.run(app, Operation.Decrypt, next), missing);
    await assert.rejects(gateway.run(app, Operation.Encrypt, { ...next, uniqueIdentifier: 'x' }), missing);
    await assert.rejects(
      gateway.run(app, Operation.Encrypt, { ...next, initIndicator: true }),
      isKmip(ResultReason.InvalidMessage),
    );
    await gateway.run(app, Operation.Encrypt, next);
    await gateway.run(app, Operation.Encrypt, { ...next, finalIndicator: true });
    await assert.rejects(gateway.run(app, Operation.Encrypt, next), missing);

    const failing = await begin();
    const late = { ...failing, authenticatedEncryptionAdditionalData: data };
    await assert.rejects(gateway.run(app, Operation.Encrypt, late), isKmip(ResultReason.InvalidField));
    await gateway.run(app, Operation.Encrypt, failing);
  });

  test('no part goes on after the key is revoked', async () => {
    const uid = await symmetric(Mask.Encrypt | Mask.MACGenerate);
    const begin = { uniqueIdentifier: uid, data, initIndicator: true };
    const { correlationValue } = await gateway.run(app, Operation.MAC, begin);
    assert.ok(correlationValue);
    await gateway.run(app, Operation.MAC, { uniqueIdentifier: uid, data, correlationValue });
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: uid,
      revocationReason: { revocationReasonCode: 1 },
    });
    await assert.rejects(
      gateway.run(app, Operation.MAC, {
        uniqueIdentifier: uid,
        data,
        correlationValue,
        finalIndicator: true,
      }),
      isKmip(ResultReason.PermissionDenied),
    );
    await assert.rejects(
      gateway.run(app, Operation.MAC, { uniqueIdentifier: uid, data, correlationValue }),
      isKmip(ResultReason.ItemNotFound),
    );
  });

  test('Sign, Signature Verify, MAC Verify and Hash in parts', async () => {
    const pkcs1 = { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm: SHA_256 };
    const signer = await privateKey(Mask.Sign);
    const parts = [data.subarray(0, 5), data.subarray(5)].map((part) => Uint8Array.from(part));
    const [first, last] = parts;
    const begun = await gateway.run(app, Operation.Sign, {
      uniqueIdentifier: signer,
      cryptographicParameters: pkcs1,
      data: first,
      initIndicator: true,
    });
    assert.equal(begun.signatureData, undefined);
    const { signatureData } = await gateway.run(app, Operation.Sign, {
      uniqueIdentifier: signer,
      data: last,
      correlationValue: begun.correlationValue,
      finalIndicator: true,
    });
    assert.ok(verify('sha256', data, pair.publicKey, Buffer.from(signatureData ?? [])));

    const verifier = await publicKey(Mask.Verify);
    const open = await gateway.run(app, Operation.SignatureVerify, {
      uniqueIdentifier: verifier,
      cryptographicParameters: pkcs1,
      data: first,
      initIndicator: true,
    });
    assert.equal(open.validityIndicator, ValidityIndicator.Unknown);
    const closed = await gateway.run(app, Operation.SignatureVerify, {
      uniqueIdentifier: verifier,
      data: last,
      signatureData,
      correlationValue: open.correlationValue,
      finalIndicator: true,
    });
    assert.equal(closed.validityIndicator, ValidityIndicator.Valid);

    const cmac = await symmetric(Mask.MACGenerate | Mask.MACVerify);
    const { macData } = await gateway.run(app, Operation.MAC, { uniqueIdentifier: cmac, data });
    const checking = await gateway.run(app, Operation.MACVerify, {
      uniqueIdentifier: cmac,
      data: first,
      macData,
      initIndicator: true,
    });
    assert.equal(checking.validityIndicator, ValidityIndicator.Unknown);
    const checked = await gateway.run(app, Operation.MACVerify, {
      uniqueIdentifier: cmac,
      data: last,
      correlationValue: checking.correlationValue,
      finalIndicator: true,
    });
    assert.equal(checked.validityIndicator, ValidityIndicator.Valid);

    const cryptographicParameters = { hashingAlgorithm: SHA_256 };
    const hashing = await gateway.run(app, Operation.Hash, {
      cryptographicParameters,
      data: first,
      initIndicator: true,
    });
    const hashed = await gateway.run(app, Operation.Hash, {
      cryptographicParameters,
      data: last,
      correlationValue: hashing.correlationValue,
      finalIndicator: true,
    });
    assert.deepEqual(Buffer.from(hashed.data ?? []), createHash('sha256').update(data).digest());
  });

  test('an operation in parts counts once against Usage Limits of objects, and byte by byte', async () => {
    const limits = (total: bigint, unit: number) =>
      attribute('Usage Limits', { usageLimitsTotal: total, usageLimitsCount: total, usageLimitsUnit: unit });
    const run = async (uid: string) => {
      const begin = { uniqueIdentifier: uid, data, initIndicator: true };
      const { correlationValue } = await gateway.run(app, Operation.MAC, begin);
      const next = { uniqueIdentifier: uid, data, correlationValue };
      await gateway.run(app, Operation.MAC, next);
      await gateway.run(app, Operation.MAC, { ...next, finalIndicator: true });
    };
    const aes = CryptographicAlgorithm.AES;
    const objects = await symmetric(Mask.MACGenerate, aes, limits(1n, UsageLimitsUnit.Object));
    await run(objects);
    await assert.rejects(run(objects), isKmip(ResultReason.PermissionDenied));
    const enough = await symmetric(Mask.MACGenerate, aes, limits(51n, UsageLimitsUnit.Byte));
    await run(enough);
    const short = await symmetric(Mask.MACGenerate, aes, limits(50n, UsageLimitsUnit.Byte));
    await assert.rejects(run(short), isKmip(ResultReason.PermissionDenied));
  });

  test('a batch that is undone ends the streams of its items', async () => {
    const uid = await symmetric(Mask.MACGenerate);
    const first = { uniqueIdentifier: uid, data, initIndicator: true };
    const { correlationValue } = await gateway.run(app, Operation.MAC, first);
    const next = { uniqueIdentifier: uid, data, correlationValue };
    const { items } = await gateway.tunnel(
      app,
      [
        request(Operation.MAC, next),
        request(Operation.MAC, next),
        request(Operation.Destroy, { uniqueIdentifier: uid }),
      ],
      { header: { batchErrorContinuationOption: 3 } },
    );
    assert.deepEqual(
      items.map((item) => item.resultStatus),
      [3, 3, 1],
    );
    await assert.rejects(gateway.run(app, Operation.MAC, next), isKmip(ResultReason.ItemNotFound));
  });

  test('before 1.4 the tag is the end of Data, in parts too', async () => {
    const uid = await symmetric(Mask.Encrypt | Mask.Decrypt);
    const header = { header: { protocolVersion: V1_3 } };
    const encrypt = async (payload: Parameters<typeof gateway.run<typeof Operation.Encrypt>>[2]) => {
      const { items } = await gateway.tunnel(app, [request(Operation.Encrypt, payload)], header);
      return payloadOf(Operation.Encrypt, items[0]);
    };
    const begun = await encrypt({ uniqueIdentifier: uid, data, initIndicator: true });
    const { correlationValue } = begun;
    const ended = await encrypt({ uniqueIdentifier: uid, correlationValue, finalIndicator: true });
    assert.equal(ended.data?.length, 16);
    const decrypted = await gateway.tunnel(
      app,
      [
        request(Operation.Decrypt, {
          uniqueIdentifier: uid,
          data: Buffer.concat([begun.data ?? data, ended.data ?? data]),
          ivCounterNonce: begun.ivCounterNonce,
        }),
      ],
      header,
    );
    const plain = payloadOf(Operation.Decrypt, decrypted.items[0]).data;
    assert.deepEqual(Buffer.from(plain ?? []), data);
  });

  test('Triple DES and Camellia encrypt; DES does not unless weak algorithms are allowed', async () => {
    for (const [algorithm, size] of [
      [CryptographicAlgorithm.DES3, 24],
      [CryptographicAlgorithm.Camellia, 32],
    ] as const) {
      const both = Mask.Encrypt | Mask.Decrypt;
      const uid = await register(2, KeyFormatType.Raw, randomBytes(size), algorithm, both);
      const cryptographicParameters = {
        blockCipherMode: BlockCipherMode.CBC,
        paddingMethod: PaddingMethod.PKCS5,
      };
      const sent = await gateway.run(app, Operation.Encrypt, {
        uniqueIdentifier: uid,
        cryptographicParameters,
        data,
      });
      const back = await gateway.run(app, Operation.Decrypt, {
        uniqueIdentifier: uid,
        cryptographicParameters,
        data: sent.data,
        ivCounterNonce: sent.ivCounterNonce,
      });
      assert.deepEqual(Buffer.from(back.data ?? []), data);
    }
    const des = await register(
      2,
      KeyFormatType.Raw,
      randomBytes(8),
      CryptographicAlgorithm.DES,
      Mask.Encrypt,
    );
    const cryptographicParameters = { blockCipherMode: BlockCipherMode.CFB };
    await assert.rejects(
      gateway.run(app, Operation.Encrypt, { uniqueIdentifier: des, cryptographicParameters, data }),
      isKmip(ResultReason.FeatureNotSupported),
    );
  });

  test('weak algorithms, where the configuration allows them', async () => {
    region.config.cryptography = { allowWeak: true };
    const { port } = await region.startAnother('core-2');
    const lenient = region.connect(gatewayIdentity, port);
    const cryptographicParameters = { hashingAlgorithm: MD5 };
    const hashed = await lenient.run(app, Operation.Hash, { cryptographicParameters, data });
    assert.deepEqual(Buffer.from(hashed.data ?? []), createHash('md5').update(data).digest());
    const des = await register(
      2,
      KeyFormatType.Raw,
      randomBytes(8),
      CryptographicAlgorithm.DES,
      Mask.Encrypt,
    );
    const sent = await lenient.run(app, Operation.Encrypt, {
      uniqueIdentifier: des,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.CFB },
      data,
    });
    assert.equal(sent.data?.length, data.length);
  });
});
