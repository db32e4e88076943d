/** Leased keys: they open for the gateway and the place that they were sealed for, and nothing of them is left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EnvelopeError,
  generateKeyPair,
  liveSecretCount,
  openLeasedKeys,
  type SealedLease,
  SealingError,
  SecretBytes,
  SecretWipedError,
  sealLeasedKeys,
} from './index.ts';

const place = { region: 'eu-west-1', tenant: 'acme', service: 'payments' };

function versions(...numbers: number[]) {
  return numbers.map((version) => ({ version, key: SecretBytes.random(32) }));
}

test('every version arrives, for exactly its gateway and its place', async () => {
  const pair = await generateKeyPair();
  const keys = versions(1, 2, 4000);
  const lease = await sealLeasedKeys(pair.publicKey, place, keys);
  const opened = await openLeasedKeys(pair.privateKey, place, lease);
  assert.deepEqual([...opened.keys()], [1, 2, 4000]);
  for (const { version, key } of keys) assert.ok(opened.get(version)?.equals(key));

  const other = await generateKeyPair();
  await assert.rejects(openLeasedKeys(other.privateKey, place, lease), SealingError);
  for (const wrong of [
    { ...place, region: 'us-east-1' },
    { ...place, tenant: 'evil' },
    { ...place, service: 'orders' },
  ]) {
    await assert.rejects(openLeasedKeys(pair.privateKey, wrong, lease), SealingError);
  }
});

test('a version under the number of another, one of another lease, and altered bytes do not open', async () => {
  const pair = await generateKeyPair();
  const lease = await sealLeasedKeys(pair.publicKey, place, versions(1, 2));
  const again = await sealLeasedKeys(pair.publicKey, place, versions(1, 2));
  const [first, second] = lease.keys;
  const [foreign] = again.keys;
  assert.ok(first && second && foreign);
  const flipped = first.sealed.map((byte, at) => (at === first.sealed.length - 1 ? byte ^ 1 : byte));
  const before = liveSecretCount();
  const hostile: SealedLease['keys'][] = [
    [second, { version: 2, sealed: first.sealed }],
    [second, foreign],
    [second, { version: 1, sealed: flipped }],
    [second, { version: 1, sealed: new Uint8Array(7) }],
  ];
  for (const keys of hostile) {
    await assert.rejects(openLeasedKeys(pair.privateKey, place, { ...lease, keys }), EnvelopeError);
  }
  assert.equal(liveSecretCount(), before, 'what had opened before is wiped');
});

test('neither side keeps the lease key, nor anything derived from it', async () => {
  const pair = await generateKeyPair();
  const keys = versions(7);
  const before = liveSecretCount();
  const lease = await sealLeasedKeys(pair.publicKey, place, keys);
  assert.equal(liveSecretCount(), before);
  const opened = await openLeasedKeys(pair.privateKey, place, lease);
  assert.equal(liveSecretCount(), before + 1);
  opened.get(7)?.wipe();
});

test('keys that are borrowed are read before anything waits', async () => {
  const pair = await generateKeyPair();
  const keys = versions(1);
  const kept = keys[0]?.key.clone();
  const sealing = sealLeasedKeys(pair.publicKey, place, keys);
  for (const { key } of keys) key.wipe();
  const opened = await openLeasedKeys(pair.privateKey, place, await sealing);
  assert.ok(kept && opened.get(1)?.equals(kept));
  await assert.rejects(sealLeasedKeys(pair.publicKey, place, keys), SecretWipedError);
});
