/** Who holds which permission, as a bank's auditor would ask it; and that no policy is used that does not fit its schema. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessPolicy, loadAccessPolicy, type Question } from './policy.ts';
import { type Duty, type Principal, type TenantRole, tenantRoles } from './principal.ts';

const policy = loadAccessPolicy();

const somebody = (change: Partial<Principal> = {}): Principal => ({
  id: 'corp:ada',
  name: 'Ada',
  person: true,
  duty: null,
  groups: [],
  ...change,
});

function may(
  permission: string,
  roles: readonly TenantRole[],
  {
    of = 'acme',
    governsItself = true,
    ...who
  }: Partial<Principal> & { of?: string; governsItself?: boolean } = {},
): boolean {
  return policy.permits({
    principal: somebody(who),
    standing: new Map([[of, new Set(roles)]]),
    permission,
    tenant: { tenant: 'acme', governsItself },
  });
}

const holders: readonly (readonly [permission: string, roles: readonly TenantRole[]])[] = [
  ['tenant.read', tenantRoles],
  ['key.read', tenantRoles],
  ['proposal.read', tenantRoles],
  ['service.add', ['administrator']],
  ['application.register', ['administrator']],
  ['access.propose', ['administrator']],
  ['client.register', ['administrator']],
  ['key.register', ['key-administrator']],
  ['key.link', ['key-administrator']],
  ['key.unlink', ['key-administrator']],
  ['key.destroy', ['key-administrator']],
  ['rotation.configure', ['key-administrator']],
  ['proposal.approve', ['approver']],
  ['proposal.reject', ['approver']],
  ['audit.read', ['auditor']],
  ['audit.verify', ['auditor']],
  ['job.retry', ['administrator', 'key-administrator']],
];

for (const [permission, roles] of holders)
  test(`${permission}: ${roles.join(', ')}`, () => {
    for (const role of tenantRoles) {
      assert.equal(may(permission, [role]), roles.includes(role), role);
      assert.equal(may(permission, [role], { of: 'rival' }), false, `${role} of another tenant`);
    }
    assert.equal(may(permission, []), false, 'no role');
  });

test('a machine approves nothing, whatever role it has', () => {
  assert.equal(may('proposal.approve', tenantRoles, { person: false }), false);
  assert.equal(may('proposal.read', tenantRoles, { person: false }), true);
});

test('operators run the installation, and see of a tenant only that it is there', () => {
  const operator = somebody({ duty: 'operator' });
  const ask = (permission: string): boolean =>
    policy.permits({ principal: operator, standing: new Map(), permission });
  for (const permission of ['region.enrol', 'tenant.onboard', 'job.read', 'audit.read', 'status.read'])
    assert.equal(ask(permission), true, permission);
  for (const permission of ['tenant.read', 'job.read', 'job.retry'])
    assert.equal(may(permission, [], { duty: 'operator' }), true, permission);
  assert.equal(may('access.appoint', [], { duty: 'operator', governsItself: false }), true);
  assert.equal(may('access.appoint', [], { duty: 'operator', governsItself: true }), false);
});

const roles = fc.subarray([...tenantRoles]);
const permissions = [
  'key.read',
  'key.link',
  'proposal.approve',
  'audit.read',
  'access.propose',
  'link.read',
  'job.cancel',
];

test('whatever roles an operator was given, a tenant’s keys, people and decisions stay closed', () => {
  fc.assert(
    fc.property(roles, fc.constantFrom(...permissions), fc.boolean(), (held, permission, governsItself) => {
      assert.equal(may(permission, held, { duty: 'operator', governsItself }), false);
    }),
  );
});

test('roles in other tenants count for nothing, and names that look like other things are just names', () => {
  const odd = fc.oneof(
    fc.string({ minLength: 1, maxLength: 30 }),
    fc.constantFrom('acme/auditor', 'operator', 'Duty::"operator"'),
  );
  fc.assert(
    fc.property(roles, odd, fc.constantFrom(...permissions), (held, name, permission) => {
      assert.equal(
        may(permission, held, { of: name === 'acme' ? 'rival' : name, id: `corp:${name}` }),
        false,
      );
    }),
  );
});

test('what was decided before is what would be decided now, whoever else has asked', () => {
  const fresh = loadAccessPolicy();
  const duties = fc.constantFrom<Duty | null>(null, 'operator', 'development');
  const question = fc.record({
    permission: fc.constantFrom(...permissions, 'tenant.read', 'access.appoint'),
    person: fc.boolean(),
    duty: duties,
    id: fc.constantFrom('corp:ada', 'corp:bob', 'client:acme/ci'),
    held: roles,
    tenant: fc.constantFrom('acme', 'rival'),
    governsItself: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(question, { minLength: 5, maxLength: 20 }), (questions) => {
      const asked = questions.map(({ permission, person, duty, id, held, tenant, governsItself }) => ({
        principal: somebody({ id, person, duty }),
        standing: new Map([['acme', new Set(held)]]),
        permission,
        tenant: { tenant, governsItself },
      }));
      const first = asked.map((one) => policy.permits(one));
      assert.deepEqual(
        asked
          .toReversed()
          .map((one) => fresh.permits(one))
          .toReversed(),
        first,
      );
      assert.deepEqual(
        asked.map((one) => policy.permits(one)),
        first,
      );
    }),
    { numRuns: 30 },
  );
});

test('everybody may ask about themselves, and about the installation nothing else', () => {
  const ask = (permission: string): boolean =>
    policy.permits({ principal: somebody(), standing: new Map(), permission });
  assert.deepEqual(['me.read', 'tenant.list', 'region.read', 'job.read', 'tenant.onboard'].map(ask), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('a development token may do everything', () => {
  const duty: Duty = 'development';
  for (const [permission] of holders) assert.equal(may(permission, [], { duty }), true, permission);
});

test('a question that the schema does not know is no permission', () => {
  const question: Question = {
    principal: somebody({ duty: 'development' }),
    standing: new Map(),
    permission: 'key.steal',
  };
  assert.throws(() => policy.permits(question), { code: 'ACCESS_POLICY' });
  assert.equal(policy.knows('key.steal', 'Tenant'), false);
  assert.equal(policy.knows('key.link', 'Tenant'), true);
  assert.equal(policy.knows('key.link', 'Installation'), false);
  assert.equal(policy.knows('keyAdministration', 'Tenant'), false);
});

test('policies that do not parse, or do not fit the schema, are refused at start', () => {
  const schema =
    'entity Principal; entity Tenant; action "key.link" appliesTo { principal: Principal, resource: Tenant };';
  const load = (policies: string): AccessPolicy => loadAccessPolicy({ schema, policies });
  for (const policies of [
    'permit (principal, action',
    'permit (principal, action == Action::"key.lnk", resource);',
    'permit (principal, action, resource) when { principal.rank > 3 };',
  ])
    assert.throws(() => load(policies), { code: 'ACCESS_POLICY' }, policies);
  load('permit (principal, action, resource);');
  assert.equal(may('key.link', ['auditor']), false, 'what was loaded before decides as it did');
});

test('a policy that names somebody is refused: decisions are remembered without names', () => {
  const schema = readFileSync(new URL('./openkcm.cedarschema', import.meta.url), 'utf8');
  for (const somebody of [
    'Principal::"corp:ada"',
    'Principal  ::\n"corp:ada"',
    'Principal:: // ops\n"corp:ada"',
  ])
    assert.throws(
      () => loadAccessPolicy({ schema, policies: `permit (principal == ${somebody}, action, resource);` }),
      {
        code: 'ACCESS_POLICY',
        message: /names a principal/,
      },
    );
});
