/** Jobs: what the regions were asked, and how far each has come. */
import { Type } from 'typebox';
import type { JobKind } from '../../../contracts/index.ts';
import { changeJob, getJob, listJobs } from '../../domain/jobs.ts';
import { actorOf, type Routes } from '../api.ts';
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
const Job = Type.Object(job, schemas.closed);
const JobWithTasks = Type.Object(
  {
    ...job,
    tasks: Type.Array(
      Type.Object(
        {
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
        },
        schemas.closed,
      ),
    ),
  },
  schemas.closed,
);
const JobQuery = Type.Object(
  {
    ...schemas.PageQuery.properties,
    state: Type.Optional(JobState),
    kind: Type.Optional(Type.Unsafe<JobKind>(Type.String({ pattern: '^[A-Z_]{1,64}$' }))),
    entity: Type.Optional(schemas.freeText({ maxLength: 256 })),
    correlationId: Type.Optional(schemas.freeText({ maxLength: 64 })),
  },
  schemas.closed,
);

export const jobRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/jobs',
    { schema: { summary: 'Newest first', querystring: JobQuery, response: { 200: schemas.pageOf(Job) } } },
    (request) => {
      const { limit, cursor, ...filter } = request.query;
      return listJobs(cmk, filter, {
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      });
    },
  );
  app.get(
    '/v1/jobs/:id',
    { schema: { params: schemas.JobPath, response: { 200: JobWithTasks } } },
    (request) => getJob(cmk, request.params.id),
  );
  for (const verb of ['retry', 'cancel'] as const)
    app.post(
      `/v1/jobs/:id/${verb}`,
      {
        config: { action: `job.${verb}` },
        schema: { params: schemas.JobPath, response: { 202: JobWithTasks } },
      },
      async (request, reply) =>
        reply.status(202).send(await changeJob(cmk, actorOf(request), request.params.id, verb)),
    );
};
