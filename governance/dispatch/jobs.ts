/**
 * From a decision to Orbital jobs. Everything happens in the transaction of the decision: a job exists exactly if the
 * change that wanted it was committed, and nothing is sent from here (D11).
 */
import { Value } from 'typebox/value';
import { entityOf, type JobKind, type JobPayload, jobs, laneOf } from '../../contracts/index.ts';
import { JobConflictError } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import type { RegionJob } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';

/** What it takes to make a job. */
export interface JobMaker {
  readonly manager: Pick<Cmk['manager'], 'createJob'>;
}

export interface RegionTask<K extends JobKind> {
  readonly region: string;
  readonly payload: JobPayload<K>;
}

export interface JobRequest<K extends JobKind> {
  /** A UUID, where the payload is bound to the id of its job; made up when left out. */
  readonly jobId?: string;
  readonly kind: K;
  /** At least one; all of the same entity. */
  readonly tasks: readonly [RegionTask<K>, ...RegionTask<K>[]];
  readonly correlationId: string;
  /** null waits until every region has reported: for revocations. */
  readonly deadlineMs: number | null;
  /** Cancels every older live job of the entity: for revocations. */
  readonly cancelsOlder?: boolean;
}

export type RegionalRequest<K extends JobKind> = Omit<JobRequest<K>, 'tasks'> & {
  readonly task: RegionTask<K>;
};

/**
 * One job for all its regions. Throws JobConflictError while one of the same entity and kind lives.
 * Returns the job's id.
 */
export async function createJob<K extends JobKind>(
  cmk: Cmk,
  trx: Trx,
  request: JobRequest<K>,
): Promise<string> {
  const [first] = request.tasks;
  return await create(cmk, trx, request, entityOf(request.kind, first.payload));
}

/**
 * A job for one region with an order of its own there, apart from the other regions: a region that is cut off must
 * not hold up the links of the others, since one job per entity and kind lives at a time.
 */
export async function createRegionalJob<K extends JobKind>(
  cmk: JobMaker,
  trx: Trx,
  request: RegionalRequest<K>,
): Promise<string> {
  const { task, ...rest } = request;
  return await create(
    cmk,
    trx,
    { ...rest, tasks: [task] },
    `${entityOf(request.kind, task.payload)}@${task.region}`,
  );
}

/**
 * As createRegionalJob, for a wish that is the same however often it is told: while one lives, that one is the answer.
 * `joined` says that nothing new was created.
 */
export async function createOrJoin<K extends JobKind>(
  cmk: Cmk,
  trx: Trx,
  request: RegionalRequest<K>,
): Promise<RegionJob & { readonly joined: boolean }> {
  const { region } = request.task;
  try {
    return { region, job: await createRegionalJob(cmk, trx, request), joined: false };
  } catch (error) {
    if (!(error instanceof JobConflictError)) throw error;
    return { region, job: error.liveJobId, joined: true };
  }
}

/** As createRegionalJob, for a wish whose newest word counts: one that lives is cancelled. */
export async function createInstead<K extends JobKind>(
  cmk: Cmk,
  trx: Trx,
  request: RegionalRequest<K>,
): Promise<RegionJob> {
  const { region, job, joined } = await createOrJoin(cmk, trx, request);
  if (!joined) return { region, job };
  await cmk.manager.cancelJob(trx, job);
  return { region, job: await createRegionalJob(cmk, trx, request) };
}

async function create<K extends JobKind>(
  cmk: JobMaker,
  trx: Trx,
  request: JobRequest<K>,
  entity: string,
): Promise<string> {
  for (const { payload } of request.tasks)
    if (!Value.Check(jobs[request.kind].payload, payload))
      throw new Error(`a ${request.kind} payload does not follow its contract`);
  return await cmk.manager.createJob(trx, {
    ...(request.jobId === undefined ? {} : { jobId: request.jobId }),
    kind: request.kind,
    entity,
    lane: laneOf(request.kind),
    correlationId: request.correlationId,
    deadlineMs: request.deadlineMs,
    tasks: request.tasks.map(({ region, payload }) => ({ target: region, payload })),
    ...(request.cancelsOlder === true ? { cancelsOlder: true } : {}),
  });
}

/** The list as one that is known not to be empty, or undefined. */
export function nonEmpty<T>(list: readonly T[]): readonly [T, ...T[]] | undefined {
  const [first, ...rest] = list;
  return first === undefined ? undefined : [first, ...rest];
}
