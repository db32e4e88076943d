/** Drills, and what may be cut off by them. */
import { Type } from 'typebox';
import { jobs } from '../../../contracts/index.ts';
import { MAX_DRILL_S, MIN_DRILL_S } from '../../limits.ts';
import { getDrill, listDrills } from '../../simulation/drill-view.ts';
import { startDrill, stopDrill } from '../../simulation/drills.ts';
import { designate, listTargets, withdraw } from '../../simulation/targets.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const { closed, Instant, nullable } = schemas;
const Text = Type.String();
const Milliseconds = Type.Integer({ minimum: 0 });
/** Left out: the whole tenant. */
const Service = Type.Optional(schemas.Name);

const TargetRequest = Type.Object({ service: Service }, closed);
const Target = Type.Object(
  {
    tenant: Text,
    service: Type.Union([Text, Type.Null()], { description: 'null: the whole tenant' }),
    designatedBy: Text,
    designatedAt: Instant,
  },
  closed,
);
const DrillRequest = Type.Object(
  {
    service: Service,
    seconds: Type.Integer({ minimum: MIN_DRILL_S, maximum: MAX_DRILL_S }),
    confirm: schemas.freeText({
      minLength: 1,
      maxLength: 127,
      description: 'The name of what is cut off once more: tenant, or tenant/service',
    }),
    regions: Type.Optional(
      Type.Array(schemas.Name, {
        minItems: 1,
        maxItems: 1000,
        description: 'All of the tenant’s when left out',
      }),
    ),
  },
  closed,
);
const DrillRegion = Type.Object(
  {
    region: Text,
    state: Type.Enum(['cutting', 'cut', 'restoring', 'restored', 'failed']),
    refusedWithinMs: Type.Union([Milliseconds, Type.Null()], {
      description:
        'From asking the region until all its connected gateways refused, as governance heard of it',
    }),
    backWithinMs: nullable(Milliseconds),
    refusedBy: Type.Union([Instant, Type.Null()], {
      description: 'Where a gateway has not confirmed: when its leases had ended at the latest',
    }),
    cutJob: schemas.JobId,
    cutError: nullable(Text),
    cut: nullable(jobs.DRILL_CUT.result),
    restoreJob: nullable(schemas.JobId),
    restoreError: nullable(Text),
    restored: nullable(jobs.DRILL_RESTORE.result),
  },
  closed,
);
const Drill = Type.Object(
  {
    id: Text,
    tenant: Text,
    service: nullable(Text),
    state: Type.Enum(['running', 'restoring', 'ended']),
    startedBy: Text,
    startedAt: Instant,
    restoreAt: Instant,
    until: Type.String({ description: 'When regions end it by themselves, without governance' }),
    stoppedBy: nullable(Text),
    restoringAt: nullable(Instant),
    endedAt: nullable(Instant),
    correlationId: Text,
    timeToLastRefusalMs: Type.Union([Milliseconds, Type.Null()], {
      description: 'Of the slowest region; null as long as one is not known',
    }),
    timeBackMs: nullable(Milliseconds),
    regions: Type.Array(DrillRegion),
  },
  closed,
);
const DrillPath = Type.Object({ tenant: schemas.Name, id: Type.String({ format: 'uuid' }) }, closed);

export const drillRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/drill-targets',
    {
      config: { action: 'drill.designate', permission: 'drill.run' },
      schema: {
        summary: 'Designate a tenant or service for drills, as long as no application uses it',
        params: schemas.TenantPath,
        body: TargetRequest,
        response: { 201: Target },
      },
    },
    async (request, reply) =>
      reply
        .status(201)
        .send(await designate(cmk, actorOf(request), request.params.tenant, request.body.service ?? null)),
  );
  app.get(
    '/v1/tenants/:tenant/drill-targets',
    {
      config: { permission: 'drill.read' },
      schema: {
        params: schemas.TenantPath,
        response: { 200: Type.Object({ items: Type.Array(Target) }, closed) },
      },
    },
    (request) => listTargets(cmk, request.params.tenant),
  );
  app.delete(
    '/v1/tenants/:tenant/drill-targets',
    {
      config: { action: 'drill.withdraw', permission: 'drill.stop' },
      schema: {
        summary: 'It cannot be cut off by a drill any more; one that runs goes on to its end',
        params: schemas.TenantPath,
        querystring: TargetRequest,
        response: { 200: Type.Object({ items: Type.Array(Target) }, closed) },
      },
    },
    async (request) => {
      const { tenant } = request.params;
      await withdraw(cmk, actorOf(request), tenant, request.query.service ?? null);
      return await listTargets(cmk, tenant);
    },
  );
  app.post(
    '/v1/tenants/:tenant/drills',
    {
      config: { action: 'drill.start', permission: 'drill.run' },
      schema: {
        summary: 'Cut a designated target off for a while; it comes back by itself',
        params: schemas.TenantPath,
        body: DrillRequest,
        response: { 202: Drill },
      },
    },
    async (request, reply) => {
      const { service = null, ...order } = request.body;
      return reply
        .status(202)
        .send(await startDrill(cmk, actorOf(request), request.params.tenant, { service, ...order }));
    },
  );
  app.get(
    '/v1/tenants/:tenant/drills',
    {
      config: { permission: 'drill.read' },
      schema: {
        summary: 'Newest first',
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(Drill) },
      },
    },
    (request) => listDrills(cmk, request.params.tenant, request.query),
  );
  app.get(
    '/v1/tenants/:tenant/drills/:id',
    {
      config: { permission: 'drill.read' },
      schema: { params: DrillPath, response: { 200: Drill } },
    },
    (request) => getDrill(cmk, request.params.tenant, request.params.id),
  );
  app.post(
    '/v1/tenants/:tenant/drills/:id/stop',
    {
      config: { action: 'drill.stop', permission: 'drill.stop' },
      schema: {
        summary: 'End a drill before its time',
        params: DrillPath,
        response: { 202: Drill },
      },
    },
    async (request, reply) =>
      reply
        .status(202)
        .send(await stopDrill(cmk, actorOf(request), request.params.tenant, request.params.id)),
  );
};
