/** Azure Key Vault and Managed HSM by their SDK, with a service principal of Entra, against their double. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type FakeAzure, startAzure } from '../../testkit/keystores/azure.ts';
import { testPki } from '../../testkit/pki.ts';
import { AzureKeystore } from './azure.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS } from './provider.ts';
import { withinTime } from './registry.ts';

interface Started {
  readonly fake: FakeAzure;
  readonly harness: ProviderHarness;
}
const fakes: FakeAzure[] = [];
after(() => Promise.all(fakes.map((fake) => fake.close())));

async function start(service: 'vault' | 'managed-hsm'): Promise<Started> {
  const pki = await testPki();
  const server = await pki.server();
  const fake = await startAzure(service, { cert: server.certificatePem, key: server.privateKeyPem });
  fakes.push(fake);
  const directory = temporaryDirectory('azure');
  const [clientSecretFile, caFile] = [join(directory, 'secret'), join(directory, 'ca.pem')];
  await writeFile(clientSecretFile, fake.clientSecret, { mode: 0o600 });
  await chmod(clientSecretFile, 0o600);
  await writeFile(caFile, pki.ca.certificatePem);
  const config = {
    vaultUrl: fake.url,
    service,
    tenantId: fake.tenantId,
    clientId: fake.clientId,
    clientSecretFile,
    authorityHost: fake.url,
    caFile,
  };
  const nameOf = (key: string): string => key.split('/').at(-1) ?? '';
  return {
    fake,
    harness: {
      provider: withinTime(new AzureKeystore(config), KEYSTORE_TIMEOUT_MS),
      newKey: async () => fake.console.createKey(),
      otherNames: (reference) => [reference.toUpperCase(), nameOf(reference).toUpperCase()],
      set: async (key, state) => {
        const name = nameOf(key);
        if (state === 'DISABLED') fake.console.disable(name);
        else if (state === 'PENDING_DELETION') fake.console.delete(name);
        else if (state === 'NOT_FOUND') fake.console.purge(name);
        else if (state === 'FORBIDDEN') fake.console.forbid(name);
        else fake.console.enable(name);
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

const states = ['DISABLED', 'PENDING_DELETION', 'FORBIDDEN', 'NOT_FOUND'] as const;
for (const service of ['vault', 'managed-hsm'] as const) {
  let shared: Promise<Started> | undefined;
  const open = (): Promise<Started> => {
    shared ??= start(service);
    return shared;
  };
  providerContract(`azure ${service}`, async () => (await open()).harness, { states, imports: true });
}

test('a rotated key opens what its older version wrapped, and an identifier is the same as a name', async () => {
  const { fake, harness } = await start('vault');
  const key = await harness.newKey();
  const { reference, version } = await harness.provider.inspect(key);
  assert.equal(reference, `${fake.url}/keys/${key}`);
  const { wrapped, plaintext } = await harness.provider.generateDataKey(reference);
  fake.console.rotate(key);
  assert.notEqual((await harness.provider.inspect(reference)).version, version);
  assert.deepEqual(await harness.provider.unwrap(key, wrapped), plaintext);
});

test('an expired key is disabled; a vault whose network rules shut CMK out is away', async () => {
  const { fake, harness } = await start('vault');
  const [key, other] = [await harness.newKey(), await harness.newKey()];
  fake.console.expire(key);
  assert.equal(await harness.provider.describe(key), 'DISABLED');
  fake.closeFirewall();
  assert.equal(await harness.provider.describe(other), 'UNREACHABLE');
});
