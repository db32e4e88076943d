/** A secret shows itself to nobody but the borrower, and is gone when it is wiped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { liveSecretCount, MAX_SECRET_BYTES, SecretBytes, SecretWipedError, wipeAllSecrets } from './index.ts';

test('no way of printing shows the bytes', () => {
  const secret = SecretBytes.take(Buffer.from('a very secret key of 32 bytes...'));
  const holder = { secret, list: [secret] };
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify(holder),
    inspect(holder, { depth: null, showHidden: true }),
  ].join('\n');
  assert.doesNotMatch(shown, /secret key|61 20 76|YSB2ZXJ5/);
  assert.match(shown, /\[secret\]/);
  assert.deepEqual(Object.keys(secret), ['sizeBytes']);
});

test('take moves the material: the source is zeroised, also when it is refused', () => {
  const source = Buffer.from([1, 2, 3]);
  const secret = SecretBytes.take(source);
  assert.deepEqual([...source], [0, 0, 0]);
  assert.deepEqual(
    secret.use((bytes) => [...bytes]),
    [1, 2, 3],
  );
  const large = Buffer.alloc(MAX_SECRET_BYTES + 1, 1);
  assert.throws(() => SecretBytes.take(large), RangeError);
  assert.ok(large.every((byte) => byte === 0));
});

test('a wiped secret lends nothing, and what was lent is zero', () => {
  const secret = SecretBytes.random(32);
  const other = secret.clone();
  const lent = secret.use((bytes) => bytes);
  assert.ok(secret.equals(other));
  secret.wipe();
  secret.wipe();
  assert.ok(secret.isWiped);
  assert.ok(lent.every((byte) => byte === 0));
  for (const use of [() => secret.use(() => 1), () => secret.clone(), () => secret.equals(other)]) {
    assert.throws(use, SecretWipedError);
  }
  assert.ok(!other.isWiped, 'a clone is wiped on its own');
});

test('secrets compare by content, whatever their length', () => {
  const make = (...bytes: number[]) => SecretBytes.take(Buffer.from(bytes));
  assert.ok(make(1, 2).equals(make(1, 2)));
  assert.ok(!make(1, 2).equals(make(1, 3)));
  assert.ok(!make(1, 2).equals(make(1, 2, 3)));
});

test('`using` wipes at the end of the block', () => {
  let kept: SecretBytes;
  {
    using secret = SecretBytes.random(16);
    kept = secret;
  }
  assert.ok(kept.isWiped);
});

test('shutdown wipes every living secret', () => {
  // In arenas of every slot size, and in memory of its own.
  const secrets = [8, 64, 500, 4096, 5000].map((sizeBytes) => SecretBytes.random(sizeBytes));
  const lent = secrets.map((secret) => secret.use((bytes) => bytes));
  assert.ok(liveSecretCount() >= secrets.length);
  wipeAllSecrets();
  assert.ok(secrets.every((secret) => secret.isWiped));
  assert.ok(lent.every((bytes) => bytes.length === 0 || bytes.every((byte) => byte === 0)));
  assert.equal(liveSecretCount(), 0);
});
