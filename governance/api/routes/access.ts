/** Who may do what in a tenant: oneself, roles, groups, machine clients, and workspaces. */
import { Type } from 'typebox';
import { AccessChange, appoint, listRoles, PrincipalId, Role, withKey } from '../../access/changes.ts';
import { createGroup, listGroups } from '../../access/groups.ts';
import { listClients, registerClient, removeClient } from '../../access/machine-clients.ts';
import { createWorkspace, listWorkspaces, removeWorkspace, setServices } from '../../access/workspaces.ts';
import { MAX_CERTIFICATE_LENGTH } from '../../limits.ts';
import { propose } from '../../workflows/proposals.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const { closed, freeText, Instant, Name, nullable, pageOf } = schemas;
const Text = Type.String();

const Me = Type.Object(
  {
    principal: Text,
    name: Text,
    person: Type.Boolean(),
    duty: nullable(Type.Enum(['operator', 'development'])),
    tenants: Type.Array(Type.Object({ tenant: Text, roles: Type.Array(Role) }, closed)),
  },
  closed,
);
const RoleGrant = Type.Object(
  { role: Role, principal: nullable(Text), group: nullable(Text), grantedBy: Text, grantedAt: Instant },
  closed,
);
const Appointment = Type.Object(
  { role: Type.Enum(['administrator', 'approver']), principal: PrincipalId },
  closed,
);
const Appointed = Type.Object({ appointed: Type.Literal(true) }, closed);
const Proposed = Type.Object({ proposal: schemas.Proposal }, closed);

const NewGroup = Type.Object(
  {
    name: Name,
    displayName: Type.Optional(freeText({ minLength: 1, maxLength: 128 })),
    claim: Type.Optional(
      Type.String({
        pattern: '^[a-z][a-z0-9-]{0,30}:[\\x21-\\x7e]{1,255}$',
        description: 'ISSUER:GROUP. Whoever that issuer says to be in that group of its own is a member',
      }),
    ),
  },
  closed,
);
const Group = Type.Object(
  { name: Text, displayName: Text, claim: nullable(Text), members: Type.Array(Text), createdAt: Instant },
  closed,
);
const NewClient = Type.Object(
  {
    name: Name,
    certificate: Type.String({
      minLength: 1,
      maxLength: MAX_CERTIFICATE_LENGTH,
      pattern: '^[\\t\\r\\n -~]*$',
      description: 'One X.509 certificate in PEM',
    }),
  },
  closed,
);
const Client = Type.Object({ name: Text, principal: Text, fingerprint: Text, createdAt: Instant }, closed);
const NewWorkspace = Type.Object(
  {
    name: Name,
    displayName: Type.Optional(freeText({ minLength: 1, maxLength: 128 })),
    externalId: Type.Optional(
      freeText({ minLength: 1, maxLength: 255, description: 'How the customer’s platform calls it' }),
    ),
  },
  closed,
);
const Services = Type.Object({ services: Type.Array(Name, { maxItems: 1000 }) }, closed);
const Workspace = Type.Object(
  {
    name: Text,
    displayName: Text,
    externalId: nullable(Text),
    services: Type.Array(Text),
    createdAt: Instant,
  },
  closed,
);
const Removed = Type.Object({ removed: Type.Literal(true) }, closed);
const removed = { removed: true } as const;

export const accessRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/me',
    {
      config: { permission: 'me.read' },
      schema: { summary: 'Who you are here, and what in which tenant', response: { 200: Me } },
    },
    ({ access: { principal, standing } }) => ({
      principal: principal.id,
      name: principal.name,
      person: principal.person,
      duty: principal.duty,
      tenants: [...standing].map(([tenant, roles]) => ({ tenant, roles: [...roles] })),
    }),
  );
  app.get(
    '/v1/tenants/:tenant/roles',
    {
      config: { permission: 'role.read' },
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: pageOf(RoleGrant) },
      },
    },
    (request) => listRoles(cmk, request.params.tenant, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/access-changes',
    {
      config: { action: 'change-access.propose', permission: 'access.propose' },
      schema: {
        summary:
          'Grant or withdraw a role, change who is in a group; carried out when the policy is satisfied',
        params: schemas.TenantPath,
        body: AccessChange,
        response: { 202: Proposed },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const parameters = await withKey(cmk, tenant, request.body);
      const proposal = await propose(cmk, actorOf(request), tenant, { action: 'change-access', parameters });
      return reply.status(202).send({ proposal });
    },
  );
  app.post(
    '/v1/tenants/:tenant/appointments',
    {
      config: { action: 'access.appoint', permission: 'access.appoint' },
      schema: {
        summary: 'Name one of the first people of a tenant that cannot decide for itself yet',
        params: schemas.TenantPath,
        body: Appointment,
        response: { 201: Appointed },
      },
    },
    async (request, reply) => {
      await appoint(cmk, actorOf(request), request.params.tenant, request.body);
      return reply.status(201).send({ appointed: true });
    },
  );
  app.post(
    '/v1/tenants/:tenant/groups',
    {
      config: { action: 'group.create', permission: 'group.create' },
      schema: {
        summary: 'A group without members or roles',
        params: schemas.TenantPath,
        body: NewGroup,
        response: { 201: Group },
      },
    },
    async (request, reply) =>
      reply.status(201).send(await createGroup(cmk, actorOf(request), request.params.tenant, request.body)),
  );
  app.get(
    '/v1/tenants/:tenant/groups',
    {
      config: { permission: 'group.read' },
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: pageOf(Group) },
      },
    },
    (request) => listGroups(cmk, request.params.tenant, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/clients',
    {
      config: { action: 'client.register', permission: 'client.register' },
      schema: {
        summary: 'Register the key of a certificate as a machine that speaks to this API',
        params: schemas.TenantPath,
        body: NewClient,
        response: { 201: Client },
      },
    },
    async (request, reply) =>
      reply
        .status(201)
        .send(await registerClient(cmk, actorOf(request), request.params.tenant, request.body)),
  );
  app.get(
    '/v1/tenants/:tenant/clients',
    {
      config: { permission: 'client.read' },
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: pageOf(Client) },
      },
    },
    (request) => listClients(cmk, request.params.tenant, request.query),
  );
  app.delete(
    '/v1/tenants/:tenant/clients/:name',
    {
      config: { action: 'client.remove', permission: 'client.remove' },
      schema: {
        summary: 'Refuse it from the next request on, and take its roles',
        params: schemas.NamedPath,
        response: { 200: Removed },
      },
    },
    async (request) => {
      await removeClient(cmk, actorOf(request), request.params.tenant, request.params.name);
      return removed;
    },
  );
  app.post(
    '/v1/tenants/:tenant/workspaces',
    {
      config: { action: 'workspace.create', permission: 'workspace.create' },
      schema: {
        summary: 'Link a workspace of the customer’s platform to the tenant',
        params: schemas.TenantPath,
        body: NewWorkspace,
        response: { 201: Workspace },
      },
    },
    async (request, reply) =>
      reply
        .status(201)
        .send(await createWorkspace(cmk, actorOf(request), request.params.tenant, request.body)),
  );
  app.get(
    '/v1/tenants/:tenant/workspaces',
    {
      config: { permission: 'workspace.read' },
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: pageOf(Workspace) },
      },
    },
    (request) => listWorkspaces(cmk, request.params.tenant, request.query),
  );
  app.put(
    '/v1/tenants/:tenant/workspaces/:name/services',
    {
      config: { action: 'workspace.change', permission: 'workspace.change' },
      schema: {
        summary: 'Exactly these services live in it from now on',
        params: schemas.NamedPath,
        body: Services,
        response: { 200: Workspace },
      },
    },
    (request) => {
      const { tenant, name } = request.params;
      return setServices(cmk, actorOf(request), tenant, name, request.body.services);
    },
  );
  app.delete(
    '/v1/tenants/:tenant/workspaces/:name',
    {
      config: { action: 'workspace.remove', permission: 'workspace.remove' },
      schema: {
        summary: 'The services in it stay',
        params: schemas.NamedPath,
        response: { 200: Removed },
      },
    },
    async (request) => {
      await removeWorkspace(cmk, actorOf(request), request.params.tenant, request.params.name);
      return removed;
    },
  );
};
