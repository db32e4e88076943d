/** The life of keys that governance never sees: rotation, emergencies, policies, inventories, destruction. */
import { type Static, Type } from 'typebox';
import { jobs } from '../../../contracts/index.ts';
import { askInventory, listInventories } from '../../rotation/inventory.ts';
import { rotateKey } from '../../rotation/orders.ts';
import { listPolicies } from '../../rotation/policies.ts';
import { actorOf, type Routes } from '../api.ts';
import { proposed } from '../proposed.ts';
import * as schemas from '../schemas.ts';

const { closed, Instant, nullable } = schemas;
const Text = Type.String();
const Service = Type.Optional(schemas.Name);
const Regions = Type.Optional(
  Type.Array(schemas.Name, { minItems: 1, maxItems: 1000, description: 'All of the tenant’s when left out' }),
);

const RotationRequest = Type.Object({ service: Service, regions: Regions }, closed);
const CompromiseRequest = Type.Object({ service: Service, regions: Regions, reason: schemas.Reason }, closed);
const InventoryRequest = Type.Object({ regions: Regions }, closed);
const DestructionRequest = Type.Object(
  {
    region: schemas.Name,
    service: Service,
    version: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
    dependents: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'How many objects the last inventory says depend on the version',
    }),
    reason: schemas.Reason,
  },
  closed,
);
const Jobs = Type.Object(
  {
    jobs: Type.Array(
      Type.Object(
        {
          region: Text,
          job: schemas.JobId,
          joined: Type.Boolean({
            description: 'The same was asked before, and the region has not done it yet',
          }),
        },
        closed,
      ),
    ),
  },
  closed,
);

const LinkPolicyRequest = Type.Object(
  {
    rotateAfterSeconds: Type.Union([schemas.RotateAfter, Type.Null()], { description: 'null: never' }),
  },
  closed,
);
const PolicyRequest = Type.Object(
  {
    service: Service,
    rotateAfterSeconds: Type.Union([schemas.RotateAfter, Type.Literal(0), Type.Null()], {
      description: '0: never; null: as often as each region does by default',
    }),
  },
  closed,
);
const Policies = Type.Object(
  {
    tenant: Text,
    link: Type.Object({ rotateAfterSeconds: nullable(Type.Integer()) }, closed),
    items: Type.Array(
      Type.Object(
        {
          service: Type.Union([Text, Type.Null()], { description: 'null: the tenant’s own key' }),
          rotateAfterSeconds: nullable(Type.Integer()),
          setBy: Text,
          setAt: Instant,
          regions: Type.Array(
            Type.Object(
              { region: Text, state: Text, error: nullable(Text), nextRotationAt: nullable(Instant) },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    next: Type.Optional(Text),
  },
  closed,
);
const RegionInventory = Type.Object(
  {
    region: Text,
    at: Type.Union([Instant, Type.Null()], { description: 'When the region answered last' }),
    askedAt: nullable(Instant),
    pending: Type.Boolean(),
    error: nullable(Text),
    job: nullable(schemas.JobId),
    inventory: nullable(jobs.KEY_INSPECT.result),
  },
  closed,
);

export const rotationRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/rotations',
    {
      config: { action: 'key.rotate', permission: 'key.rotate' },
      schema: {
        summary:
          'A new version of the tenant’s key, or of a service’s; the one before only decrypts from then on',
        params: schemas.TenantPath,
        body: RotationRequest,
        response: { 202: Jobs },
      },
    },
    async (request, reply) => {
      const order = { tenant: request.params.tenant, ...request.body };
      return reply.status(202).send({ jobs: await rotateKey(cmk, actorOf(request), order) });
    },
  );
  app.post(
    '/v1/tenants/:tenant/compromises',
    {
      config: { action: 'compromise-key.propose', permission: 'key.compromise' },
      schema: {
        summary: 'Emergency: a new version at once, and every older one is Compromised',
        params: schemas.TenantPath,
        body: CompromiseRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const wish = { action: 'compromise-key', parameters: request.body } as const;
      return reply.status(202).send(await proposed(cmk, request, wish));
    },
  );
  app.put(
    '/v1/tenants/:tenant/rotation-policy',
    {
      config: { action: 'rotation-policy.propose', permission: 'rotation.configure' },
      schema: {
        summary: 'How often regions rotate a key by themselves; one that protects less takes a quorum',
        params: schemas.TenantPath,
        body: PolicyRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const wish = { action: 'rotation-policy', parameters: request.body } as const;
      return reply.status(202).send(await proposed(cmk, request, wish));
    },
  );
  app.put(
    '/v1/tenants/:tenant/link/rotation-policy',
    {
      config: { action: 'link-rotation-policy.propose', permission: 'rotation.configure' },
      schema: {
        summary:
          'How old the secrets of the tenant’s links may become; one that protects less takes a quorum',
        params: schemas.TenantPath,
        body: LinkPolicyRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const wish = { action: 'link-rotation-policy', parameters: request.body } as const;
      return reply.status(202).send(await proposed(cmk, request, wish));
    },
  );
  app.get(
    '/v1/tenants/:tenant/rotation-policy',
    {
      config: { permission: 'rotation.read' },
      schema: {
        summary: 'What was set, and which region has it',
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: Policies },
      },
    },
    (request) => listPolicies(cmk, request.params.tenant, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/inventories',
    {
      config: { action: 'key.inspect', permission: 'key.inspect' },
      schema: {
        summary: 'Ask the regions which versions there are, and what depends on each',
        params: schemas.TenantPath,
        body: InventoryRequest,
        response: { 202: Jobs },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      return reply
        .status(202)
        .send({ jobs: await askInventory(cmk, actorOf(request), tenant, request.body.regions) });
    },
  );
  app.get(
    '/v1/tenants/:tenant/inventory',
    {
      config: { permission: 'inventory.read' },
      schema: {
        summary: 'What each region answered last; asks nobody',
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(RegionInventory) },
      },
    },
    (request) => listInventories(cmk, request.params.tenant, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/destructions',
    {
      config: { action: 'destroy-key.propose', permission: 'key.destroy' },
      schema: {
        summary: 'Destroy one version in one region, and with it everything that depends on it',
        params: schemas.TenantPath,
        body: DestructionRequest,
        response: { 202: schemas.Proposed },
      },
    },
    async (request, reply) => {
      const parameters: Static<typeof DestructionRequest> = request.body;
      const wish = { action: 'destroy-key', parameters } as const;
      return reply.status(202).send(await proposed(cmk, request, wish));
    },
  );
};
