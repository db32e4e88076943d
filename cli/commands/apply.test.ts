/** Declared state against a real CMK: what is planned, done, proposed, held and removed. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SECOND_TOKEN, TOKEN, until, type World } from '../../governance/test-world.ts';
import { startChild } from '../../testkit/children.ts';
import { declareTenants } from '../../testkit/declarations.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import { type CommandResult, okcm as run } from '../../testkit/system.ts';
import { carryOutPlan, makePlan, type Wanted } from '../apply/apply.ts';
import type { Execution } from '../apply/execute.ts';
import { countsOf, describePlan, describeResults } from '../apply/print.ts';
import { defaultRecord } from '../apply/record.ts';
import { keyOf, titleOf } from '../apply/things.ts';
import { CmkClient } from '../cmk/client.ts';
import { CliError } from '../errors.ts';
import { pointAt } from './test-home.test.ts';

/** Longer than CMK takes for one request. */
const SETTLED_MS = 500;
const EXAMPLE = fileURLToPath(new URL('../../docs/examples/gitops', import.meta.url));
const OKCM = fileURLToPath(new URL('../okcm.ts', import.meta.url));
const home = temporaryDirectory('okcm-apply');
let world: World;
let provider: OidcProvider;

before(async () => {
  provider = await startOidcProvider();
  const corp = { name: 'corp', issuer: provider.issuer, audience: OIDC_AUDIENCE, loginClientId: OIDC_CLIENT };
  world = await testWorld({
    regions: ['north'],
    link: { probeEveryMs: 5_000 },
    configure: (config) => ({
      ...config,
      auth: { ...config.auth, issuers: [corp], operators: { principals: ['corp:olga'] } },
    }),
  });
  await pointAt(home, world, TOKEN);
  const config = { path: world.keystorePath };
  await world.must(201, 'POST', '/v1/keystores', { name: 'development-keystore', kind: 'software', config });
});
after(async () => {
  await world?.close();
  await provider?.stop();
});

async function okcm(...args: string[]): Promise<CommandResult> {
  const ran = await run(...args, '--home', home);
  assert.doesNotMatch(ran.stderr, /^\s+at /m, 'no stack trace');
  return ran;
}

/** The same as the command does it, in this process. */
async function apply(from: string, options: Partial<Wanted> = {}, token = TOKEN) {
  const cmk = new CmkClient({ url: world.url(), token });
  const wanted: Wanted = {
    from,
    only: [],
    record: join(from, '..', 'record.json'),
    home,
    prune: false,
    pruneTenants: false,
    relink: false,
    ...options,
  };
  const planned = await makePlan(cmk, wanted, () => undefined);
  const counts = countsOf(planned.plan);
  const differs = planned.plan.filter(({ action }) => action !== 'same');
  return {
    counts,
    differs: differs.map(({ id, action }) => `${action} ${titleOf(id)}`),
    plan: planned.plan,
    carryOut: (): Promise<Execution> => carryOutPlan(cmk, planned, wanted.record, () => undefined),
  };
}
async function done(from: string, options: Partial<Wanted> = {}): Promise<Execution> {
  const execution = await (await apply(from, options)).carryOut();
  const bad = execution.results.filter(({ state }) => state !== 'done');
  assert.deepEqual(bad, []);
  return execution;
}
const statesOf = ({ results }: Execution): Record<string, string> =>
  Object.fromEntries(results.map(({ id, state }) => [titleOf(id), state]));

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const root = join(temporaryDirectory('declared'), 'declarations');
  await mkdir(root);
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
  return root;
}
const document = (kind: string, name: string, tenant: string | undefined, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'openkcm.io/v1', kind, metadata: { name, ...(tenant && { tenant }) }, spec })}\n---\n`;

test('the example of the guide: planned, applied, and the second time nothing is left to do', async () => {
  const planned = await okcm('apply', '-f', EXAMPLE, '--dry-run');
  assert.equal(planned.code, 2, planned.stderr);
  assert.match(planned.stdout, /\+ +Tenant acme-retail +displayName: "Acme Retail"/);
  assert.match(planned.stdout, /^12 to create, 0 to change, 0 to remove, 0 unchanged$/m);
  const applied = await okcm('apply', '-f', EXAMPLE, '--yes');
  assert.equal(applied.code, 0, applied.stdout + applied.stderr);
  assert.match(applied.stdout, /^12 done, 0 proposed, 0 failed$/m);
  assert.equal((await world.linked('acme-retail', 'active')).regions[0].key, 'main');
  const again = await okcm('apply', '-f', EXAMPLE, '--dry-run', '--json');
  assert.equal(again.code, 0, again.stdout);
  const { plan } = JSON.parse(again.stdout);
  assert.deepEqual([plan.counts.same, plan.entries], [12, []]);
  const application = await world.must(200, 'GET', '/v1/tenants/acme-retail/applications/billing');
  assert.deepEqual(application.services, ['invoices', 'orders']);
});

test('two dozen tenants: killed half-way, gone on with, and then one file edited is all that is planned', async () => {
  const root = join(temporaryDirectory('dozens'), 'declarations');
  const declared = await declareTenants(root, 24, { prefix: 'dozens' });
  const child = await startChild({
    name: 'okcm apply',
    command: process.execPath,
    args: [OKCM, 'apply', '-f', root, '--yes', '--record', join(root, '..', 'record.json'), '--home', home],
  });
  await until('some tenants are made', async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants?search=dozens');
    return items.length >= 6;
  });
  await child.kill();
  // CMK goes on with the request that was under way. Only then is what is there what the plan will find.
  let seen = '';
  await until('nothing is made any more', async () => {
    const before = seen;
    const { items } = await world.must(200, 'GET', '/v1/tenants?search=dozens');
    seen = JSON.stringify(items);
    await sleep(SETTLED_MS);
    return seen === before;
  });
  const half = await apply(root);
  assert.ok(half.counts.create > 0 && half.counts.create < declared.things, JSON.stringify(half.counts));
  // One that was being made may be there without all that it shall have.
  const { create, change, same } = half.counts;
  assert.equal(create + change + same, declared.things, half.differs.join());
  const { results } = await half.carryOut();
  assert.deepEqual(
    results.filter(({ state }) => state !== 'done'),
    [],
  );
  const whole = await apply(root);
  assert.deepEqual([whole.counts.same, whole.differs], [declared.things, []]);

  const [first = '', second = '', third = ''] = declared.tenants;
  const edit = async (tenant: string, from: RegExp, to: string): Promise<void> => {
    const text = await readFile(declared.fileOf(tenant), 'utf8');
    assert.match(text, from);
    await writeFile(declared.fileOf(tenant), text.replace(from, to));
  };
  await edit(first, /service: db/, 'service: null');
  const { plan } = await apply(root);
  const changed = plan.filter(({ action }) => action !== 'same');
  assert.deepEqual(
    changed.map(({ id, action, changes }) => [keyOf(id), action, changes]),
    [[`System ${first} erp`, 'change', [{ field: 'service', from: 'db', to: null }]]],
  );

  // Declared no longer: left without --prune; with it that alone goes, and not what somebody made by hand.
  await world.must(201, 'POST', `/v1/tenants/${second}/systems`, {
    name: 'by-hand',
    kind: 'CRM',
    externalId: '1',
  });
  await edit(second, /---\napiVersion: openkcm.io\/v1\nkind: System[\s\S]*$/, '');
  await writeFile(declared.fileOf(third), '');
  const systems: Partial<Wanted> = { only: ['System'] };
  assert.deepEqual((await apply(root, systems)).differs, [`change System ${first}/erp`]);
  const pruned = await apply(root, { prune: true });
  assert.deepEqual([pruned.counts.change, pruned.counts.remove, pruned.counts.left], [1, 1, 4]);
  assert.ok(pruned.differs.includes(`remove System ${second}/erp`));
  await pruned.carryOut();
  const { items } = await world.must(200, 'GET', `/v1/tenants/${second}/systems`);
  assert.deepEqual(
    items.map(({ name }: { name: string }) => name),
    ['by-hand'],
  );

  // The end of a tenant takes its own word, and two runs.
  const tenants: Partial<Wanted> = { only: ['Tenant'], pruneTenants: true };
  assert.deepEqual(statesOf(await done(root, tenants)), { [`Tenant ${third}`]: 'done' });
  const stateOf = async (): Promise<string> => (await world.must(200, 'GET', `/v1/tenants/${third}`)).state;
  await until('it is blocked', async () => (await stateOf()) === 'blocked');
  assert.deepEqual(statesOf(await done(root, tenants)), { [`Tenant ${third}`]: 'done' });
  await until('it is terminated', async () => (await stateOf()) === 'terminated');
  assert.deepEqual((await apply(root, tenants)).differs, []);
});

test('what takes four eyes is proposed once, and is there when it is approved', async () => {
  const tenant = 'careful';
  const root = await folder({
    'a.yaml': [
      document('Tenant', tenant, undefined, { policy: 'four-eyes', rotateLinkAfterSeconds: 3600 }),
      document('Key', 'main', tenant, { keystore: 'soft', create: true }),
      document('Link', tenant, undefined, { key: 'main' }),
    ].join(''),
  });
  const first = await apply(root);
  const { results } = await first.carryOut();
  assert.deepEqual(
    results.map(({ state }) => state),
    ['done', 'done', 'proposed'],
  );
  const id = results.at(-1)?.proposals[0]?.id;
  assert.ok(id);
  assert.match(
    describeResults(first.plan, results),
    new RegExp(`Link careful +link +okcm proposals approve careful ${id}`),
  );
  const waits = await apply(root);
  assert.deepEqual(waits.differs, ['wait Link careful']);
  assert.equal(waits.plan.find(({ action }) => action === 'wait')?.waits, id);
  assert.deepEqual((await waits.carryOut()).results, []);
  const pending = `/v1/tenants/${tenant}/proposals?state=pending`;
  assert.equal((await world.must(200, 'GET', pending)).items.length, 1);
  const approved = await world.call('POST', `/v1/tenants/${tenant}/proposals/${id}/approve`, undefined, {
    authorization: `Bearer ${SECOND_TOKEN}`,
  });
  assert.equal(approved.status, 202);
  assert.deepEqual((await apply(root)).differs, []);

  // Of the fields of a tenant one waits, and the other is changed at once.
  const text = await readFile(join(root, 'a.yaml'), 'utf8');
  await writeFile(join(root, 'a.yaml'), text.replace('3600', '7200,"displayName":"Careful"'));
  const both = await (await apply(root)).carryOut();
  assert.equal(both.results[0]?.state, 'proposed');
  assert.deepEqual((await apply(root)).differs, ['wait Tenant careful']);
  assert.equal((await world.must(200, 'GET', `/v1/tenants/${tenant}`)).displayName, 'Careful');
});

test('what fails hinders nothing but what needs it, and is done once it is mended', async () => {
  const tenant = 'clumsy';
  const key = document('Key', 'main', tenant, { keystore: 'not-there', create: true });
  const root = await folder({
    'a.yaml':
      document('Tenant', tenant, undefined, {}) +
      document('Service', 'db', tenant, {}) +
      document('Link', tenant, undefined, { key: 'main' }) +
      document('System', 'erp', tenant, { kind: 'ERP', externalId: '1', service: 'db' }),
    'key.yaml': key,
  });
  const ran = await okcm('apply', '-f', root, '--yes', '--record', join(root, '..', 'record.json'));
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /Key clumsy\/main +there is no keystore not-there \(KEYSTORE_UNKNOWN\)/);
  assert.match(ran.stdout, /Link clumsy +needs Key clumsy\/main \(SKIPPED\)/);
  assert.match(ran.stdout, /^3 done, 0 proposed, 1 failed, 1 skipped$/m);
  await writeFile(join(root, 'key.yaml'), key.replace('not-there', 'soft'));
  assert.deepEqual(statesOf(await done(root)), { 'Key clumsy/main': 'done', 'Link clumsy': 'done' });

  // What somebody has closed is opened again by nobody but who says so.
  await world.linked(tenant, 'active');
  await world.must(202, 'POST', `/v1/tenants/${tenant}/unlink`, { reason: 'a stolen laptop' });
  await world.linked(tenant, 'closed');
  assert.deepEqual((await apply(root)).differs, ['held Link clumsy']);

  // The end says what is held and what was refused, beside what was done; and it is no success.
  await writeFile(
    join(root, 'b.yaml'),
    document('Workspace', 'plant', tenant, {}) +
      document('System', 'crm', tenant, { kind: 'CRM', externalId: '1' }),
  );
  await done(root);
  await writeFile(
    join(root, 'b.yaml'),
    document('Service', 'files', tenant, {}) +
      document('System', 'crm', tenant, { kind: 'CRM', externalId: '2' }),
  );
  const record = join(root, '..', 'record.json');
  const partly = await okcm('apply', '-f', root, '--yes', '--record', record);
  assert.equal(partly.code, 1, partly.stdout + partly.stderr);
  const { stdout } = partly;
  assert.match(
    stdout,
    /^1 done, 0 proposed, 0 failed, 1 held \(Link clumsy\), 1 refused \(System clumsy\/crm\)$/m,
  );
  assert.match(stdout, /the link of clumsy was closed by ada at 20\S+Z: a stolen laptop/);
  assert.match(stdout, /externalId of System clumsy\/crm cannot be changed/);
  const command = `okcm --home ${home} apply -f ${root} --record ${record} --relink`;
  assert.ok(stdout.includes(`${command} opens again what was closed`), stdout);
  assert.match(partly.stdout + partly.stderr, /carry out 1 change\b(?!s)/);
  // With nothing to do it is no success either.
  const held = await okcm('apply', '-f', root, '--yes', '--record', record, '--only', 'Link');
  assert.deepEqual([held.code, /1 held \(Link clumsy\)/.test(held.stdout)], [1, true], held.stdout);

  const again = await apply(root, { relink: true, only: ['Link'] });
  assert.deepEqual([again.differs, again.counts.create], [['reopen Link clumsy'], 0]);
  assert.match(describePlan(again.plan), /↻ +Link clumsy +opened again\n.*closed by ada/);
  assert.match(describePlan(again.plan), /, 1 to open again,/);
  assert.deepEqual(statesOf(await again.carryOut()), { 'Link clumsy': 'done' });
  await world.linked(tenant, 'active');
});

test('a tenant that was only requested ends in one run, which the plan says', async () => {
  const file = document('Tenant', 'wished', undefined, { provision: false });
  const root = await folder({
    'a.yaml': file + document('Tenant', 'stays', undefined, { provision: false }),
  });
  await done(root);
  await writeFile(join(root, 'a.yaml'), document('Tenant', 'stays', undefined, { provision: false }));
  const end = await apply(root, { pruneTenants: true });
  assert.match(
    describePlan(end.plan),
    /- +Tenant wished +state: "requested" → "terminated"\n +warning: this cannot be taken back: nobody will ever/,
  );
  await end.carryOut();
  assert.equal((await world.must(200, 'GET', '/v1/tenants/wished')).state, 'terminated');
});

test('groups and rules of approvers, before what they guard; a record of another installation is refused', async () => {
  const tenant = 'guarded';
  const rules =
    document('Tenant', tenant, undefined, {}) +
    document('ApproverGroup', 'officers', tenant, { members: ['bob', 'ada'] }) +
    document('ApprovalRule', 'unlink', tenant, { approvals: 1, groups: ['officers'] });
  const root = await folder({ 'a.yaml': rules });
  await done(root);
  assert.deepEqual((await apply(root)).differs, []);
  const { rules: set } = await world.must(200, 'GET', `/v1/tenants/${tenant}/approval-rules`);
  assert.deepEqual([set[0].action, set[0].groups], ['unlink', ['officers']]);
  await writeFile(join(root, 'a.yaml'), document('Tenant', tenant, undefined, {}));
  const gone = await apply(root, { prune: true });
  assert.deepEqual(gone.differs, [
    'remove ApprovalRule guarded/unlink',
    'remove ApproverGroup guarded/officers',
  ]);

  const record = join(root, '..', 'record.json');
  const text = await readFile(record, 'utf8');
  await writeFile(record, text.replace(world.url(), 'https://cmk.example.com'));
  await assert.rejects(
    apply(root),
    (error) => error instanceof CliError && error.code === 'RECORD_OF_ANOTHER',
  );
});

test('what is removed, and another folder declares as well, is warned of', async () => {
  const tenant = document('Tenant', 'twice', undefined, {});
  const both = tenant + document('System', 'erp', 'twice', { kind: 'ERP', externalId: '1' });
  const [one, two] = [await folder({ 'a.yaml': both }), await folder({ 'a.yaml': both })];
  for (const from of [one, two]) await done(from, { record: defaultRecord(home, from) });
  await writeFile(join(one, 'a.yaml'), tenant);
  const pruned = await apply(one, { prune: true, record: defaultRecord(home, one) });
  assert.deepEqual(pruned.differs, ['remove System twice/erp']);
  assert.ok(
    describePlan(pruned.plan).includes(`warning: ${two} has declared it, too`),
    describePlan(pruned.plan),
  );
});

test('mistakes are told before CMK is asked', async () => {
  const root = await folder({ 'a.yaml': document('Tenant', 'acme', undefined, { displayname: 'Acme' }) });
  await assert.rejects(
    apply(root),
    /a\.yaml:1: spec\.displayname: there is no such field; did you mean displayName\?/,
  );
});

test('each applies what is theirs of one folder: whoever runs the platform, and the tenant’s own people', async () => {
  const tenant = 'shared';
  const root = await folder({
    'a.yaml':
      document('Tenant', tenant, undefined, { policy: 'four-eyes', rotateLinkAfterSeconds: 7200 }) +
      document('Service', 'db', tenant, {}) +
      document('System', 'erp', tenant, { kind: 'ERP', externalId: '1', service: 'db' }) +
      document('Key', 'main', tenant, { keystore: 'soft', create: true }),
  });
  const [olga, alice] = [await provider.tokenOf('olga'), await provider.tokenOf('alice')];
  const platform = await apply(root, { only: ['Tenant'] }, olga);
  assert.deepEqual(statesOf(await platform.carryOut()), { 'Tenant shared': 'done' });
  const foreign = await apply(root, {}, olga);
  assert.deepEqual(foreign.counts, { ...foreign.counts, same: 1, refused: 3 });
  assert.ok(foreign.plan.every(({ why }) => why === undefined || why.code === 'NOT_PERMITTED'));

  const people = { role: 'administrator', principal: 'corp:alice' };
  const appointed = await world.call('POST', `/v1/tenants/${tenant}/appointments`, people, {
    authorization: `Bearer ${olga}`,
  });
  assert.equal(appointed.status, 201);
  const own = await (await apply(root, {}, alice)).carryOut();
  assert.deepEqual(statesOf(own), {
    'Service shared/db': 'done',
    'Key shared/main': 'failed',
    'System shared/erp': 'done',
  });
  assert.equal(own.results.find(({ state }) => state === 'failed')?.problem?.code, 'FORBIDDEN');
});
