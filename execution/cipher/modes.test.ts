/**
 * Every cipher in every mode. Vectors: NIST SP 800-38A appendix F, SP 800-38C appendix C, SP 800-67 appendix B, IEEE 1619
 * annex B, RFC 3394, RFC 3686, RFC 3713, RFC 5649, RFC 8439; the DES one is that of FIPS 81's readers everywhere.
 */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SecretBytes } from '../envelope/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KmipError,
  PaddingMethod,
  ResultReason,
} from '../kmip/index.ts';
import { cipherDefinitions } from './ciphers.ts';
import { type CipherParameters, decryptor, decryptWith, encryptor, encryptWith } from './index.ts';

const { AES, DES, DES3, Camellia, ChaCha20, ChaCha20Poly1305 } = CryptographicAlgorithm;
const { CBC, ECB, PCBC, CFB, OFB, CTR, CCM, GCM, XTS, NISTKeyWrap, AESKeyWrapPadding, AEAD } =
  BlockCipherMode;
const { None, PKCS5, Zeros, ANSIX9_23, ISO10126 } = PaddingMethod;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function refusedWith(reason: number, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof KmipError && error.resultReason === reason);
}

const K128 = '2b7e151628aed2a6abf7158809cf4f3c';
const BLOCKS =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
const IV = '000102030405060708090a0b0c0d0e0f';
const SUNSCREEN = Buffer.from(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
).toString('hex');

interface Vector {
  readonly name: string;
  readonly algorithm: number;
  readonly key: string;
  readonly parameters: CipherParameters;
  readonly iv?: string;
  readonly aad?: string;
  readonly plain: string;
  readonly data: string;
  readonly tag?: string;
}

const vectors: readonly Vector[] = [
  {
    name: 'CFB128-AES128 (SP 800-38A F.3.13)',
    algorithm: AES,
    key: K128,
    parameters: { blockCipherMode: CFB },
    iv: IV,
    plain: BLOCKS,
    data: '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6',
  },
  {
    name: 'OFB-AES128 (SP 800-38A F.4.1)',
    algorithm: AES,
    key: K128,
    parameters: { blockCipherMode: OFB },
    iv: IV,
    plain: BLOCKS,
    data: '3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e',
  },
  {
    name: 'CTR with nonce and counter (RFC 3686 test vector 1)',
    algorithm: AES,
    key: 'ae6852f8121067cc4bf7a5765577f39e',
    parameters: { blockCipherMode: CTR, counterLength: 32, initialCounterValue: 1 },
    iv: '000000300000000000000000',
    plain: Buffer.from('Single block msg').toString('hex'),
    data: 'e4095d4fb7a7b3792d6175a3261311b8',
  },
  {
    name: 'CCM (SP 800-38C example 4)',
    algorithm: AES,
    key: '404142434445464748494a4b4c4d4e4f',
    parameters: { blockCipherMode: CCM, tagLength: 14 },
    iv: '101112131415161718191a1b1c',
    aad: Buffer.from(Array.from({ length: 65_536 }, (_, i) => i % 256)).toString('hex'),
    plain: '202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
    data: '69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72',
    tag: 'b4ac6bec93e8598e7f0dadbcea5b',
  },
  {
    name: 'XTS-AES-128 (IEEE 1619 vector 2)',
    algorithm: AES,
    key: `${'11'.repeat(16)}${'22'.repeat(16)}`,
    parameters: { blockCipherMode: XTS },
    iv: '33333333330000000000000000000000',
    plain: '44'.repeat(32),
    data: 'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0',
  },
  {
    name: 'NIST key wrap (RFC 3394 §4.1)',
    algorithm: AES,
    key: IV,
    parameters: { blockCipherMode: NISTKeyWrap },
    plain: '00112233445566778899aabbccddeeff',
    data: '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
  },
  {
    name: 'AES key wrap with padding (RFC 5649 §6)',
    algorithm: AES,
    key: '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    parameters: { blockCipherMode: AESKeyWrapPadding },
    plain: '466f7250617369',
    data: 'afbeb0f07dfbf5419200f2ccb50bb24f',
  },
  {
    name: 'Camellia-128 ECB (RFC 3713 appendix A)',
    algorithm: Camellia,
    key: '0123456789abcdeffedcba9876543210',
    parameters: { blockCipherMode: ECB },
    plain: '0123456789abcdeffedcba9876543210',
    data: '67673138549669730857065648eabe43',
  },
  {
    name: 'Triple DES ECB (SP 800-67 appendix B)',
    algorithm: DES3,
    key: '0123456789abcdef23456789abcdef01456789abcdef0123',
    parameters: { blockCipherMode: ECB },
    plain: '54686520717566636b2062726f776e20666f78206a756d70',
    data: 'a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900',
  },
  {
    name: 'DES ECB',
    algorithm: DES,
    key: '133457799bbcdff1',
    parameters: { blockCipherMode: ECB },
    plain: '0123456789abcdef',
    data: '85e813540f0ab405',
  },
  {
    name: 'ChaCha20 (RFC 8439 §2.4.2)',
    algorithm: ChaCha20,
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    parameters: { initialCounterValue: 1 },
    iv: '000000000000004a00000000',
    plain: SUNSCREEN,
    data: '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d',
  },
  {
    name: 'ChaCha20-Poly1305 (RFC 8439 §2.8.2)',
    algorithm: ChaCha20Poly1305,
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    parameters: { blockCipherMode: AEAD },
    iv: '070000004041424344454647',
    aad: '50515253c0c1c2c3c4c5c6c7',
    plain: SUNSCREEN,
    data: 'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
    tag: '1ae10b594f09e26a7e902ecbd0600691',
  },
];

describe('modes', () => {
  for (const { name, algorithm, key, parameters, iv, aad, plain, data, tag } of vectors) {
    it(name, () => {
      const secret = SecretBytes.take(hex(key));
      const setup = {
        algorithm,
        parameters,
        iv: iv === undefined ? undefined : hex(iv),
        aad: aad === undefined ? undefined : hex(aad),
        allowWeak: true,
      };
      const encrypted = encryptWith(secret, { ...setup, data: hex(plain) });
      assert.deepEqual(Buffer.from(encrypted.data), hex(data));
      assert.equal(Buffer.from(encrypted.tag ?? []).toString('hex'), tag ?? '');
      const authenticationTag = encrypted.tag;
      assert.deepEqual(decryptWith(secret, { ...setup, data: hex(data), authenticationTag }), hex(plain));
    });
  }

  it('one DES key and two are Triple DES with keys repeated', () => {
    const single = SecretBytes.take(hex('133457799bbcdff1'));
    const triple = SecretBytes.take(hex('133457799bbcdff1'.repeat(3)));
    const double = SecretBytes.take(hex('133457799bbcdff10123456789abcdef'));
    const full = SecretBytes.take(hex('133457799bbcdff10123456789abcdef133457799bbcdff1'));
    const setup = { parameters: { blockCipherMode: CBC }, iv: Buffer.alloc(8), data: Buffer.alloc(24, 7) };
    const of = (key: SecretBytes, algorithm: number) =>
      encryptWith(key, { ...setup, algorithm, allowWeak: true }).data;
    assert.deepEqual(of(single, DES), of(triple, DES3));
    assert.deepEqual(of(double, DES3), of(full, DES3));
  });

  it('PCBC mixes each block with both sides of the one before', () => {
    const key = hex(K128);
    const iv = hex(IV);
    const plain = hex(BLOCKS);
    const expected: Buffer[] = [];
    let chain = iv;
    for (let at = 0; at < plain.length; at += 16) {
      const block = plain.subarray(at, at + 16);
      const mixed = Buffer.from(block.map((byte, i) => byte ^ (chain[i] ?? 0)));
      const out = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(mixed);
      expected.push(out);
      chain = Buffer.from(block.map((byte, i) => byte ^ (out[i] ?? 0)));
    }
    const input = { algorithm: AES, parameters: { blockCipherMode: PCBC }, iv, data: plain };
    const { data } = encryptWith(SecretBytes.take(Buffer.from(key)), input);
    assert.deepEqual(Buffer.from(data), Buffer.concat(expected));
  });

  it('a counter does not run over into its nonce', () => {
    const key = SecretBytes.random(16);
    const setup = {
      algorithm: AES,
      parameters: { blockCipherMode: CTR, counterLength: 16, initialCounterValue: 65_535 },
    };
    assert.equal(encryptWith(key, { ...setup, data: Buffer.alloc(16) }).data.length, 16);
    refusedWith(ResultReason.InvalidField, () => encryptWith(key, { ...setup, data: Buffer.alloc(17) }));
  });

  it('a key of another size does not encrypt', () => {
    for (const [algorithm, size, mode] of [
      [AES, 20, CBC],
      [AES, 24, XTS],
      [DES3, 8, CBC],
      [Camellia, 8, CBC],
    ] as const) {
      refusedWith(ResultReason.CryptographicFailure, () =>
        encryptWith(SecretBytes.random(size), {
          algorithm,
          parameters: { blockCipherMode: mode },
          data: Buffer.alloc(16),
        }),
      );
    }
  });

  it('what does not decrypt says so in one way', () => {
    const key = SecretBytes.random(16);
    const iv = Buffer.alloc(16);
    const messages = new Set<string>();
    for (const paddingMethod of [PKCS5, ANSIX9_23]) {
      const parameters = { blockCipherMode: CBC, paddingMethod };
      for (let i = 0; i < 40; i++) {
        // The last byte of the block before the last is that of the padding: most of these are not one.
        const data = Buffer.alloc(32, i);
        try {
          decryptWith(key, { algorithm: AES, parameters, iv, data });
        } catch (error) {
          assert.ok(error instanceof KmipError);
          assert.equal(error.resultReason, ResultReason.CryptographicFailure);
          messages.add(error.message);
        }
      }
    }
    assert.equal(messages.size, 1);
  });
});

/** Every served combination, with data that its mode takes. */
const combinations = Object.entries(cipherDefinitions).flatMap(([value, definition]) => {
  const algorithm = Number(value);
  const modes: (number | undefined)[] = Object.keys(definition.modes).map(Number);
  if (definition.defaultMode !== undefined) modes.push(undefined);
  return modes.flatMap((blockCipherMode) => {
    const blocks = blockCipherMode === CBC || blockCipherMode === ECB || blockCipherMode === PCBC;
    const paddings = blocks ? [undefined, None, PKCS5, Zeros, ANSIX9_23, ISO10126] : [undefined];
    const sizes = blockCipherMode === XTS ? [32, 64] : definition.keySizesBytes;
    return paddings.flatMap((paddingMethod) =>
      sizes.map((keySize) => ({
        algorithm,
        blockCipherMode,
        paddingMethod,
        keySize,
        title: definition.title,
      })),
    );
  });
});

/** `data` in a size that the mode takes. */
function fitting(data: Uint8Array, mode: number | undefined, padding: number | undefined): Uint8Array {
  const cut = (size: number, least: number) => {
    const whole = Buffer.alloc(Math.max(least, data.length - (data.length % size)));
    whole.set(data.subarray(0, whole.length));
    return whole;
  };
  if (mode === NISTKeyWrap) return cut(8, 16);
  if (mode === XTS) return cut(1, 16);
  if (mode === AESKeyWrapPadding) return cut(1, 1);
  const blocks = mode === CBC || mode === ECB || mode === PCBC;
  return blocks && (padding === undefined || padding === None || padding === Zeros) ? cut(16, 0) : data;
}

const pieces = fc.array(fc.nat({ max: 50 }), { maxLength: 8 });

function* split(data: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield data.subarray(at, at + size);
    at = Math.min(data.length, at + size);
  }
  yield data.subarray(at);
}

describe('every served combination', () => {
  for (const { algorithm, blockCipherMode, paddingMethod, keySize, title } of combinations) {
    it(`${title} of ${keySize} bytes, mode ${blockCipherMode ?? '-'}, padding ${paddingMethod ?? '-'}`, () => {
      const key = SecretBytes.random(keySize);
      const takesAad =
        blockCipherMode === GCM ||
        blockCipherMode === CCM ||
        blockCipherMode === AEAD ||
        (blockCipherMode === undefined && algorithm !== ChaCha20);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), pieces, pieces, (bytes, cuts, otherCuts) => {
          const data = fitting(bytes, blockCipherMode, paddingMethod);
          const setup = {
            algorithm,
            parameters: { blockCipherMode, paddingMethod },
            aad: takesAad ? hex('0102') : undefined,
            allowWeak: true,
          };
          const whole = encryptWith(key, { ...setup, data });
          const back = { ...setup, iv: whole.iv, authenticationTag: whole.tag };
          assert.deepEqual(
            Uint8Array.from(decryptWith(key, { ...back, data: whole.data })),
            Uint8Array.from(data),
          );

          const parts = encryptor(key, { ...setup, iv: whole.iv });
          const made = [...split(data, cuts)].map((part) => parts.update(part));
          const last = parts.final();
          const inParts = Buffer.concat([...made, last.data]);
          if (paddingMethod !== ISO10126) assert.deepEqual(inParts, Buffer.from(whole.data));
          assert.deepEqual(last.tag, whole.tag);
          const opened = decryptor(key, { ...setup, iv: whole.iv });
          const plain = [...split(inParts, otherCuts)].map((part) => opened.update(part));
          assert.deepEqual(Buffer.concat([...plain, opened.final(last.tag)]), Buffer.from(data));
        }),
        { numRuns: 20 },
      );
    });
  }
});

describe('in parts', () => {
  it('nothing comes out of an authenticated mode before its tag is right', () => {
    const key = SecretBytes.random(32);
    for (const blockCipherMode of [GCM, CCM]) {
      const setup = { algorithm: AES, parameters: { blockCipherMode } };
      const { data, iv, tag } = encryptWith(key, { ...setup, data: Buffer.alloc(100, 1) });
      const good = decryptor(key, { ...setup, iv });
      assert.equal(good.update(data).length, 0);
      assert.equal(good.heldBytes, 100);
      assert.deepEqual(good.final(tag), Buffer.alloc(100, 1));
      assert.equal(good.heldBytes, 0);
      const bad = decryptor(key, { ...setup, iv });
      bad.update(data);
      refusedWith(ResultReason.CryptographicFailure, () => bad.final(Buffer.alloc(16)));
      assert.equal(bad.heldBytes, 0);
      const none = decryptor(key, { ...setup, iv });
      refusedWith(ResultReason.InvalidMessage, () => none.final());
    }
  });

  it('what is held back is bounded', () => {
    const parts = decryptor(SecretBytes.random(32), { algorithm: AES, iv: Buffer.alloc(12) });
    parts.update(Buffer.alloc(1024 * 1024));
    refusedWith(ResultReason.InvalidField, () => parts.update(Buffer.alloc(1)));
    parts.discard();
    assert.equal(parts.heldBytes, 0);
  });

  it('what is discarded takes no more, and holds nothing', () => {
    const key = SecretBytes.random(32);
    for (const { blockCipherMode } of combinations.filter(({ algorithm }) => algorithm === AES)) {
      const parameters = { blockCipherMode };
      const setup = { algorithm: AES, parameters };
      const parts = encryptor(key, setup);
      parts.update(Buffer.alloc(20, 1));
      parts.discard();
      assert.equal(parts.heldBytes, 0);
      refusedWith(ResultReason.CryptographicFailure, () => {
        parts.update(Buffer.alloc(32, 1));
        parts.final();
      });
    }
  });

  it('an appended tag is found at the end, wherever the parts were cut', () => {
    const key = SecretBytes.random(32);
    const setup = { algorithm: AES, tag: 'appended' } as const;
    const { data, iv } = encryptWith(key, { ...setup, data: Buffer.alloc(20, 1) });
    const parts = decryptor(key, { ...setup, iv });
    for (const byte of data) parts.update(Uint8Array.of(byte));
    assert.deepEqual(parts.final(), Buffer.alloc(20, 1));
  });
});
