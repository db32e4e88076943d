/** Vectors: RFC 3394 §4, RFC 5649 §6. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretBytes } from '../envelope/index.ts';
import {
  attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  decodeTtlv,
  EncodingOption,
  KeyFormatType,
  KmipError,
  plainKeyValue,
  ResultReason,
  V1_4,
  WrappingMethod,
} from '../kmip/index.ts';
import { aesKeyWrapper, unwrapKey, wrapKey, wrapKeyBlock } from './index.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const keyOf = (text: string): SecretBytes => SecretBytes.take(hex(text));
const { NISTKeyWrap, AESKeyWrapPadding } = BlockCipherMode;

const vectors = [
  [
    'RFC 3394 §4.1',
    NISTKeyWrap,
    '000102030405060708090a0b0c0d0e0f',
    '00112233445566778899aabbccddeeff',
    '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
  ],
  [
    'RFC 3394 §4.6',
    NISTKeyWrap,
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f',
    '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  ],
  [
    'RFC 5649, 20 bytes',
    AESKeyWrapPadding,
    '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    'c37b7e6492584340bed12207808941155068f738',
    '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  ],
  [
    'RFC 5649, 7 bytes',
    AESKeyWrapPadding,
    '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    '466f7250617369',
    'afbeb0f07dfbf5419200f2ccb50bb24f',
  ],
] as const;

describe('key wrap', () => {
  for (const [name, mode, kek, plain, wrapped] of vectors) {
    it(name, () => {
      assert.deepEqual(Buffer.from(wrapKey(keyOf(kek), hex(plain), mode)), hex(wrapped));
      assert.deepEqual(unwrapKey(keyOf(kek), hex(wrapped), mode), hex(plain));
    });
  }

  it('refuses what was altered, and what does not fit', () => {
    const kek = SecretBytes.random(32);
    const wrapped = Buffer.from(wrapKey(kek, Buffer.alloc(32, 1)));
    wrapped[7] = (wrapped[7] ?? 0) ^ 0x80;
    for (const run of [
      () => unwrapKey(kek, wrapped),
      () => unwrapKey(kek, Buffer.alloc(3)),
      () => wrapKey(kek, Buffer.alloc(15)),
    ]) {
      assert.throws(
        run,
        (error) => error instanceof KmipError && error.resultReason === ResultReason.CryptographicFailure,
      );
    }
  });
});

describe('wrapped key blocks', () => {
  const material = Buffer.alloc(32, 7);
  const key = {
    keyFormatType: KeyFormatType.Raw,
    material,
    cryptographicAlgorithm: CryptographicAlgorithm.AES,
    cryptographicLength: 256,
  };
  const kek = SecretBytes.random(32);
  const wrapper = aesKeyWrapper('kek', kek, CryptographicAlgorithm.AES, undefined);
  const specification = {
    wrappingMethod: WrappingMethod.Encrypt,
    encryptionKeyInformation: { uniqueIdentifier: 'kek' },
  };

  it('hold the bare material with No Encoding', () => {
    const block = wrapKeyBlock(
      key,
      { ...specification, encodingOption: EncodingOption.NoEncoding },
      { encryption: wrapper },
      V1_4,
    );
    assert.ok(block.keyValue instanceof Uint8Array);
    assert.deepEqual(unwrapKey(kek, block.keyValue), material);
    assert.equal(block.keyWrappingData?.encryptionKeyInformation?.uniqueIdentifier, 'kek');
    assert.deepEqual(material, Buffer.alloc(32, 7), 'the caller keeps its own bytes');
  });

  it('hold the whole Key Value, attributes included, when nothing else is said', () => {
    const attributes = [attribute('Cryptographic Length', 256)];
    const block = wrapKeyBlock(
      { ...key, attributes },
      { ...specification, attributeName: ['Cryptographic Length'] },
      { encryption: wrapper },
      V1_4,
    );
    assert.ok(block.keyValue instanceof Uint8Array);
    const value = plainKeyValue.read(decodeTtlv(unwrapKey(kek, block.keyValue)));
    assert.deepEqual(Buffer.from(value.keyMaterial as Uint8Array), material);
    assert.equal(value.attribute?.[0]?.attributeName, 'Cryptographic Length');
  });

  it('are refused where the specification asks for what is not served', () => {
    const reasons: readonly (readonly [number, () => unknown])[] = [
      [
        ResultReason.FeatureNotSupported,
        () =>
          wrapKeyBlock(
            key,
            { ...specification, wrappingMethod: WrappingMethod.TR_31 },
            { encryption: wrapper },
            V1_4,
          ),
      ],
      [
        ResultReason.EncodingOptionError,
        () =>
          wrapKeyBlock(
            key,
            { ...specification, encodingOption: EncodingOption.NoEncoding, attributeName: ['Name'] },
            { encryption: wrapper },
            V1_4,
          ),
      ],
      [
        ResultReason.IllegalOperation,
        () => aesKeyWrapper('kek', kek, CryptographicAlgorithm.HMAC_SHA256, undefined),
      ],
      [
        ResultReason.FeatureNotSupported,
        () => aesKeyWrapper('kek', kek, CryptographicAlgorithm.AES, BlockCipherMode.CBC),
      ],
    ];
    for (const [reason, run] of reasons) {
      assert.throws(run, (error) => error instanceof KmipError && error.resultReason === reason);
    }
  });
});
