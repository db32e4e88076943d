/** The report as a pure function: what stops and why, what follows for whom, and that every form of it says the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JobResult } from '../../contracts/index.ts';
import type { Simulation, SimulationAnswer } from '../store/simulation-tables.ts';
import type { DrillJob } from './drills.ts';
import { exported } from './export.ts';
import type { Facts, RegionFacts } from './fact-types.ts';
import { outcomeIn, type SimulatedAction, type Subject, simulated } from './outcomes.ts';
import type { Reading } from './reading.ts';
import { reportOf } from './report.ts';
import type { Inspection } from './simulations.ts';
import type { TestTarget } from './targets.ts';

const AT = '2026-03-01T10:00:00.000Z';
const USED = '2026-03-01T09:59:00.000Z';
const ENDS = '2026-03-01T10:05:00.000Z';
const GRACE = '2026-03-01T10:20:00.000Z';
const PROBE_MS = 1_000;

const region = (name: string, change: Partial<RegionFacts> = {}): RegionFacts => ({
  region: name,
  state: 'active',
  link: {
    epoch: 1,
    state: 'active',
    key: 'main',
    provedAt: AT,
    expiresAt: ENDS,
    rotateAt: null,
    reported: null,
  },
  serving: true,
  closable: true,
  keysInUse: ['main'],
  l2Version: 1,
  services: [
    { service: 'billing', state: 'active', l3Version: 2 },
    { service: 'payments', state: 'active', l3Version: 3 },
  ],
  gateways: [{ name: 'gw-1', state: 'active' }],
  connected: ['gw-1'],
  seal: 'unsealed',
  reportedAt: AT,
  stale: false,
  ...change,
});
const neverLinked = region('west', {
  link: {
    epoch: 0,
    state: 'none',
    key: null,
    provedAt: null,
    expiresAt: null,
    rotateAt: null,
    reported: null,
  },
  closable: false,
  keysInUse: [],
});

const facts = (change: Partial<Facts> = {}): Facts => ({
  at: AT,
  regions: [region('north'), neverLinked],
  applications: [
    {
      name: 'shop',
      fingerprint: 'ab'.repeat(32),
      services: ['billing', 'payments'],
      regions: [
        { region: 'north', state: 'active' },
        { region: 'west', state: 'active' },
      ],
    },
    {
      name: 'ledger',
      fingerprint: 'cd'.repeat(32),
      services: ['billing'],
      regions: [{ region: 'north', state: 'active' }],
    },
  ],
  applicationCount: 2,
  systems: [
    { name: 'erp', kind: 'sap', externalId: 'P01', service: 'billing', configuration: 'main' },
    { name: 'mail', kind: 'exchange', externalId: 'M', service: null, configuration: null },
  ],
  systemCount: 2,
  proposals: [{ id: 'p', action: 'rotate-link', proposer: 'ada', createdAt: AT }],
  jobs: [
    { id: 'j1', kind: 'RENEW', entity: 'link:acme@north', state: 'pending', createdAt: AT },
    { id: 'j2', kind: 'KEY_ROTATE', entity: 'keys:acme@west', state: 'pending', createdAt: AT },
  ],
  drills: [],
  ...change,
});

const inventory: JobResult<'KEY_INSPECT'> = {
  l2: {
    living: 1,
    versions: [{ version: 1, state: 'active', createdAt: AT, dependents: 5 }],
    rotateAfterSeconds: 0,
  },
  services: [
    {
      service: 'payments',
      l3: {
        living: 4,
        versions: [
          { version: 1, state: 'destroyed', createdAt: AT, dependents: 0 },
          { version: 2, state: 'deactivated', createdAt: AT, dependents: 7 },
          { version: 3, state: 'active', createdAt: AT, dependents: 3 },
        ],
        rotateAfterSeconds: 3600,
        nextRotationAt: ENDS,
      },
    },
  ],
};
const use: JobResult<'USE_INSPECT'> = {
  gateways: [
    {
      name: 'gw-1',
      connected: true,
      lastSeenAt: AT,
      leasesEndBy: ENDS,
      graceEndsBy: GRACE,
      leases: [{ service: 'payments', lastUsedAt: USED }, { service: 'billing' }],
    },
  ],
  applications: [{ fingerprint: 'ab'.repeat(32), lastSeenAt: USED }],
  omitted: 2,
};

const answer = (
  name: string,
  question: SimulationAnswer['question'],
  said: SimulationAnswer['answer'],
  error: string | null = null,
): SimulationAnswer => ({
  tenant: 'acme',
  simulation: 's',
  region: name,
  question,
  job: 'j',
  answer: said,
  error,
  answered_at: said === null && error === null ? null : new Date(AT),
});
const told = [answer('north', 'keys', inventory), answer('north', 'use', use)];

const report = (subject: Subject, known = facts(), answers: readonly SimulationAnswer[] = told) => {
  const simulation: Simulation = {
    id: 's',
    tenant: 'acme',
    subject,
    facts: known,
    asked_by: 'ada',
    correlation_id: 'c',
    asked_at: new Date(AT),
  };
  return reportOf(simulation, answers, PROBE_MS);
};
const inRegion = (whole: ReturnType<typeof report>, name: string) => {
  const found = whole.regions.find((each) => each.region === name);
  assert.ok(found);
  return found;
};

test('an unlink stops what stands on a link, and says when each lease ends and was last used', () => {
  const whole = report({ action: 'unlink' });
  assert.equal(whole.stops, true);
  assert.equal(whole.state, 'complete');
  assert.equal(whole.noticedWithinMs, null);
  assert.equal(whole.lastUsedAt, USED);
  assert.deepEqual(whole.totals, {
    regions: 1,
    systems: 2,
    services: 2,
    // L2, two of payments' L3 that live; of billing the region told nothing.
    versions: 3,
    objects: 10,
    applications: 2,
    gateways: 1,
    leases: 2,
    workflows: 3,
  });
  const north = inRegion(whole, 'north');
  assert.deepEqual(
    north.versions.map(({ level, version, state }) => [level, version, state]),
    [
      ['L2', 1, 'active'],
      ['L3', 2, 'deactivated'],
      ['L3', 3, 'active'],
    ],
  );
  // Two versions of payments that are not named; what the region itself left out.
  assert.equal(north.omitted, 2 + 2);
  assert.equal(north.lastGatewayStopsBy, GRACE);
  assert.deepEqual(
    north.leases.map(({ service, endsBy, lastUsedAt }) => [service, endsBy, lastUsedAt]),
    [
      ['payments', ENDS, USED],
      ['billing', ENDS, null],
    ],
  );
  assert.deepEqual(
    north.applications.map(({ name, lastSeenAt }) => [name, lastSeenAt]),
    [
      ['shop', USED],
      ['ledger', null],
    ],
  );
});

test('a region that was never linked goes on: its keys stand on the regional secret alone', () => {
  const west = inRegion(report({ action: 'unlink' }), 'west');
  assert.equal(west.stops, false);
  assert.match(west.why, /never linked/);
  assert.deepEqual([west.services, west.versions, west.applications], [[], [], []]);
});

test('a block or termination stops also what was never linked, and whoever would link is refused', () => {
  const known = facts({ proposals: [{ id: 'p', action: 'link', proposer: 'ada', createdAt: AT }] });
  const whole = report({ action: 'block-tenant' }, known);
  assert.equal(inRegion(whole, 'west').stops, true);
  assert.equal(whole.workflows[0]?.effect, 'refused');
  assert.equal(report({ action: 'terminate-tenant' }).reversible, false);
});

test('workflows: what is cancelled, what waits, what would be refused', () => {
  const effects = report({ action: 'unlink' }).workflows.map(({ kind, region: where, effect }) => [
    kind,
    where,
    effect,
  ]);
  assert.deepEqual(effects, [
    ['proposal', null, 'refused'],
    ['job', 'north', 'cancelled'],
    ['job', 'west', 'unaffected'],
    ['schedule', 'north', 'resumes'],
  ]);
  const drill = report({ action: 'drill' }).workflows;
  assert.ok(drill.every(({ effect }) => effect === 'unaffected'));
});

test('a disabled key pulls the kill switch everywhere, also where another key is linked; an unused one nowhere', () => {
  const known = facts({ regions: [region('north'), region('south', { keysInUse: ['other'] })] });
  const whole = report({ action: 'disable-key', key: 'main' }, known);
  assert.deepEqual(
    whole.regions.map(({ stops }) => stops),
    [true, true],
  );
  assert.equal(whole.noticedWithinMs, PROBE_MS);
  const unused = report({ action: 'delete-key', key: 'spare' }, known);
  assert.equal(unused.stops, false);
  assert.equal(unused.reversible, false);
  assert.match(unused.regions[0]?.why ?? '', /no link stands on spare/);
});

test('a drill of one service stops that service alone, and no L2', () => {
  const north = inRegion(report({ action: 'drill', service: 'payments' }), 'north');
  assert.deepEqual(
    north.systems.map(({ name }) => name),
    ['mail'],
    'it does not say which service it uses',
  );
  assert.deepEqual(
    north.services.map(({ service }) => service),
    ['payments'],
  );
  assert.ok(north.versions.every(({ level, service }) => level === 'L3' && service === 'payments'));
  assert.deepEqual(
    north.applications.map(({ name }) => name),
    ['shop'],
  );
  assert.ok(north.leases.every(({ service }) => service === 'payments'));
});

test('a region that has not answered is told of as governance knows it, and said to be missing', () => {
  const whole = report({ action: 'unlink' }, facts(), [
    answer('north', 'keys', null, 'DEADLINE'),
    answer('north', 'use', null),
  ]);
  assert.equal(whole.state, 'asking');
  const north = inRegion(whole, 'north');
  assert.deepEqual(
    north.versions.map(({ level, version, dependents }) => [level, version, dependents]),
    [
      ['L2', 1, null],
      ['L3', 2, null],
      ['L3', 3, null],
    ],
  );
  assert.match(exported(whole, 'markdown'), /Not told by the region: keys \(DEADLINE\)/);
});

test('CSV has a line for each thing, and nothing that a spreadsheet would run', () => {
  const known = facts({
    regions: [region('north', { gateways: [{ name: '=HYPERLINK("http://x")', state: 'active' }] })],
  });
  const lines = exported(report({ action: 'unlink' }, known), 'csv').split('\r\n');
  assert.equal(lines.at(-1), '');
  assert.equal(lines[0], 'region,kind,name,service,state,stops,endsBy,graceEndsBy,lastUsedAt,count,note');
  const kinds = Map.groupBy(lines.slice(1, -1), (line) => line.split(',')[1]);
  assert.equal(kinds.get('lease')?.length, 2);
  assert.equal(kinds.get('application')?.length, 2);
  assert.ok(lines.some((line) => line.includes(`"'=HYPERLINK(""http://x"")"`)));
  assert.ok(!lines.some((line) => /(^|,)"?[=+@-]/.test(line)));
});

test('JSON gives the report back; Markdown names what would stop, and keeps tables whole', () => {
  const whole = report({ action: 'unlink' });
  assert.deepEqual(JSON.parse(exported(whole, 'json')), JSON.parse(JSON.stringify(whole)));
  const text = exported(whole, 'markdown');
  for (const part of [
    '# Simulation: unlink (acme)',
    '## north',
    '| shop |',
    '## Regions that go on',
    'Nothing was changed',
  ])
    assert.ok(text.includes(part), part);
});

test('whatever the facts: only what serves stops, everything listed belongs to a region that stops, totals agree', () => {
  const subject: fc.Arbitrary<Subject> = fc.oneof(
    fc.constantFrom<Subject>(
      { action: 'unlink' },
      { action: 'block-tenant' },
      { action: 'terminate-tenant' },
      { action: 'drill' },
    ),
    fc.record({
      action: fc.constantFrom('disable-key' as const, 'delete-key' as const),
      key: fc.constantFrom('main', 'other'),
    }),
    fc.record({ action: fc.constant('drill' as const), service: fc.constantFrom('billing', 'payments') }),
  );
  const someRegion = fc
    .record({
      serving: fc.boolean(),
      closable: fc.boolean(),
      keysInUse: fc.subarray(['main', 'other']),
    })
    .map((change) => region('north', change));
  const answers = fc.subarray(told);
  fc.assert(
    fc.property(subject, someRegion, answers, (wanted, north, said) => {
      const known = facts({ regions: [north] });
      const whole = report(wanted, known, said);
      const [only] = whole.regions;
      assert.ok(only);
      assert.equal(only.stops, outcomeIn(north, wanted, known).stops);
      if (!north.serving) assert.equal(whole.stops, false);
      if ((wanted.action === 'unlink' || 'key' in wanted) && !north.closable) assert.equal(only.stops, false);
      if (!only.stops) {
        assert.deepEqual(only.systems, []);
        assert.deepEqual([only.services, only.versions, only.applications, only.leases], [[], [], [], []]);
        assert.ok(whole.workflows.every(({ effect }) => effect === 'unaffected'));
      }
      assert.equal(whole.totals.leases, only.leases.length);
      assert.equal(whole.totals.versions, only.versions.length);
      for (const format of ['json', 'csv', 'markdown'] as const)
        assert.ok(exported(whole, format).length > 0);
    }),
  );
});

test('every action says what it means and how things come back', () => {
  for (const [action, { means, back }] of Object.entries(simulated) as [
    SimulatedAction,
    (typeof simulated)['drill'],
  ][])
    assert.ok(means.length > 0 && back.length > 0, action);
});

test('what touches a link does not compile: neither as a job of either, nor by reading, nor without a designation', () => {
  const allowed: readonly (Inspection | DrillJob)[] = [
    'KEY_INSPECT',
    'USE_INSPECT',
    'DRILL_CUT',
    'DRILL_RESTORE',
  ];
  // @ts-expect-error an UNLINK is no job of a drill
  const unlink: DrillJob = 'UNLINK';
  // @ts-expect-error nor does a simulation rotate
  const rotation: Inspection = 'KEY_ROTATE';
  // @ts-expect-error what is read from cannot be written to
  const write = (reading: Reading) => reading.updateTable('links');
  // @ts-expect-error a target is made by requireTarget alone
  const target: TestTarget = { tenant: 'acme', service: null, designation: 'none' };
  assert.equal(new Set<unknown>([...allowed, unlink, rotation, write, target]).size, 8);
});
