/** The commands about tenants, their key configurations and systems, and jobs, as somebody types them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TOKEN, type World } from '../../governance/test-world.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type CommandResult, okcm as run } from '../../testkit/system.ts';
import { pointAt } from './test-home.test.ts';

const home = temporaryDirectory('okcm-tenants');
let world: World;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  await pointAt(home, world, TOKEN);
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

test('a tenant is requested, provisioned, found and shown', async () => {
  assert.match(await ok('tenant', 'add', 'acme', '--request', '--name', 'Acme & Sons'), /^acme: requested/);
  assert.match(await ok('tenant', 'list', '--state', 'requested', '--search', 'AC'), /acme +requested/);
  assert.match(await ok('tenant', 'provision', 'acme'), /^acme: active: north active$/m);
  const jobs = JSON.parse(await ok('jobs', 'tasks', '--region', 'north', '--json'));
  assert.equal(jobs[0].kind, 'TENANT_PROVISION');
  const refused = await okcm('tenant', 'retry', 'acme');
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /no part of that has failed \(TENANT_STATE\)[\s\S]*GET \/v1\/tenants\/acme shows/,
  );
  const unknown = await okcm('tenant', 'show', 'nobody');
  assert.match(
    unknown.stderr,
    /\(TENANT_UNKNOWN\)\n {2}hint: .*you have no role there: `okcm --home \S+ whoami`/,
  );
  // What is cut says so.
  const long = 'long'.repeat(15);
  await world.must(202, 'POST', '/v1/tenants', { id: long });
  assert.match(await ok('jobs', 'list'), /TENANT_PROVISION +\S{39}… /);
  assert.match(await ok('jobs', 'tasks'), /TENANT_PROVISION +\S{39}… /);
});

test('a system is linked to a key configuration, whose first key is primary', async () => {
  for (const alias of ['first', 'second'])
    await world.must(201, 'POST', '/v1/tenants/acme/keys', { keystore: 'soft', alias, create: true });
  const changed = await ok('key-configuration', 'change', 'acme', 'default', '--primary', 'second');
  assert.match(changed, /^default: prepared; primary key second; keys first \(ENABLED\), second/);
  const added = ['--kind', 'SAP S/4HANA', '--external-id', 'client 100', '--key-configuration', 'default'];
  assert.match(
    await ok('system', 'add', 'acme', 'erp', ...added),
    /^erp \(SAP S\/4HANA client 100\): pending; default, key second$/m,
  );
  assert.match(await ok('system', 'list', 'acme'), /erp +SAP S\/4HANA +client 100/);
  assert.match(await ok('system', 'unlink', 'acme', 'erp'), /: unlinked$/m);
});
