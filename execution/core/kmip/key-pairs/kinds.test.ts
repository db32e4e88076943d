// Which key pairs are made, and what they are made of.
import assert from 'node:assert/strict';
import { getCurves } from 'node:crypto';
import { test } from 'node:test';
import { curves, describe, isCalled, MAX_MODULUS_BITS } from '../../../keyforms/index.ts';
import {
  CryptographicAlgorithm as A,
  KmipError,
  RecommendedCurve,
  ResultReason,
} from '../../../kmip/index.ts';
import { type KeyPairWish, kindOf } from './kinds.ts';

const isInvalid = (error: unknown) =>
  error instanceof KmipError && error.resultReason === ResultReason.InvalidField;
const wish = (algorithm: number, length?: number, domain: KeyPairWish['domain'] = {}) => ({
  algorithm,
  length,
  domain,
});

test('every curve that OpenSSL has makes a pair that is what it says', async () => {
  const served = curves.filter(({ openssl }) => getCurves().includes(openssl));
  assert.ok(served.length > 60);
  for (const { kmip, bits } of served) {
    const kind = kindOf(wish(A.EC, bits, { recommendedCurve: kmip }), true);
    const description = describe((await kind.make()).publicKey);
    assert.deepEqual(description, {
      cryptographicAlgorithm: A.EC,
      cryptographicLength: kind.cryptographicLength,
      recommendedCurve: kmip,
    });
    assert.ok(isCalled(A.ECDSA, description));
  }
});

test('DSA, RSA and DH of the lengths asked for', async () => {
  for (const [asked, type, bits] of [
    [wish(A.DSA, 1_024), 'dsa', 1_024],
    [wish(A.RSA, 1_024), 'rsa', 1_024],
    [wish(A.DH, 3_072), 'dh', 3_072],
    [wish(A.DH, 2_048, { qlength: 2_047 }), 'dh', 2_048],
  ] as const) {
    const kind = kindOf(asked, true);
    const { privateKey } = await kind.make();
    assert.equal(privateKey.asymmetricKeyType, type);
    assert.equal(describe(privateKey).cryptographicLength, bits);
    assert.equal(kind.cryptographicLength, bits);
  }
  assert.deepEqual(kindOf(wish(A.DSA, 2_048), false).domain, { qlength: 256 });
  assert.deepEqual(kindOf(wish(A.DSA, 2_048, { qlength: 224 }), false).domain, { qlength: 224 });
  assert.equal(kindOf(wish(A.RSA), false).cryptographicLength, 2_048);
  assert.equal(kindOf(wish(A.RSA, MAX_MODULUS_BITS), false).cryptographicLength, 8_192);
});

test('less than 112 bits of security takes a configuration that allows it', () => {
  for (const weak of [
    wish(A.RSA, 1_024),
    wish(A.RSA, 2_040),
    wish(A.DSA, 1_024),
    wish(A.DH, 1_536),
    wish(A.EC, 192),
    wish(A.ECDSA, undefined, { recommendedCurve: RecommendedCurve.SECP160R1 }),
  ]) {
    assert.throws(() => kindOf(weak, false), isInvalid);
    kindOf(weak, true);
  }
  for (const never of [wish(A.RSA, 256), wish(A.RSA, -8), wish(A.AES, 256), wish(0x7fff), wish(A.EC, 0)]) {
    assert.throws(() => kindOf(never, true), isInvalid);
  }
});
