/** Who could approve at all: people of an issuer with roles of their own, beside whom no name is good that nobody has. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { OIDC_AUDIENCE, OIDC_CLIENT, type OidcProvider, startOidcProvider } from '../../testkit/oidc.ts';
import type { Answer, World } from '../test-world.ts';

let provider: OidcProvider;
let world: World;
const tokens = new Map<string, string>();

before(async () => {
  provider = await startOidcProvider();
  world = await testWorld({
    regions: ['north'],
    configure: (config) => ({
      ...config,
      auth: {
        ...config.auth,
        issuers: [
          { name: 'corp', issuer: provider.issuer, audience: OIDC_AUDIENCE, loginClientId: OIDC_CLIENT },
        ],
        operators: { principals: ['corp:olga'] },
      },
    }),
  });
  for (const name of ['olga', 'alice', 'bert', 'cleo']) tokens.set(name, await provider.tokenOf(name));
});
after(async () => {
  await world?.close();
  await provider?.stop();
});

const as = (who: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  world.call(method, path, body, { authorization: `Bearer ${tokens.get(who)}` });
const code = ({ status, body }: Answer): [number, string | undefined] => [status, body?.code];

/** Alice administers it, Bert and Cleo approve, one of them for everything. */
async function tenant(
  id: string,
): Promise<(method: string, path: string, body?: unknown) => Promise<Answer>> {
  assert.equal((await as('olga', 'POST', '/v1/tenants', { id, policy: 'four-eyes' })).status, 202);
  for (const [role, name] of [
    ['administrator', 'alice'],
    ['approver', 'bert'],
    ['approver', 'cleo'],
  ] as const) {
    const appointed = { role, principal: `corp:${name}` };
    assert.equal((await as('olga', 'POST', `/v1/tenants/${id}/appointments`, appointed)).status, 201);
  }
  return (method, path, body) => as('alice', method, `/v1/tenants/${id}/${path}`, body);
}
const approve = (who: string, { body }: Answer) =>
  as(who, 'POST', `/v1/tenants/${body.proposal.tenant}/proposals/${body.proposal.id}/approve`);
async function decided(asked: Answer, ...by: string[]): Promise<void> {
  assert.equal(asked.status, 202, JSON.stringify(asked.body));
  for (const who of by) {
    const { body } = await approve(who, asked);
    assert.equal(body.proposal?.state, who === by.at(-1) ? 'executed' : 'pending', JSON.stringify(body));
  }
}

test('no rule holds that takes people who are not approvers, whatever they are called', async () => {
  const ask = await tenant('named');
  const spaced = await ask('PUT', 'approver-groups/officers', { members: ['corp:bert', 'Cleo Smith'] });
  assert.deepEqual(code(spaced), [400, 'INVALID_REQUEST']);
  await decided(await ask('PUT', 'approver-groups/officers', { members: ['bert', 'corp:cleo'] }), 'bert');
  const rule = { approvals: 2, groups: ['officers'] };
  const slip = await ask('PUT', 'approval-rules/unlink', rule);
  assert.deepEqual(code(slip), [409, 'QUORUM_UNREACHABLE']);
  assert.match(slip.body.detail, /1 of the members of officers may approve/);
  await decided(
    await ask('PUT', 'approver-groups/officers', { members: ['corp:bert', 'corp:cleo'] }),
    'bert',
  );
  await decided(await ask('PUT', 'approval-rules/unlink', rule), 'cleo');
  for (const members of [
    ['corp:bert', 'cleo'],
    ['corp:bert', 'corp:alice'],
    ['corp:bert', 'client:named/robot'],
  ])
    assert.deepEqual(code(await ask('PUT', 'approver-groups/officers', { members })), [
      409,
      'QUORUM_UNREACHABLE',
    ]);
  // One who may approve nothing today is no obstacle beside enough who may, nor is a development operator by name.
  for (const members of [
    ['corp:bert', 'corp:cleo', 'corp:alice'],
    ['corp:bert', 'ada'],
  ])
    assert.equal((await ask('PUT', 'approver-groups/officers', { members })).status, 202);
});

test('a rule for whoever may approve takes no more than there are', async () => {
  const ask = await tenant('counted');
  // Four of the development installation, who may approve everywhere, and two of the tenant's own.
  const rule = () => ask('PUT', 'approval-rules/unlink', { approvals: 7 });
  assert.deepEqual(code(await rule()), [409, 'QUORUM_UNREACHABLE']);
  assert.equal((await ask('POST', 'groups', { name: 'board' })).status, 201);
  for (const change of [
    { change: 'grant', role: 'approver', group: 'board' },
    { change: 'add-member', group: 'board', principal: 'corp:dora' },
  ])
    await decided(await ask('POST', 'access-changes', change), 'bert');
  assert.equal((await rule()).status, 202);
});

test('who approves changes by no less than every rule that takes whoever may approve', async () => {
  const ask = await tenant('guarded');
  const change = (body: object) => ask('POST', 'access-changes', body);
  await decided(await ask('PUT', 'approver-groups/officers', { members: ['corp:bert'] }), 'bert');
  for (const [action, rule] of [
    ['unlink', { approvals: 2 }],
    ['change-access', { approvals: 1, groups: ['officers'] }],
  ] as const)
    await decided(await ask('PUT', `approval-rules/${action}`, rule), 'bert');
  for (const name of ['board', 'staff']) assert.equal((await ask('POST', 'groups', { name })).status, 201);
  const own = ['rule:change-access'];
  const all = ['four-eyes', 'rule:change-access', 'rule:unlink'];
  const board = { change: 'grant', role: 'approver', group: 'board' };
  const changes: (readonly [object, readonly string[]])[] = [
    [{ change: 'grant', role: 'auditor', principal: 'corp:dora' }, own],
    [{ change: 'add-member', group: 'staff', principal: 'corp:dora' }, own],
    [{ change: 'grant', role: 'approver', principal: 'corp:dora' }, all],
    [board, all],
    [{ change: 'add-member', group: 'board', principal: 'corp:dora' }, all],
    [{ change: 'remove-member', group: 'board', principal: 'corp:dora' }, all],
    [{ change: 'withdraw', role: 'approver', group: 'board' }, all],
  ];
  for (const [body, rules] of changes) {
    const asked = await change(body);
    assert.deepEqual(
      asked.body.proposal?.requirements.map(({ rule }: { rule: string }) => rule).sort(),
      rules,
      JSON.stringify(body),
    );
    await decided(asked, 'bert', ...(rules === all ? ['cleo'] : []));
  }
});
