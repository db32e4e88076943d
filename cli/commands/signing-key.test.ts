/** The commands about signing keys, dead letters and refused messages against a governance plane, as somebody types them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TOKEN, until, type World } from '../../governance/test-world.ts';
import { statusChannel } from '../../orbital/index.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type CommandResult, okcm as run } from '../../testkit/system.ts';
import { pointAt } from './test-home.test.ts';

const home = temporaryDirectory('okcm-signing');
let world: World;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  await pointAt(home, world, TOKEN);
});
after(() => world?.close());

async function okcm(...args: string[]): Promise<CommandResult> {
  const ran = await run(...args, '--home', home);
  assert.doesNotMatch(ran.stderr, /^\s+at /m, 'no stack trace');
  return ran;
}
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await okcm(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

test('governance’s key is announced, goes over by itself, and the old one is retired', async () => {
  assert.match(await ok('signing-key', 'list'), /^ *cmk +active/m);
  assert.match(await ok('signing-key', 'rotate', 'cmk-2'), /^cmk-2: announced/);
  await until('it is active', async () => /cmk-2 +active .*north/.test(await ok('signing-key', 'list')));
  const unsure = await okcm('signing-key', 'retire', 'cmk');
  assert.deepEqual([unsure.code, /--yes/.test(unsure.stderr)], [2, true]);
  const early = await okcm('signing-key', 'retire', 'cmk', '--yes');
  assert.match(early.stderr, /SIGNING_KEY_IN_USE/);
  await world.query(`UPDATE signing_keys SET since = since - interval '1 minute'`);
  assert.match(await ok('signing-key', 'retire', 'cmk', '--yes'), /^cmk: retired/);
  await ok('signing-key', 'rotate', 'cmk-3');
  await until('it is active', async () => /cmk-3 +active/.test(await ok('signing-key', 'list')));
  assert.match(await ok('signing-key', 'retire', 'cmk-2', '--stolen', '--yes'), /^cmk-2: retired/);
});

test('a region’s key is rotated by the region, or brought by hand', async () => {
  assert.match(
    await ok('signing-key', 'rotate', 'north-2', '--region', 'north'),
    /^north: job [0-9a-f-]{36}/,
  );
  await until('the region has gone over', async () =>
    /north-2 +active/.test(await ok('signing-key', 'list', '--region', 'north')),
  );
  const file = join(home, 'brought.pem');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  await writeFile(file, publicKey.export({ type: 'spki', format: 'pem' }));
  const brought = ['signing-key', 'rotate', 'north-3', '--region', 'north', '--public-key', file];
  assert.match(await ok(...brought), /^north: north-3 counts from now on/);
  const retire = ['signing-key', 'retire', 'region:north', '--region', 'north', '--yes'];
  assert.match(await ok(...retire), /^north: region:north is retired/);
  world.regions[0]?.signer.use({ keyId: 'north-3', privateKey });
  // Its thief keeps it in use.
  await world.query(`UPDATE region_keys SET heard_at = now() + interval '1 minute' WHERE key_id = 'north-2'`);
  const stolen = ['signing-key', 'retire', 'north-2', '--region', 'north', '--yes'];
  assert.match((await okcm(...stolen)).stderr, /SIGNING_KEY_IN_USE/);
  assert.match(await ok(...stolen, '--stolen'), /^north: north-2 is retired/);
});

test('dead letters are shown with their reason and asked once more; refused messages are listed', async () => {
  const [north] = world.regions;
  assert.ok(north);
  north.interfere = (kind) =>
    kind === 'TENANT_PROVISION'
      ? { failed: { code: 'LIMIT_REACHED', message: 'no room', retryable: false } }
      : undefined;
  await world.must(202, 'POST', '/v1/tenants', { id: 'dead' });
  await until('it has failed', async () =>
    /LIMIT_REACHED: no room/.test(await ok('jobs', 'failed', '--region', 'north')),
  );
  north.interfere = undefined;
  const filter = ['--code', 'LIMIT_REACHED', '--tenant', 'dead'];
  assert.match(
    await ok('jobs', 'retry-failed', ...filter, '--yes'),
    /^1 jobs are asked once more, 0 are left/,
  );
  await north.transport.publish(statusChannel(), Buffer.from('garbage'));
  await until('it is listed', async () => /MALFORMED +okcm\.status/.test(await ok('jobs', 'refused')));
});
