// A set of keys is taken over whole or not at all, nobody locks themselves out, and what was retired stays retired.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_KNOWN_KEYS, MAX_KNOWN_KEYS_BY_HAND } from '../limits.ts';
import { adoptKeys, type KnownKey, type NamedKey, trustedOf, withConfigured } from './trust.ts';

const KEYS = 6;
const pems = Array.from({ length: KEYS }, () =>
  generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
);
const key = (index: number): NamedKey => ({ keyId: `cmk-${index}`, publicKey: pems[index] ?? '' });
const first: readonly KnownKey[] = withConfigured([], [key(0)]);
const trusted = (known: readonly KnownKey[]) => trustedOf(known).map(({ keyId }) => keyId);

test('announce, overlap, retire: each message is signed by a key that the region trusts, and none is lost on the way', () => {
  const announced = adoptKeys(first, [key(0), key(1)], 'cmk-0');
  assert.ok(announced.ok);
  assert.deepEqual(trusted(announced.keys), ['cmk-0', 'cmk-1']);
  const retired = adoptKeys(announced.keys, [key(1)], 'cmk-1');
  assert.ok(retired.ok);
  assert.deepEqual(trusted(retired.keys), ['cmk-1']);
  // The old key is still in the configuration file: that brings it back no more than a message does.
  assert.deepEqual(trusted(withConfigured(retired.keys, [key(0)])), ['cmk-1']);
  assert.deepEqual(adoptKeys(retired.keys, [key(0), key(1)], 'cmk-1'), { ok: false, why: 'KEY_RETIRED' });
});

test('a retired key does not come back under another name, nor a name for another key', () => {
  const retired = adoptKeys(first, [key(1)], undefined);
  assert.ok(retired.ok);
  const disguised = [key(1), { ...key(0), keyId: 'cmk-9' }];
  assert.deepEqual(adoptKeys(retired.keys, disguised, 'cmk-1'), { ok: false, why: 'KEY_RETIRED' });
  const exchanged = [{ ...key(2), keyId: 'cmk-1' }];
  assert.deepEqual(adoptKeys(retired.keys, exchanged, 'cmk-1'), { ok: false, why: 'KEY_DIFFERS' });
  assert.deepEqual(adoptKeys(first, [key(0), key(0)], 'cmk-0'), { ok: false, why: 'KEY_DIFFERS' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const other = { keyId: 'rsa', publicKey: rsa.export({ type: 'spki', format: 'pem' }).toString() };
  assert.deepEqual(adoptKeys(first, [key(0), other], 'cmk-0'), { ok: false, why: 'NOT_A_KEY' });
});

test('who fills the room with keys of their own keeps neither a person from naming another, nor the rest from being retired', () => {
  const filled = (count: number): KnownKey[] => [
    { ...key(0), state: 'trusted' },
    ...Array.from({ length: count - 1 }, (_, index) => ({
      keyId: `slipped-in-${index}`,
      publicKey: `of a thief, ${index}`,
      state: 'retired' as const,
    })),
  ];
  const full = filled(MAX_KNOWN_KEYS);
  assert.deepEqual(adoptKeys(full, [key(0), key(1)], 'cmk-0'), { ok: false, why: 'TOO_MANY' });
  const byHand = adoptKeys(full, [key(0), key(1)], undefined);
  assert.ok(byHand.ok);
  assert.deepEqual(trusted(byHand.keys), ['cmk-0', 'cmk-1']);
  const afterwards = adoptKeys(byHand.keys, [key(1)], 'cmk-1');
  assert.ok(afterwards.ok, 'a message that names nothing new');
  assert.deepEqual(trusted(afterwards.keys), ['cmk-1']);
  const everything = filled(MAX_KNOWN_KEYS_BY_HAND);
  assert.deepEqual(adoptKeys(everything, [key(1)], undefined), { ok: false, why: 'TOO_MANY' });
});

test('whatever is asked in whatever order: who signed stays trusted, and no retired key returns', () => {
  const wish = fc.record({
    wanted: fc.uniqueArray(fc.nat(KEYS - 1), { minLength: 1, maxLength: 4 }),
    signer: fc.nat(KEYS - 1),
  });
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 12 }), (wishes) => {
      let known = first;
      const gone = new Set<string>();
      for (const { wanted, signer } of wishes) {
        const signedBy = `cmk-${signer}`;
        // Orbital lets no message through that none of the trusted keys has signed.
        if (!trusted(known).includes(signedBy)) continue;
        const adopted = adoptKeys(known, wanted.map(key), signedBy);
        if (!adopted.ok) continue;
        known = adopted.keys;
        const now = trusted(known);
        assert.ok(now.includes(signedBy));
        assert.deepEqual(now.toSorted(), wanted.map((index) => `cmk-${index}`).toSorted());
        assert.ok(now.every((keyId) => !gone.has(keyId)));
        for (const { keyId, state } of known) if (state === 'retired') gone.add(keyId);
      }
      assert.ok(trusted(known).length > 0);
    }),
  );
});
