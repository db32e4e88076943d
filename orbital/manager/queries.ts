/** Reading jobs. A read changes nothing. */
import { type Selectable, sql } from 'kysely';
import type { JsonValue } from '../json.ts';
import { MAX_PAGE } from '../limits.ts';
import type { Lane, TaskError } from '../messages.ts';
import { type JobState, LIVE, type ManagerDb, type OrbitalManagerTables, type TaskState } from './schema.ts';

export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly entity: string;
  readonly lane: Lane;
  readonly state: JobState;
  readonly correlationId: string;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
}
export interface TaskView {
  readonly id: string;
  readonly target: string;
  readonly state: TaskState;
  readonly attempt: number;
  readonly payload: JsonValue;
  readonly result: JsonValue | null;
  /** The last failure; on a live task it is the reason why it is tried again. */
  readonly error: TaskError | null;
  readonly deadlineAt: Date | null;
  readonly nextAttemptAt: Date | null;
  readonly updatedAt: Date;
}
/** Things that belong together, for callers whose names of entities say so. */
export interface EntityGroup {
  /** A POSIX regular expression over the entity's name. */
  readonly pattern: string;
  /** Others that belong to it, by name. */
  readonly entities: readonly string[];
}
export interface JobFilter {
  readonly entity?: string;
  readonly group?: EntityGroup;
  readonly kind?: string;
  readonly state?: JobState;
  readonly correlationId?: string;
}

/** How far reality is behind. */
export interface ManagerOverview {
  /** Regions that have not ended all their tasks, by name; the age of the oldest is the reconciliation lag. */
  readonly targets: readonly {
    readonly target: string;
    readonly liveTasks: number;
    readonly oldestAgeMs: number;
  }[];
  /** Jobs that have not ended, and those that failed and are still kept. */
  readonly jobs: { readonly live: number; readonly failed: number };
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** The job with its tasks in order of target, all as of one moment, or undefined. */
export async function getJob(
  db: ManagerDb,
  jobId: string,
): Promise<(JobView & { readonly tasks: readonly TaskView[] }) | undefined> {
  if (!isUuid(jobId)) return undefined;
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const row = await trx.selectFrom('orbital_jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
      if (row === undefined) return undefined;
      const tasks = await trx
        .selectFrom('orbital_tasks')
        .selectAll()
        .where('job_id', '=', jobId)
        .orderBy('target')
        .execute();
      return { ...jobView(row), tasks: tasks.map(taskView) };
    });
}

const taskView = (task: Selectable<OrbitalManagerTables['orbital_tasks']>): TaskView => ({
  id: task.id,
  target: task.target,
  state: task.state,
  attempt: task.attempt,
  payload: task.payload,
  result: task.result,
  error: task.error,
  deadlineAt: task.deadline_at,
  nextAttemptAt: (LIVE as readonly TaskState[]).includes(task.state) ? task.next_attempt_at : null,
  updatedAt: task.updated_at,
});

/** Newest first, at most MAX_PAGE; `next` continues the list and is absent at its end. */
export async function listJobs(
  db: ManagerDb,
  filter: JobFilter = {},
  page: { readonly after?: string; readonly limit?: number } = {},
): Promise<{ readonly jobs: readonly JobView[]; readonly next?: string }> {
  const limit = Math.max(1, Math.min(page.limit ?? 50, MAX_PAGE));
  let query = db
    .selectFrom('orbital_jobs')
    .selectAll()
    .orderBy('position', 'desc')
    .limit(limit + 1);
  if (filter.entity !== undefined) query = query.where('entity', '=', filter.entity);
  if (filter.group !== undefined) query = query.where(inGroup('entity', filter.group));
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  if (filter.correlationId !== undefined) query = query.where('correlation_id', '=', filter.correlationId);
  if (page.after !== undefined) {
    if (!/^\d{1,18}$/.test(page.after)) throw new RangeError('the cursor is not one that listJobs gave');
    query = query.where('position', '<', page.after);
  }
  const rows = await query.execute();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    jobs: shown.map(jobView),
    ...(rows.length > limit && last !== undefined ? { next: last.position } : {}),
  };
}

/** A task as a list shows it, with the job that it is a part of. */
export interface ListedTask extends Omit<TaskView, 'payload' | 'result'> {
  readonly jobId: string;
  readonly kind: string;
  readonly entity: string;
  readonly correlationId: string;
}
export interface TaskFilter extends Omit<JobFilter, 'state'> {
  readonly target?: string;
  readonly state?: TaskState;
  /** Of the last failure. */
  readonly errorCode?: string;
}

/**
 * Those of the newest job first, each job's in order of target; at most MAX_PAGE, `next` continues the list. What a task
 * has of its job is asked of the job, which has the indexes.
 */
export async function listTasks(
  db: ManagerDb,
  filter: TaskFilter = {},
  page: { readonly after?: string; readonly limit?: number } = {},
): Promise<{ readonly tasks: readonly ListedTask[]; readonly next?: string }> {
  const limit = Math.max(1, Math.min(page.limit ?? 50, MAX_PAGE));
  let query = db
    .selectFrom('orbital_tasks as t')
    .innerJoin('orbital_jobs as j', 'j.id', 't.job_id')
    .selectAll('t')
    .select('j.position')
    .orderBy('j.position', 'desc')
    .orderBy('t.target')
    .limit(limit + 1);
  if (filter.entity !== undefined) query = query.where('j.entity', '=', filter.entity);
  if (filter.group !== undefined) query = query.where(inGroup('j.entity', filter.group));
  if (filter.kind !== undefined) query = query.where('j.kind', '=', filter.kind);
  if (filter.state !== undefined) query = query.where('t.state', '=', filter.state);
  if (filter.target !== undefined) query = query.where('t.target', '=', filter.target);
  if (filter.errorCode !== undefined)
    query = query.where(sql<boolean>`t.error ->> 'code' = ${filter.errorCode}`);
  if (filter.correlationId !== undefined) query = query.where('j.correlation_id', '=', filter.correlationId);
  if (page.after !== undefined) {
    const [, position, target] = /^(\d{1,18}) (\S{1,63})$/.exec(page.after) ?? [];
    if (position === undefined || target === undefined)
      throw new RangeError('the cursor is not one that listTasks gave');
    query = query.where((eb) =>
      eb.or([
        eb('j.position', '<', position),
        eb.and([eb('j.position', '=', position), eb('t.target', '>', target)]),
      ]),
    );
  }
  const rows = await query.execute();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    tasks: shown.map((row) => {
      const { payload: _payload, result: _result, ...task } = taskView(row);
      const { job_id: jobId, kind, entity, correlation_id: correlationId } = row;
      return { ...task, jobId, kind, entity, correlationId };
    }),
    ...(rows.length > limit && last !== undefined ? { next: `${last.position} ${last.target}` } : {}),
  };
}

const inGroup = (column: string, { pattern, entities }: EntityGroup) =>
  sql<boolean>`(${sql.ref(column)} ~ ${pattern} OR ${sql.ref(column)} = ANY (${[...entities]}::text[]))`;

export async function readOverview(db: ManagerDb): Promise<ManagerOverview> {
  const targets = await db
    .selectFrom('orbital_tasks')
    .select([
      'target',
      sql<number>`count(*)::int`.as('liveTasks'),
      sql<number>`greatest(0, round(extract(epoch from now() - min(created_at)) * 1000))::float8`.as(
        'oldestAgeMs',
      ),
    ])
    .where('state', 'in', LIVE)
    .groupBy('target')
    .orderBy('target')
    .execute();
  // Each by its own index: most jobs are done, and are kept for weeks.
  const { rows } = await sql<ManagerOverview['jobs']>`
    select (select count(*)::int from orbital_jobs where state in ('pending', 'processing')) as live,
           (select count(*)::int from orbital_jobs where state = 'failed') as failed`.execute(db);
  return { targets, jobs: rows[0] ?? { live: 0, failed: 0 } };
}

function jobView(row: {
  id: string;
  kind: string;
  entity: string;
  lane: Lane;
  state: JobState;
  correlation_id: string;
  created_at: Date;
  settled_at: Date | null;
}): JobView {
  return {
    id: row.id,
    kind: row.kind,
    entity: row.entity,
    lane: row.lane,
    state: row.state,
    correlationId: row.correlation_id,
    createdAt: row.created_at,
    settledAt: row.settled_at,
  };
}
