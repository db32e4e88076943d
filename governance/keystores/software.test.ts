/** The software keystore, and the time limit that every keystore is held to. */
import assert from 'node:assert/strict';
import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS, KeystoreError } from './provider.ts';
import { createKeystoreRegistry, withinTime } from './registry.ts';
import { SoftwareKeystore } from './software.ts';

const freshPath = (): string => join(temporaryDirectory('keystore'), 'keys.json');

async function open(): Promise<ProviderHarness> {
  const path = freshPath();
  const provider = new SoftwareKeystore(path);
  const names = {
    DISABLED: 'disabled',
    PENDING_DELETION: 'pending-deletion',
    FORBIDDEN: 'forbidden',
    ENABLED: 'enabled',
  } as const;
  return {
    provider: withinTime(provider, KEYSTORE_TIMEOUT_MS),
    newKey: () => provider.createKey(),
    set: async (reference, state) => {
      if (state === 'NOT_FOUND') await provider.deleteKey(reference);
      else await provider.setState(reference, names[state]);
    },
    cutOff: async () => {
      await rename(path, `${path}.away`);
      return () => rename(`${path}.away`, path);
    },
  };
}

providerContract('software', open, {
  states: ['DISABLED', 'PENDING_DELETION', 'FORBIDDEN', 'NOT_FOUND'],
  imports: true,
});

test('the file is private, and says what it is worth', async () => {
  const path = freshPath();
  await new SoftwareKeystore(path).createKey();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.match(await readFile(path, 'utf8'), /FOR DEVELOPMENT/);
});

test('a file that others may read, or that makes no sense, is UNKNOWN: nothing is concluded from it', async () => {
  const path = freshPath();
  const keystore = new SoftwareKeystore(path);
  const key = await keystore.createKey();
  await chmod(path, 0o644);
  assert.equal(await keystore.describe(key), 'UNKNOWN');
  await chmod(path, 0o600);
  await writeFile(path, '{"keys": 7}');
  assert.equal(await keystore.describe(key), 'UNKNOWN');
  assert.equal(await keystore.credentialIsGood(key), false);
  await assert.rejects(keystore.createKey(), KeystoreError, 'a broken file is not overwritten');
});

test('keys made at the same time are all kept', async () => {
  const keystore = new SoftwareKeystore(freshPath());
  const keys = await Promise.all(Array.from({ length: 10 }, () => keystore.createKey()));
  for (const key of keys) assert.equal(await keystore.describe(key), 'ENABLED');
});

test('a withdrawn permission on the only key proves nothing about our credential', async () => {
  const keystore = new SoftwareKeystore(freshPath());
  const key = await keystore.createKey();
  await keystore.setState(key, 'forbidden');
  assert.equal(await keystore.credentialIsGood(key), false);
});

test('a provider that hangs is UNREACHABLE after the time limit', async () => {
  const hanging = () => new Promise<never>(() => undefined);
  const provider = withinTime(
    {
      kind: 'hanging',
      inspect: hanging,
      generateDataKey: hanging,
      unwrap: hanging,
      credentialIsGood: hanging,
    },
    20,
  );
  assert.equal(await provider.describe('key'), 'UNREACHABLE');
  assert.equal(await provider.credentialIsGood('key'), false);
  await assert.rejects(provider.unwrap('key', 'wrapped'), { code: 'KEYSTORE_UNREACHABLE' });
  assert.equal(provider.createKey, undefined);
});

test('a keystore of a kind that this build does not have is refused by name', () => {
  assert.throws(
    () => createKeystoreRegistry()({ name: 'x', kind: 'abacus', config: { path: '/x' } }),
    /abacus/,
  );
});
