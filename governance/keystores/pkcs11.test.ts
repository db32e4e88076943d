/** A real PKCS#11 token: SoftHSM. The customer's side is the same library, used by hand. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { startSoftHsm, type TestToken } from '../../testkit/softhsm.ts';
import { Pkcs11Keystore } from './pkcs11.ts';
import { loadGraphene, type TokenObject, withToken } from './pkcs11-library.ts';
import { keyUri, parseKeyUri } from './pkcs11-uri.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS } from './provider.ts';
import { withinTime } from './registry.ts';

/** At the token, as its owner; `label` finds the key. */
async function atToken<T>(token: TestToken, reference: string, fn: (key: TokenObject) => T): Promise<T> {
  const graphene = await loadGraphene();
  const { id } = parseKeyUri(reference);
  return withToken(graphene, token, token.pin, (session) => {
    const found = session.find({ class: graphene.ObjectClass.SECRET_KEY, token: true, id });
    assert.equal(found.length, 1);
    return fn(found.items(0));
  });
}

async function newKey(token: TestToken, label = 'customer'): Promise<string> {
  const graphene = await loadGraphene();
  const id = randomBytes(8);
  withToken(graphene, token, token.pin, (session) =>
    session.generateKey(graphene.KeyGenMechanism.AES, {
      class: graphene.ObjectClass.SECRET_KEY,
      keyType: graphene.KeyType.AES,
      valueLen: 32,
      label,
      id,
      token: true,
      private: true,
      sensitive: true,
      extractable: false,
      encrypt: true,
      decrypt: true,
    }),
  );
  return keyUri({ id });
}

/** Those that hold the library for this process. */
function killWorkers(): void {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ');
  for (const pid of children)
    if (pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pkcs11-worker'))
      process.kill(Number(pid), 'SIGKILL');
}

let shared: Promise<{ token: TestToken; harness: ProviderHarness }> | undefined;
const open = () => {
  shared ??= start();
  return shared;
};
async function start(): Promise<{ token: TestToken; harness: ProviderHarness }> {
  const token = await startSoftHsm('customer');
  const { module, tokenLabel, pinFile } = token;
  const provider = withinTime(new Pkcs11Keystore({ module, tokenLabel, pinFile }), KEYSTORE_TIMEOUT_MS);
  const tokens = join(dirname(token.env.SOFTHSM2_CONF), 'tokens');
  const usable = (key: TokenObject & { setAttribute?: (set: object) => void }, yes: boolean): void =>
    key.setAttribute?.({ encrypt: yes, decrypt: yes });
  return {
    token,
    harness: {
      provider,
      newKey: () => newKey(token),
      set: (reference, state) =>
        atToken(token, reference, (key) => {
          if (state === 'NOT_FOUND') key.destroy();
          else usable(key, state === 'ENABLED');
        }),
      cutOff: async () => {
        await rename(tokens, `${tokens}.away`);
        return () => rename(`${tokens}.away`, tokens);
      },
      spoilCredential: () => writeFile(pinFile, '000000\n', { mode: 0o600 }),
    },
  };
}

test('a key can be called by its label, and has one name all the same', async () => {
  const { token, harness } = await open();
  const key = await newKey(token, 'acme l1');
  const byLabel = await harness.provider.inspect('pkcs11:object=acme%20l1');
  assert.equal(byLabel.reference, key);
  assert.equal(byLabel.state, 'ENABLED');
  const twin = await newKey(token, 'acme l1');
  assert.notEqual(twin, key);
  assert.equal(await harness.provider.describe('pkcs11:object=acme%20l1'), 'UNKNOWN', 'which of the two?');
});

test('the material of a key never leaves the token', async () => {
  const { token, harness } = await open();
  assert.ok(harness.provider.createKey);
  const key = await harness.provider.createKey();
  const { sensitive, extractable } = await atToken(token, key, (object) =>
    object.getAttribute({ sensitive: null, extractable: null }),
  );
  assert.deepEqual({ sensitive, extractable }, { sensitive: true, extractable: false });
  await assert.rejects(atToken(token, key, (object) => object.getAttribute({ value: null })));
});

test('calls that come together are answered each by its own', async () => {
  const { harness } = await open();
  const keys = await Promise.all(Array.from({ length: 4 }, () => harness.newKey()));
  const made = await Promise.all(keys.map((key) => harness.provider.generateDataKey(key)));
  const opened = await Promise.all(
    keys.map((key, at) => harness.provider.unwrap(key, made[at]?.wrapped ?? '')),
  );
  assert.deepEqual(
    opened,
    made.map(({ plaintext }) => plaintext),
  );
});

providerContract('pkcs11', async () => (await open()).harness, {
  states: ['DISABLED', 'NOT_FOUND'],
  imports: true,
});

test('a PIN that the token has refused is tried by no later process either', async () => {
  const { module, tokenLabel, pinFile } = await startSoftHsm('locking');
  const provider = new Pkcs11Keystore({ module, tokenLabel, pinFile });
  await writeFile(pinFile, '000000\n', { mode: 0o600 });
  await assert.rejects(provider.generateDataKey('pkcs11:object=x'), /CKR_PIN_INCORRECT/);
  killWorkers();
  await assert.rejects(provider.generateDataKey('pkcs11:object=x'), /has ended|not tried again/);
  await assert.rejects(provider.generateDataKey('pkcs11:object=x'), /not tried again/);
});

test('names of keys are PKCS#11 URIs', () => {
  for (const bad of ['', 'pkcs11:', 'pkcs11:token=x', 'pkcs11:id=%0', 'pkcs11:object=a;object=b', 'acme'])
    assert.throws(() => parseKeyUri(bad), { code: 'KEYSTORE_NOT_FOUND' }, bad);
  const id = Buffer.from([0, 255, 65]);
  assert.deepEqual(parseKeyUri(keyUri({ id })), { id });
  assert.deepEqual(parseKeyUri(keyUri({ label: 'ein Schlüssel' })), { label: 'ein Schlüssel' });
});
