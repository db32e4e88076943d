/** Vectors: RFC 4231 and RFC 2202 (HMAC, key "Jefe"), NIST's HMAC-SHA3 examples by the same key, SP 800-38B appendix D. */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SecretBytes } from '../envelope/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  HashingAlgorithm,
  KmipError,
  ResultReason,
} from '../kmip/index.ts';
import { isSameMac, type MacParameters, macOf, macPlanOf } from './index.ts';

const C = CryptographicAlgorithm;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function refusedWith(reason: number, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof KmipError && error.resultReason === reason);
}

function mac(
  keyAlgorithm: number | undefined,
  key: Uint8Array,
  parameters: MacParameters | undefined,
  data: Uint8Array,
): string {
  const work = macOf(SecretBytes.take(Buffer.from(key)), macPlanOf(keyAlgorithm, parameters, true));
  work.update(data);
  return work.final().toString('hex');
}

const JEFE = Buffer.from('Jefe');
const QUESTION = Buffer.from('what do ya want for nothing?');
const BLOCKS = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);

describe('HMAC', () => {
  const expected = [
    [C.HMAC_MD5, '750c783e6ab0b503eaa86e310a5db738'],
    [C.HMAC_SHA1, 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
    [C.HMAC_SHA256, '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    [
      C.HMAC_SHA512,
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
    [C.HMAC_SHA3_256, 'c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5'],
  ] as const;
  for (const [algorithm, code] of expected) {
    it(`algorithm ${algorithm}`, () => {
      assert.equal(mac(algorithm, JEFE, undefined, QUESTION), code);
      assert.equal(mac(C.AES, JEFE, { cryptographicAlgorithm: algorithm }, QUESTION), code);
    });
  }

  it('by a Hashing Algorithm alone, with any key', () => {
    const parameters = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
    assert.equal(mac(undefined, JEFE, parameters, QUESTION), expected[2][1]);
  });
});

describe('CMAC', () => {
  const aes = hex('2b7e151628aed2a6abf7158809cf4f3c');
  const tdes = hex('8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5');
  for (const [algorithm, key, size, code] of [
    [C.AES, aes, 0, 'bb1d6929e95937287fa37d129b756746'],
    [C.AES, aes, 16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [C.AES, aes, 40, 'dfa66747de9ae63030ca32611497c827'],
    [C.AES, aes, 64, '51f0bebf7e3b9d92fc49741779363cfe'],
    [C.DES3, tdes, 0, 'b7a688e122ffaf95'],
    [C.DES3, tdes, 8, '8e8f293136283797'],
    [C.DES3, tdes, 20, '743ddbe0ce2dc2ed'],
    [C.DES3, tdes, 32, '33e6b1092400eae5'],
  ] as const) {
    it(`algorithm ${algorithm}, ${size} bytes (SP 800-38B)`, () => {
      assert.equal(mac(algorithm, key, undefined, BLOCKS.subarray(0, size)), code);
      assert.equal(
        mac(algorithm, key, { blockCipherMode: BlockCipherMode.CMAC }, BLOCKS.subarray(0, size)),
        code,
      );
    });
  }

  it('in parts as at once, CBC-MAC too', () => {
    const piece = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.boolean(), (parts, isCbc) => {
        const parameters = { blockCipherMode: isCbc ? BlockCipherMode.CBC_MAC : BlockCipherMode.CMAC };
        const work = macOf(SecretBytes.take(Buffer.from(aes)), macPlanOf(C.AES, parameters, true));
        for (const part of parts) work.update(part);
        assert.equal(work.final().toString('hex'), mac(C.AES, aes, parameters, Buffer.concat(parts)));
      }),
      { numRuns: 50 },
    );
  });

  it('CBC-MAC is the last block of CBC', () => {
    const cbc = createCipheriv('aes-128-cbc', aes, Buffer.alloc(16)).setAutoPadding(false).update(BLOCKS);
    const parameters = { blockCipherMode: BlockCipherMode.CBC_MAC };
    assert.equal(mac(C.AES, aes, parameters, BLOCKS), cbc.subarray(48).toString('hex'));
  });
});

describe('what is refused', () => {
  it('weak algorithms, unless they are allowed', () => {
    for (const [algorithm, parameters] of [
      [C.HMAC_MD5, {}],
      [C.AES, { blockCipherMode: BlockCipherMode.CBC_MAC }],
      [C.DES, {}],
    ] as const) {
      refusedWith(ResultReason.FeatureNotSupported, () => macPlanOf(algorithm, parameters, false));
      assert.ok(macPlanOf(algorithm, parameters, true));
    }
  });

  it('contradictions, and keys that say nothing', () => {
    refusedWith(ResultReason.InvalidField, () =>
      macPlanOf(C.AES, { blockCipherMode: BlockCipherMode.CBC }, false),
    );
    refusedWith(ResultReason.InvalidField, () =>
      macPlanOf(C.AES, { cryptographicAlgorithm: C.Camellia }, false),
    );
    refusedWith(ResultReason.InvalidField, () =>
      macPlanOf(C.HMAC_SHA256, { hashingAlgorithm: HashingAlgorithm.SHA_1 }, false),
    );
    refusedWith(ResultReason.MissingData, () => macPlanOf(undefined, undefined, false));
    refusedWith(ResultReason.MissingData, () => macPlanOf(C.ChaCha20, undefined, false));
  });

  it('a code that is another, or shorter', () => {
    assert.equal(isSameMac(hex('0102'), hex('0102')), true);
    assert.equal(isSameMac(hex('0102'), hex('0103')), false);
    assert.equal(isSameMac(hex('0102'), hex('01')), false);
  });
});
