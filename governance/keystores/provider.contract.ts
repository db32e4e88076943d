/**
 * What every keystore provider has to do, as tests: call `providerContract` from the test file of each. The harness
 * does at the provider what a customer would do at its console. Tests share one harness, each with keys of its own; the
 * last of them spoils CMK's credential.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { wrapForImport } from '../../platform/key-wrap.ts';
import {
  type ImportParameters,
  type KeyState,
  KeystoreError,
  type KeystoreProvider,
  LINK_SECRET_BYTES,
  MAX_REFERENCE_LENGTH,
  MAX_TICKET_LENGTH,
  MAX_WRAPPED_LENGTH,
} from './provider.ts';

/** What a customer can do to a key; a provider names those that it has. */
export type Settable = 'DISABLED' | 'PENDING_DELETION' | 'FORBIDDEN' | 'NOT_FOUND';

export interface ProviderHarness {
  readonly provider: KeystoreProvider;
  /** An enabled key that no other test uses. */
  newKey(): Promise<string>;
  /** What else the provider takes for that reference. */
  otherNames?(reference: string): readonly string[];
  set(reference: string, state: Settable | 'ENABLED'): Promise<void>;
  /** The provider is out of reach until the answered function is called. */
  cutOff(): Promise<() => Promise<void>>;
  /** The next call gets no more than that it came too often; absent where providers do not say so. */
  throttleNext?(): void;
  /** What CMK shows to the provider is worth nothing from now on; absent where there is no such thing. */
  spoilCredential?(): Promise<void>;
}

export interface Abilities {
  readonly states: readonly Settable[];
  readonly imports: boolean;
}

const refusedWith = (state: KeyState) => (error: unknown) =>
  error instanceof KeystoreError && error.state === state;

const RECONNECT_MS = 8_000;

/** A client may take a moment to see that its provider is back. */
async function describedAs(provider: KeystoreProvider, key: string, wanted: KeyState): Promise<void> {
  const end = Date.now() + RECONNECT_MS;
  let state = await provider.describe(key);
  while (state !== wanted && Date.now() < end) {
    await delay(50);
    state = await provider.describe(key);
  }
  assert.equal(state, wanted);
}

const materialFor = ({ material }: ImportParameters): Buffer =>
  material === 'AES_256'
    ? randomBytes(32)
    : generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'der', type: 'pkcs8' });

export function providerContract(
  name: string,
  open: () => Promise<ProviderHarness>,
  { states, imports }: Abilities,
): void {
  test(`${name}: a data key is ${LINK_SECRET_BYTES} fresh bytes, and unwraps to the same`, async () => {
    const { provider, newKey } = await open();
    const key = await newKey();
    assert.equal(await provider.describe(key), 'ENABLED');
    const [one, two] = [await provider.generateDataKey(key), await provider.generateDataKey(key)];
    assert.equal(one.plaintext.length, LINK_SECRET_BYTES);
    assert.notDeepEqual(one.plaintext, two.plaintext);
    assert.notEqual(one.wrapped, two.wrapped);
    assert.ok(one.wrapped.length <= MAX_WRAPPED_LENGTH);
    for (const encoding of ['base64url', 'base64', 'hex'] as const)
      assert.ok(!one.wrapped.includes(one.plaintext.toString(encoding)));
    assert.deepEqual(await provider.unwrap(key, one.wrapped), one.plaintext);
  });

  test(`${name}: a key has one reference of its own, by which it is found again`, async () => {
    const { provider, newKey, otherNames } = await open();
    const key = await newKey();
    const facts = await provider.inspect(key);
    assert.ok(facts.reference.length <= MAX_REFERENCE_LENGTH);
    const { wrapped, plaintext } = await provider.generateDataKey(key);
    for (const name of [facts.reference, ...(otherNames?.(facts.reference) ?? [])]) {
      assert.deepEqual(await provider.inspect(name), facts, name);
      assert.deepEqual(await provider.unwrap(name, wrapped), plaintext, name);
    }
  });

  test(`${name}: what one key wrapped no other key unwraps, and no altered form opens`, async () => {
    const { provider, newKey } = await open();
    const [key, other] = [await newKey(), await newKey()];
    const { wrapped } = await provider.generateDataKey(key);
    await assert.rejects(provider.unwrap(other, wrapped), KeystoreError);
    const middle = Math.floor(wrapped.length / 2);
    const altered =
      wrapped.slice(0, middle) + (wrapped[middle] === 'A' ? 'B' : 'A') + wrapped.slice(middle + 1);
    await assert.rejects(provider.unwrap(key, altered), refusedWith('UNKNOWN'));
    for (const nonsense of ['', 'nonsense', `${wrapped}\n`])
      await assert.rejects(provider.unwrap(key, nonsense), refusedWith('UNKNOWN'));
  });

  test(`${name}: what is no name of a key is a key that is not there, wherever it points`, async () => {
    const { provider, newKey } = await open();
    await newKey(); // so that there is a place where it could be
    for (const odd of [
      '..',
      '../../sys/mounts',
      'a b',
      'https://example.com/keys/x',
      '\u0000',
      'x'.repeat(500),
    ]) {
      const state = await provider.describe(odd);
      assert.ok(['NOT_FOUND', 'UNKNOWN'].includes(state), `${JSON.stringify(odd)} is ${state}`);
    }
  });

  for (const state of states)
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

  const reversible = states.find((state) => state !== 'NOT_FOUND');
  if (reversible !== undefined)
    test(`${name}: a key that is enabled again opens what it wrapped before`, async () => {
      const harness = await open();
      const key = await harness.newKey();
      const { wrapped, plaintext } = await harness.provider.generateDataKey(key);
      await harness.set(key, reversible);
      await harness.set(key, 'ENABLED');
      assert.deepEqual(await harness.provider.unwrap(key, wrapped), plaintext);
    });

  test(`${name}: a key that it makes for CMK can be used`, async () => {
    const { provider } = await open();
    assert.ok(provider.createKey);
    const key = await provider.createKey();
    assert.equal((await provider.inspect(key)).reference, key);
    const { wrapped, plaintext } = await provider.generateDataKey(key);
    assert.deepEqual(await provider.unwrap(key, wrapped), plaintext);
  });

  if (imports) {
    test(`${name}: material that was wrapped for it becomes a key, and no other one`, async () => {
      const { provider } = await open();
      assert.ok(provider.beginImport && provider.finishImport);
      const [begun, twin] = [await provider.beginImport(), await provider.beginImport()];
      assert.ok(begun.expiresAt.getTime() > Date.now() + 3_600_000);
      assert.ok(begun.ticket.length <= MAX_TICKET_LENGTH && begun.reference.length <= MAX_REFERENCE_LENGTH);
      assert.notEqual(begun.reference, twin.reference);
      assert.notEqual(await provider.describe(begun.reference), 'ENABLED');
      await assert.rejects(provider.generateDataKey(begun.reference), KeystoreError);
      await provider.finishImport(begun, wrapForImport(begun.publicKey, begun.algorithm, materialFor(begun)));
      assert.equal(await provider.describe(begun.reference), 'ENABLED');
      assert.notEqual(await provider.describe(twin.reference), 'ENABLED');
      const { wrapped, plaintext } = await provider.generateDataKey(begun.reference);
      assert.deepEqual(await provider.unwrap(begun.reference, wrapped), plaintext);
    });

    test(`${name}: what does not unwrap, or is no key, becomes none`, async () => {
      const { provider } = await open();
      assert.ok(provider.beginImport && provider.finishImport);
      const begun = await provider.beginImport();
      const good = wrapForImport(begun.publicKey, begun.algorithm, materialFor(begun));
      const altered = Buffer.from(good);
      altered[7] = (altered[7] ?? 0) ^ 1;
      const tooShort = wrapForImport(begun.publicKey, begun.algorithm, randomBytes(17));
      for (const bad of [altered, tooShort, randomBytes(good.length), Buffer.of(1)]) {
        await assert.rejects(provider.finishImport(begun, bad), KeystoreError);
        assert.notEqual(await provider.describe(begun.reference), 'ENABLED');
      }
    });
  }

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
    await describedAs(provider, key, 'ENABLED');
  });

  test(`${name}: asked too often is THROTTLED, and the next answer is as ever`, async (t) => {
    const { provider, newKey, throttleNext } = await open();
    if (throttleNext === undefined) return t.diagnostic('this provider does not meter its callers');
    const key = await newKey();
    throttleNext();
    assert.equal(await provider.describe(key), 'THROTTLED');
    assert.equal(await provider.describe(key), 'ENABLED');
  });

  test(`${name}: a credential that is none any more says nothing of any key`, async (t) => {
    const { provider, newKey, spoilCredential } = await open();
    if (spoilCredential === undefined) return t.diagnostic('this provider asks for no credential');
    const key = await newKey();
    const { wrapped } = await provider.generateDataKey(key);
    await spoilCredential();
    const state = await provider.describe(key);
    assert.ok(['FORBIDDEN', 'UNKNOWN', 'UNREACHABLE'].includes(state), state);
    assert.equal(await provider.credentialIsGood(key), false);
    await assert.rejects(provider.unwrap(key, wrapped), KeystoreError);
  });
}
