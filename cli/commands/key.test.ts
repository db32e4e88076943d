/** The commands about L1 keys and keystores against a governance plane, as somebody types them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { TOKEN, until, type World } from '../../governance/test-world.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type CommandResult, okcm as run } from '../../testkit/system.ts';
import { pointAt } from './test-home.test.ts';

const home = temporaryDirectory('okcm-key');
let world: World;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  await pointAt(home, world, TOKEN);
  await world.must(202, 'POST', '/v1/tenants', { id: 'acme' });
  await until('acme is active', async () => {
    return (await world.must(200, 'GET', '/v1/tenants/acme')).state === 'active';
  });
});
after(() => world.close());

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

test('a keystore is added, and a key in it registered, proved and listed', async () => {
  const path = join(dirname(world.keystorePath), 'mine.json');
  const add = ['keystore', 'add', 'mine', '--kind', 'software', '--set', `path=${path}`];
  assert.equal(await ok(...add), 'keystore mine is registered\n');
  assert.equal(await ok(...add), 'keystore mine was registered before\n');
  assert.match(await ok('keystore', 'list'), /^ *mine +software +– +path=/m);
  const made = await ok('key', 'register', 'acme', '--alias', 'first', '--keystore', 'mine', '--create');
  assert.match(made, /^first is ENABLED at keystore mine: [0-9a-f-]{36}$/m);
  assert.match(await ok('key', 'prove', 'acme', 'first'), /^first is ENABLED/);
  assert.match(await ok('key', 'list', 'acme'), /^ *first +default +yes +mine +ENABLED/m);
  const both = await okcm('key', 'register', 'acme', '--alias', 'x', '--keystore', 'mine');
  assert.deepEqual([both.code, /--reference or --create/.test(both.stderr)], [2, true]);
});

test('material of one’s own is wrapped here and brought; a file that others can read is refused', async () => {
  const file = join(temporaryDirectory('material'), 'key.bin');
  await writeFile(file, randomBytes(32), { mode: 0o644 });
  await chmod(file, 0o644);
  const command = ['key', 'import', 'acme', '--alias', 'own', '--keystore', 'mine', '--material', file];
  const open = await okcm(...command);
  assert.deepEqual([open.code, /chmod 600/.test(open.stderr)], [1, true]);
  await chmod(file, 0o600);
  assert.match(await ok(...command), /^own is ENABLED at keystore mine: /);
  const stored = await readFile(join(dirname(world.keystorePath), 'mine.json'), 'utf8');
  assert.ok(stored.includes((await readFile(file)).toString('base64')), 'it is the very material');
});

test('material can be wrapped elsewhere, by the key that the command writes', async () => {
  const directory = temporaryDirectory('elsewhere');
  const [publicKey, wrapped] = [join(directory, 'wrap.pem'), join(directory, 'wrapped.bin')];
  const shown = await ok(
    ...['key', 'import', 'acme', '--alias', 'abroad', '--keystore', 'mine', '--public-key', publicKey],
  );
  assert.match(shown, /waits for its material \(AES_256\) until 20/);
  assert.match(shown, /wrap it by RSA_AES_KEY_WRAP_SHA_256/);
  const material = join(directory, 'material.bin');
  await writeFile(material, randomBytes(32), { mode: 0o600 });
  await chmod(material, 0o600);
  await ok(
    ...['key', 'wrap', '--public-key', publicKey, '--algorithm', 'RSA_AES_KEY_WRAP_SHA_256'],
    ...['--material', material, '--out', wrapped],
  );
  assert.match(await ok('key', 'upload', 'acme', 'abroad', '--wrapped', wrapped), /^abroad is ENABLED/);
});

test('the status says of a withdrawn key why, since when, and who can mend it', async () => {
  const { reference } = await world.must(200, 'GET', '/v1/tenants/acme/keys/first');
  const { SoftwareKeystore } = await import('../../governance/keystores/software.ts');
  const keystore = new SoftwareKeystore(join(dirname(world.keystorePath), 'mine.json'));
  assert.doesNotMatch(await ok('status'), /L1 key/);
  await keystore.setState(reference, 'disabled');
  const refused = await okcm('key', 'prove', 'acme', 'first');
  assert.deepEqual([refused.code, /DISABLED/.test(refused.stderr)], [1, true]);
  const status = await ok('status');
  assert.match(status, /L1 key {3}acme\/first at keystore mine \(software\): DISABLED/);
  assert.match(status, /the customer has disabled the key; so since 20\S+, last good 20/);
  assert.match(status, /the customer can mend it: enable the key at its keystore/);
});
