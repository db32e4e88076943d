// A key that goes from one of KMIP's formats into another is still the same key.
import assert from 'node:assert/strict';
import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  getCurves,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { describe as suite, test } from 'node:test';
import fc from 'fast-check';
import {
  CryptographicAlgorithm,
  decodeTtlv,
  encodeTtlv,
  KeyCompressionType,
  KeyFormatType,
  KmipError,
  ObjectType,
  RecommendedCurve,
  ResultReason,
  transparentKeys,
} from '../kmip/index.ts';
import { curveOf, curves, describe, ED25519, isCalled, keyObjectOf, materialIn } from './index.ts';

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const F = KeyFormatType;
const ecPrivateFormats = [
  F.TransparentECPrivateKey,
  F.TransparentECDSAPrivateKey,
  F.TransparentECDHPrivateKey,
  F.TransparentECMQVPrivateKey,
];
const ecPublicFormats = [
  F.TransparentECPublicKey,
  F.TransparentECDSAPublicKey,
  F.TransparentECDHPublicKey,
  F.TransparentECMQVPublicKey,
];
const ec = {
  privateFormats: [F.PKCS_8, F.ECPrivateKey, ...ecPrivateFormats],
  publicFormats: [F.X_509, ...ecPublicFormats],
};
const rsa = {
  privateFormats: [F.PKCS_1, F.PKCS_8, F.TransparentRSAPrivateKey],
  publicFormats: [F.PKCS_1, F.X_509, F.TransparentRSAPublicKey],
};
const raw = { privateFormats: [F.PKCS_8, F.Raw], publicFormats: [F.X_509, F.Raw] };

function dhPair(): Pair {
  // @types/node has no overload for Diffie-Hellman.
  const generate = generateKeyPairSync as unknown as (type: 'dh', options: { group: string }) => Pair;
  return generate('dh', { group: 'modp14' });
}

function ecPair(namedCurve: string): Pair {
  return generateKeyPairSync('ec', { namedCurve });
}

interface Forms {
  readonly privateFormats: readonly number[];
  readonly publicFormats: readonly number[];
}

const subjects: readonly (readonly [name: string, make: () => Pair, forms: Forms, length: number])[] = [
  ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), rsa, 2048],
  ['RSA 3072', () => generateKeyPairSync('rsa', { modulusLength: 3072 }), rsa, 3072],
  ['P-256', () => ecPair('prime256v1'), ec, 256],
  ['P-384', () => ecPair('secp384r1'), ec, 384],
  ['P-521', () => ecPair('secp521r1'), ec, 521],
  ['secp256k1', () => ecPair('secp256k1'), ec, 256],
  ['Ed25519', () => generateKeyPairSync('ed25519'), raw, 256],
  ['X25519', () => generateKeyPairSync('x25519'), raw, 256],
  [
    'DH',
    () => dhPair(),
    {
      privateFormats: [F.PKCS_8, F.TransparentDHPrivateKey],
      publicFormats: [F.X_509, F.TransparentDHPublicKey],
    },
    2048,
  ],
  [
    'DSA',
    () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }),
    {
      privateFormats: [F.PKCS_8, F.TransparentDSAPrivateKey],
      publicFormats: [F.X_509, F.TransparentDSAPublicKey],
    },
    1024,
  ],
];

function isReason(...reasons: number[]) {
  return (error: unknown) => error instanceof KmipError && reasons.includes(error.resultReason);
}

suite('every format', () => {
  for (const [name, make, { privateFormats, publicFormats }, length] of subjects) {
    test(`of ${name} gives the same key back`, () => {
      const { privateKey, publicKey } = make();
      const { cryptographicAlgorithm, cryptographicLength } = describe(privateKey);
      assert.equal(cryptographicLength, length);
      assert.deepEqual(describe(publicKey), describe(privateKey));
      for (const [key, objectType, formats] of [
        [privateKey, ObjectType.PrivateKey, privateFormats],
        [publicKey, ObjectType.PublicKey, publicFormats],
      ] as const) {
        for (const keyFormatType of formats) {
          const material = materialIn(key, keyFormatType);
          const again = keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material });
          assert.ok(again.equals(key), `format ${keyFormatType}`);
          assert.deepEqual(materialIn(again, keyFormatType), material);
        }
        const foreign = Object.values(F).filter((format) => !formats.some((own) => own === format));
        for (const format of foreign) {
          assert.throws(() => materialIn(key, format), isReason(ResultReason.KeyFormatTypeNotSupported));
        }
      }
    });
  }

  test('that is transparent is what the schemas of the messages read and write', () => {
    const { privateKey, publicKey } = ecPair('prime256v1');
    for (const [key, format] of [
      [privateKey, F.TransparentECPrivateKey],
      [publicKey, F.TransparentECPublicKey],
    ] as const) {
      const material = materialIn(key, format);
      const schema = transparentKeys[format];
      const fields = schema.read(decodeTtlv(material));
      assert.equal(fields.recommendedCurve, RecommendedCurve.P_256);
      assert.deepEqual(Uint8Array.from(encodeTtlv(schema.write(fields as never))), Uint8Array.from(material));
    }
  });
});

test('an RSA private key is completed from whatever part of it the specification allows', () => {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const schema = transparentKeys[F.TransparentRSAPrivateKey];
  const all = schema.read(decodeTtlv(materialIn(key, F.TransparentRSAPrivateKey)));
  const { modulus, privateExponent, publicExponent, p, q, primeExponentP, primeExponentQ } = all;
  const optional = { publicExponent: true, crtCoefficient: true };
  fc.assert(
    fc.property(
      fc.constantFrom(
        { privateExponent },
        { p, q },
        { primeExponentP, primeExponentQ },
        { p, privateExponent },
      ),
      fc.subarray(Object.keys(optional) as (keyof typeof optional)[]),
      (needed, extra) => {
        const given = { modulus, ...needed, ...Object.fromEntries(extra.map((name) => [name, all[name]])) };
        const material = encodeTtlv(schema.write(given));
        const again = keyObjectOf({
          objectType: ObjectType.PrivateKey,
          keyFormatType: F.TransparentRSAPrivateKey,
          material,
        });
        assert.ok(createPublicKey(again).equals(createPublicKey(key)));
        const signature = sign('sha256', Buffer.from('data'), again);
        assert.ok(verify('sha256', Buffer.from('data'), createPublicKey(key), signature));
      },
    ),
    { numRuns: 12 },
  );
  for (const wrong of [
    { modulus, publicExponent },
    { modulus, publicExponent, privateExponent: (privateExponent ?? 0n) + 2n },
    { modulus, publicExponent, p: (p ?? 0n) + 2n, q },
    { modulus: 0n, publicExponent, privateExponent },
  ]) {
    assert.throws(
      () =>
        keyObjectOf({
          objectType: ObjectType.PrivateKey,
          keyFormatType: F.TransparentRSAPrivateKey,
          material: encodeTtlv(schema.write(wrong)),
        }),
      isReason(ResultReason.InvalidField),
    );
  }
});

test('a scalar of any size is the private key of P-256 that it says, and its point the public one', () => {
  const schema = transparentKeys[F.TransparentECPrivateKey];
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 255n }), (d) => {
      const material = encodeTtlv(schema.write({ recommendedCurve: RecommendedCurve.P_256, d }));
      const key = keyObjectOf({
        objectType: ObjectType.PrivateKey,
        keyFormatType: F.TransparentECPrivateKey,
        material,
      });
      const ecdh = createECDH('prime256v1');
      ecdh.setPrivateKey(d.toString(16).padStart(64, '0'), 'hex');
      const point = materialIn(createPublicKey(key), F.TransparentECPublicKey);
      const { qString } = transparentKeys[F.TransparentECPublicKey].read(decodeTtlv(point));
      assert.deepEqual(Buffer.from(qString), ecdh.getPublicKey());
      assert.deepEqual(Buffer.from(materialIn(key, F.TransparentECPrivateKey)), Buffer.from(material));
    }),
    { numRuns: 30 },
  );
});

test('points come in every compression that fits their curve', () => {
  const C = KeyCompressionType;
  const { publicKey } = ecPair('prime256v1');
  const whole = materialIn(publicKey, F.TransparentECPublicKey);
  for (const compression of [C.ECPublicKeyTypeX9_62CompressedPrime, C.ECPublicKeyTypeX9_62Hybrid]) {
    for (const keyFormatType of [F.X_509, F.TransparentECPublicKey] as const) {
      const material = materialIn(publicKey, keyFormatType, compression);
      const again = keyObjectOf({ objectType: ObjectType.PublicKey, keyFormatType, material });
      assert.deepEqual(materialIn(again, F.TransparentECPublicKey), whole);
    }
  }
  const notSupported = isReason(ResultReason.KeyCompressionTypeNotSupported);
  const wrong = C.ECPublicKeyTypeX9_62CompressedChar2;
  assert.throws(() => materialIn(publicKey, F.X_509, wrong), notSupported);
  const ed = generateKeyPairSync('ed25519').publicKey;
  assert.throws(() => materialIn(ed, F.X_509, C.ECPublicKeyTypeUncompressed), notSupported);
});

test('every curve that OpenSSL has is found by each of its names, and its keys by their numbers', () => {
  const here = new Set(getCurves());
  const ours = curves.filter(({ openssl }) => here.has(openssl));
  assert.ok(ours.length > 60, `${ours.length} curves`);
  for (const curve of ours) {
    assert.equal(curveOf(curve.kmip), curve);
    const { privateKey, publicKey } = ecPair(curve.openssl);
    assert.equal(describe(publicKey).recommendedCurve, curve.kmip);
    const material = materialIn(privateKey, F.TransparentECPrivateKey);
    const again = keyObjectOf({
      objectType: ObjectType.PrivateKey,
      keyFormatType: F.TransparentECPrivateKey,
      material,
    });
    assert.ok(again.equals(privateKey), curve.openssl);
  }
  const unnamed = ['wap', 'Oakley', 'SM2', 'c2onb', 'secp192r1'];
  const missing = [...here].filter(
    (name) => !ours.some(({ openssl }) => openssl === name) && !unnamed.some((part) => name.includes(part)),
  );
  assert.deepEqual(missing, []);
});

test('material that is no key is refused, whatever its format claims', () => {
  for (const [objectType, formats] of [
    [ObjectType.PrivateKey, [...rsa.privateFormats, ...ec.privateFormats]],
    [ObjectType.PublicKey, [...rsa.publicFormats, ...ec.publicFormats]],
  ] as const) {
    fc.assert(
      fc.property(
        fc.constantFrom(...formats),
        fc.uint8Array({ maxLength: 200 }),
        (keyFormatType, material) => {
          assert.throws(
            () => keyObjectOf({ objectType, keyFormatType, material }),
            isReason(ResultReason.InvalidField),
          );
        },
      ),
    );
  }
  const { privateKey } = ecPair('prime256v1');
  assert.throws(
    () =>
      keyObjectOf({
        objectType: ObjectType.PublicKey,
        keyFormatType: F.PKCS_8,
        material: privateKey.export({ format: 'der', type: 'pkcs8' }),
      }),
    isReason(ResultReason.KeyFormatTypeNotSupported),
  );
});

test('RFC 8032 section 7.1, test 1: the raw key has that public key', () => {
  const material = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const key = keyObjectOf({
    objectType: ObjectType.PrivateKey,
    keyFormatType: F.Raw,
    cryptographicAlgorithm: ED25519,
    material,
  });
  assert.equal(
    Buffer.from(materialIn(createPublicKey(key), F.Raw)).toString('hex'),
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  );
});

test('an elliptic key answers to every name that KMIP has for one, and to no other', () => {
  const key = describe(ecPair('prime256v1').publicKey);
  for (const name of ['EC', 'ECDSA', 'ECDH', 'ECMQV'] as const)
    assert.ok(isCalled(CryptographicAlgorithm[name], key));
  assert.ok(!isCalled(CryptographicAlgorithm.RSA, key));
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  });
  assert.ok(!isCalled(CryptographicAlgorithm.EC, describe(createPrivateKey(pem))));
});
