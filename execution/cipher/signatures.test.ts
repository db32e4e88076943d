/** RSA, ECDSA, DSA and EdDSA against Node's own, which is another implementation of the encodings made here. */
import assert from 'node:assert/strict';
import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
} from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  KmipError,
  PaddingMethod,
  ResultReason,
} from '../kmip/index.ts';
import { hashFunctionOf } from './hashes.ts';
import {
  type AsymmetricParameters,
  decryptWithRsa,
  encryptWithRsa,
  signaturePlanOf,
  signDigest,
  startSigning,
  startVerifying,
  verifyDigest,
} from './index.ts';
import { decodeOaep, encodeOaep } from './rsa-encoding.ts';

const { SHA_1, SHA_224, SHA_256, SHA_384, SHA_512, SHA_3_256, MD5 } = HashingAlgorithm;
const { PSS, PKCS1V1_5, OAEP } = PaddingMethod;
const options = { allowWeak: false, namesMaskHash: true };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** A modulus whose encoding of PSS is a byte shorter than itself. */
const odd = generateKeyPairSync('rsa', { modulusLength: 1025 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 });
const ed25519 = generateKeyPairSync('ed25519');
const ed448 = generateKeyPairSync('ed448');
const data = Buffer.from('what is signed');

function refusedWith(reason: number, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof KmipError && error.resultReason === reason);
}

function signed(key: KeyObject, parameters: AsymmetricParameters, message: Uint8Array = data): Buffer {
  const signing = startSigning(signaturePlanOf(key, parameters, options));
  signing.update(message);
  return signing.sign(key);
}

function isValid(
  key: KeyObject,
  parameters: AsymmetricParameters,
  signature: Uint8Array,
  message = data,
): boolean {
  const verifying = startVerifying(signaturePlanOf(key, parameters, options));
  verifying.update(message);
  return verifying.isValid(key, signature);
}

const schemes: readonly (readonly [
  string,
  { privateKey: KeyObject; publicKey: KeyObject },
  AsymmetricParameters,
])[] = [
  ['RSA PKCS#1 v1.5', rsa, { paddingMethod: PKCS1V1_5, hashingAlgorithm: SHA_256 }],
  ['RSA by default', rsa, { hashingAlgorithm: SHA_1, cryptographicAlgorithm: CryptographicAlgorithm.RSA }],
  [
    'RSA by algorithm',
    rsa,
    { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption },
  ],
  ['PSS', rsa, { paddingMethod: PSS, hashingAlgorithm: SHA_256 }],
  ['PSS with a long salt', rsa, { paddingMethod: PSS, hashingAlgorithm: SHA_256, saltLength: 222 }],
  ['PSS without a salt', odd, { paddingMethod: PSS, hashingAlgorithm: SHA_384, saltLength: 0 }],
  [
    'PSS by algorithm',
    odd,
    {
      digitalSignatureAlgorithm: DigitalSignatureAlgorithm.RSASSA_PSSPKCS_1V2_1,
      hashingAlgorithm: SHA_224,
      maskGeneratorHashingAlgorithm: SHA_512,
    },
  ],
  ['ECDSA', ec, { hashingAlgorithm: SHA_256 }],
  ['ECDSA by algorithm', ec, { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.ECDSAWithSHA384 }],
  [
    'ECDSA with SHA-3',
    ec,
    { hashingAlgorithm: SHA_3_256, cryptographicAlgorithm: CryptographicAlgorithm.ECDSA },
  ],
  ['DSA', dsa, { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.DSAWithSHA256 }],
  ['Ed25519', ed25519, {}],
  ['Ed448', ed448, {}],
];

describe('signatures', () => {
  for (const [name, { privateKey, publicKey }, parameters] of schemes) {
    it(`${name}: valid as made, and nothing else is`, () => {
      const signature = signed(privateKey, parameters);
      assert.equal(isValid(publicKey, parameters, signature), true);
      assert.equal(isValid(publicKey, parameters, signature, Buffer.from('what was not signed')), false);
      const altered = Buffer.from(signature);
      const middle = altered.length >> 1;
      altered[middle] = (altered[middle] ?? 0) ^ 1;
      assert.equal(isValid(publicKey, parameters, altered), false);
      assert.equal(isValid(publicKey, parameters, signature.subarray(1)), false);
      assert.equal(isValid(publicKey, parameters, Buffer.alloc(0)), false);
    });

    it(`${name}: in parts`, () => {
      const plan = signaturePlanOf(privateKey, parameters, options);
      const signing = startSigning(plan);
      const verifying = startVerifying(plan);
      for (const byte of data) {
        signing.update(Uint8Array.of(byte));
        verifying.update(Uint8Array.of(byte));
      }
      const signature = signing.sign(privateKey);
      assert.equal(verifying.isValid(publicKey, signature), true);
      assert.equal(isValid(publicKey, parameters, signature), true);
    });
  }

  it('Node verifies what is signed here', () => {
    const before14 = { allowWeak: false, namesMaskHash: false };
    for (const [hashingAlgorithm, hash] of [
      [SHA_256, 'sha256'],
      [SHA_512, 'sha512'],
    ] as const) {
      for (const { privateKey, publicKey } of [rsa, odd]) {
        assert.ok(verify(hash, data, publicKey, signed(privateKey, { hashingAlgorithm })));
        if (publicKey === odd.publicKey && hashingAlgorithm === SHA_512) continue;
        const parameters = { paddingMethod: PSS, hashingAlgorithm };
        const signing = startSigning(signaturePlanOf(privateKey, parameters, before14));
        signing.update(data);
        const pss = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING };
        const { RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
        assert.ok(verify(hash, data, { ...pss, saltLength }, signing.sign(privateKey)));
      }
    }
    assert.ok(verify('sha256', data, ec.publicKey, signed(ec.privateKey, { hashingAlgorithm: SHA_256 })));
    assert.ok(verify(null, data, ed25519.publicKey, signed(ed25519.privateKey, {})));
  });

  it('PSS of Node is valid here, with any salt unless one is named, and with a mask that nobody named', () => {
    const key = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING };
    const parameters = { paddingMethod: PSS, hashingAlgorithm: SHA_256 };
    for (const saltLength of [0, 20, 32, 222]) {
      const signature = sign('sha256', data, { ...key, saltLength });
      assert.equal(isValid(rsa.publicKey, parameters, signature), true);
      assert.equal(isValid(rsa.publicKey, { ...parameters, saltLength }, signature), true);
      assert.equal(isValid(rsa.publicKey, { ...parameters, saltLength: saltLength + 1 }, signature), false);
      const masked = { ...parameters, maskGeneratorHashingAlgorithm: SHA_1 };
      assert.equal(isValid(rsa.publicKey, masked, signature), false);
    }
  });

  it("PSS with a mask of another hash is OpenSSL's", () => {
    const mask = { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha1' };
    const bound = generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...mask });
    const signature = sign('sha256', data, bound.privateKey);
    const spki = bound.publicKey.export({ type: 'spki', format: 'der' });
    // The RSAPublicKey in it, which says nothing of PSS.
    const key = spki.subarray(spki.indexOf(Buffer.from('3082010a', 'hex')));
    const publicKey = createPublicKey({ key, type: 'pkcs1', format: 'der' });
    const parameters = { paddingMethod: PSS, hashingAlgorithm: SHA_256 };
    assert.equal(isValid(publicKey, parameters, signature), true);
    const named = { ...parameters, maskGeneratorHashingAlgorithm: SHA_1 };
    assert.equal(isValid(publicKey, named, signature), true);
    assert.equal(
      isValid(publicKey, { ...parameters, maskGeneratorHashingAlgorithm: SHA_256 }, signature),
      false,
    );
  });

  it('a digest is signed as its data is', () => {
    const digest = createHash('sha256').update(data).digest();
    for (const parameters of [
      { hashingAlgorithm: SHA_256 },
      { hashingAlgorithm: SHA_256, paddingMethod: PSS },
    ]) {
      const plan = signaturePlanOf(rsa.privateKey, parameters, options);
      assert.ok(isValid(rsa.publicKey, parameters, signDigest(rsa.privateKey, plan, digest)));
      assert.ok(verifyDigest(rsa.publicKey, plan, digest, signed(rsa.privateKey, parameters)));
      assert.ok(!verifyDigest(rsa.publicKey, plan, Buffer.alloc(32), signed(rsa.privateKey, parameters)));
      refusedWith(ResultReason.InvalidField, () => signDigest(rsa.privateKey, plan, digest.subarray(1)));
    }
    const plan = signaturePlanOf(ec.privateKey, { hashingAlgorithm: SHA_256 }, options);
    refusedWith(ResultReason.FeatureNotSupported, () => signDigest(ec.privateKey, plan, digest));
  });

  it('what does not fit the key is refused', () => {
    const plan = (key: KeyObject, parameters: AsymmetricParameters) => () =>
      signaturePlanOf(key, parameters, options);
    const sha256 = { hashingAlgorithm: SHA_256 };
    refusedWith(ResultReason.MissingData, plan(rsa.privateKey, {}));
    refusedWith(ResultReason.MissingData, plan(ec.privateKey, {}));
    refusedWith(ResultReason.InvalidField, plan(ec.privateKey, { ...sha256, paddingMethod: PSS }));
    refusedWith(
      ResultReason.InvalidField,
      plan(ec.privateKey, { ...sha256, cryptographicAlgorithm: CryptographicAlgorithm.RSA }),
    );
    refusedWith(ResultReason.InvalidField, plan(rsa.privateKey, { ...sha256, paddingMethod: OAEP }));
    refusedWith(
      ResultReason.InvalidField,
      plan(rsa.privateKey, { ...sha256, paddingMethod: PSS, trailerField: 2 }),
    );
    refusedWith(ResultReason.InvalidField, plan(ed25519.privateKey, sha256));
    const { SHA_256WithRSAEncryptionPKCS_1V1_5: digitalSignatureAlgorithm } = DigitalSignatureAlgorithm;
    refusedWith(ResultReason.InvalidField, plan(ec.privateKey, { digitalSignatureAlgorithm }));
    refusedWith(
      ResultReason.InvalidField,
      plan(rsa.privateKey, { digitalSignatureAlgorithm, hashingAlgorithm: SHA_1 }),
    );
    refusedWith(
      ResultReason.InvalidField,
      plan(rsa.privateKey, { digitalSignatureAlgorithm, paddingMethod: PSS }),
    );
    refusedWith(ResultReason.FeatureNotSupported, plan(rsa.privateKey, { hashingAlgorithm: MD5 }));
    refusedWith(ResultReason.InvalidField, () =>
      signed(rsa.privateKey, { ...sha256, paddingMethod: PSS, saltLength: 223 }),
    );
  });
});

describe('RSA encryption', () => {
  const bytes = fc.uint8Array({ maxLength: 62 });

  for (const [name, parameters] of [
    ['PKCS#1 v1.5', { paddingMethod: PKCS1V1_5 }],
    ['OAEP', { paddingMethod: OAEP }],
    ['OAEP, SHA-256 and SHA-1', { paddingMethod: OAEP, hashingAlgorithm: SHA_256 }],
    [
      'OAEP, SHA-512 and SHA-384, with a label',
      {
        paddingMethod: OAEP,
        hashingAlgorithm: SHA_512,
        maskGeneratorHashingAlgorithm: SHA_384,
        pSource: Buffer.from('label'),
      },
    ],
  ] as const) {
    it(`${name} brings back any data`, () => {
      fc.assert(
        fc.property(bytes, (plain) => {
          const encrypted = encryptWithRsa(rsa.publicKey, plain, parameters, options);
          const back = decryptWithRsa(rsa.privateKey, encrypted, parameters, options);
          assert.deepEqual(Uint8Array.from(back), plain);
        }),
        { numRuns: 10 },
      );
    });
  }

  it('OAEP as OpenSSL makes and opens it', () => {
    const hash = hashFunctionOf(SHA_256, false);
    const hashes = { hash, maskHash: hash, label: Buffer.from('label') };
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256', oaepLabel: hashes.label };
    const encoded = encodeOaep(data, 256, hashes);
    const sent = publicEncrypt({ key: rsa.publicKey, padding: constants.RSA_NO_PADDING }, encoded);
    assert.deepEqual(privateDecrypt({ key: rsa.privateKey, ...oaep }, sent), data);
    const bare = privateDecrypt(
      { key: rsa.privateKey, padding: constants.RSA_NO_PADDING },
      publicEncrypt({ key: rsa.publicKey, ...oaep }, data),
    );
    const start = decodeOaep(bare, hashes);
    assert.deepEqual(bare.subarray(start), data);
  });

  it('one error, whatever is wrong with OAEP', () => {
    const parameters = { paddingMethod: OAEP, hashingAlgorithm: SHA_256 };
    const hash = hashFunctionOf(SHA_256, false);
    const maskHash = hashFunctionOf(SHA_1, false);
    const bare = (encoded: Buffer) =>
      publicEncrypt({ key: rsa.publicKey, padding: constants.RSA_NO_PADDING }, encoded);
    const first = encodeOaep(data, 256, { hash, maskHash, label: Buffer.alloc(0) });
    first[0] = 1;
    const label = encodeOaep(data, 256, { hash, maskHash, label: Buffer.from('other') });
    const middle = encodeOaep(data, 256, { hash, maskHash, label: Buffer.alloc(0) });
    middle[100] = (middle[100] ?? 0) ^ 1;
    const messages = [bare(first), bare(label), bare(middle), Buffer.alloc(256), Buffer.alloc(255), data].map(
      (sent) => {
        try {
          decryptWithRsa(rsa.privateKey, sent, parameters, options);
        } catch (error) {
          assert.ok(error instanceof KmipError && error.resultReason === ResultReason.CryptographicFailure);
          return error.message;
        }
        return 'no error';
      },
    );
    assert.equal(new Set(messages).size, 1, messages.join('; '));
    assert.notEqual(messages[0], 'no error');
  });

  it('PKCS#1 v1.5 tells nothing of its padding: what is not one decrypts to something', () => {
    const sent = publicEncrypt(
      { key: rsa.publicKey, padding: constants.RSA_NO_PADDING },
      Buffer.alloc(256, 1),
    );
    const first = decryptWithRsa(rsa.privateKey, sent, { paddingMethod: PKCS1V1_5 }, options);
    assert.deepEqual(decryptWithRsa(rsa.privateKey, sent, { paddingMethod: PKCS1V1_5 }, options), first);
  });

  it('what does not fit is refused', () => {
    const encrypt =
      (parameters: AsymmetricParameters, size = 1, key = rsa.publicKey) =>
      () =>
        encryptWithRsa(key, Buffer.alloc(size), parameters, options);
    refusedWith(ResultReason.MissingData, encrypt({}));
    refusedWith(ResultReason.InvalidField, encrypt({ paddingMethod: PSS }));
    refusedWith(ResultReason.InvalidField, encrypt({ paddingMethod: OAEP }, 215));
    refusedWith(ResultReason.InvalidField, encrypt({ paddingMethod: PKCS1V1_5 }, 246));
    refusedWith(ResultReason.FeatureNotSupported, encrypt({ paddingMethod: PaddingMethod.None }));
    refusedWith(ResultReason.FeatureNotSupported, encrypt({ paddingMethod: OAEP }, 1, ec.publicKey));
    refusedWith(
      ResultReason.InvalidField,
      encrypt({ paddingMethod: OAEP, cryptographicAlgorithm: CryptographicAlgorithm.AES }),
    );
  });
});
