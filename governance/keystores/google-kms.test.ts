/** Google Cloud KMS by its client, over gRPC and TLS, against a double made from the .proto that the client ships. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type FakeGoogleKms, startGoogleKms } from '../../testkit/keystores/google-kms.ts';
import { testPki } from '../../testkit/pki.ts';
import { GoogleKmsKeystore } from './google-kms.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS } from './provider.ts';
import { withinTime } from './registry.ts';

interface Started {
  readonly fake: FakeGoogleKms;
  readonly harness: ProviderHarness;
}
const fakes: FakeGoogleKms[] = [];
after(() => Promise.all(fakes.map((fake) => fake.close())));

async function start(): Promise<Started> {
  const pki = await testPki();
  const server = await pki.server();
  const fake = await startGoogleKms({ cert: server.certificatePem, key: server.privateKeyPem });
  fakes.push(fake);
  const directory = temporaryDirectory('google');
  const [credentialsFile, caFile] = [join(directory, 'account.json'), join(directory, 'ca.pem')];
  await writeFile(credentialsFile, JSON.stringify(fake.serviceAccount), { mode: 0o600 });
  await chmod(credentialsFile, 0o600);
  await writeFile(caFile, pki.ca.certificatePem);
  const config = { keyRing: fake.keyRing, endpoint: fake.endpoint, credentialsFile, caFile };
  return {
    fake,
    harness: {
      provider: withinTime(new GoogleKmsKeystore(config), KEYSTORE_TIMEOUT_MS),
      newKey: async () => fake.console.createKey(),
      otherNames: (reference) => [reference.replace('projects/bank/', 'projects/471100000000/')],
      set: async (key, state) => {
        if (state === 'NOT_FOUND') fake.console.delete(key);
        else if (state === 'FORBIDDEN') fake.console.forbid(key);
        else fake.console.setState(key, state === 'PENDING_DELETION' ? 'DESTROY_SCHEDULED' : state);
      },
      cutOff: async () => {
        fake.cutOff();
        return async () => fake.reconnect();
      },
      throttleNext: () => fake.throttle(1),
      spoilCredential: async () => fake.revokeCredential(),
    },
  };
}

let shared: Promise<Started> | undefined;
const open = (): Promise<Started> => {
  shared ??= start();
  return shared;
};

providerContract('google-kms', async () => (await open()).harness, {
  states: ['DISABLED', 'PENDING_DELETION', 'FORBIDDEN', 'NOT_FOUND'],
  imports: true,
});

test('a rotated key opens what its older version wrapped, until that is disabled', async () => {
  const { fake, harness } = await start();
  const key = await harness.newKey();
  const { wrapped, plaintext } = await harness.provider.generateDataKey(key);
  fake.console.rotate(key);
  assert.equal((await harness.provider.inspect(key)).version, '2');
  assert.deepEqual(await harness.provider.unwrap(key, wrapped), plaintext);
  fake.console.setState(key, 'DESTROYED');
  assert.equal(await harness.provider.describe(key), 'NOT_FOUND');
});

test('a list that CMK may not read is a good credential all the same', async () => {
  const { fake, harness } = await start();
  const key = await harness.newKey();
  fake.forbidList();
  assert.equal(await harness.provider.credentialIsGood(key), true);
});
