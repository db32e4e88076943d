/**
 * Dead letters: what regions have refused for good, or not done in time, asked once more by what it has in common. Each job is a
 * decision of its own, with an audit event of its own; what cannot be asked again is told with the reason.
 */
import type { Actor } from '../audit/event.ts';
import type { Cmk } from '../context.ts';
import { CmkError, type CmkErrorCode } from '../errors.ts';
import { MAX_RETRIED_JOBS } from '../limits.ts';
import { asSystem } from '../store/transactions.ts';
import { toJobError } from './job-errors.ts';
import { changeJob, type FailedTaskFilter, listTasks, ownerOfJob } from './jobs.ts';

export interface RetryAnswer {
  retried: string[];
  /** Jobs that were left as they are, and why. */
  left: { job: string; code: CmkErrorCode; detail: string }[];
  /** Continues where this has ended; absent when all that had failed was looked at. */
  next?: string;
}

/** MAX_RETRIED_JOBS tasks at most. `filter.tenant`: for whose jobs it was permitted; undefined: for everybody's. */
export async function retryFailed(
  cmk: Cmk,
  who: Actor,
  filter: FailedTaskFilter,
  cursor: string | undefined,
): Promise<RetryAnswer> {
  const page = await listTasks(
    cmk,
    { ...filter, state: 'failed' },
    { limit: MAX_RETRIED_JOBS, ...(cursor === undefined ? {} : { cursor }) },
  );
  const regionsByJob = new Map<string, string[]>();
  for (const { job, region } of page.items) regionsByJob.set(job, [...(regionsByJob.get(job) ?? []), region]);
  const answer: RetryAnswer = {
    retried: [],
    left: [],
    ...(page.next === undefined ? {} : { next: page.next }),
  };
  for (const [id, regions] of regionsByJob) {
    try {
      const tenant = filter.tenant ?? (await ownerOf(cmk, id));
      await changeJob(cmk, who, { id, tenant, change: 'retry', regions });
      answer.retried.push(id);
    } catch (error) {
      const { code, message } = toJobError(error);
      answer.left.push({ job: id, code, detail: message });
    }
  }
  return answer;
}

async function ownerOf(cmk: Cmk, id: string): Promise<string | undefined> {
  const job = await cmk.manager.getJob(id);
  if (job === undefined) throw new CmkError('JOB_UNKNOWN', `there is no job ${id}`);
  return await asSystem(cmk.db, (trx) => ownerOfJob(trx, job));
}
