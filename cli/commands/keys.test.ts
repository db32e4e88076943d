/** The commands about keys against a governance plane with regions, as somebody types them: piped, with --json, at a terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SECOND_TOKEN, TOKEN, until, type World } from '../../governance/test-world.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { confirmNumber } from '../confirm.ts';
import { CliError } from '../errors.ts';
import { describeSeconds, parseDuration } from './keys-text.ts';
import { pointAt } from './test-home.test.ts';

const OKCM = fileURLToPath(new URL('../okcm.ts', import.meta.url));
const home = temporaryDirectory('okcm-keys');
/** Of a second operator. */
const secondHome = temporaryDirectory('okcm-keys-second');

let world: World;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  await pointAt(home, world, TOKEN);
  await pointAt(secondHome, world, SECOND_TOKEN);
  for (const [tenant, policy] of [
    ['acme', 'development-quorum-one'],
    ['careful', 'four-eyes'],
  ] as const) {
    await world.onboard(tenant, policy);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name: 'payments' });
    await until('the service is there', async () => {
      const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/services`);
      return items[0].state === 'active';
    });
  }
  await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'main' });
  await world.linked('acme', 'active');
});
after(() => world.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not spawnSync: governance runs in this process. */
async function okcm(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [OKCM, '--home', home, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true' },
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  assert.doesNotMatch(stdout + stderr, /\x1b/, 'plain when piped');
  return { code, stdout, stderr };
}
async function ok(...args: string[]): Promise<string> {
  const ran = await okcm(...args);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
}

const payments = (region: number, tenant = 'acme') => {
  const found = world.regions[region]?.tenants.get(tenant)?.keys.find('payments');
  assert.ok(found);
  return found;
};

test('rotate waits for the regions and tells the versions', async () => {
  assert.match(
    await ok('rotate', 'acme', '--service', 'payments'),
    /^the key of acme\/payments: north version 2, south version 2$/m,
  );
  const one = JSON.parse(await ok('rotate', 'acme', '--region', 'south', '--json')) as {
    regions: { region: string; state: string; version: number }[];
  };
  assert.deepEqual(
    one.regions.map(({ region, state, version }) => [region, state, version]),
    [['south', 'done', 2]],
  );
  const both = await ok('rotate', 'acme', '--region', 'south', '--region', 'north', '--no-wait');
  assert.match(both, /north (pending|processing|done), south (pending|processing|done)/);
});

test('rotate --link waits until the new epoch is open, and says so when it failed', async () => {
  const shown = await ok('rotate', 'acme', '--link', '--reason', 'yearly');
  assert.match(shown, /^acme: active; north active, south active$/m);
  const { regions } = await world.must(200, 'GET', '/v1/tenants/acme/links');
  assert.deepEqual(
    regions.map(({ epoch }: { epoch: number }) => epoch),
    [2, 2],
  );
  const [north] = world.regions;
  assert.ok(north);
  north.interfere = (kind) =>
    kind === 'ROTATE_LINK'
      ? { failed: { code: 'SECRET_REJECTED', message: 'no', retryable: false } }
      : undefined;
  const failed = await okcm('rotate', 'acme', '--link');
  north.interfere = undefined;
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /goes on as it was.*north failed \(SECRET_REJECTED\)/);
});

test('keys inspect shows versions, their age and what depends on them, region by region', async () => {
  const [, old] = payments(0).versions;
  assert.ok(old);
  old.objects = 41;
  const shown = await ok('keys', 'inspect', 'acme');
  assert.match(shown, /^north: told \d+ s ago\n *level +service +version +state +age +dependents$/m);
  assert.match(shown, /^ *L3 +payments +1 +deactivated +\d+ s +0$/m);
  assert.match(shown, /^ *L3 +payments +2 +active +\d+ s +41$/m);
  assert.match(shown, /^tenant key: 1 living, next rotation in 89 d \(every 90 d\)$/m);
  assert.match(shown, /^payments: 2 living, next rotation in 29 d \(every 30 d\)$/m);
  const only = JSON.parse(await ok('keys', 'inspect', 'acme', '--region', 'south', '--json')) as {
    region: string;
    at: string;
    inventory: { services: unknown[] };
  }[];
  assert.deepEqual(
    only.map(({ region, inventory }) => [region, inventory.services.length]),
    [['south', 1]],
  );
});

test('keys policy sets and shows how often keys rotate', async () => {
  const shown = await ok('keys', 'policy', 'acme', '--service', 'payments', '--rotate-after', '7d');
  assert.match(shown, /^ *link +never/m);
  assert.match(shown, /^ *tenant key +default/m);
  assert.match(shown, /^ *payments +7 d +ada +north/m);
  await until('north has it', async () => payments(0).rotateAfterS === 7 * 86_400);
  await ok('keys', 'policy', 'acme', '--service', 'payments', '--rotate-after', 'never');
  await until('never', async () => payments(0).rotateAfterS === 0);
  assert.match(await ok('keys', 'inspect', 'acme'), /^payments: 2 living, never rotated by itself$/m);
  await ok('keys', 'policy', 'acme', '--service', 'payments', '--rotate-after', 'default');
  await until('the default', async () => payments(0).rotateAfterS === 30 * 86_400);
  assert.match(await ok('keys', 'policy', 'acme', '--link', '--rotate-after', '36h'), /^ *link +36 h/m);
  await ok('keys', 'policy', 'acme', '--link', '--rotate-after', 'never');
  assert.match(await ok('keys', 'policy', 'acme'), /^ *link +never/m);
});

test('keys destroy looks first, names the number, and goes on only if told to', async () => {
  const [old] = payments(0).versions;
  assert.ok(old);
  old.objects = 12;
  const order = [
    'keys',
    'destroy',
    'acme',
    '--region',
    'north',
    '--service',
    'payments',
    '--reason',
    'retired',
  ];
  const asked = await okcm(...order, '--version', '1');
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /^12 objects depend on version 1 of the key of acme\/payments in north/m);
  assert.match(asked.stderr, /takes 12 objects with it\n {2}hint: add --yes/);
  assert.equal(old.state, 'deactivated');
  const inUse = await okcm(...order, '--version', '2', '--yes');
  assert.deepEqual([inUse.code, /is active/.test(inUse.stderr)], [1, true]);
  assert.match(
    await ok(...order, '--version', '1', '--yes'),
    /^version 1 of the key of acme\/payments in north is destroyed$/m,
  );
  assert.equal(old.state, 'destroyed');
  const gone = await okcm(...order, '--version', '1', '--yes');
  assert.deepEqual([gone.code, /is destroyed/.test(gone.stderr)], [1, true]);
});

test('compromise takes a reason and --yes, and tells what the regions did', async () => {
  const args = ['compromise', 'acme', '--service', 'payments', '--reason', 'a stolen backup'];
  assert.match(await ok(...args, '--yes'), /^the key of acme\/payments: north done, south done$/m);
  assert.equal(payments(0).versions[1]?.state, 'compromised');
});

test('under four eyes the command says who has to approve, and waits for nobody', async () => {
  const shown = await ok('compromise', 'careful', '--service', 'payments', '--reason', 'x', '--yes');
  assert.match(shown, /^compromise-key is proposed: 0 of 1 approvals under four-eyes; until /m);
  assert.match(shown, /okcm proposals approve careful [0-9a-f-]{36}/);
  const weaker = await ok('keys', 'policy', 'careful', '--rotate-after', 'never', '--json');
  assert.equal((JSON.parse(weaker) as { proposal: { state: string } }).proposal.state, 'pending');
  assert.match(await ok('link', 'careful', '--key', 'main'), /^link is proposed/m);
});

test('a second operator sees what waits, approves it, or says no', async () => {
  const rule = await ok('approvals', 'rule', 'careful', 'unlink', '--approvals', '2');
  const id = /approve careful ([0-9a-f-]{36})$/m.exec(rule)?.[1] ?? '';
  const own = await okcm('proposals', 'approve', 'careful', id);
  assert.deepEqual([own.code, /FOUR_EYES/.test(own.stderr)], [1, true]);
  const second = ['--home', secondHome];
  assert.match(
    await ok('proposals', 'list', 'careful', '--state', 'pending', ...second),
    new RegExp(`^ *${id} `, 'm'),
  );
  assert.match(await ok('proposals', 'show', 'careful', id, ...second), /^ {2}action: "unlink"$/m);
  assert.match(
    await ok('proposals', 'approve', 'careful', id, ...second),
    /^approval-rule of careful: done$/m,
  );
  assert.match(await ok('approvals', 'show', 'careful'), /^ *unlink +2 +– +bob$/m);

  const block = await ok('block', 'careful', '--reason', 'an exercise', '--yes');
  const blocking = /approve careful ([0-9a-f-]{36})$/m.exec(block)?.[1] ?? '';
  const no = await ok('proposals', 'reject', 'careful', blocking, '--reason', 'not today', ...second);
  assert.match(no, /^block-tenant of careful is rejected$/m);
});

test('a region that refuses fails the command with its word', async () => {
  const [north] = world.regions;
  assert.ok(north);
  north.interfere = (kind) =>
    kind === 'KEY_ROTATE'
      ? { failed: { code: 'LIMIT_REACHED', message: 'no', retryable: false } }
      : undefined;
  const failed = await okcm('rotate', 'acme', '--service', 'payments');
  north.interfere = undefined;
  assert.deepEqual([failed.code, failed.stdout.includes('version')], [1, false]);
  assert.match(failed.stderr, /north failed \(LIMIT_REACHED\)\n {2}hint: /);
});

test('at a terminal the number has to be typed', async () => {
  const asked = async (typed: string | null, tty = true): Promise<string> => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const terminal = {
      input: Object.assign(input, { isTTY: tty }),
      output: Object.assign(output, { isTTY: tty }),
    };
    const answer = confirmNumber(undefined, 'this takes 12 objects', 12, terminal).then(
      () => 'yes',
      (error: unknown) => (error instanceof CliError ? error.code : String(error)),
    );
    if (typed === null) input.end();
    else input.write(`${typed}\n`);
    const outcome = await answer;
    output.end();
    const shown = await text(output);
    assert.equal(shown.includes('Type 12'), tty);
    return outcome;
  };
  assert.equal(await asked('12'), 'yes');
  for (const typed of ['11', 'yes', '', null]) assert.equal(await asked(typed), 'CONFIRMATION_NEEDED');
  assert.equal(await asked('12', false), 'CONFIRMATION_NEEDED');
  await confirmNumber(true, 'this takes 12 objects', 12);
});

test('times are read and said in units that people use', () => {
  assert.deepEqual(['90d', '12h', '1h', 'never'].map(parseDuration), [7_776_000, 43_200, 3_600, 0]);
  for (const bad of ['', '0h', '1', '1m', '-1d', '1.5d', '9999999999d', '3651d'])
    assert.equal(parseDuration(bad), undefined, bad);
  assert.deepEqual([7_776_000, 129_600, 3_000, 59, -5].map(describeSeconds), [
    '90 d',
    '36 h',
    '50 min',
    '59 s',
    '0 s',
  ]);
});
