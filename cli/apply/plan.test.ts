/** The planner as properties: what it asks for, once done, it asks for no more; and what it never asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entry, Plan } from './entries.ts';
import { type PlanOptions, planFor } from './plan.ts';
import { awaiting, tenantsToAsk } from './proposals.ts';
import {
  type Actual,
  type Declared,
  type Fields,
  type Id,
  type Kind,
  keyOf,
  type PendingProposal,
  type Thing,
} from './things.ts';

const options: PlanOptions = { recorded: [], prune: false, pruneTenants: false, relink: false };
const at = { file: 'a.yaml', line: 1 };
const id = (kind: Kind, tenant: string | null, name: string): Id => ({ kind, tenant, name });
const declare = (of: Id, fields: Fields = {}, needs: readonly Id[] = []): Declared => ({
  id: of,
  fields,
  needs,
  making: {},
  at,
});
const have = (of: Id, fields: Fields = {}): Thing => ({ id: of, fields });
const actualOf = (things: readonly Thing[], states: Readonly<Record<string, string>> = {}): Actual => ({
  things: new Map(things.map((thing) => [keyOf(thing.id), thing])),
  tenants: new Map(Object.entries(states)),
  unread: new Map(),
});
const actions = (plan: Plan): string[] => plan.map(({ id: of, action }) => `${action} ${keyOf(of)}`);
const only = (plan: Plan): Entry => {
  assert.equal(plan.length, 1, actions(plan).join());
  const [entry] = plan;
  assert.ok(entry);
  return entry;
};

/** What CMK would have if every entry were carried out. */
function carriedOut(actual: Actual, plan: Plan): Actual {
  const things = new Map(actual.things);
  const tenants = new Map(actual.tenants);
  for (const { id: of, action, changes, declared } of plan) {
    const before = things.get(keyOf(of));
    if (action === 'remove' && of.kind !== 'Tenant') things.delete(keyOf(of));
    if (action === 'remove' && of.kind === 'Tenant') {
      const to = changes[0]?.to === 'blocked' ? 'blocked' : 'terminated';
      tenants.set(of.name, to);
    }
    if (action !== 'create' && action !== 'change') continue;
    const changed = Object.fromEntries(
      changes.flatMap(({ field, to }) => (to === undefined ? [] : [[field, to]])),
    );
    things.set(keyOf(of), { id: of, fields: { ...before?.fields, ...changed } });
    if (of.kind === 'Tenant' && !tenants.has(of.name)) tenants.set(of.name, 'active');
    assert.ok(declared);
  }
  return { ...actual, things, tenants };
}

const tenant = fc.constantFrom('acme', 'brightside', 'cobalt');
const name = fc.constantFrom('a', 'b', 'c');
const names = fc.uniqueArray(name, { maxLength: 3 }).map((each) => each.sort());
const optional = <T>(field: string, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.option(value, { nil: undefined }).map((found) => (found === undefined ? {} : { [field]: found }));
const merged = (...parts: fc.Arbitrary<Fields>[]): fc.Arbitrary<Fields> =>
  fc.tuple(...parts).map((each) => Object.assign({}, ...each) as Fields);

/** Things of kinds of which everything that is generated can be changed. */
const thing: fc.Arbitrary<{ of: Id; fields: Fields }> = fc.oneof(
  fc.record({
    of: tenant.map((of) => id('Tenant', of, of)),
    fields: merged(
      optional('displayName', name),
      optional('rotateLinkAfterSeconds', fc.constantFrom(3600, 7200)),
    ),
  }),
  fc.record({
    of: fc.tuple(tenant, name).map(([of, each]) => id('Service', of, each)),
    fields: merged(optional('rotateAfterSeconds', fc.constantFrom(0, 3600))),
  }),
  fc.record({ of: tenant.map((of) => id('Link', of, of)), fields: name.map((key) => ({ key })) }),
  fc.record({
    of: fc.tuple(tenant, name).map(([of, each]) => id('Workspace', of, each)),
    fields: names.map((services) => ({ services })),
  }),
  fc.record({
    of: fc.tuple(tenant, name).map(([of, each]) => id('System', of, each)),
    fields: merged(optional('service', name), optional('keyConfiguration', name)),
  }),
  fc.record({
    of: fc.tuple(tenant, name).map(([of, each]) => id('ApproverGroup', of, each)),
    fields: names.map((members) => ({ members })),
  }),
);
const things = fc.uniqueArray(thing, { selector: ({ of }) => keyOf(of), maxLength: 20 });
const STATES = ['active', 'active', 'active', 'provisioning', 'blocked', 'terminated'];
/** All tenants are there, some of them shut. */
const states = fc.record({
  acme: fc.constantFrom(...STATES),
  brightside: fc.constantFrom(...STATES),
  cobalt: fc.constantFrom(...STATES),
});
const world = fc.record({ wanted: things, there: things, states, recorded: things });

test('a plan that was carried out asks for nothing more, but for tenants whose end takes two runs', () => {
  fc.assert(
    fc.property(
      world,
      fc.boolean(),
      fc.boolean(),
      ({ wanted, there, states: of, recorded }, prune, pruneTenants) => {
        const declared = wanted.map((each) => declare(each.of, each.fields));
        const actual = actualOf(
          there.map((each) => have(each.of, each.fields)),
          of,
        );
        const how = { ...options, prune, pruneTenants, recorded: recorded.map((each) => each.of) };
        const once = carriedOut(actual, planFor(declared, actual, how));
        const twice = carriedOut(once, planFor(declared, once, how));
        const third = planFor(declared, twice, how);
        const todo = third.filter(({ action }) => ['create', 'change', 'remove'].includes(action));
        assert.deepEqual(actions(todo), []);
        // Without the ends of tenants one run is enough.
        if (pruneTenants) return;
        const second = planFor(declared, once, how);
        assert.deepEqual(
          actions(second.filter(({ action }) => ['create', 'change', 'remove'].includes(action))),
          [],
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('nothing is removed that was not declared before, and no tenant without its own word', () => {
  fc.assert(
    fc.property(world, fc.boolean(), ({ wanted, there, states: of, recorded }, pruneTenants) => {
      const declared = wanted.map((each) => declare(each.of, each.fields));
      const actual = actualOf(
        there.map((each) => have(each.of, each.fields)),
        of,
      );
      const before = new Set(recorded.map((each) => keyOf(each.of)));
      const named = new Set(declared.map((each) => each.id.tenant));
      const how = { ...options, prune: true, pruneTenants, recorded: recorded.map((each) => each.of) };
      for (const entry of planFor(declared, actual, how)) {
        if (entry.action !== 'remove') continue;
        assert.ok(before.has(keyOf(entry.id)), `${keyOf(entry.id)} was never declared`);
        assert.ok(!declared.some((each) => keyOf(each.id) === keyOf(entry.id)), 'is declared');
        if (entry.id.kind === 'Tenant') assert.ok(pruneTenants);
        else if (!pruneTenants) assert.ok(named.has(entry.id.tenant), 'of a tenant that nothing names');
      }
    }),
    { numRuns: 300 },
  );
});

test('without --prune nothing is removed, whatever was declared before', () => {
  fc.assert(
    fc.property(world, ({ wanted, there, states: of, recorded }) => {
      const actual = actualOf(
        there.map((each) => have(each.of, each.fields)),
        of,
      );
      const declared = wanted.map((each) => declare(each.of, each.fields));
      const plan = planFor(declared, actual, { ...options, recorded: recorded.map((each) => each.of) });
      assert.ok(plan.every(({ action }) => action !== 'remove' && action !== 'left'));
    }),
  );
});

const erp = id('System', 'acme', 'erp');
const acme = have(id('Tenant', 'acme', 'acme'), { provisioned: true });
const link = id('Link', 'acme', 'acme');

test('a change names the field, and what it was; what is not stated is left as it is', () => {
  const there = have(erp, { kind: 'ERP', externalId: '1', service: 'db', keyConfiguration: 'default' });
  const plan = planFor(
    [declare(erp, { kind: 'ERP', externalId: '1', service: 'files' })],
    actualOf([acme, there], { acme: 'active' }),
    options,
  );
  const entry = only(plan);
  assert.deepEqual(
    [entry.action, entry.changes],
    ['change', [{ field: 'service', from: 'db', to: 'files' }]],
  );
});

test('what cannot be changed is refused as a whole', () => {
  const there = have(erp, { kind: 'ERP', externalId: '1', service: 'db' });
  const declared = declare(erp, { kind: 'ERP', externalId: '2', service: 'files' });
  const entry = only(planFor([declared], actualOf([there], { acme: 'active' }), options));
  assert.equal(entry.action, 'refused');
  assert.match(entry.why?.message ?? '', /^externalId of System acme\/erp cannot be changed/);
});

test('a link that somebody has closed is opened again only when it is asked for', () => {
  const closed = { reason: 'a stolen laptop', by: 'corp:ada', at: '2026-03-01T10:00:00.000Z' };
  const there = { ...have(link, { key: 'main' }), closed };
  const actual = actualOf([there], { acme: 'active' });
  const declared = [declare(link, { key: 'main' })];
  const held = only(planFor(declared, actual, options));
  assert.equal(held.action, 'held');
  const told = 'the link of acme was closed by corp:ada at 2026-03-01T10:00:00.000Z: a stolen laptop';
  assert.equal(held.why?.message, told);
  const relink = { ...options, relink: true };
  const again = only(planFor(declared, actual, relink));
  assert.deepEqual([again.action, again.changes, again.why?.message], ['reopen', [], told]);
  const other = only(planFor([declare(link, { key: 'spare' })], actual, relink));
  assert.deepEqual(other.changes, [{ field: 'key', from: 'main', to: 'spare' }]);
  // In a blocked tenant it is not the link that has to be opened first.
  const blocked = only(planFor(declared, { ...actual, tenants: new Map([['acme', 'blocked']]) }, relink));
  assert.deepEqual([blocked.action, blocked.why?.code], ['held', 'TENANT_STATE']);
});

test('the end of a tenant is a warning: blocked first, and for good with the next run; at once where no region has it', () => {
  const tenantOf = id('Tenant', 'acme', 'acme');
  const how = { ...options, pruneTenants: true, recorded: [tenantOf] };
  const ends = (state: string) => {
    const { action, changes, warning = '' } = only(planFor([], actualOf([acme], { acme: state }), how));
    return { action, to: changes[0]?.to, warning };
  };
  for (const [state, to] of [
    ['active', 'blocked'],
    ['provisioning', 'blocked'],
    ['blocked', 'terminated'],
    ['requested', 'terminated'],
  ] as const) {
    const end = ends(state);
    assert.deepEqual([end.action, end.to], ['remove', to], state);
    assert.match(end.warning, /nobody will ever open its keys again/, state);
  }
  assert.match(ends('active').warning, /the next run with --prune-tenants terminates it/);
  assert.match(ends('requested').warning, /cannot be taken back/);
});

test('in a blocked tenant nothing is made; of a terminated one nothing is declared; of an unknown one neither', () => {
  const declared = [declare(erp, { kind: 'ERP', externalId: '1' })];
  const action = (state: Readonly<Record<string, string>>): string =>
    only(planFor(declared, actualOf([], state), options)).action;
  assert.equal(action({ acme: 'blocked' }), 'held');
  assert.equal(action({ acme: 'terminated' }), 'refused');
  assert.equal(action({}), 'refused');
  assert.equal(action({ acme: 'provisioning' }), 'create');
});

test('the key that is linked is made primary by its link alone', () => {
  const main = id('Key', 'acme', 'main');
  const key = declare(main, { keystore: 'soft', primary: true });
  const there = actualOf([have(main, { keystore: 'soft', primary: false })], { acme: 'active' });
  assert.equal(only(planFor([key], there, options)).action, 'change');
  const plan = planFor([key, declare(link, { key: 'main' })], there, options);
  assert.deepEqual(actions(plan), ['same Key acme main', 'create Link acme acme']);
});

const waiting = (action: string, parameters: Record<string, unknown>): PendingProposal => ({
  id: 'p1',
  tenant: 'acme',
  action,
  parameters,
});

test('what is proposed already waits, field by field; another value is proposed anew', () => {
  const tenantOf = id('Tenant', 'acme', 'acme');
  const declared = declare(tenantOf, { displayName: 'Acme', rotateLinkAfterSeconds: 7200 });
  const there = have(tenantOf, { displayName: 'A', rotateLinkAfterSeconds: 3600 });
  const plan = planFor([declared], actualOf([there], { acme: 'active' }), options);
  assert.deepEqual(tenantsToAsk(plan), ['acme']);
  const [entry] = awaiting(plan, [waiting('link-rotation-policy', { rotateAfterSeconds: 7200 })]);
  assert.equal(entry?.action, 'change');
  assert.deepEqual(
    entry?.changes.map(({ field, waits }) => [field, waits]),
    [
      ['displayName', undefined],
      ['rotateLinkAfterSeconds', 'p1'],
    ],
  );
  const [other] = awaiting(plan, [waiting('link-rotation-policy', { rotateAfterSeconds: 9000 })]);
  assert.ok(other?.changes.every(({ waits }) => waits === undefined));
});

test('a link, a rule and a group wait as a whole; another tenant’s proposal is nobody’s', () => {
  const actual = actualOf([], { acme: 'active' });
  const cases: readonly [Declared, PendingProposal][] = [
    [declare(link, { key: 'main' }), waiting('switch-key', { key: 'main' })],
    [
      declare(id('ApprovalRule', 'acme', 'unlink'), { approvals: 2, groups: ['a', 'b'] }),
      waiting('approval-rule', { action: 'unlink', rule: { approvals: 2, groups: ['b', 'a'] } }),
    ],
    [
      declare(id('ApproverGroup', 'acme', 'officers'), { members: ['x', 'y'] }),
      waiting('approver-group', { group: 'officers', members: ['y', 'x'] }),
    ],
  ];
  for (const [declared, proposal] of cases) {
    const plan = planFor([declared], actual, options);
    assert.equal(only(plan).action, 'create');
    assert.equal(only(awaiting(plan, [proposal])).action, 'wait');
    assert.equal(only(awaiting(plan, [{ ...proposal, tenant: 'other' }])).action, 'create');
  }
});
