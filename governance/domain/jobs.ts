/** Orbital's jobs as operators see and change them. */
import type { JobFilter, JobState } from '../../orbital/index.ts';
import { OrbitalError } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { type Actor, audit } from '../store/audit.ts';
import { asPlatform } from '../store/transactions.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest } from './pages.ts';

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
export interface JobDetail extends JobSummary {
  tasks: {
    id: string;
    region: string;
    state: JobState;
    attempt: number;
    error: { code: string; message: string; retryable: boolean } | null;
    deadlineAt: string | null;
    nextAttemptAt: string | null;
    updatedAt: string;
  }[];
}

type OrbitalJob = NonNullable<Awaited<ReturnType<Cmk['manager']['getJob']>>>;

export async function listJobs(cmk: Cmk, filter: JobFilter, page: PageRequest): Promise<Page<JobSummary>> {
  const after = cursorOf(page);
  if (after !== undefined && !/^\d{1,18}$/.test(after))
    throw new CmkError('INVALID_CURSOR', 'the cursor names no job');
  const { jobs, next } = await cmk.manager.listJobs(filter, {
    limit: limitOf(page),
    ...(after === undefined ? {} : { after }),
  });
  return {
    items: jobs.map(summary),
    ...(next === undefined ? {} : { next: Buffer.from(next).toString('base64url') }),
  };
}

/** Payloads are not shown: they hold sealed secrets and certificates, and say nothing that a person needs. */
export async function getJob(cmk: Cmk, id: string): Promise<JobDetail> {
  const job = await cmk.manager.getJob(id);
  if (job === undefined) throw new CmkError('JOB_UNKNOWN', `there is no job ${id}`);
  return detail(job);
}

/** Revocations cannot be cancelled: they run until each region has reported (D11). */
const REVOCATIONS = new Set(['UNLINK', 'IDENTITY_REMOVE', 'KEY_COMPROMISE']);
/** Steps of a link in the making: its row waits for their end, and the renewals of the living link wait for that. */
const MAKES_A_LINK = new Set(['LINK_PREPARE', 'LINK', 'ROTATE_LINK']);
/** Decided on what was true then: a late repetition would destroy on old numbers, bring an old policy back, or cut off anew. */
const ASKED_ANEW = new Set(['KEY_DESTROY', 'ROTATION_POLICY', 'DRILL_CUT', 'DRILL_RESTORE']);

export async function changeJob(
  cmk: Cmk,
  who: Actor,
  id: string,
  change: 'retry' | 'cancel',
): Promise<JobDetail> {
  const job = await getJob(cmk, id);
  if (change === 'cancel' && REVOCATIONS.has(job.kind))
    throw new CmkError('JOB_NOT_CANCELLABLE', `${job.kind} takes something away`);
  if (change === 'cancel' && MAKES_A_LINK.has(job.kind))
    throw new CmkError('JOB_NOT_CANCELLABLE', `${job.kind} is a step of a link that is being made`);
  // A cancelled job was overtaken by a newer wish; only what has failed is worth another try.
  if (change === 'retry' && job.state !== 'failed')
    throw new CmkError('JOB_NOT_RETRYABLE', `the job is ${job.state}`);
  if (change === 'retry' && ASKED_ANEW.has(job.kind))
    throw new CmkError('JOB_NOT_RETRYABLE', `${job.kind} is asked for anew`);
  try {
    await asPlatform(cmk.db, async (trx) => {
      if (change === 'retry') await cmk.manager.retryJob(trx, id);
      else await cmk.manager.cancelJob(trx, id);
      await audit(trx, who, {
        action: `job.${change}`,
        subject: `job:${id}`,
        outcome: 'accepted',
        detail: { kind: job.kind, entity: job.entity },
      });
    });
  } catch (error) {
    if (error instanceof OrbitalError && error.code === 'ORBITAL_JOB_STATE')
      throw new CmkError(change === 'retry' ? 'JOB_NOT_RETRYABLE' : 'JOB_NOT_CANCELLABLE', error.message);
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
    tasks: job.tasks.map((task) => ({
      id: task.id,
      region: task.target,
      state: task.state,
      attempt: task.attempt,
      error: task.error,
      deadlineAt: instantOrNull(task.deadlineAt),
      nextAttemptAt: instantOrNull(task.nextAttemptAt),
      updatedAt: instant(task.updatedAt),
    })),
  };
}
