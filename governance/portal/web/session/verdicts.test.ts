// What the page offers is what CMK would permit: held against the policies themselves, for everybody that somebody can be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAccessPolicy } from '../../../access/policy.ts';
import { type Duty, tenantRoles } from '../../../access/principal.ts';
import { type May, mayOf, unless } from './verdicts.ts';

const policy = loadAccessPolicy();

/** One permission for each verdict, of a tenant; and of the installation. */
const OF_TENANT: Readonly<Record<keyof May, string>> = {
  look: 'key.read',
  administer: 'service.add',
  administerKeys: 'key.link',
  approve: 'proposal.approve',
  audit: 'audit.verify',
  propose: 'proposal.revoke',
  operate: 'tenant.provision',
  help: 'job.read',
  retryJobs: 'job.retry',
  cancelJobs: 'job.cancel',
};
const OF_INSTALLATION = {
  operate: 'region.enrol',
  audit: 'audit.verify',
  retryJobs: 'job.retry',
  cancelJobs: 'job.cancel',
} as const satisfies Partial<Record<keyof May, string>>;

/** Everything that somebody can be in one tenant: each bit stands for a role. */
const subsets = Array.from({ length: 2 ** tenantRoles.length }, (_, bits) =>
  tenantRoles.filter((_role, index) => (bits & (1 << index)) !== 0),
);
const duties: readonly (Duty | null)[] = [null, 'operator', 'development'];

test('every verdict is what the policies say', () => {
  let asked = 0;
  for (const roles of subsets)
    for (const duty of duties)
      for (const person of [true, false]) {
        const principal = { id: 'corp:ada', name: 'Ada', person, duty, groups: [] };
        const standing = new Map(roles.length === 0 ? [] : [['acme', new Set(roles)]]);
        const me = {
          principal: principal.id,
          name: principal.name,
          person,
          duty,
          tenants: roles.length === 0 ? [] : [{ tenant: 'acme', roles: [...roles] }],
        };
        const who = `${person ? 'a person' : 'a machine'}, ${duty}, ${roles.join(' and ')}`;
        const inTenant = mayOf(me, 'acme');
        for (const [verdict, permission] of Object.entries(OF_TENANT) as [keyof May, string][]) {
          // Being a machine makes a difference to this one alone.
          if (!person && verdict !== 'approve') continue;
          const tenant = { tenant: 'acme', governsItself: true };
          const permitted = policy.permits({ principal, standing, permission, tenant });
          assert.equal(inTenant[verdict].allowed, permitted, `${verdict} for ${who}`);
          asked += 1;
        }
        if (!person) continue;
        const inInstallation = mayOf(me, undefined);
        for (const [verdict, permission] of Object.entries(OF_INSTALLATION) as [keyof May, string][]) {
          const permitted = policy.permits({ principal, standing, permission });
          assert.equal(
            inInstallation[verdict].allowed,
            permitted,
            `${verdict} of the installation for ${who}`,
          );
          asked += 1;
        }
      }
  assert.equal(asked, 16 * 3 * (14 + 1));
});

test('whatever is not allowed says why, also before it is known who asks', () => {
  const nobody = mayOf(undefined, 'acme');
  const auditor = mayOf(
    {
      principal: 'corp:eve',
      name: 'Eve',
      person: true,
      duty: null,
      tenants: [{ tenant: 'acme', roles: ['auditor'] }],
    },
    'acme',
  );
  assert.equal(nobody.look.allowed, false);
  assert.equal(auditor.administerKeys.reason, 'Needs the role key-administrator in acme');
  for (const verdict of [...Object.values(nobody), ...Object.values(auditor)])
    assert.equal(verdict.reason !== '', !verdict.allowed);
  assert.deepEqual(unless(auditor.audit, true, 'not now'), { allowed: false, reason: 'not now' });
  assert.equal(unless(auditor.administer, true, 'not now').reason, 'Needs the role administrator in acme');
});
