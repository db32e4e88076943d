/** D5: under one salt no nonce is used twice, a salt has a budget, and nothing outlives the parent key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  EnvelopeError,
  l3Parent,
  liveSecretCount,
  objectContext,
  open,
  parseHeader,
  SecretBytes,
  SecretWipedError,
  seal,
  WrapSession,
} from './index.ts';

const context = objectContext('eu-west-1', 'acme', 'payments', 'uid-1');
const newParent = () => l3Parent('acme', 'payments', 1, SecretBytes.random(32));

function saltAndNonce(envelope: Uint8Array): { salt: string; nonce: string } {
  const { salt, headerBytes } = parseHeader(envelope);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return { salt: hex(salt), nonce: hex(envelope.subarray(headerBytes, headerBytes + 12)) };
}

test('salt and nonce together never repeat, over any number of sessions, budgets and failures', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.constantFrom('wrap', 'fail', 'restart')),
      (budget, steps) => {
        const parent = newParent();
        const seen = new Set<string>();
        const perSalt = new Map<string, number>();
        let session = new WrapSession(parent, { maxWrapsPerSalt: budget });
        for (const step of steps) {
          if (step === 'restart') session = new WrapSession(parent, { maxWrapsPerSalt: budget });
          else if (step === 'fail') {
            assert.throws(() => session.wrap(new Uint8Array(2 ** 21), context), EnvelopeError);
          } else {
            const { salt, nonce } = saltAndNonce(session.wrap(Buffer.alloc(32), context));
            assert.ok(!seen.has(salt + nonce));
            seen.add(salt + nonce);
            perSalt.set(salt, (perSalt.get(salt) ?? 0) + 1);
          }
        }
        for (const count of perSalt.values()) assert.ok(count <= budget);
      },
    ),
  );
});

test('any session of the same key opens what another wrapped, and so does `open`', () => {
  const parent = newParent();
  const secret = SecretBytes.random(32);
  const [gateway, core] = [new WrapSession(parent), new WrapSession(parent)];
  const envelope = gateway.wrap(secret, context);
  assert.ok(core.unwrap(envelope, context).equals(secret));
  assert.ok(open(parent, envelope, context).equals(secret));
  assert.ok(core.unwrap(seal(parent, secret, context), context).equals(secret));
});

test('data opens as keys do, and altered data does not', () => {
  const session = new WrapSession(newParent());
  const data = Buffer.from('a client’s data');
  const envelope = session.wrap(data, context);
  assert.deepEqual(session.unwrapData(envelope, context), data);
  for (let at = 0; at < envelope.length; at++) {
    const altered = Uint8Array.from(envelope, (byte, i) => (i === at ? byte ^ 1 : byte));
    assert.throws(() => session.unwrapData(altered, context), EnvelopeError);
  }
  session.wipe();
  assert.throws(() => session.unwrapData(envelope, context), SecretWipedError);
});

test('unwrapping refuses another version, another context and altered bytes', () => {
  const parent = newParent();
  const session = new WrapSession(parent);
  const envelope = session.wrap(Buffer.alloc(32), context);
  const code = (expected: string) => (error: unknown) =>
    error instanceof EnvelopeError && error.code === expected;
  assert.throws(
    () => new WrapSession({ ...parent, version: 2 }).unwrap(envelope, context),
    code('WRONG_PARENT'),
  );
  const other = objectContext('eu-west-1', 'acme', 'payments', 'uid-2');
  assert.throws(() => session.unwrap(envelope, other), code('AUTHENTICATION_FAILED'));
  const altered = envelope.map((byte, index) => (index === envelope.length - 1 ? byte ^ 1 : byte));
  assert.throws(() => session.unwrap(altered, context), code('AUTHENTICATION_FAILED'));
  assert.throws(() => session.unwrap(envelope.subarray(1), context), code('MALFORMED'));
});

test('derived subkeys are bounded, and wiped when they are evicted and when the session ends', () => {
  const parent = newParent();
  const session = new WrapSession(parent, { maxCachedSubkeys: 4 });
  const before = liveSecretCount();
  for (let i = 0; i < 32; i++) session.unwrap(seal(parent, Buffer.alloc(1), context), context).wipe();
  assert.equal(liveSecretCount() - before, 4);
  session.wipe();
  assert.equal(liveSecretCount(), before);
  assert.throws(() => session.wrap(Buffer.alloc(1), context), SecretWipedError);
});

test('once the parent key is wiped, a cached subkey opens nothing more', () => {
  const parent = newParent();
  const session = new WrapSession(parent);
  const envelope = session.wrap(Buffer.alloc(32), context);
  session.unwrap(envelope, context);
  parent.key.wipe();
  assert.throws(() => session.unwrap(envelope, context), SecretWipedError);
  assert.throws(() => session.wrap(Buffer.alloc(32), context), SecretWipedError);
});
