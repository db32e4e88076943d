/** Simulations: what a revocation would stop. Asking is a POST, since regions are asked; nothing else comes of it. */
import { type Static, Type } from 'typebox';
import { ReportedLink } from '../../../contracts/index.ts';
import { CmkError } from '../../errors.ts';
import { MAX_SIMULATED_REGIONS } from '../../limits.ts';
import { linkStates } from '../../links/states.ts';
import { type ExportFormat, exported, exportFormats } from '../../simulation/export.ts';
import { effects, type SimulatedAction, Subject, simulated } from '../../simulation/outcomes.ts';
import { getSimulation, listSimulations, simulate } from '../../simulation/simulations.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const { closed, Instant, nullable } = schemas;
const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });
const State = Type.Enum(['asking', 'complete'], { description: 'asking: a region may still answer' });

const SimulationRequest = Type.Object(
  {
    action: Type.Enum(Object.keys(simulated) as SimulatedAction[]),
    // For disable-key and delete-key: which L1 key.
    key: Type.Optional(schemas.Name),
    // For a drill: which service; left out, the whole tenant.
    service: Type.Optional(schemas.Name),
    regions: Type.Optional(
      Type.Array(schemas.Name, {
        minItems: 1,
        maxItems: MAX_SIMULATED_REGIONS,
        description: 'All of the tenant’s when left out',
      }),
    ),
  },
  closed,
);

const Link = Type.Object(
  {
    epoch: Count,
    state: Type.Enum([...linkStates, 'expired', 'rotating', 'none']),
    key: nullable(Text),
    provedAt: nullable(Instant),
    expiresAt: Type.Union([Instant, Type.Null()], {
      description: 'When the region refuses without governance',
    }),
    rotateAt: nullable(Instant),
    reported: nullable(
      Type.Object(
        { epoch: Count, state: ReportedLink.properties.state, expiresAt: nullable(Instant) },
        closed,
      ),
    ),
  },
  closed,
);
const Region = Type.Object(
  {
    region: Text,
    stops: Type.Boolean(),
    why: Text,
    link: Link,
    seal: Text,
    reportedAt: nullable(Instant),
    stale: Type.Boolean(),
    answers: Type.Array(
      Type.Object({ question: Text, answeredAt: nullable(Instant), error: nullable(Text) }, closed),
    ),
    systems: Type.Array(
      Type.Object(
        {
          name: Text,
          kind: Text,
          externalId: Text,
          service: nullable(Text),
          configuration: nullable(Text),
        },
        closed,
      ),
      { description: 'What the customer runs, of services that stop or not said of which' },
    ),
    services: Type.Array(
      Type.Object(
        {
          service: Text,
          state: Text,
          objects: nullable(Count),
          lastUsedAt: nullable(Instant),
          applications: Count,
        },
        closed,
      ),
    ),
    versions: Type.Array(
      Type.Object(
        {
          level: Type.Enum(['L2', 'L3']),
          service: nullable(Text),
          version: Type.Integer(),
          state: Text,
          createdAt: nullable(Instant),
          dependents: nullable(Count),
        },
        closed,
      ),
    ),
    applications: Type.Array(
      Type.Object(
        { name: Text, services: Type.Array(Text), state: Text, lastSeenAt: nullable(Instant) },
        closed,
      ),
    ),
    gateways: Type.Array(
      Type.Object({ name: Text, state: Text, connected: Type.Boolean(), leases: Count }, closed),
    ),
    leases: Type.Array(
      Type.Object(
        {
          gateway: Text,
          service: Text,
          connected: Type.Boolean({ description: 'Its leases end with one push' }),
          endsBy: Instant,
          graceEndsBy: Instant,
          lastUsedAt: nullable(Instant),
        },
        closed,
      ),
    ),
    omitted: Type.Integer({
      description: 'Systems, versions, leases and applications that stop and are not named',
    }),
    lastUsedAt: nullable(Instant),
    lastGatewayStopsBy: nullable(Instant),
  },
  closed,
);
const Report = Type.Object(
  {
    id: Text,
    tenant: Text,
    subject: Subject,
    askedBy: Text,
    askedAt: Instant,
    state: State,
    stops: Type.Boolean(),
    means: Text,
    reversible: Type.Boolean(),
    back: Text,
    noticedWithinMs: nullable(Count),
    totals: Type.Object(
      {
        regions: Count,
        systems: Count,
        services: Count,
        versions: Count,
        objects: Count,
        applications: Count,
        gateways: Count,
        leases: Count,
        workflows: Count,
      },
      closed,
    ),
    lastUsedAt: nullable(Instant),
    regions: Type.Array(Region),
    workflows: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['proposal', 'job', 'drill', 'schedule']),
          id: nullable(Text),
          what: Text,
          region: nullable(Text),
          since: nullable(Instant),
          effect: Type.Enum(Object.keys(effects) as (keyof typeof effects)[]),
          means: Text,
        },
        closed,
      ),
    ),
  },
  closed,
);
const Summary = Type.Object(
  { id: Text, subject: Subject, askedBy: Text, askedAt: Instant, state: State },
  closed,
);
const SimulationPath = Type.Object({ tenant: schemas.Name, id: Type.String({ format: 'uuid' }) }, closed);
/** Text, sent as the bytes that it was written to. */
const File = Type.Unsafe<Buffer>(Type.String());
const ExportQuery = Type.Object(
  { format: Type.Optional(Type.Enum(Object.keys(exportFormats) as ExportFormat[])) },
  closed,
);

export const simulationRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/simulations',
    {
      config: { action: 'simulation.run', permission: 'simulation.run' },
      schema: {
        summary: 'What would stop, where and when; the regions are asked to look, and nothing is changed',
        params: schemas.TenantPath,
        body: SimulationRequest,
        response: { 202: Report },
      },
    },
    async (request, reply) => {
      const { regions } = request.body;
      const subject = subjectOf(request.body);
      return reply
        .status(202)
        .send(await simulate(cmk, actorOf(request), request.params.tenant, subject, regions));
    },
  );
  app.get(
    '/v1/tenants/:tenant/simulations',
    {
      config: { permission: 'simulation.read' },
      schema: {
        summary: 'Those that are kept, newest first',
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(Summary) },
      },
    },
    (request) => listSimulations(cmk, request.params.tenant, request.query),
  );
  app.get(
    '/v1/tenants/:tenant/simulations/:id',
    {
      config: { permission: 'simulation.read' },
      schema: {
        summary: 'The report, with what the regions have answered by now',
        params: SimulationPath,
        response: { 200: Report },
      },
    },
    (request) => getSimulation(cmk, request.params.tenant, request.params.id),
  );
  app.get(
    '/v1/tenants/:tenant/simulations/:id/export',
    {
      config: { permission: 'simulation.read' },
      schema: {
        summary: 'The report as a file',
        params: SimulationPath,
        querystring: ExportQuery,
        response: {
          200: {
            description: 'JSON, CSV (RFC 4180) or Markdown',
            content: {
              'application/json': { schema: Report },
              'text/csv': { schema: File },
              'text/markdown': { schema: File },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { tenant, id } = request.params;
      const format = request.query.format ?? 'json';
      const report = await getSimulation(cmk, tenant, id);
      return reply.type(exportFormats[format]).send(Buffer.from(exported(report, format)));
    },
  );
};

/** Errors: INVALID_REQUEST, for a key or service where none belongs, or none where one does. */
function subjectOf({ action, key, service }: Static<typeof SimulationRequest>): Subject {
  const isOfKey = action === 'disable-key' || action === 'delete-key';
  if (isOfKey !== (key !== undefined))
    throw new CmkError('INVALID_REQUEST', `body: ${action} ${isOfKey ? 'needs' : 'takes no'} key`);
  if (service !== undefined && action !== 'drill')
    throw new CmkError('INVALID_REQUEST', `body: ${action} takes no service`);
  if (action === 'drill') return service === undefined ? { action } : { action, service };
  if (action === 'disable-key' || action === 'delete-key') return { action, key: key ?? '' };
  return { action };
}
