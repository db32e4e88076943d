/** Four eyes: proposals and what people decide about them, whose word it takes, and decisions about a whole tenant. */
import { Type } from 'typebox';
import { PrincipalId } from '../../access/changes.ts';
import { MAX_APPROVALS, MAX_APPROVERS, MAX_GROUPS_PER_RULE } from '../../limits.ts';
import { approve, reject, revoke } from '../../workflows/proposals.ts';
import { proposalStates } from '../../workflows/quorum.ts';
import { viewRules } from '../../workflows/rules.ts';
import { getProposal, listProposals } from '../../workflows/view.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import { proposed } from '../proposed.ts';
import * as schemas from '../schemas.ts';
import { decision } from './links.ts';

const { closed, Instant, Name, Reason } = schemas;
const Text = Type.String();

const ProposalQuery = Type.Object(
  {
    ...schemas.PageQuery.properties,
    state: Type.Optional(Type.Enum([...proposalStates])),
    action: Type.Optional(Name),
  },
  closed,
);
const WithReason = Type.Object({ reason: Reason }, closed);
const ActionPath = Type.Object({ tenant: Name, action: Name }, closed);
const Groups = Type.Array(Name, {
  maxItems: MAX_GROUPS_PER_RULE,
  description: 'Whose members may approve; empty: whoever is permitted to',
});
const Approvals = Type.Integer({
  minimum: 1,
  maximum: MAX_APPROVALS,
  description: 'By different people, the proposer not among them',
});
const RuleRequest = Type.Object({ approvals: Approvals, groups: Type.Optional(Groups) }, closed);
const GroupRequest = Type.Object(
  {
    members: Type.Array(PrincipalId, {
      minItems: 1,
      maxItems: MAX_APPROVERS,
      description: 'As roles and the audit log name them',
    }),
  },
  closed,
);
const SetBy = { setBy: Text, setAt: Instant };
const Rules = schemas.model('ApprovalRules', {
  tenant: Text,
  policy: Type.Object(
    { name: Text, approvals: Type.Integer() },
    { ...closed, description: 'Holds for every action without a rule, where there is none for "any"' },
  ),
  rules: Type.Array(
    Type.Object({ action: Text, approvals: Type.Integer(), groups: Type.Array(Text), ...SetBy }, closed),
  ),
  groups: Type.Array(Type.Object({ name: Text, members: Type.Array(Text), ...SetBy }, closed)),
});

export const workflowRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/tenants/:tenant/proposals',
    {
      config: { permission: 'proposal.read' },
      schema: {
        summary: 'Newest first',
        params: schemas.TenantPath,
        querystring: ProposalQuery,
        response: { 200: schemas.pageOf(schemas.Proposal) },
      },
    },
    (request) => listProposals(cmk, request.params.tenant, ...splitPage(request.query)),
  );
  app.get(
    '/v1/tenants/:tenant/proposals/:id',
    {
      config: { permission: 'proposal.read' },
      schema: { params: schemas.ProposalPath, response: { 200: schemas.Proposal } },
    },
    (request) => getProposal(cmk, request.params.tenant, request.params.id),
  );
  app.post(
    '/v1/tenants/:tenant/proposals/:id/approve',
    {
      config: { action: 'proposal.approve', permission: 'proposal.approve' },
      schema: {
        summary: 'Approve as another than the proposer; the last approval that is needed carries it out',
        params: schemas.ProposalPath,
        response: { 202: schemas.Decision },
      },
    },
    async (request, reply) => {
      const { tenant, id } = request.params;
      return reply.status(202).send(await decision(cmk, approve(cmk, actorOf(request), tenant, id)));
    },
  );
  app.post(
    '/v1/tenants/:tenant/proposals/:id/reject',
    {
      config: { action: 'proposal.reject', permission: 'proposal.reject' },
      schema: {
        summary: 'One approver’s no ends the proposal',
        params: schemas.ProposalPath,
        body: WithReason,
        response: { 200: schemas.Proposed },
      },
    },
    async (request) => {
      const { tenant, id } = request.params;
      return { proposal: await reject(cmk, actorOf(request), tenant, id, request.body.reason) };
    },
  );
  app.post(
    '/v1/tenants/:tenant/proposals/:id/revoke',
    {
      config: { action: 'proposal.revoke', permission: 'proposal.revoke' },
      schema: {
        summary: 'Take one’s own proposal back',
        params: schemas.ProposalPath,
        body: WithReason,
        response: { 200: schemas.Proposed },
      },
    },
    async (request) => {
      const { tenant, id } = request.params;
      return { proposal: await revoke(cmk, actorOf(request), tenant, id, request.body.reason) };
    },
  );

  app.get(
    '/v1/tenants/:tenant/approval-rules',
    {
      config: { permission: 'rule.read' },
      schema: {
        summary: 'How many of whom have to approve which action',
        params: schemas.TenantPath,
        response: { 200: Rules },
      },
    },
    (request) => viewRules(cmk, request.params.tenant),
  );
  app.put(
    '/v1/tenants/:tenant/approval-rules/:action',
    {
      config: { action: 'approval-rule.propose', permission: 'rule.propose' },
      schema: {
        summary:
          'A rule for one action, or for "any" that has none; changing it takes what the old rule takes',
        params: ActionPath,
        body: RuleRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const { approvals, groups = [] } = request.body;
      const parameters = { action: request.params.action, rule: { approvals, groups } };
      return reply.status(202).send(await proposed(cmk, request, { action: 'approval-rule', parameters }));
    },
  );
  app.delete(
    '/v1/tenants/:tenant/approval-rules/:action',
    {
      config: { action: 'approval-rule.propose', permission: 'rule.propose' },
      schema: {
        summary: 'Give the action back to the rule for "any", or to the tenant’s policy',
        params: ActionPath,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const parameters = { action: request.params.action, rule: null };
      return reply.status(202).send(await proposed(cmk, request, { action: 'approval-rule', parameters }));
    },
  );
  app.put(
    '/v1/tenants/:tenant/approver-groups/:name',
    {
      config: { action: 'approver-group.propose', permission: 'rule.propose' },
      schema: {
        summary: 'Who may approve where a rule names this group; takes what every such rule takes',
        params: schemas.NamedPath,
        body: GroupRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const parameters = { group: request.params.name, members: request.body.members };
      return reply.status(202).send(await proposed(cmk, request, { action: 'approver-group', parameters }));
    },
  );
  app.delete(
    '/v1/tenants/:tenant/approver-groups/:name',
    {
      config: { action: 'approver-group.propose', permission: 'rule.propose' },
      schema: {
        summary: 'Remove a group that no rule names',
        params: schemas.NamedPath,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const parameters = { group: request.params.name, members: null };
      return reply.status(202).send(await proposed(cmk, request, { action: 'approver-group', parameters }));
    },
  );

  for (const [verb, summary] of [
    ['block', 'Close every key of the tenant in every region, until it is unblocked and linked anew'],
    ['unblock', 'Let a blocked tenant be linked again'],
    ['terminate', 'The end of a blocked tenant: nobody opens its keys again'],
  ] as const)
    app.post(
      `/v1/tenants/:tenant/${verb}`,
      {
        config: { action: `${verb}-tenant.propose`, permission: `tenant.${verb}` },
        schema: {
          summary,
          params: schemas.TenantPath,
          body: WithReason,
          response: { 202: schemas.Proposed },
        },
      },
      async (request, reply) => {
        const wish = { action: `${verb}-tenant`, parameters: request.body } as const;
        return reply.status(202).send(await proposed(cmk, request, wish));
      },
    );
};
