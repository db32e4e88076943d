/** Jobs: what the regions were asked, and how far each has come. */
import { Type } from 'typebox';
import type { JobKind } from '../../../contracts/index.ts';
import { listRefused } from '../../audit/refused-messages.ts';
import { retryFailed } from '../../domain/job-retries.ts';
import { changeJob, getJob, listJobs, listTasks } from '../../domain/jobs.ts';
import type { CmkErrorCode } from '../../errors.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import { IfMatch, IfNoneMatch, ifMatchOf, revised } from '../conditional.ts';
import * as schemas from '../schemas.ts';

const Text = Type.String();
const Instant = Type.Union([Text, Type.Null()]);
const JobState = Type.Enum(['pending', 'processing', 'done', 'failed', 'cancelled']);
const job = {
  id: Text,
  kind: Text,
  entity: Text,
  lane: Text,
  state: JobState,
  correlationId: Text,
  createdAt: Text,
  settledAt: Instant,
};
const task = {
  id: Text,
  region: Text,
  state: JobState,
  attempt: Type.Integer(),
  error: Type.Union([
    Type.Object({ code: Text, message: Text, retryable: Type.Boolean() }, schemas.closed),
    Type.Null(),
  ]),
  deadlineAt: Instant,
  nextAttemptAt: Instant,
  updatedAt: Text,
};
const Job = schemas.model('Job', job);
const JobTask = schemas.model('JobTask', task);
const JobWithTasks = schemas.model('JobWithTasks', { ...job, tasks: Type.Array(JobTask) });
const ListedTask = schemas.model('ListedTask', {
  ...task,
  job: schemas.JobId,
  kind: Text,
  entity: Text,
  correlationId: Text,
});
const filter = {
  tenant: Type.Optional(schemas.Name),
  state: Type.Optional(JobState),
  kind: Type.Optional(Type.Unsafe<JobKind>(Type.String({ pattern: '^[A-Z_]{1,64}$' }))),
  entity: Type.Optional(schemas.freeText({ maxLength: 256 })),
  correlationId: Type.Optional(schemas.freeText({ maxLength: 64 })),
};
const ErrorCode = Type.String({
  pattern: '^[A-Z][A-Z0-9_]{0,63}$',
  description: 'Of the last failure, such as EPOCH_CLOSED or DEADLINE',
});
const JobQuery = Type.Object({ ...schemas.PageQuery.properties, ...filter }, schemas.closed);
const TaskQuery = Type.Object(
  {
    ...schemas.PageQuery.properties,
    ...filter,
    region: Type.Optional(schemas.Name),
    errorCode: Type.Optional(ErrorCode),
  },
  schemas.closed,
);
const FailedTasks = Type.Object(
  {
    region: TaskQuery.properties.region,
    kind: filter.kind,
    errorCode: TaskQuery.properties.errorCode,
    cursor: schemas.PageQuery.properties.cursor,
  },
  schemas.closed,
);
const JobRetries = schemas.model('JobRetries', {
  retried: Type.Array(schemas.JobId),
  left: Type.Array(
    Type.Object({ job: schemas.JobId, code: Type.Unsafe<CmkErrorCode>(Text), detail: Text }, schemas.closed),
    { description: 'Jobs that were left as they are, and why' },
  ),
  next: Type.Optional(Type.String({ description: 'The cursor that continues; absent at the end' })),
});
const RefusedMessage = schemas.model('RefusedMessage', {
  code: Text,
  meaning: Text,
  channel: Text,
  keyId: schemas.nullable(Type.String({ description: 'As the messages claim' })),
  claims: schemas.nullable(Type.String({ description: 'The region that the messages claim to be of' })),
  count: Type.Integer(),
  firstAt: schemas.Instant,
  lastAt: schemas.Instant,
});
const RetryRequest = Type.Object(
  {
    regions: Type.Optional(
      Type.Array(schemas.Name, {
        minItems: 1,
        maxItems: 1000,
        description: 'Only what these were asked; left out: whatever has failed',
      }),
    ),
  },
  schemas.closed,
);

export const jobRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/jobs',
    {
      config: { permission: 'job.read' },
      schema: {
        summary: 'Jobs, the newest first',
        querystring: JobQuery,
        response: { 200: schemas.pageOf(Job) },
      },
    },
    (request) => listJobs(cmk, ...splitPage(request.query)),
  );
  app.get(
    '/v1/tasks',
    {
      config: { permission: 'job.read' },
      schema: {
        summary: 'What single regions were asked, the newest job first',
        querystring: TaskQuery,
        response: { 200: schemas.pageOf(ListedTask) },
      },
    },
    (request) => listTasks(cmk, ...splitPage(request.query)),
  );
  app.get(
    '/v1/jobs/:id',
    {
      config: { permission: 'job.read' },
      schema: {
        summary: 'One job with its tasks, region by region',
        params: schemas.JobPath,
        headers: IfNoneMatch,
        response: { 200: JobWithTasks },
      },
    },
    async (request, reply) => revised(request, reply, await getJob(cmk, request.params.id)),
  );
  app.post(
    '/v1/jobs/:id/retry',
    {
      config: { action: 'job.retry', permission: 'job.retry' },
      schema: {
        summary: 'Ask once more what has failed',
        params: schemas.JobPath,
        headers: IfMatch,
        body: schemas.nullable(RetryRequest),
        response: { 202: JobWithTasks },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { tenant } = request.access;
      const change = { id, tenant, ...request.body, ...ifMatchOf(request) };
      const answer = await changeJob(cmk, actorOf(request), { ...change, change: 'retry' });
      return revised(request, reply.status(202), answer);
    },
  );
  app.post(
    '/v1/job-retries',
    {
      config: { action: 'job.retry', permission: 'job.retry' },
      schema: {
        summary: 'Ask once more whatever has failed and fits the filter, a hundred tasks at a time',
        querystring: Type.Object({ tenant: filter.tenant }, schemas.closed),
        body: FailedTasks,
        response: { 202: JobRetries },
      },
    },
    async (request, reply) => {
      const { cursor, ...wanted } = request.body;
      // As it was asked: a tenant that is not there must not become all of them.
      const { tenant } = request.query;
      const asked = { ...wanted, ...(tenant === undefined ? {} : { tenant }) };
      return reply.status(202).send(await retryFailed(cmk, actorOf(request), asked, cursor));
    },
  );
  app.get(
    '/v1/refused-messages',
    {
      config: { permission: 'status.read' },
      schema: {
        summary: 'Messages from the broker that were refused, summed up, the latest first',
        response: { 200: Type.Object({ items: Type.Array(RefusedMessage) }, schemas.closed) },
      },
    },
    () => listRefused(cmk),
  );
  app.post(
    '/v1/jobs/:id/cancel',
    {
      config: { action: 'job.cancel', permission: 'job.cancel' },
      schema: {
        summary: 'Give up what the regions have not done yet',
        params: schemas.JobPath,
        headers: IfMatch,
        response: { 202: JobWithTasks },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { tenant } = request.access;
      const change = { id, tenant, ...ifMatchOf(request) };
      const answer = await changeJob(cmk, actorOf(request), { ...change, change: 'cancel' });
      return revised(request, reply.status(202), answer);
    },
  );
};
