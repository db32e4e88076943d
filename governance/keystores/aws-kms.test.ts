/** AWS KMS by its SDK, against a double that botocore's service model and boto3 hold to what AWS says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type FakeAwsKms, startAwsKms } from '../../testkit/keystores/aws-kms.ts';
import { requireService } from '../../testkit/services.ts';
import { AwsKmsKeystore } from './aws-kms.ts';
import { type ProviderHarness, providerContract } from './provider.contract.ts';
import { KEYSTORE_TIMEOUT_MS } from './provider.ts';
import { withinTime } from './registry.ts';

interface Started {
  readonly fake: FakeAwsKms;
  readonly harness: ProviderHarness;
}
const fakes: FakeAwsKms[] = [];
after(() => Promise.all(fakes.map((fake) => fake.close())));

async function start(): Promise<Started> {
  const fake = await startAwsKms();
  fakes.push(fake);
  const credentialsFile = join(temporaryDirectory('aws'), 'credentials.json');
  await writeFile(credentialsFile, JSON.stringify(fake.cmk), { mode: 0o600 });
  await chmod(credentialsFile, 0o600);
  const config = { region: fake.region, endpoint: fake.url, credentialsFile };
  return {
    fake,
    harness: {
      provider: withinTime(new AwsKmsKeystore(config), KEYSTORE_TIMEOUT_MS),
      newKey: async () => fake.console.createKey(),
      set: async (key, state) => {
        if (state === 'DISABLED') fake.console.disable(key);
        else if (state === 'PENDING_DELETION') fake.console.scheduleDeletion(key);
        else if (state === 'NOT_FOUND') fake.console.purge(key);
        else if (state === 'FORBIDDEN') fake.console.forbid(key);
        else fake.console.enable(key);
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

test('the double answers as the service model of botocore says, and boto3 can work with it', async () => {
  requireService('boto3');
  const { fake } = await open();
  const script = fileURLToPath(new URL('../../testkit/keystores/aws-kms-model.py', import.meta.url));
  const { stdout } = await promisify(execFile)(
    requireService('python'),
    [script, fake.url, fake.region, fake.customer.accessKeyId, 'OKCM_TEST_AWS_SECRET'],
    { env: { PATH: '/usr/bin', OKCM_TEST_AWS_SECRET: fake.customer.secretAccessKey } },
  );
  const checked = stdout.trim().split('\n');
  // Every operation that our side uses, and every error that it maps.
  for (const wanted of [
    'CreateKey',
    'DescribeKey',
    'DescribeKey NotFoundException',
    'ListKeys',
    'GenerateDataKey',
    'GenerateDataKey DisabledException',
    'GenerateDataKey KMSInvalidStateException',
    'Decrypt',
    'Decrypt IncorrectKeyException',
    'Decrypt InvalidCiphertextException',
    'GetParametersForImport',
    'ImportKeyMaterial InvalidCiphertextException',
  ])
    assert.ok(checked.includes(wanted), `${wanted} was not held against the model`);
});

providerContract('aws-kms', async () => (await open()).harness, {
  states: ['DISABLED', 'PENDING_DELETION', 'FORBIDDEN', 'NOT_FOUND'],
  imports: true,
});

test('an alias is resolved to the key it points to: two names of one key are one reference', async () => {
  const { fake, harness } = await start();
  const [key, other] = [await harness.newKey(), await harness.newKey()];
  fake.console.pointAlias('alias/acme', key);
  const id = key.split('/').at(-1) ?? '';
  for (const name of ['alias/acme', key, id])
    assert.equal((await harness.provider.inspect(name)).reference, key);
  const { wrapped } = await harness.provider.generateDataKey('alias/acme');
  fake.console.pointAlias('alias/acme', other);
  await assert.rejects(harness.provider.unwrap('alias/acme', wrapped), { code: 'KEYSTORE_UNKNOWN' });
  assert.equal((await harness.provider.unwrap(key, wrapped)).length, 32);
});

test('permissions that CMK has lost altogether are not taken for a customer’s refusal', async () => {
  const { fake, harness } = await start();
  const key = await harness.newKey();
  await harness.set(key, 'FORBIDDEN');
  assert.equal(await harness.provider.credentialIsGood(key), true);
  fake.revokeCredential();
  assert.equal(await harness.provider.credentialIsGood(key), false);
});
