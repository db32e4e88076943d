/** Vectors: NIST SP 800-38A appendix F, the GCM specification (McGrew and Viega) appendix B, KMIP's own test cases. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SecretBytes, SecretWipedError } from '../envelope/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KmipError,
  PaddingMethod,
  ResultReason,
} from '../kmip/index.ts';
import { type CipherParameters, decryptWith, encryptWith, takesRandomNonce } from './index.ts';

const AES = CryptographicAlgorithm.AES;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const keyOf = (text: string): SecretBytes => SecretBytes.take(hex(text));

function refusedWith(reason: number, run: () => unknown): void {
  assert.throws(
    run,
    (error) => error instanceof KmipError && error.resultReason === reason && error.message !== '',
  );
}

const K128 = '2b7e151628aed2a6abf7158809cf4f3c';
const K192 = '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b';
const K256 = '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4';
const BLOCKS =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
const CBC_IV = '000102030405060708090a0b0c0d0e0f';
const CTR_IV = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';
const GCM_PLAIN =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const GCM_AAD = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const GCM_K128 = 'feffe9928665731c6d6a8f9467308308';

const vectors: readonly (readonly [
  name: string,
  key: string,
  parameters: CipherParameters,
  iv: string | undefined,
  plain: string,
  data: string,
])[] = [
  [
    'ECB-AES128 (F.1.1)',
    K128,
    { blockCipherMode: BlockCipherMode.ECB },
    undefined,
    BLOCKS,
    '3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4',
  ],
  [
    'ECB-AES256 (F.1.5)',
    K256,
    { blockCipherMode: BlockCipherMode.ECB },
    undefined,
    BLOCKS,
    'f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7',
  ],
  [
    'CBC-AES128 (F.2.1)',
    K128,
    { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.None },
    CBC_IV,
    BLOCKS,
    '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
  ],
  [
    'CBC-AES192 (F.2.3)',
    K192,
    { blockCipherMode: BlockCipherMode.CBC },
    CBC_IV,
    BLOCKS,
    '4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd',
  ],
  [
    'CTR-AES128 (F.5.1)',
    K128,
    { blockCipherMode: BlockCipherMode.CTR },
    CTR_IV,
    BLOCKS,
    '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
  ],
  [
    'CTR-AES256 (F.5.5)',
    K256,
    { blockCipherMode: BlockCipherMode.CTR },
    CTR_IV,
    BLOCKS,
    '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
  ],
  [
    'CBC with PKCS5 padding (KMIP CS-BC-M-10)',
    '0123456789abcdef0123456789abcdef',
    { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 },
    '01020304050607080910111213141516',
    '010203040506070809101112131415160102030405060708091011121314151601',
    '79abc5c23868ad84d388ce61110a62742bda19d694bbcb757dd06617c0d80fb1df2e71864ad9633d7d797e30860df00d',
  ],
];

describe('AES modes', () => {
  for (const [name, key, parameters, iv, plain, data] of vectors) {
    it(name, () => {
      const input = { algorithm: AES, parameters, iv: iv === undefined ? undefined : hex(iv) };
      const encrypted = encryptWith(keyOf(key), { ...input, data: hex(plain) });
      assert.deepEqual(Buffer.from(encrypted.data), hex(data));
      assert.equal(encrypted.iv, undefined, 'an IV that the client brought is not repeated');
      assert.equal(encrypted.tag, undefined);
      assert.deepEqual(decryptWith(keyOf(key), { ...input, data: hex(data) }), hex(plain));
    });
  }
});

const gcmVectors = [
  [
    'AES128, case 4',
    GCM_K128,
    'cafebabefacedbaddecaf888',
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
    '5bc94fbc3221a5db94fae95ae7121a47',
  ],
  [
    'AES128, IV of 64 bits, case 5',
    GCM_K128,
    'cafebabefacedbad',
    '61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598',
    '3612d2e79e3b0785561be14aaca2fccb',
  ],
  [
    'AES256, case 16',
    GCM_K128 + GCM_K128,
    'cafebabefacedbaddecaf888',
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    '76fc6ece0f4e1768cddf8853bb2d551b',
  ],
] as const;

describe('AES-GCM', () => {
  for (const [name, key, iv, data, tag] of gcmVectors) {
    it(name, () => {
      const parameters = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 };
      const input = { algorithm: AES, parameters, iv: hex(iv), aad: hex(GCM_AAD) };
      const encrypted = encryptWith(keyOf(key), { ...input, data: hex(GCM_PLAIN) });
      assert.deepEqual(Buffer.from(encrypted.data), hex(data));
      assert.deepEqual(Buffer.from(encrypted.tag ?? []), hex(tag));
      const plain = decryptWith(keyOf(key), { ...input, data: hex(data), authenticationTag: hex(tag) });
      assert.deepEqual(plain, hex(GCM_PLAIN));
    });
  }

  it('is what no parameters mean, with a random IV of 96 bits and a tag of 128', () => {
    const key = SecretBytes.random(32);
    const first = encryptWith(key, { algorithm: AES, data: hex('00') });
    const second = encryptWith(key, { algorithm: AES, data: hex('00') });
    assert.equal(first.iv?.length, 12);
    assert.equal(first.tag?.length, 16);
    assert.notDeepEqual(first.iv, second.iv);
  });

  it('brings back any data, and nothing that was altered', () => {
    const key = SecretBytes.random(32);
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(
        bytes,
        fc.option(bytes, { nil: undefined }),
        fc.nat(),
        fc.boolean(),
        (data, aad, position, appended) => {
          const tag = appended ? 'appended' : 'field';
          const input = { algorithm: AES, data, aad, tag } as const;
          const encrypted = encryptWith(key, input);
          const back = { ...input, data: encrypted.data, iv: encrypted.iv, authenticationTag: encrypted.tag };
          assert.deepEqual(Uint8Array.from(decryptWith(key, back)), data);
          const altered = Buffer.concat([encrypted.data, encrypted.tag ?? Buffer.alloc(0)]);
          const at = position % altered.length;
          altered[at] = (altered[at] ?? 0) ^ 1;
          const split = appended ? altered.length : altered.length - 16;
          const authenticationTag = appended ? undefined : altered.subarray(split);
          refusedWith(ResultReason.CryptographicFailure, () =>
            decryptWith(key, { ...back, data: altered.subarray(0, split), authenticationTag }),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses other additional data, another IV, another key and a cut tag', () => {
    const key = SecretBytes.random(16);
    const encrypted = encryptWith(key, { algorithm: AES, data: hex('0102'), aad: hex('03') });
    const good = {
      algorithm: AES,
      data: encrypted.data,
      iv: encrypted.iv,
      aad: hex('03'),
      authenticationTag: encrypted.tag,
    };
    assert.deepEqual(decryptWith(key, good), hex('0102'));
    refusedWith(ResultReason.CryptographicFailure, () => decryptWith(key, { ...good, aad: hex('04') }));
    refusedWith(ResultReason.CryptographicFailure, () => decryptWith(key, { ...good, aad: undefined }));
    refusedWith(ResultReason.CryptographicFailure, () => decryptWith(key, { ...good, iv: Buffer.alloc(12) }));
    refusedWith(ResultReason.CryptographicFailure, () => decryptWith(SecretBytes.random(16), good));
    refusedWith(ResultReason.InvalidField, () =>
      decryptWith(key, { ...good, authenticationTag: encrypted.tag?.subarray(0, 12) }),
    );
    refusedWith(ResultReason.InvalidMessage, () =>
      decryptWith(key, { ...good, authenticationTag: undefined }),
    );
  });

  it('counts against the budget only when the server chooses a nonce that must not come again', () => {
    const asked = (parameters: CipherParameters, iv?: Buffer, algorithm: number = AES) =>
      takesRandomNonce({ algorithm, parameters, iv });
    assert.equal(asked({}), true);
    assert.equal(asked({ blockCipherMode: BlockCipherMode.GCM }), true);
    assert.equal(asked({ blockCipherMode: BlockCipherMode.CCM }), true);
    assert.equal(asked({}, Buffer.alloc(12)), false);
    assert.equal(asked({ blockCipherMode: BlockCipherMode.CTR }), true);
    assert.equal(asked({ blockCipherMode: BlockCipherMode.CTR, counterLength: 32 }), true);
    assert.equal(asked({}, undefined, CryptographicAlgorithm.ChaCha20), true);
    assert.equal(asked({ blockCipherMode: BlockCipherMode.CBC }), false);
  });
});

describe('what is refused, with its reason', () => {
  const key = SecretBytes.random(32);
  const encrypt = (
    parameters: CipherParameters,
    more: { iv?: Buffer; data?: Buffer; aad?: Buffer; algorithm?: number } = {},
  ) => encryptWith(key, { algorithm: AES, parameters, data: Buffer.alloc(16), ...more });
  const cbc = { blockCipherMode: BlockCipherMode.CBC };

  it('Feature Not Supported', () => {
    refusedWith(ResultReason.FeatureNotSupported, () =>
      encrypt({ blockCipherMode: BlockCipherMode.X9_102AESKW }),
    );
    refusedWith(ResultReason.FeatureNotSupported, () =>
      encrypt({ ...cbc, paddingMethod: PaddingMethod.SSL3 }),
    );
    refusedWith(ResultReason.FeatureNotSupported, () => encrypt({ fixedFieldLength: 32 }));
    refusedWith(ResultReason.FeatureNotSupported, () => encrypt({ counterLength: 32 }));
    refusedWith(ResultReason.FeatureNotSupported, () =>
      encrypt({}, { algorithm: CryptographicAlgorithm.Twofish }),
    );
    // Weak, and not allowed.
    refusedWith(ResultReason.FeatureNotSupported, () =>
      encrypt(cbc, { algorithm: CryptographicAlgorithm.DES }),
    );
  });

  it('Missing Data: a mode where there is no default', () => {
    refusedWith(ResultReason.MissingData, () => encrypt({}, { algorithm: CryptographicAlgorithm.DES3 }));
  });

  it('Invalid Field', () => {
    refusedWith(ResultReason.InvalidField, () => encrypt(cbc, { data: Buffer.alloc(15) }));
    refusedWith(ResultReason.InvalidField, () => encrypt(cbc, { iv: Buffer.alloc(12) }));
    refusedWith(ResultReason.InvalidField, () =>
      encrypt({ blockCipherMode: BlockCipherMode.ECB }, { iv: Buffer.alloc(16) }),
    );
    refusedWith(ResultReason.InvalidField, () => encrypt({}, { iv: Buffer.alloc(0) }));
    refusedWith(ResultReason.InvalidField, () => encrypt({}, { iv: Buffer.alloc(129) }));
    refusedWith(ResultReason.InvalidField, () => encrypt(cbc, { aad: Buffer.alloc(1) }));
    refusedWith(ResultReason.InvalidField, () => encrypt({ paddingMethod: PaddingMethod.PKCS5 }));
    refusedWith(ResultReason.InvalidField, () => encrypt({ ...cbc, paddingMethod: PaddingMethod.OAEP }));
    refusedWith(ResultReason.InvalidField, () => encrypt({ blockCipherMode: BlockCipherMode.CMAC }));
    refusedWith(ResultReason.InvalidField, () => encrypt({ ivLength: 90 }));
    refusedWith(ResultReason.InvalidField, () =>
      encrypt({ cryptographicAlgorithm: CryptographicAlgorithm.DES }),
    );
  });

  it('Invalid Field for a random nonce that would soon come again, which a client may still bring (D5)', () => {
    const { CCM, CTR } = BlockCipherMode;
    const { ChaCha20 } = CryptographicAlgorithm;
    for (const [parameters, sizeBytes, algorithm] of [
      [{ blockCipherMode: CCM, ivLength: 56 }, 7, AES],
      [{ blockCipherMode: CCM, ivLength: 88 }, 11, AES],
      [{ blockCipherMode: CTR, counterLength: 64 }, 8, AES],
      [{ blockCipherMode: CTR, counterLength: 40 }, 11, AES],
      [{ ivLength: 64 }, 8, ChaCha20],
    ] as const) {
      refusedWith(ResultReason.InvalidField, () => encrypt(parameters, { algorithm }));
      assert.ok(encrypt(parameters, { algorithm, iv: Buffer.alloc(sizeBytes) }).data.length > 0);
    }
    for (const [parameters, algorithm] of [
      [{ blockCipherMode: CCM, ivLength: 96 }, AES],
      [{ blockCipherMode: CTR, counterLength: 32 }, AES],
      [{ ivLength: 96 }, ChaCha20],
    ] as const) {
      assert.equal(encrypt(parameters, { algorithm }).iv?.length, 12);
    }
  });

  it('General Failure for an impossible tag length (KMIP CS-BC-M-GCM-1)', () => {
    for (const tagLength of [-1, 0, 1, 8, 32])
      refusedWith(ResultReason.GeneralFailure, () => encrypt({ tagLength }));
  });

  it('Invalid Message for an IV that must be sent (KMIP CS-BC-M-11)', () => {
    refusedWith(ResultReason.InvalidMessage, () => encrypt({ ...cbc, randomIV: false }));
    refusedWith(ResultReason.InvalidMessage, () =>
      decryptWith(key, { algorithm: AES, parameters: cbc, data: Buffer.alloc(16) }),
    );
  });

  it('a wiped key, as such', () => {
    const wiped = SecretBytes.random(16);
    wiped.wipe();
    assert.throws(() => encryptWith(wiped, { algorithm: AES, data: hex('00') }), SecretWipedError);
  });
});
