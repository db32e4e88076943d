/** Four eyes over REST, with a region that does what it is asked: who may decide what, and what becomes of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { type Answer, MORE_TOKENS, SECOND_TOKEN, TOKEN, until, type World } from '../test-world.ts';

let world: World;

const tokens = { ada: TOKEN, bob: SECOND_TOKEN, ...MORE_TOKENS };
type Person = keyof typeof tokens;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
});
after(() => world.close());

const as = (person: Person, method: string, path: string, body?: unknown): Promise<Answer> =>
  world.call(method, path, body, { authorization: `Bearer ${tokens[person]}` });
const decide = (person: Person, proposal: { tenant: string; id: string }, verb: string, reason?: string) =>
  as(
    person,
    'POST',
    `/v1/tenants/${proposal.tenant}/proposals/${proposal.id}/${verb}`,
    reason === undefined ? undefined : { reason },
  );
const propose = async (tenant: string, path: string, body: unknown, method = 'POST') =>
  (await world.must(202, method, `/v1/tenants/${tenant}/${path}`, body)).proposal;
const look = (proposal: { tenant: string; id: string }) =>
  world.must(200, 'GET', `/v1/tenants/${proposal.tenant}/proposals/${proposal.id}`);
const refused = async (asking: Promise<Answer>): Promise<[number, string]> => {
  const { status, body } = await asking;
  return [status, body.code];
};
const executed = (answer: Answer): void =>
  assert.deepEqual(
    [answer.status, answer.body?.proposal?.state],
    [202, 'executed'],
    JSON.stringify(answer.body),
  );

/** Who approves what at this tenant: officers are bob, carol and dave; unlinking takes two of them. */
async function guarded(tenant: string): Promise<void> {
  await world.onboard(tenant, 'four-eyes');
  const group = await propose(
    tenant,
    'approver-groups/officers',
    { members: ['bob', 'carol', 'dave'] },
    'PUT',
  );
  executed(await decide('bob', group, 'approve'));
  const rule = await propose(tenant, 'approval-rules/unlink', { approvals: 2, groups: ['officers'] }, 'PUT');
  executed(await decide('bob', rule, 'approve'));
}

test('each action has its own rule, and nothing happens before the last approval', async () => {
  await guarded('acme');
  executed(await decide('carol', await propose('acme', 'link', { key: 'main' }), 'approve'));
  await world.linked('acme', 'active');

  const proposal = await propose('acme', 'unlink', { reason: 'an exercise' });
  assert.deepEqual(
    [proposal.state, proposal.policy, proposal.quorum, proposal.approvals, proposal.jobs],
    ['pending', 'rule:unlink', 3, [], []],
  );
  assert.deepEqual(proposal.requirements, [
    {
      rule: 'rule:unlink',
      approvals: 2,
      given: 0,
      groups: ['officers'],
      approvers: ['bob', 'carol', 'dave'],
    },
  ]);
  assert.deepEqual(await refused(decide('ada', proposal, 'approve')), [403, 'FOUR_EYES']);
  const first = await decide('bob', proposal, 'approve');
  assert.deepEqual([first.body.proposal.state, first.body.proposal.requirements[0].given], ['pending', 1]);
  // Asked twice, it counts once.
  assert.equal((await decide('bob', proposal, 'approve')).body.proposal.state, 'pending');
  assert.equal((await world.must(200, 'GET', '/v1/tenants/acme/links')).state, 'active');
  const last = await decide('dave', proposal, 'approve');
  executed(last);
  assert.equal(last.body.proposal.decidedBy, 'dave');
  assert.equal(last.body.proposal.jobs.length, 2);
  await world.linked('acme', 'closed');
  assert.deepEqual(await refused(decide('carol', proposal, 'approve')), [409, 'PROPOSAL_DECIDED']);
});

test('who may approve is settled when it is proposed; whoever leaves the group since may not', async () => {
  await guarded('snapshot');
  executed(await decide('carol', await propose('snapshot', 'link', { key: 'main' }), 'approve'));
  await world.linked('snapshot', 'active');
  const before = await propose('snapshot', 'unlink', { reason: 'as it was' });
  // Changing the approvers of unlinking takes what unlinking takes, beside one's own rule.
  const group = await propose(
    'snapshot',
    'approver-groups/officers',
    { members: ['carol', 'dave', 'eve'] },
    'PUT',
  );
  assert.deepEqual(
    group.requirements.map(({ rule }: { rule: string }) => rule),
    ['four-eyes', 'rule:unlink'],
  );
  assert.equal((await decide('bob', group, 'approve')).body.proposal.state, 'pending');
  executed(await decide('carol', group, 'approve'));

  assert.deepEqual(await refused(decide('bob', before, 'approve')), [403, 'NOT_APPROVER']);
  assert.deepEqual((await look(before)).requirements[0].approvers, ['bob', 'carol', 'dave']);
  const after = await propose('snapshot', 'unlink', { reason: 'as it is' });
  assert.deepEqual(after.requirements[0].approvers, ['carol', 'dave', 'eve']);
  await decide('carol', before, 'approve');
  executed(await decide('dave', before, 'approve'));
  // What was proposed beside it cannot be done any more: it fails with the reason, and the approvals stand.
  await decide('carol', after, 'approve');
  const late = await decide('dave', after, 'approve');
  assert.equal(late.status, 202);
  assert.deepEqual(
    [late.body.proposal.state, late.body.proposal.error.code, late.body.proposal.approvals.length],
    ['failed', 'NOT_LINKED', 2],
  );
});

test('a rule falls only by itself, whatever the rule about rules says', async () => {
  await guarded('lowered');
  const lower = await propose('lowered', 'approval-rules/unlink', { approvals: 1 }, 'PUT');
  assert.deepEqual(
    lower.requirements.map(({ rule, approvals }: { rule: string; approvals: number }) => [rule, approvals]),
    [
      ['four-eyes', 1],
      ['rule:unlink', 2],
    ],
  );
  assert.equal((await decide('bob', lower, 'approve')).body.proposal.state, 'pending');
  assert.equal((await world.must(200, 'GET', '/v1/tenants/lowered/approval-rules')).rules[0].approvals, 2);
  executed(await decide('carol', lower, 'approve'));
  const { rules } = await world.must(200, 'GET', '/v1/tenants/lowered/approval-rules');
  assert.deepEqual([rules[0].action, rules[0].approvals, rules[0].groups], ['unlink', 1, []]);

  const removed = await world.must(202, 'DELETE', '/v1/tenants/lowered/approval-rules/unlink');
  executed(await decide('dave', removed.proposal, 'approve'));
  assert.deepEqual((await world.must(200, 'GET', '/v1/tenants/lowered/approval-rules')).rules, []);
});

test('one operator of a development tenant can ask for more eyes, and then not for fewer', async () => {
  await world.onboard('growing');
  const rule = await propose('growing', 'approval-rules/any', { approvals: 1 }, 'PUT');
  assert.equal(rule.state, 'executed');
  const less = await world.must(202, 'DELETE', '/v1/tenants/growing/approval-rules/any');
  assert.equal(less.proposal.state, 'pending');
  assert.equal((await propose('growing', 'link', { key: 'main' })).state, 'pending');
});

test('rules that nobody could satisfy are refused, before they hold and before they are asked for', async () => {
  await guarded('unreachable');
  const put = (path: string, body: unknown) => as('ada', 'PUT', `/v1/tenants/unreachable/${path}`, body);
  for (const [asking, status, code] of [
    [put('approval-rules/unlink', { approvals: 4, groups: ['officers'] }), 409, 'QUORUM_UNREACHABLE'],
    [put('approval-rules/unlink', { approvals: 1, groups: ['nobody'] }), 404, 'GROUP_UNKNOWN'],
    [put('approval-rules/dance', { approvals: 1 }), 404, 'ACTION_UNKNOWN'],
    [put('approval-rules/unlink', { approvals: 0 }), 400, 'INVALID_REQUEST'],
    [put('approver-groups/officers', { members: ['bob'] }), 409, 'QUORUM_UNREACHABLE'],
    [put('approver-groups/officers', { members: [] }), 400, 'INVALID_REQUEST'],
    [as('ada', 'DELETE', '/v1/tenants/unreachable/approver-groups/officers'), 409, 'GROUP_IN_USE'],
    [as('ada', 'DELETE', '/v1/tenants/unreachable/approver-groups/none'), 404, 'GROUP_UNKNOWN'],
  ] as const)
    assert.deepEqual(await refused(asking), [status, code]);
  // Two approvals of three officers are left when an officer proposes; of two, none would be.
  const fewer = await propose(
    'unreachable',
    'approver-groups/officers',
    { members: ['bob', 'carol'] },
    'PUT',
  );
  await decide('bob', fewer, 'approve');
  executed(await decide('carol', fewer, 'approve'));
  assert.deepEqual(
    await refused(as('bob', 'PUT', '/v1/tenants/unreachable/approval-rules/unlink', { approvals: 1 })),
    [409, 'QUORUM_UNREACHABLE'],
  );
});

test('one approver’s no ends it; only who proposed it takes it back; and time ends it by itself', async () => {
  await guarded('ended');
  executed(await decide('carol', await propose('ended', 'link', { key: 'main' }), 'approve'));
  await world.linked('ended', 'active');
  const ask = () => propose('ended', 'unlink', { reason: 'why not' });

  const rejected = await ask();
  assert.deepEqual(await refused(decide('ada', rejected, 'reject', 'x')), [403, 'FOUR_EYES']);
  const no = await decide('dave', rejected, 'reject', 'not on a Friday');
  assert.deepEqual(
    [no.body.proposal.state, no.body.proposal.decidedBy, no.body.proposal.reason],
    ['rejected', 'dave', 'not on a Friday'],
  );

  const revoked = await ask();
  assert.deepEqual(await refused(decide('bob', revoked, 'revoke', 'x')), [403, 'NOT_PROPOSER']);
  assert.equal((await decide('ada', revoked, 'revoke', 'a slip')).body.proposal.state, 'revoked');

  const expiring = await ask();
  await decide('bob', expiring, 'approve');
  await world.query(`UPDATE proposals SET expires_at = now() WHERE id = $1`, [expiring.id]);
  assert.deepEqual(await refused(decide('carol', expiring, 'approve')), [409, 'PROPOSAL_DECIDED']);
  await until('it has expired', async () => (await look(expiring)).state === 'expired');

  for (const proposal of [rejected, revoked, expiring])
    assert.deepEqual(await refused(decide('carol', proposal, 'approve')), [409, 'PROPOSAL_DECIDED']);
  assert.equal((await world.must(200, 'GET', '/v1/tenants/ended/links')).state, 'active');
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=ended&limit=200');
  const told = items.map(({ action }: { action: string }) => action);
  for (const action of [
    'proposal.create',
    'proposal.approve',
    'proposal.reject',
    'proposal.revoke',
    'proposal.expire',
  ])
    assert.ok(told.includes(action), action);
  const expiry = items.find(({ action }: { action: string }) => action === 'proposal.expire');
  assert.deepEqual([expiry.actor, expiry.detail.approvers], ['system:workflows', ['bob']]);
});

test('lists are newest first, in pages, and by state', async () => {
  const path = '/v1/tenants/ended/proposals';
  const ids: string[] = [];
  for (let next: string | undefined = ''; next !== undefined; ) {
    const page: Answer['body'] = await world.must(
      200,
      'GET',
      `${path}?limit=2${next === '' ? '' : `&cursor=${next}`}`,
    );
    ids.push(...page.items.map(({ id }: { id: string }) => id));
    next = page.next;
  }
  const all = (await world.must(200, 'GET', `${path}?limit=200`)).items;
  assert.deepEqual(
    ids,
    all.map(({ id }: { id: string }) => id),
  );
  assert.equal(new Set(ids).size, 6);
  const times = all.map(({ createdAt }: { createdAt: string }) => createdAt);
  assert.deepEqual(times, [...times].sort().reverse());
  const expired = (await world.must(200, 'GET', `${path}?state=expired`)).items;
  assert.equal(expired.length, 1);
  assert.equal((await world.must(200, 'GET', `${path}?action=link`)).items.length, 1);
});

test('what could not be done now is not put before anybody, and leaves nothing behind', async () => {
  await world.onboard('rehearsed', 'four-eyes');
  const jobs = async () =>
    (await world.query(`SELECT count(*)::int AS n FROM orbital_jobs WHERE entity LIKE '%rehearsed%'`))[0]?.[
      'n'
    ];
  const before = await jobs();
  assert.deepEqual(await refused(as('ada', 'POST', '/v1/tenants/rehearsed/unlink', { reason: 'x' })), [
    409,
    'NOT_LINKED',
  ]);
  assert.deepEqual((await world.must(200, 'GET', '/v1/tenants/rehearsed/proposals')).items, []);
  const pending = await propose('rehearsed', 'link', { key: 'main' });
  assert.equal(await jobs(), before);
  assert.equal((await world.must(200, 'GET', '/v1/tenants/rehearsed/links')).state, 'none');
  const [row] = await world.query(
    `SELECT max(last_epoch)::int AS epoch FROM tenant_regions WHERE tenant = 'rehearsed'`,
  );
  assert.equal(row?.['epoch'], 0);
  executed(await decide('bob', pending, 'approve'));
  assert.equal((await world.linked('rehearsed', 'active')).regions[0].epoch, 1);
});

test('another key is another decision, also for a tenant that is unlinked', async () => {
  await world.onboard('switched', 'four-eyes');
  await world.must(201, 'POST', '/v1/tenants/switched/keys', {
    keystore: 'soft',
    alias: 'second',
    create: true,
  });
  const link = await propose('switched', 'link', { key: 'main' });
  assert.equal(link.action, 'link');
  const other = await propose('switched', 'link', { key: 'second' });
  assert.equal(other.action, 'link');
  executed(await decide('bob', link, 'approve'));
  await world.linked('switched', 'active');
  // It was asked for as a first link, and would be a switch now.
  const late = await decide('bob', other, 'approve');
  assert.deepEqual(
    [late.body.proposal.state, late.body.proposal.error.code],
    ['failed', 'KEY_SWITCH_NEEDED'],
  );

  executed(await decide('bob', await propose('switched', 'unlink', { reason: 'x' }), 'approve'));
  await world.linked('switched', 'closed');
  const proposal = await propose('switched', 'link', { key: 'second' });
  assert.equal(proposal.action, 'switch-key');
  executed(await decide('bob', proposal, 'approve'));
  assert.equal((await world.linked('switched', 'active')).regions[0].key, 'second');
});

test('a blocked tenant opens nothing until it is unblocked and linked anew; a terminated one never does', async () => {
  await world.onboard('held', 'four-eyes');
  executed(await decide('bob', await propose('held', 'link', { key: 'main' }), 'approve'));
  await world.linked('held', 'active');
  const state = async () => (await world.must(200, 'GET', '/v1/tenants/held')).state;
  const ask = (verb: string) => as('ada', 'POST', `/v1/tenants/held/${verb}`, { reason: 'a court order' });

  assert.equal((await refused(ask('unblock')))[0], 409);
  executed(await decide('bob', await propose('held', 'block', { reason: 'a court order' }), 'approve'));
  await until('every region has closed', async () => (await state()) === 'blocked');
  for (const region of world.regions) assert.equal(region.tenants.get('held')?.open, 0);
  assert.deepEqual(await refused(as('ada', 'POST', '/v1/tenants/held/link', { key: 'main' })), [
    409,
    'TENANT_STATE',
  ]);

  executed(await decide('bob', await propose('held', 'unblock', { reason: 'lifted' }), 'approve'));
  assert.equal(await state(), 'active');
  executed(await decide('bob', await propose('held', 'link', { key: 'main' }), 'approve'));
  await world.linked('held', 'active');

  executed(await decide('bob', await propose('held', 'block', { reason: 'the end' }), 'approve'));
  await until('every region has closed', async () => (await state()) === 'blocked');
  const end = await propose('held', 'terminate', { reason: 'the end' });
  assert.equal(end.state, 'pending');
  executed(await decide('bob', end, 'approve'));
  await until('it is terminated', async () => (await state()) === 'terminated');
  const [left] = await world.query(
    `SELECT count(*)::int AS secrets FROM links WHERE tenant = 'held' AND wrapped_secret IS NOT NULL`,
  );
  assert.equal(left?.['secrets'], 0);
  assert.deepEqual(await refused(as('ada', 'POST', '/v1/tenants/held/link', { key: 'main' })), [
    409,
    'TENANT_STATE',
  ]);
});

test('every chain verifies', async () => {
  for (const tenant of ['acme', 'snapshot', 'lowered', 'ended', 'held'])
    assert.equal((await world.must(200, 'GET', `/v1/audit/verify?tenant=${tenant}`)).ok, true, tenant);
});
