import assert from 'node:assert/strict';
import { createDecipheriv, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { importAlgorithms, MAX_MATERIAL_BYTES, unwrapImport, wrapForImport } from './key-wrap.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

for (const algorithm of importAlgorithms)
  test(`${algorithm}: what was wrapped opens to the same, never twice in the same form`, () => {
    for (const size of algorithm === 'RSAES_OAEP_SHA_256' ? [1, 32, 256] : [1, 31, 32, MAX_MATERIAL_BYTES]) {
      const material = randomBytes(size);
      const wrapped = wrapForImport(pem, algorithm, material);
      assert.deepEqual(unwrapImport(privateKey, algorithm, wrapped), material);
      assert.notDeepEqual(wrapForImport(pem, algorithm, material), wrapped);
      for (const at of [0, wrapped.length - 1]) {
        const altered = Buffer.from(wrapped);
        altered[at] = (altered[at] ?? 0) ^ 1;
        assert.throws(() => unwrapImport(privateKey, algorithm, altered), { code: 'WRAPPED_FORM_UNUSABLE' });
      }
    }
  });

test('the second part is key wrapping as RFC 5649 §6 shows it', () => {
  // The RFC's own vector is of a 192-bit key; OpenSSL's cipher of that size is held to it, and ours is its sibling.
  const key = Buffer.from('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8', 'hex');
  const wrapped = Buffer.from('138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a', 'hex');
  const decipher = createDecipheriv('id-aes192-wrap-pad', key, Buffer.from('a65959a6', 'hex'));
  const plain = Buffer.concat([decipher.update(wrapped), decipher.final()]);
  assert.equal(plain.toString('hex'), 'c37b7e6492584340bed12207808941155068f738');
  const ours = wrapForImport(pem, 'RSA_AES_KEY_WRAP_SHA_256', plain);
  const kek = privateDecrypt({ key: privateKey, oaepHash: 'sha256' }, ours.subarray(0, 384));
  assert.equal(kek.length, 32);
  assert.equal(ours.length, 384 + 32);
});

test('keys and material that cannot be used are refused', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    type: 'spki',
    format: 'pem',
  });
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  for (const bad of ['', 'no key', ec.toString(), short.export({ type: 'spki', format: 'pem' }).toString()])
    assert.throws(() => wrapForImport(bad, 'RSA_AES_KEY_WRAP_SHA_256', randomBytes(32)), {
      code: 'WRAP_KEY_UNUSABLE',
    });
  for (const size of [0, MAX_MATERIAL_BYTES + 1])
    assert.throws(() => wrapForImport(pem, 'RSA_AES_KEY_WRAP_SHA_256', randomBytes(size)), {
      code: 'WRAP_MATERIAL_UNUSABLE',
    });
  assert.throws(() => wrapForImport(pem, 'RSAES_OAEP_SHA_256', randomBytes(400)), {
    code: 'WRAP_MATERIAL_UNUSABLE',
  });
});
