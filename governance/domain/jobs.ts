/** Orbital's jobs as operators see and change them. */
import type { JobPayload } from '../../contracts/index.ts';
import type { EntityGroup, JobFilter, JobState, TaskFilter } from '../../orbital/index.ts';
import { OrbitalError } from '../../orbital/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { MAX_APPLICATIONS_PER_TENANT } from '../limits.ts';
import type { Tenant } from '../store/schema.ts';
import { asSystem, asTenant, type Trx } from '../store/transactions.ts';
import { isSatisfied } from '../workflows/quorum.ts';
import { requirementsOf } from '../workflows/rules.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest } from './pages.ts';
import { refuseOutdated } from './retries.ts';
import { requireRevision } from './revisions.ts';

export interface JobSummary {
  id: string;
  kind: string;
  entity: string;
  lane: string;
  state: JobState;
  correlationId: string;
  createdAt: string;
  settledAt: string | null;
}
/** What one region was asked, and how far it has come. */
export interface JobTask {
  id: string;
  region: string;
  state: JobState;
  attempt: number;
  error: { code: string; message: string; retryable: boolean } | null;
  deadlineAt: string | null;
  nextAttemptAt: string | null;
  updatedAt: string;
}
export interface JobDetail extends JobSummary {
  tasks: JobTask[];
}
/** A task in a list of its own. */
export interface ListedJobTask extends JobTask {
  job: string;
  kind: string;
  entity: string;
  correlationId: string;
}

type OrbitalJob = NonNullable<Awaited<ReturnType<Cmk['manager']['getJob']>>>;
type OrbitalTask = Omit<OrbitalJob['tasks'][number], 'payload' | 'result'>;

/** Only one tenant's: those of its keys, services, links and applications. */
interface OfTenant {
  readonly tenant?: string;
}

/** Entities are named in contracts/jobs.ts. Throws TENANT_UNKNOWN. */
async function groupOf(cmk: Cmk, tenant: string | undefined): Promise<{ readonly group?: EntityGroup }> {
  if (tenant === undefined) return {};
  const applications = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await trx
      .selectFrom('applications')
      .select('fingerprint')
      .where('tenant', '=', tenant)
      .limit(MAX_APPLICATIONS_PER_TENANT)
      .execute();
  });
  const group = {
    // A tenant's name holds nothing that means something in a pattern.
    pattern: `^(tenant|service|link|keys|inventory):${tenant}(/|@|$)`,
    entities: applications.map(({ fingerprint }) => `identity:${fingerprint}`),
  };
  return { group };
}

export async function listJobs(
  cmk: Cmk,
  { tenant, ...filter }: Omit<JobFilter, 'group'> & OfTenant,
  page: PageRequest,
): Promise<Page<JobSummary>> {
  const after = cursorOf(page);
  if (after !== undefined && !/^\d{1,18}$/.test(after))
    throw new CmkError('INVALID_CURSOR', 'the cursor names no job');
  const asked = { ...filter, ...(await groupOf(cmk, tenant)) };
  const { jobs, next } = await cmk.manager.listJobs(asked, {
    limit: limitOf(page),
    ...(after === undefined ? {} : { after }),
  });
  return {
    items: jobs.map(summary),
    ...(next === undefined ? {} : { next: Buffer.from(next).toString('base64url') }),
  };
}

/** Which failed tasks are meant. */
export interface FailedTaskFilter extends OfTenant {
  readonly region?: string;
  readonly kind?: string;
  readonly errorCode?: string;
}

/** Tasks of every job, those of the newest job first. */
export async function listTasks(
  cmk: Cmk,
  {
    tenant,
    region,
    ...filter
  }: Omit<TaskFilter, 'group' | 'target'> & OfTenant & { readonly region?: string },
  page: PageRequest,
): Promise<Page<ListedJobTask>> {
  const after = cursorOf(page);
  if (after !== undefined && !/^\d{1,18} [a-z0-9-]{1,63}$/.test(after))
    throw new CmkError('INVALID_CURSOR', 'the cursor names no task');
  const { tasks, next } = await cmk.manager.listTasks(
    {
      ...filter,
      ...(await groupOf(cmk, tenant)),
      ...(region === undefined ? {} : { target: region }),
    },
    { limit: limitOf(page), ...(after === undefined ? {} : { after }) },
  );
  return {
    items: tasks.map((task) => ({
      job: task.jobId,
      kind: task.kind,
      entity: task.entity,
      correlationId: task.correlationId,
      ...taskView(task),
    })),
    ...(next === undefined ? {} : { next: Buffer.from(next).toString('base64url') }),
  };
}

/** Payloads are not shown: they hold sealed secrets and certificates, and say nothing that a person needs. */
export async function getJob(cmk: Cmk, id: string): Promise<JobDetail> {
  return detail(await requireJob(cmk, id));
}

async function requireJob(cmk: Cmk, id: string): Promise<OrbitalJob> {
  const job = await cmk.manager.getJob(id);
  if (job === undefined) throw unknown(id);
  return job;
}

const unknown = (id: string): CmkError => new CmkError('JOB_UNKNOWN', `there is no job ${id}`);

/** Revocations cannot be cancelled: they run until each region has reported (D11). */
const REVOCATIONS = new Set(['UNLINK', 'IDENTITY_REMOVE', 'KEY_COMPROMISE', 'GOVERNANCE_KEYS']);
/** Steps of a link in the making: its row waits for their end, and the renewals of the living link wait for that. */
const MAKES_A_LINK = new Set(['LINK_PREPARE', 'LINK', 'ROTATE_LINK']);

/** What takes the word of several people to be asked; each ends by itself at its deadline. */
const ORDERED_BY = new Map([
  ['ROTATION_POLICY', 'rotation-policy'],
  ['KEY_DESTROY', 'destroy-key'],
]);

/** Nobody calls off alone what it takes several to decide. Errors: JOB_NOT_CANCELLABLE. */
async function refuseAlone(trx: Trx, { kind }: OrbitalJob, tenant: Tenant): Promise<void> {
  const action = ORDERED_BY.get(kind);
  if (action === undefined || isSatisfied(await requirementsOf(trx, tenant, [action]), [])) return;
  throw new CmkError('JOB_NOT_CANCELLABLE', `it takes several people to decide ${action}`);
}

/** Entities are named in contracts/jobs.ts: whose they are stands in the name, or with the identity. */
const OF_TENANT = /^(?:tenant|service|link|keys|inventory|use|drill):([a-z0-9-]+)(?:[/@]|$)/;
const OF_IDENTITY = /^identity:([0-9a-f]{64})(?:@|$)/;

/** Of one tenant; undefined for the platform's own. A job that puts an identity says itself whose that is, also once it is gone. */
export async function ownerOfJob(
  trx: Trx,
  { entity, tasks: [task] }: Pick<OrbitalJob, 'entity' | 'tasks'>,
): Promise<string | undefined> {
  // Our own payload, as it was checked when the job was created.
  const { identity: put } = (task?.payload ?? {}) as Partial<JobPayload<'IDENTITY_PUT'>>;
  const tenant = OF_TENANT.exec(entity)?.[1] ?? put?.tenant;
  if (tenant !== undefined) return tenant;
  const fingerprint = OF_IDENTITY.exec(entity)?.[1];
  if (fingerprint === undefined) return undefined;
  const identity = await trx
    .selectFrom('identities')
    .select('tenant')
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst();
  return identity?.tenant ?? undefined;
}

export interface JobChange {
  readonly id: string;
  /** For whose jobs it was permitted; undefined: the platform's own. */
  readonly tenant: string | undefined;
  readonly change: 'retry' | 'cancel';
  /** Retry only what these were asked. */
  readonly regions?: readonly string[];
  /** Only if the job is at this revision (revisions.ts). */
  readonly ifMatch?: string;
}

export async function changeJob(
  cmk: Cmk,
  who: Actor,
  { id, tenant, change, regions, ifMatch }: JobChange,
): Promise<JobDetail> {
  const job = await requireJob(cmk, id);
  requireRevision(detail(job), ifMatch);
  if (change === 'cancel' && REVOCATIONS.has(job.kind))
    throw new CmkError('JOB_NOT_CANCELLABLE', `${job.kind} takes something away`);
  if (change === 'cancel' && MAKES_A_LINK.has(job.kind))
    throw new CmkError('JOB_NOT_CANCELLABLE', `${job.kind} is a step of a link that is being made`);
  // A cancelled job was overtaken by a newer wish; only what has failed is worth another try.
  if (change === 'retry' && job.state !== 'failed')
    throw new CmkError('JOB_NOT_RETRYABLE', `the job is ${job.state}`);
  try {
    // Whose the job is, and what it would bring back, stands in rows that an operator does not reach.
    await asSystem(cmk.db, async (trx) => {
      if ((await ownerOfJob(trx, job)) !== tenant) throw unknown(id);
      const row = tenant === undefined ? undefined : await lockTenant(trx, tenant);
      if (change === 'cancel' && row !== undefined) await refuseAlone(trx, job, row);
      if (change === 'retry') {
        // With Orbital's lock on the entity, which a removal takes before it changes any row.
        await cmk.manager.retryJob(trx, id, regions);
        await refuseOutdated(trx, job, tenant, regions);
      } else await cmk.manager.cancelJob(trx, id);
      await audit(trx, who, {
        ...(tenant === undefined ? {} : { tenant }),
        action: `job.${change}`,
        subject: `job:${id}`,
        outcome: 'accepted',
        detail: { kind: job.kind, entity: job.entity, ...(regions === undefined ? {} : { regions }) },
      });
    });
  } catch (error) {
    if (error instanceof OrbitalError && error.code === 'ORBITAL_JOB_STATE')
      throw new CmkError(change === 'retry' ? 'JOB_NOT_RETRYABLE' : 'JOB_NOT_CANCELLABLE', error.message);
    // Forgotten since it was read above.
    if (error instanceof OrbitalError && error.code === 'ORBITAL_JOB_NOT_FOUND') throw unknown(id);
    throw error;
  }
  return await getJob(cmk, id);
}

function summary(job: Omit<OrbitalJob, 'tasks'>): JobSummary {
  const { id, kind, entity, lane, state, correlationId, createdAt, settledAt } = job;
  return {
    id,
    kind,
    entity,
    lane,
    state,
    correlationId,
    createdAt: instant(createdAt),
    settledAt: instantOrNull(settledAt),
  };
}

function detail(job: OrbitalJob): JobDetail {
  return {
    ...summary(job),
    tasks: job.tasks.map(taskView),
  };
}

function taskView(task: OrbitalTask): JobTask {
  return {
    id: task.id,
    region: task.target,
    state: task.state,
    attempt: task.attempt,
    error: task.error,
    deadlineAt: instantOrNull(task.deadlineAt),
    nextAttemptAt: instantOrNull(task.nextAttemptAt),
    updatedAt: instant(task.updatedAt),
  };
}
