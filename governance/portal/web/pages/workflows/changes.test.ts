// What a proposal would change is told from what stands there now: nobody approves what they were shown wrongly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Proposal } from '../../../../client/types.gen.ts';
import { proposalActions } from '../../api/words.ts';
import { changesOf, type Present } from './changes.ts';

const AT = '2031-01-31T12:00:00.000Z';

const proposal = (action: string, parameters: Proposal['parameters']): Proposal => ({
  id: '7c0e0000-0000-4000-8000-000000000000',
  tenant: 'acme',
  action,
  parameters,
  state: 'pending',
  policy: 'four-eyes',
  quorum: 2,
  requirements: [],
  proposer: 'corp:bob',
  approvals: [],
  jobs: [],
  createdAt: AT,
  expiresAt: AT,
  decidedAt: null,
  decidedBy: null,
  reason: null,
  error: null,
  correlationId: 'c',
});

const link = (region: string, key: string | null): NonNullable<Present['links']>['regions'][number] => ({
  region,
  epoch: 3,
  state: key === null ? 'none' : 'active',
  openedBy: 'link',
  key,
  waitsFor: null,
  provedAt: AT,
  expiresAt: AT,
  activatedAt: AT,
  closedAt: null,
  gatewaysTold: null,
  reason: null,
  error: null,
  job: null,
  correlationId: null,
  reported: null,
  rotateAt: null,
  rotation: null,
});

const present: Present = {
  tenant: undefined,
  links: { tenant: 'acme', state: 'active', regions: [link('eu', 'l1'), link('us', null)] },
  policy: {
    tenant: 'acme',
    link: { rotateAfterSeconds: null },
    items: [{ service: 'payments', rotateAfterSeconds: 604_800, setBy: 'corp:ada', setAt: AT, regions: [] }],
  },
  rules: {
    tenant: 'acme',
    policy: { name: 'four-eyes', approvals: 1 },
    rules: [{ action: 'unlink', approvals: 2, groups: ['officers'], setBy: 'corp:ada', setAt: AT }],
    groups: [{ name: 'officers', members: ['corp:ada', 'corp:dan'], setBy: 'corp:ada', setAt: AT }],
  },
  roles: [{ role: 'auditor', principal: 'corp:eve', group: null, grantedBy: 'corp:ada', grantedAt: AT }],
  groups: [{ name: 'ops', displayName: '', claim: null, members: ['corp:bob'], createdAt: AT }],
};

const told = (action: string, parameters: Proposal['parameters']) =>
  changesOf(proposal(action, parameters), present);

test('a switch of keys names both, region by region', () => {
  assert.deepEqual(told('switch-key', { key: 'l2' }), [
    {
      what: 'The link',
      now: ['eu: active, on l1, epoch 3', 'us: never linked'],
      after: ['eu: linked, on l2', 'us: linked, on l2'],
    },
  ]);
});

test('a role is shown with all who have it, before and after', () => {
  const [granted] = told('change-access', { change: 'grant', role: 'auditor', group: 'ops' });
  assert.deepEqual(granted, { what: 'Who is auditor', now: ['corp:eve'], after: ['corp:eve', 'group ops'] });
  const [withdrawn] = told('change-access', { change: 'withdraw', role: 'auditor', principal: 'corp:eve' });
  assert.deepEqual(withdrawn?.after, []);
  const [member] = told('change-access', { change: 'add-member', group: 'ops', principal: 'corp:4720' });
  assert.deepEqual(member, { what: 'Members of ops', now: ['corp:bob'], after: ['corp:bob', 'corp:4720'] });
});

test('a rule is compared with the one that holds, and a removed one with the policy behind it', () => {
  const [eased] = told('approval-rule', { action: 'unlink', rule: { approvals: 1, groups: [] } });
  assert.deepEqual(eased?.now, ['2 by others than the proposer', 'from officers']);
  assert.deepEqual(eased?.after, ['1 by others than the proposer', 'by whoever is an approver']);
  const [removed] = told('approval-rule', { action: 'unlink', rule: null });
  assert.match(removed?.after[0] ?? '', /policy four-eyes asks for 1/);
  const [group] = told('approver-group', { group: 'officers', members: null });
  assert.deepEqual([group?.now, group?.after], [['corp:ada', 'corp:dan'], ['The group is removed']]);
});

test('how often keys rotate is told in words, with what never and nothing mean', () => {
  const [longer] = told('rotation-policy', { service: 'payments', rotateAfterSeconds: 0 });
  assert.deepEqual([longer?.now, longer?.after], [['every 7 days'], ['never']]);
  const [unset] = told('rotation-policy', { rotateAfterSeconds: null });
  assert.deepEqual([unset?.now, unset?.after], [['as each region does'], ['as each region does']]);
  const [scheduled] = told('link-rotation-policy', { rotateAfterSeconds: 2_592_000 });
  assert.deepEqual([scheduled?.now, scheduled?.after], [['never'], ['every 30 days']]);
});

test('every action that can be proposed is told in words', () => {
  for (const action of proposalActions)
    for (const { what, after } of told(action, { reason: 'x' })) {
      assert.notEqual(what, action, `${action} is shown raw`);
      assert.ok(Array.isArray(after));
    }
});
