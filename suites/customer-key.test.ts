/**
 * A customer holds the key of a running installation at AWS (its double), by the command line alone: linked, in use,
 * disabled at the provider, refused by every gateway, and given back.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Application, Ciphertext } from '../cli/kmip/application.ts';
import { type FakeAwsKms, startAwsKms } from '../testkit/keystores/aws-kms.ts';
import { eventually, System } from '../testkit/system.ts';

const TENANT = 'acme';
/** As a development installation is configured (cli/installation/configs.ts). */
const PROBE_EVERY_MS = 5_000;
const PATIENCE_MS = 30_000;

let system: System;
let aws: FakeAwsKms;
let reference: string;
const seats: { region: string; application: Application; uid: string; sealed: Ciphertext }[] = [];

before(async () => {
  [system, aws] = await Promise.all([System.start(), startAwsKms()]);
  reference = aws.console.createKey();
});
after(async () => {
  await system?.interrupt();
  await aws?.close();
});

const works = async ({ application, uid }: (typeof seats)[number]): Promise<boolean> =>
  application.encrypt(uid, Buffer.from('x')).then(
    () => true,
    () => false,
  );
const everywhere = async (wanted: boolean): Promise<boolean> =>
  (await Promise.all(seats.map(works))).every((each) => each === wanted);

test('a key at AWS is registered, proved and linked in both regions, while the application goes on', async () => {
  const credentialsFile = join(system.home, 'cmk', 'aws.json');
  await writeFile(credentialsFile, JSON.stringify(aws.cmk), { mode: 0o600 });
  await chmod(credentialsFile, 0o600);
  const set = { region: aws.region, endpoint: aws.url, credentialsFile };
  await system.must(
    ...['keystore', 'add', 'aws', '--kind', 'aws-kms'],
    ...Object.entries(set).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  );
  const registered = await system.must(
    ...['key', 'register', TENANT, '--alias', 'own', '--keystore', 'aws', '--reference', reference],
  );
  assert.match(registered.stdout, /^own is ENABLED at keystore aws: arn:aws:kms:/);
  const linked = await system.must('link', TENANT, '--key', 'own');
  assert.match(linked.stdout, /active/);
  for (const region of system.regions) {
    const application = await system.application(region);
    const uid = await application.create({ active: true });
    seats.push({ region, application, uid, sealed: await application.encrypt(uid, randomBytes(32)) });
  }
  assert.ok(await everywhere(true));
});

test('disabled at AWS: every gateway refuses within the probe interval and a second, and the status says why', async () => {
  aws.console.disable(reference);
  const startedAt = performance.now();
  await eventually('both gateways refuse', PATIENCE_MS, () => everywhere(false));
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < PROBE_EVERY_MS + 1_000, `it took ${Math.round(tookMs)} ms`);
  const { stdout } = await system.must('status');
  assert.match(stdout, /acme\/own at keystore aws \(aws-kms\): DISABLED/);
  assert.match(stdout, /the customer has disabled the key; so since 20\S+, last good 20/);
  assert.match(stdout, /the customer can mend it: enable the key/);
});

test('enabled again it is proved and linked, and opens what was sealed before', async () => {
  aws.console.enable(reference);
  await system.must('key', 'prove', TENANT, 'own');
  await system.must('link', TENANT, '--key', 'own');
  await eventually('both gateways serve', PATIENCE_MS, () => everywhere(true));
  for (const { application, uid, sealed } of seats)
    assert.equal((await application.decrypt(uid, sealed)).length, 32);
});
