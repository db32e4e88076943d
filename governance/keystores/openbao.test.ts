/** The transit engine of an OpenBao or Vault, over TLS with an authority of its own and a namespace, against its double. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type FakeTransit, startOpenBaoTransit } from '../../testkit/keystores/openbao-transit.ts';
import { testPki } from '../../testkit/pki.ts';
import { OpenBaoKeystore } from './openbao.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS } from './provider.ts';
import { withinTime } from './registry.ts';

interface Started {
  readonly fake: FakeTransit;
  readonly harness: ProviderHarness;
}
const fakes: FakeTransit[] = [];
after(() => Promise.all(fakes.map((fake) => fake.close())));

async function start(): Promise<Started> {
  const pki = await testPki();
  const server = await pki.server();
  const fake = await startOpenBaoTransit({ cert: server.certificatePem, key: server.privateKeyPem });
  fakes.push(fake);
  const directory = temporaryDirectory('openbao');
  const [tokenFile, caFile] = [join(directory, 'token'), join(directory, 'ca.pem')];
  await writeFile(tokenFile, `${fake.token}\n`, { mode: 0o600 });
  await chmod(tokenFile, 0o600);
  await writeFile(caFile, pki.ca.certificatePem);
  const config = { address: fake.url, mount: fake.mount, namespace: fake.namespace, tokenFile, caFile };
  return {
    fake,
    harness: {
      provider: withinTime(new OpenBaoKeystore(config), KEYSTORE_TIMEOUT_MS),
      newKey: async () => fake.console.createKey(),
      set: async (key, state) => {
        if (state === 'NOT_FOUND') fake.console.delete(key);
        else if (state === 'FORBIDDEN') fake.console.forbid(key);
        else fake.console.allow(key);
      },
      cutOff: async () => {
        fake.cutOff();
        return async () => fake.reconnect();
      },
      throttleNext: () => fake.throttle(1),
      spoilCredential: async () => fake.revokeToken(),
    },
  };
}

let shared: Promise<Started> | undefined;
const open = (): Promise<Started> => {
  shared ??= start();
  return shared;
};

providerContract('openbao', async () => (await open()).harness, {
  states: ['FORBIDDEN', 'NOT_FOUND'],
  imports: true,
});

test('a rotated key opens what its older version wrapped, until that is disallowed', async () => {
  const { fake, harness } = await start();
  const key = await harness.newKey();
  const { wrapped, plaintext } = await harness.provider.generateDataKey(key);
  fake.console.rotate(key);
  assert.equal((await harness.provider.inspect(key)).version, '2');
  assert.deepEqual(await harness.provider.unwrap(key, wrapped), plaintext);
  fake.console.setMinimum(key, 2);
  await assert.rejects(harness.provider.unwrap(key, wrapped), { code: 'KEYSTORE_DISABLED' });
});

test('a 404 of somebody in between is no word about the key', async () => {
  const between = createServer((_request, response) => response.writeHead(404).end('default backend - 404'));
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const { port } = between.address() as AddressInfo;
  const tokenFile = join(temporaryDirectory('openbao'), 'token');
  await writeFile(tokenFile, 'a-token', { mode: 0o600 });
  const provider = withinTime(
    new OpenBaoKeystore({ address: `http://127.0.0.1:${port}`, tokenFile }),
    KEYSTORE_TIMEOUT_MS,
  );
  assert.equal(await provider.describe('acme'), 'UNREACHABLE');
  between.close();
});

test('a sealed engine is an engine that is away', async () => {
  const { fake, harness } = await start();
  const key = await harness.newKey();
  fake.seal(true);
  assert.equal(await harness.provider.describe(key), 'UNREACHABLE');
  fake.seal(false);
  assert.equal(await harness.provider.describe(key), 'ENABLED');
});
