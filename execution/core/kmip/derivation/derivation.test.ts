// Pseudorandom functions and SP 800-108 against the published vectors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretBytes } from '../../../envelope/index.ts';
import { CryptographicAlgorithm, HashingAlgorithm } from '../../../kmip/index.ts';
import { type Prf, prfOf, prfPlan } from './prf.ts';
import { counterMode, doublePipelineMode, feedbackMode } from './sp800-108.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
const cmacPrf = (key: SecretBytes): Prf => prfOf(key, prfPlan(CryptographicAlgorithm.AES, {}, false));
const hmacPrf = (key: SecretBytes): Prf =>
  prfOf(key, prfPlan(undefined, { hashingAlgorithm: HashingAlgorithm.SHA_256 }, false));
const secret = (text: string) => SecretBytes.take(hex(text));

test('AES-CMAC of RFC 4493', () => {
  const prf = cmacPrf(secret('2b7e151628aed2a6abf7158809cf4f3c'));
  const message = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );
  for (const [size, tag] of [
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ] as const) {
    assert.equal(prf(message.subarray(0, size)).toString('hex'), tag);
    assert.equal(prf(message.subarray(0, size >> 1), message.subarray(size >> 1, size)).toString('hex'), tag);
  }
});

/** NIST's vectors of its validation programme (CAVS 14.4): 32-bit counters, where this project has them. */
test('SP 800-108 in its three modes', () => {
  const cases: readonly {
    mode: typeof counterMode;
    prf: (key: SecretBytes) => Prf;
    key: string;
    iv?: string;
    fixed: string;
    out: string;
  }[] = [
    {
      mode: counterMode,
      prf: cmacPrf,
      key: 'c10b152e8c97b77e18704e0f0bd38305',
      fixed:
        '98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71f497bcc6906b48d36c4',
      out: '26faf61908ad9ee881b8305c221db53f',
    },
    {
      mode: counterMode,
      prf: hmacPrf,
      key: 'dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0',
      fixed:
        '01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac',
      out: '10621342bfb0fd40046c0e29f2cfdbf0',
    },
    {
      mode: feedbackMode,
      prf: cmacPrf,
      key: '607a069650470c92021850add7506fed',
      iv: 'bcc557c72df7ed5163e39bf201d2354f',
      fixed:
        'd465d19beb40b57d51eb30f9b8170f33a07ffbf03e41b6ade6338cb85d75b910bc0af62e3a228bacaf68eb099d1d315ce09395',
      out: 'd5741964649e1a4f825493f933cdc02a8edb6001a3986050cf7511184e4794cdec967e631d5b323f39315bf4bd2c45b692d632dfb6bdb86d509845fe63df550d',
    },
    {
      mode: doublePipelineMode,
      prf: cmacPrf,
      key: '34f0c2542bfe13c7149b68c8a1ef636b',
      fixed:
        'daefcc52d6e32e1614109268933087fce3d64a5a6f111ba1a8d343a1e388a1752aaea93853be52864997a81c84b04c4f3ff3bd',
      out: 'fc0eae673e7db3c4660668e187bcd81d5ca9b89213d8d741e71c9bab89bb4fb3c4df541d89a8117f0f56b0f15111ae28abf81fb7d7349fbbcaf01137e4d73527',
    },
  ];
  for (const { mode, prf, key, iv = '', fixed, out } of cases) {
    const made = new Uint8Array(out.length / 2);
    mode({ prf: prf(secret(key)), fixedInput: hex(fixed), iv: hex(iv) }, made);
    assert.equal(Buffer.from(made).toString('hex'), out, mode.name);
    // A length that ends inside a block, and one that takes the first bytes of the same output.
    const fewer = new Uint8Array(made.length - 3);
    mode({ prf: prf(secret(key)), fixedInput: hex(fixed), iv: hex(iv) }, fewer);
    assert.deepEqual(fewer, made.subarray(0, fewer.length));
  }
});
