/**
 * SIGKILL at each step of a workflow: a link that takes a second person's approval. The database holds the process still at
 * the step, so that it dies there and nowhere else. Afterwards another process, on the same database, ends the workflow
 * exactly once. Whoever got no answer asks again, as a client would.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { SECOND_TOKEN, TOKEN, until, type World } from '../test-world.ts';

const REGIONS = ['north', 'south'] as const;
const directory = temporaryDirectory('workflow-kills');
const configPath = join(directory, 'cmk.json');
/** Of the advisory locks that hold the process; one for each step. */
const LOCKS = 7_700;

let world: World;
let gate: pg.Client;
let cmk: { child: Child; url: string };

before(async () => {
  world = await testWorld({ regions: [...REGIONS] });
  for (const { tenant } of steps) await world.onboard(tenant, 'four-eyes');
  await world.stop();
  await writeFile(configPath, JSON.stringify({ ...world.config, log: { level: 'info' } }), { mode: 0o600 });
  gate = new pg.Client({ connectionString: world.config.database.ownerUrl });
  await gate.connect();
  await gate.query(`
    CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_lock(TG_ARGV[0]::int);
      RETURN NEW;
    END $$`);
  cmk = await start();
});
after(async () => {
  await cmk.child.kill();
  await gate.end();
  await world.close();
});

interface Step {
  readonly tenant: string;
  readonly what: string;
  /** What the process is about to do when it dies. */
  readonly event: string;
  readonly table: string;
  readonly when: string;
  /** Whose answer never comes. */
  readonly asking: 'propose' | 'approve';
}

const steps: readonly Step[] = [
  ['the proposal is written', 'INSERT', 'proposals', '', 'propose'],
  ['its audit event is written', 'INSERT', 'audit_events', `NEW.action = 'proposal.create'`, 'propose'],
  ['the approval is written', 'INSERT', 'approvals', '', 'approve'],
  ['an epoch is begun', 'INSERT', 'links', '', 'approve'],
  ['a region is asked', 'INSERT', 'orbital_jobs', `NEW.kind = 'LINK_PREPARE'`, 'approve'],
  ['the proposal is executed', 'UPDATE', 'proposals', `NEW.state = 'executed'`, 'approve'],
  ['the last audit event is written', 'INSERT', 'audit_events', `NEW.action = 'proposal.execute'`, 'approve'],
  // From here on nobody has to ask again: the approval was answered.
  ['the sealed secret is stored', 'UPDATE', 'links', `NEW.state = 'linking'`, 'approve'],
  [
    'the region’s key is stored',
    'UPDATE',
    'links',
    `NEW.state = 'sealing' AND OLD.state = 'preparing'`,
    'approve',
  ],
  ['the link becomes active', 'UPDATE', 'links', `NEW.state = 'active'`, 'approve'],
].map(([what = '', event = '', table = '', when = '', asking], at) => ({
  tenant: `killed-${at}`,
  what,
  event,
  table,
  when,
  asking: asking === 'propose' ? 'propose' : 'approve',
}));

async function start(): Promise<{ child: Child; url: string }> {
  const main = join(import.meta.dirname, '..', 'main.ts');
  const child = await startChild({
    name: 'cmk',
    command: process.execPath,
    args: [main, '--config', configPath],
  });
  const { url } = JSON.parse(await child.waitForLine(/"msg":"ready"/)) as { url: string };
  return { child, url };
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function call(token: string, method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${cmk.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return await response.json();
}

const propose = (tenant: string) => call(TOKEN, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
const proposals = async (tenant: string): Promise<{ id: string; state: string }[]> =>
  (await call(TOKEN, 'GET', `/v1/tenants/${tenant}/proposals`)).items;
async function approve(tenant: string) {
  const [pending] = (await proposals(tenant)).filter(({ state }) => state === 'pending');
  assert.ok(pending, `${tenant} has something to approve`);
  return await call(SECOND_TOKEN, 'POST', `/v1/tenants/${tenant}/proposals/${pending.id}/approve`);
}

const lockOf = (step: Step): number => LOCKS + steps.indexOf(step);
const triggerOf = (step: Step): string => `wait_${steps.indexOf(step)}`;

/** Has the database hold whoever comes to the step. */
async function hold(step: Step): Promise<void> {
  const whose =
    step.table === 'orbital_jobs'
      ? `NEW.entity LIKE 'link:${step.tenant}@%'`
      : `NEW.tenant = '${step.tenant}'`;
  const when = [whose, ...(step.when === '' ? [] : [step.when])].join(' AND ');
  await gate.query('SELECT pg_advisory_lock($1)', [lockOf(step)]);
  await gate.query(
    `CREATE TRIGGER ${triggerOf(step)} BEFORE ${step.event} ON ${step.table}
       FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION wait_here(${lockOf(step)})`,
  );
}

const reached = (step: Step): Promise<unknown> =>
  until(step.what, async () => {
    const { rows } = await gate.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted`,
      [lockOf(step)],
    );
    return rows.length > 0;
  });

/** Kills the process while it is held at all of the steps, and starts another one. */
async function killAt(held: readonly Step[], waiting: readonly Promise<unknown>[]): Promise<void> {
  for (const step of held) await reached(step);
  await cmk.child.kill();
  // Their answers never come.
  for (const outcome of await Promise.allSettled(waiting)) assert.equal(outcome.status, 'rejected');
  for (const step of held) {
    await gate.query('SELECT pg_advisory_unlock($1)', [lockOf(step)]);
    await gate.query(`DROP TRIGGER ${triggerOf(step)} ON ${step.table}`);
  }
  cmk = await start();
}

async function assertOnce({ tenant, what }: Step): Promise<void> {
  await until(
    `${tenant} is linked, killed when ${what}`,
    async () => {
      const links = await call(TOKEN, 'GET', `/v1/tenants/${tenant}/links`);
      return links.state === 'active';
    },
    40_000,
  );
  const states = (await proposals(tenant)).map(({ state }) => state);
  assert.deepEqual(states, ['executed'], what);
  const rows = await world.query(`SELECT region, epoch, state FROM links WHERE tenant = $1 ORDER BY region`, [
    tenant,
  ]);
  assert.deepEqual(
    rows,
    REGIONS.map((region) => ({ region, epoch: 1, state: 'active' })),
    what,
  );
  const jobs = await world.query(
    `SELECT kind, count(*)::int AS n FROM orbital_jobs WHERE entity LIKE $1 GROUP BY kind ORDER BY kind`,
    [`link:${tenant}@%`],
  );
  assert.deepEqual(
    jobs,
    ['LINK', 'LINK_PREPARE'].map((kind) => ({ kind, n: REGIONS.length })),
    what,
  );
  const { items } = await call(TOKEN, 'GET', `/v1/audit?tenant=${tenant}&limit=200`);
  const count = (wanted: string): number =>
    items.filter(({ action }: { action: string }) => action === wanted).length;
  assert.deepEqual(
    ['proposal.create', 'proposal.approve', 'proposal.execute', 'link.start', 'link.active'].map(count),
    [1, 1, 1, REGIONS.length, REGIONS.length],
    what,
  );
  assert.equal((await call(TOKEN, 'GET', `/v1/audit/verify?tenant=${tenant}`)).ok, true);
  for (const region of world.regions) assert.equal(region.tenants.get(tenant)?.open, 1);
}

test('killed before the commit, nothing was done, and asking again does it once', async () => {
  const held = steps.slice(0, 7);
  for (const { tenant, asking } of held) if (asking === 'approve') await propose(tenant);
  for (const step of held) await hold(step);
  const waiting = held.map(({ tenant, asking }) =>
    asking === 'propose' ? propose(tenant) : approve(tenant),
  );
  for (const each of waiting) each.catch(() => undefined);
  await killAt(held, waiting);
  for (const { tenant, asking } of held) {
    if (asking === 'propose') {
      assert.deepEqual(await proposals(tenant), []);
      await propose(tenant);
    } else assert.equal((await proposals(tenant))[0]?.state, 'pending');
    assert.equal((await call(TOKEN, 'GET', `/v1/tenants/${tenant}/links`)).state, 'none');
    assert.equal((await approve(tenant)).proposal.state, 'executed');
  }
  for (const step of held) await assertOnce(step);
});

test('killed after it, the rows say how to go on, and nobody has to ask again', async () => {
  const [sealed, prepared, active] = steps.slice(7);
  assert.ok(sealed && prepared && active);
  const begin = async ({ tenant }: Step): Promise<void> => {
    await propose(tenant);
    assert.equal((await approve(tenant)).proposal.state, 'executed');
  };
  await hold(sealed);
  await begin(sealed);
  await reached(sealed);
  await hold(prepared);
  await begin(prepared);
  await killAt([sealed, prepared], []);
  // As if the time had passed for which the dead worker had claimed the link.
  await world.query(`UPDATE links SET claimed_until = now() WHERE tenant = $1`, [sealed.tenant]);
  await hold(active);
  await begin(active);
  await killAt([active], []);
  for (const step of [sealed, prepared, active]) await assertOnce(step);
});
