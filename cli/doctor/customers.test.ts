/** What the doctor sees of tenants' links and keystores in a governance plane that runs. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { World } from '../../governance/test-world.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { testWorld } from '../../testkit/governance.ts';
import { examine } from './doctor.ts';
import type { Outcome } from './verdict.ts';

let world: World;
let file: string;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  file = join(dirname(world.keystorePath), 'config.json');
  await writePrivate(file, JSON.stringify(world.config));
  for (const tenant of ['acme', 'ended']) {
    await world.onboard(tenant);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    await world.linked(tenant, 'active');
  }
});
after(() => world?.close());

async function told(checked: RegExp): Promise<readonly (string | undefined)[][]> {
  const outcomes: readonly Outcome[] = await examine({ config: file });
  return outcomes
    .filter((outcome) => checked.test(outcome.checked))
    .map((one) => (one.state === 'ok' ? [one.checked, one.found] : [one.code, one.found, one.mend]));
}

test('a link that somebody has closed, but for tenants that are blocked; and keys in trouble', async () => {
  const links = /^(links of tenants|L1 keys)$/;
  assert.deepEqual(await told(links), [
    ['links of tenants', 'none is closed'],
    ['L1 keys', 'none is in trouble'],
  ]);
  await world.must(202, 'POST', '/v1/tenants/acme/unlink', { reason: 'a stolen laptop' });
  await world.linked('acme', 'closed');
  await world.must(202, 'POST', '/v1/tenants/ended/block', { reason: 'the contract has ended' });
  await world.linked('ended', 'closed');
  await world.query(
    `UPDATE l1_keys SET warning = 'UNREACHABLE', warning_since = now(), probe_at = now() + interval '1 hour'`,
  );
  const [link, key, ...others] = await told(links);
  assert.deepEqual(others, []);
  assert.deepEqual([link?.[0], link?.[2]], ['LINK_CLOSED', 'okcm link acme']);
  assert.match(String(link?.[1]), /^the link of acme was closed at 20\S+Z in one region: a stolen laptop$/);
  assert.deepEqual([key?.[0], key?.[2]], ['KEY_IN_TROUBLE', 'okcm key list acme']);
  assert.match(String(key?.[1]), /^acme\/main at keystore soft is UNREACHABLE$/);
});

test('a keystore whose credential is not there, and one that names none and has opened no key yet', async () => {
  const credentialsFile = join(dirname(world.keystorePath), 'aws.json');
  await writePrivate(credentialsFile, '{}');
  const add = (name: string, config: object) =>
    world.must(201, 'POST', '/v1/keystores', { name, kind: 'aws-kms', config });
  await add('aws-file', { region: 'eu-west-1', credentialsFile });
  await add('aws-bare', { region: 'eu-west-1' });
  const bare = [
    'KEYSTORE_UNPROVED',
    'aws-kms names no credential, and none that the host may have for it has opened a key yet',
    'okcm keystore add NAME --kind aws-kms --set credentialsFile=FILE',
  ];
  const soft = ['keystore soft', 'software, has served'];
  assert.deepEqual(await told(/^keystore /), [bare, ['keystore aws-file', 'aws-kms'], soft]);
  await world.query(`UPDATE keystores SET config = jsonb_set(config, '{credentialsFile}', '"/nowhere/a;b"')
                      WHERE name = 'aws-file'`);
  assert.deepEqual(await told(/^keystore /), [
    bare,
    [
      'KEYSTORE_WITHOUT_CREDENTIAL',
      '/nowhere/a;b does not exist',
      `install -m 600 CREDENTIAL '/nowhere/a;b'`,
    ],
    soft,
  ]);
});
