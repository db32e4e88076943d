/** `okcm audit …` against a governance plane whose database somebody with every right tampers with. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TOKEN, until, type World } from '../../governance/test-world.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type CommandResult, okcm as run } from '../../testkit/system.ts';
import { checkCmkChain, checkFile } from '../audit/check.ts';
import { readKept, readKeys, Trust } from '../audit/trust.ts';
import { CmkClient } from '../cmk/client.ts';
import { homePaths } from '../home/paths.ts';
import { pointAt } from './test-home.test.ts';

const home = temporaryDirectory('okcm-audit');
const directory = temporaryDirectory('okcm-audit-files');
const at = (name: string): string => join(directory, name);

let world: World;
let trust: Trust;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  await pointAt(home, world, TOKEN);
  const { signingKey } = world.config.orbital;
  const key = createPublicKey(await readFile(signingKey));
  await writeFile(at('key.pem'), key.export({ type: 'spki', format: 'pem' }));
  const thief = generateKeyPairSync('ed25519').publicKey;
  await writeFile(at('thief.pem'), thief.export({ type: 'spki', format: 'pem' }));
  trust = new Trust(await readKeys([at('key.pem')]));
  for (const tenant of ['acme', 'rival']) {
    await world.onboard(tenant);
    for (const name of ['payments', 'mail', 'search'])
      await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name });
    // Nothing is to be written by itself any more.
    await until(`the services of ${tenant} are there`, async () => {
      const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/services`);
      return items.every(({ state }: { state: string }) => state === 'active');
    });
  }
});
after(() => world.close());

async function okcm(...args: string[]): Promise<CommandResult> {
  const ran = await run(...args, '--home', home);
  assert.doesNotMatch(ran.stderr, /^\s+at /m, 'no stack trace');
  return ran;
}
async function ok(...args: string[]): Promise<string> {
  const ran = await okcm(...args);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
}
const lengthOf = async (tenant: string): Promise<number> => {
  const { items } = await world.must(200, 'GET', `/v1/audit?tenant=${tenant}&limit=1`);
  return items[0].sequence;
};

/** As a superuser, and taken back afterwards. */
async function whileTampered(sql: string[], then: () => Promise<void>): Promise<void> {
  const tables = ['audit_events', 'audit_heads', 'audit_checkpoints'];
  for (const table of tables) await world.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
  try {
    for (const statement of sql) await world.query(statement);
    await then();
  } finally {
    for (const table of tables) {
      await world.query(`DELETE FROM ${table}`);
      await world.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
      await world.query(`DROP TABLE kept_${table}`);
    }
  }
}

/** What the command itself makes of the chain, without a process for each. */
async function faultsOf(chain: string, with_ = trust): Promise<string[]> {
  const cmk = new CmkClient({ url: world.url(), token: TOKEN });
  const { ok: isOk, faults } = await checkCmkChain(cmk, chain, with_);
  assert.equal(isOk, faults.length === 0);
  return faults.map(({ description }) => description);
}

test('every chain is whole at first, and says against what it was held', async () => {
  const stdout = await ok('audit', 'verify');
  for (const chain of ['_platform', 'acme', 'rival'])
    assert.match(
      stdout,
      new RegExp(`^${chain}: \\d+ events, whole; held against \\d+ signed checkpoint`, 'm'),
    );
});

describe('somebody with every right in the database', () => {
  const row = (tenant: string, sequence: number | string): string =>
    `tenant = '${tenant}' AND sequence = ${sequence}`;

  test('changes one byte: found and named, and the exit code says so', async () => {
    await whileTampered([`UPDATE audit_events SET actor = 'ade' WHERE ${row('acme', 2)}`], async () => {
      const { code, stdout, stderr } = await okcm('audit', 'verify');
      assert.equal(code, 1);
      assert.match(stdout, /^acme: BROKEN/m);
      assert.match(stdout, /CHANGED: event 2 is not what was written/);
      assert.match(stdout, /^rival: \d+ events, whole/m);
      assert.match(stderr, /not as it was written: acme/);
      const told = JSON.parse((await okcm('audit', 'verify', '--tenant', 'acme', '--json')).stdout);
      assert.deepEqual(told.chains[0].faults, [
        { kind: 'CHANGED', sequence: 2, description: 'event 2 is not what was written' },
      ]);
    });
    assert.deepEqual(await faultsOf('acme'), [], 'taken back, it is whole again');
  });

  test('makes a detail another text that means the same, or none at all: found', async () => {
    for (const change of [`replace(detail, '{', '{ ')`, `detail || ' '`, `'[]'`, `'no json'`])
      await whileTampered(
        [`UPDATE audit_events SET detail = ${change} WHERE ${row('acme', 2)}`],
        async () => {
          assert.deepEqual(await faultsOf('acme'), ['event 2 is not what was written']);
        },
      );
  });

  test('removes one row: found and named', async () => {
    await whileTampered([`DELETE FROM audit_events WHERE ${row('acme', 3)}`], async () => {
      assert.deepEqual(await faultsOf('acme'), ['event 3 is missing']);
    });
  });

  test('removes the last row: found by the head; sets the head back: found by what was kept elsewhere', async () => {
    await ok('audit', 'checkpoint', '--tenant', 'acme', '--out', at('acme.json'));
    const last = await lengthOf('acme');
    const named = [`event ${last} was cut off at the end`];
    const remove = `DELETE FROM audit_events WHERE ${row('acme', last)}`;
    await whileTampered([remove], async () => assert.deepEqual(await faultsOf('acme'), named));
    const setBack = `UPDATE audit_heads h SET sequence = e.sequence, hash = e.hash FROM audit_events e
      WHERE h.tenant = 'acme' AND e.tenant = 'acme' AND e.sequence = ${last - 1}`;
    await whileTampered([remove, setBack], async () => assert.deepEqual(await faultsOf('acme'), named));
    const forget = `DELETE FROM audit_checkpoints WHERE tenant = 'acme'`;
    await whileTampered([remove, setBack, forget], async () => {
      assert.deepEqual(await faultsOf('acme'), [], 'the database alone looks whole');
      const args = ['audit', 'verify', '--tenant', 'acme', '--key', at('key.pem')];
      const { code, stdout } = await okcm(...args, '--checkpoint', at('acme.json'));
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`REMOVED_AT_END: event ${last} was cut off at the end`));
    });
  });

  test('swaps two rows: found and named', async () => {
    const swap = [
      `UPDATE audit_events SET sequence = -sequence WHERE ${row('acme', 2)} OR ${row('acme', 4)}`,
      `UPDATE audit_events SET sequence = 6 + sequence WHERE tenant = 'acme' AND sequence < 0`,
    ];
    await whileTampered(swap, async () => {
      assert.deepEqual(await faultsOf('acme'), ['events 2 and 4 were swapped']);
    });
  });

  test('signs with a key of their own: believed only by whoever asks CMK which keys to believe', async () => {
    const pinned = new Trust(await readKeys([at('thief.pem')]), await readKept([at('acme.json')]));
    assert.match((await faultsOf('acme', pinned)).join(), /signature does not hold/);
  });
});

describe('exports', () => {
  test('into a file go on where they ended, also when the last part was torn', async () => {
    const file = at('acme.jsonl');
    const first = await lengthOf('acme');
    const exporting = ['audit', 'export', '--tenant', 'acme', '--out', file];
    assert.match(await ok(...exporting), new RegExp(`events 1 to ${first} of acme as jsonl`));
    assert.match(await ok(...exporting), /nothing new/);
    await appendFile(file, '{"chain":"acme","seq');
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'later' });
    const { last } = JSON.parse(await ok(...exporting, '--json'));
    assert.ok(last > first);
    assert.equal(
      await readFile(file, 'utf8'),
      await ok('audit', 'export', '--tenant', 'acme', '--after', '0'),
    );
    const other = await okcm('audit', 'export', '--tenant', 'rival', '--out', file);
    assert.match(other.stderr, /is an export of acme as jsonl/);
    await writeFile(at('taken'), 'mine');
    assert.equal((await okcm('audit', 'export', '--tenant', 'acme', '--out', at('taken'))).code, 2);
  });

  test('can be checked from the file alone, and every byte of it counts', async () => {
    const file = at('acme.jsonl');
    assert.match(await ok('audit', 'verify', '--file', file), /^acme: \d+ events, whole/);
    const whole = await readFile(file, 'utf8');
    const lines = whole.split('\n');
    const [one = '', two = '', three = '', ...rest] = lines;
    const changes: [string, string[], string][] = [
      ['one byte', [one, two.replace('"actor":"', '"actor":"x'), three, ...rest], 'CHANGED 2'],
      ['a space', [one, two.replace(':', ': '), three, ...rest], 'CHANGED 2'],
      ['half a line', [one, two.slice(0, 40), three, ...rest], 'UNREADABLE 2'],
      ['a line gone', [one, three, ...rest], 'REMOVED 2'],
      ['two lines swapped', [one, three, two, ...rest], 'MISPLACED 2'],
      ['a line of another chain', [one, two.replace('"acme"', '"rival"'), three, ...rest], 'UNREADABLE 2'],
    ];
    for (const [what, changed, wanted] of changes) {
      await writeFile(at('changed.jsonl'), changed.join('\n'));
      const { faults } = await checkFile(at('changed.jsonl'), trust);
      assert.deepEqual(
        faults.map(({ kind, sequence }) => `${kind} ${sequence}`),
        [wanted],
        what,
      );
    }
    await writeFile(at('cut.jsonl'), whole);
    await truncate(at('cut.jsonl'), Buffer.byteLength(lines.slice(0, 4).join('\n')) + 1);
    assert.equal((await checkFile(at('cut.jsonl'), trust)).ok, true, 'by itself a beginning is whole');
    const kept = new Trust(await readKeys([at('key.pem')]), await readKept([at('acme.json')]));
    assert.equal((await checkFile(at('cut.jsonl'), kept)).faults[0]?.kind, 'REMOVED_AT_END');
    assert.equal((await checkFile(file, kept)).ok, true);
  });

  test('come in other formats', async () => {
    assert.match(await ok('audit', 'export', '--format', 'cef'), /^CEF:0\|OpenKCM\|CMK\|1\|/);
  });
});

test('the latest events are listed with who, from where, what, on what', async () => {
  const stdout = await ok('audit', 'list', '--tenant', 'acme', '--action', 'service.add', '--limit', '1');
  assert.match(stdout, /ada +127\.0\.0\.1 +service\.add/);
});

test('checkpoints under the home directory are looked at without being asked for', async () => {
  const { auditCheckpoints } = homePaths(home);
  await mkdir(auditCheckpoints, { recursive: true });
  const checkpoint = await ok('audit', 'checkpoint', '--tenant', 'rival', '--json');
  await writeFile(join(auditCheckpoints, 'rival.json'), checkpoint);
  assert.match(await ok('audit', 'verify', '--tenant', 'rival'), /1 of them kept elsewhere/);
});

for (const [what, args] of [
  ['two sources at once', ['verify', '--tenant', 'acme', '--platform']],
  ['a region in CSV', ['export', '--operator', 'x', '--format', 'csv']],
] as const)
  test(`misuse is told: ${what}`, async () => {
    assert.equal((await okcm('audit', ...args)).code, 2);
  });
