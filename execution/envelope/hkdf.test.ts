/** HKDF and GCM from slot to slot give what everybody else's give. */
import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { encryptGcm, hkdfSha256, openGcm, SecretBytes } from './index.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const contentOf = (secret: SecretBytes) => secret.use((lent) => Buffer.from(lent).toString('hex'));

test('HKDF is the runtime’s HKDF, for any key, salt and info', () => {
  fc.assert(
    fc.property(bytes(100), bytes(80), bytes(300), (key, salt, info) => {
      const expected = Buffer.from(hkdfSync('sha256', key, salt, info, 32)).toString('hex');
      using input = SecretBytes.take(key);
      using output = hkdfSha256(input, salt, info);
      assert.equal(contentOf(output), expected);
    }),
  );
});

test('GCM opens what the runtime’s cipher sealed, of any length', () => {
  fc.assert(
    fc.property(exactly(32), exactly(12), bytes(40), bytes(700), (key, nonce, aad, plain) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(aad);
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      const tag = cipher.getAuthTag();
      using secret = SecretBytes.take(Uint8Array.from(key));
      using opened = openGcm(secret, { nonce, aad, text, tag });
      assert.ok(opened !== null);
      assert.equal(contentOf(opened), Buffer.from(plain).toString('hex'));
      assert.deepEqual(encryptGcm(secret, nonce, aad, plain), { text, tag });
    }),
  );
});

test('GCM opens nothing that was altered, nor with a tag that is cut short', () => {
  using key = SecretBytes.random(32);
  const nonce = Buffer.alloc(12, 1);
  const aad = Buffer.from('aad');
  const { text, tag } = encryptGcm(key, nonce, aad, Buffer.from('plain text'));
  const flipped = (part: Uint8Array) => Uint8Array.from(part, (byte, i) => (i === 0 ? byte ^ 1 : byte));
  const message = { nonce, aad, text, tag };
  for (const altered of [
    { ...message, nonce: flipped(nonce) },
    { ...message, aad: flipped(aad) },
    { ...message, text: flipped(text) },
    { ...message, text: text.subarray(1) },
    { ...message, tag: flipped(tag) },
    { ...message, tag: tag.subarray(0, 12) },
    { ...message, tag: new Uint8Array(0) },
  ]) {
    assert.equal(openGcm(key, altered), null);
  }
  using opened = openGcm(key, message);
  assert.ok(opened !== null);
});
