/**
 * What every keystore provider has to do, as tests: call `providerContract` from the test file of each. The harness
 * does at the provider what a customer would do at its console.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeyState, KeystoreError, type KeystoreProvider, LINK_SECRET_BYTES } from './provider.ts';

export interface ProviderHarness {
  readonly provider: KeystoreProvider;
  /** An enabled key that no other test uses. */
  newKey(): Promise<string>;
  set(
    reference: string,
    state: 'DISABLED' | 'PENDING_DELETION' | 'FORBIDDEN' | 'NOT_FOUND' | 'ENABLED',
  ): Promise<void>;
  /** The provider is out of reach until the answered function is called. */
  cutOff(): Promise<() => Promise<void>>;
}

const refusedWith = (state: KeyState) => (error: unknown) =>
  error instanceof KeystoreError && error.state === state;

export function providerContract(name: string, open: () => Promise<ProviderHarness>): void {
  test(`${name}: a data key is ${LINK_SECRET_BYTES} fresh bytes, and unwraps to the same`, async () => {
    const { provider, newKey } = await open();
    const key = await newKey();
    assert.equal(await provider.describe(key), 'ENABLED');
    const [one, two] = [await provider.generateDataKey(key), await provider.generateDataKey(key)];
    assert.equal(one.plaintext.length, LINK_SECRET_BYTES);
    assert.notDeepEqual(one.plaintext, two.plaintext);
    assert.notEqual(one.wrapped, two.wrapped);
    assert.ok(!one.wrapped.includes(one.plaintext.toString('base64url')));
    assert.deepEqual(await provider.unwrap(key, one.wrapped), one.plaintext);
  });

  test(`${name}: what one key wrapped no other key unwraps, and no altered form opens`, async () => {
    const { provider, newKey } = await open();
    const [key, other] = [await newKey(), await newKey()];
    const { wrapped } = await provider.generateDataKey(key);
    await assert.rejects(provider.unwrap(other, wrapped), KeystoreError);
    const middle = Math.floor(wrapped.length / 2);
    const altered =
      wrapped.slice(0, middle) + (wrapped[middle] === 'A' ? 'B' : 'A') + wrapped.slice(middle + 1);
    await assert.rejects(provider.unwrap(key, altered), KeystoreError);
    await assert.rejects(provider.unwrap(key, ''), KeystoreError);
  });

  for (const state of ['DISABLED', 'PENDING_DELETION', 'FORBIDDEN', 'NOT_FOUND'] as const)
    test(`${name}: a key that is ${state} says so, does nothing, and says nothing about our credential`, async () => {
      const harness = await open();
      const { provider } = harness;
      const [key, other] = [await harness.newKey(), await harness.newKey()];
      const { wrapped } = await provider.generateDataKey(key);
      await harness.set(key, state);
      assert.equal(await provider.describe(key), state);
      await assert.rejects(provider.unwrap(key, wrapped), refusedWith(state));
      await assert.rejects(provider.generateDataKey(key), refusedWith(state));
      assert.equal(await provider.describe(other), 'ENABLED');
      assert.equal(await provider.credentialIsGood(key), true);
    });

  test(`${name}: a key that is enabled again opens what it wrapped before`, async () => {
    const harness = await open();
    const key = await harness.newKey();
    const { wrapped, plaintext } = await harness.provider.generateDataKey(key);
    await harness.set(key, 'DISABLED');
    await harness.set(key, 'ENABLED');
    assert.deepEqual(await harness.provider.unwrap(key, wrapped), plaintext);
  });

  test(`${name}: out of reach is UNREACHABLE, never a statement about the key`, async () => {
    const harness = await open();
    const { provider } = harness;
    const key = await harness.newKey();
    const { wrapped } = await provider.generateDataKey(key);
    const reconnect = await harness.cutOff();
    try {
      assert.equal(await provider.describe(key), 'UNREACHABLE');
      await assert.rejects(provider.unwrap(key, wrapped), refusedWith('UNREACHABLE'));
      assert.equal(await provider.credentialIsGood(key), false);
    } finally {
      await reconnect();
    }
    assert.equal(await provider.describe(key), 'ENABLED');
  });
}
