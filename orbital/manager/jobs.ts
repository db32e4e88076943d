/**
 * The desired changes: creating, cancelling and retrying jobs. All of it happens inside the caller's transaction and
 * nothing is sent here (outbox, D11): a job exists exactly if the change that wanted it was committed. What is decided
 * stands in `machine/manager.ts`; here it is asked with the entity's row in hand, and written down.
 */
import { randomUUID } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { type JsonValue, jsonSizeBytes } from '../json.ts';
import { MAX_ETAG, MAX_PAYLOAD_BYTES, MAX_TARGETS_PER_JOB } from '../limits.ts';
import { mayCancel, nextSequence, onRetry, onWish, type Wish } from '../machine/manager.ts';
import { jobStateOf } from '../machine/states.ts';
import type { Lane } from '../messages.ts';
import { traceOfNewJob } from '../traces.ts';
import { JobConflictError, OrbitalError } from './errors.ts';
import { type JobState, LIVE, type ManagerTransaction, ours, WAKE_CHANNEL } from './schema.ts';

export interface JobSpec {
  /** A UUID that no other job has, for a payload that names its own job (D1). Default: a random one. */
  readonly jobId?: string;
  readonly kind: string;
  readonly entity: string;
  readonly lane: Lane;
  readonly correlationId: string;
  /** From creation until tasks that have not ended fail with DEADLINE; null waits for ever. */
  readonly deadlineMs: number | null;
  /** One per target region. */
  readonly tasks: readonly { readonly target: string; readonly payload: JsonValue }[];
  /** Cancels every older live job of the entity, whatever its kind (UNLINK). */
  readonly cancelsOlder?: boolean;
}

/** A task as its ending is told of. */
export interface EndedTask {
  readonly id: string;
  readonly jobId: string;
  readonly kind: string;
  readonly entity: string;
  readonly target: string;
  readonly payload: JsonValue;
  readonly correlationId: string;
}
/** Called for each live task that is cancelled, in the transaction that does it. */
export type OnCancelled = (trx: ManagerTransaction, task: EndedTask) => Promise<void>;

const patterns = {
  jobId: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  kind: /^[A-Z][A-Z0-9_]{0,63}$/,
  target: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  correlationId: /^[A-Za-z0-9_.:-]{1,64}$/,
} as const;

function assertSpec(spec: JobSpec): void {
  const refuse = (detail: string): never => {
    throw new OrbitalError('ORBITAL_INVALID_JOB', detail);
  };
  if (spec.jobId !== undefined && !patterns.jobId.test(spec.jobId)) refuse('job id');
  if (!patterns.kind.test(spec.kind)) refuse('kind');
  if (spec.entity.length < 1 || spec.entity.length > 256) refuse('entity');
  if (!patterns.correlationId.test(spec.correlationId)) refuse('correlation id');
  if (spec.deadlineMs !== null && !(Number.isSafeInteger(spec.deadlineMs) && spec.deadlineMs > 0))
    refuse('deadline');
  if (spec.tasks.length < 1 || spec.tasks.length > MAX_TARGETS_PER_JOB)
    refuse(`1 to ${MAX_TARGETS_PER_JOB} targets, not ${spec.tasks.length}`);
  if (new Set(spec.tasks.map((task) => task.target)).size !== spec.tasks.length)
    refuse('a target is named twice');
  for (const { target, payload } of spec.tasks) {
    if (!patterns.target.test(target)) refuse('target');
    if (jsonSizeBytes(payload) > MAX_PAYLOAD_BYTES)
      refuse(`a payload of more than ${MAX_PAYLOAD_BYTES} bytes`);
  }
}

/** Takes the entity's row, which is made for a new one; answers the sequence that its newest wish is to have. */
async function lockForWish(trx: ManagerTransaction, entity: string): Promise<number> {
  const row = await trx
    .insertInto('orbital_entities')
    .values({ entity, last_sequence: 0 })
    .onConflict((conflict) =>
      conflict.column('entity').doUpdateSet({ last_sequence: sql`orbital_entities.last_sequence` }),
    )
    .returning([
      'last_sequence',
      sql<string>`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`.as('now_ms'),
    ])
    .executeTakeFirstOrThrow();
  return nextSequence(Number(row.last_sequence), Number(row.now_ms));
}

/** A region knows of a wish that governance has forgotten: the next one comes after it. The entity's row is locked. */
export async function learnSequence(
  trx: ManagerTransaction,
  entity: string,
  sequence: number,
): Promise<void> {
  await trx
    .updateTable('orbital_entities')
    .set({ last_sequence: sequence })
    .where('entity', '=', entity)
    .where('last_sequence', '<', String(sequence))
    .execute();
}

/** For the statement that writes the wish down. */
const sequenceTaken = (trx: ManagerTransaction, entity: string, sequence: number) =>
  trx.with('taken', (db) =>
    db.updateTable('orbital_entities').set({ last_sequence: sequence }).where('entity', '=', entity),
  );

/** The entity's live jobs; its row is locked. */
const liveJobs = (trx: ManagerTransaction, entity: string) =>
  trx
    .selectFrom('orbital_jobs')
    .select(['id', 'kind'])
    .where('entity', '=', entity)
    .where('state', 'in', LIVE)
    .execute();

/** One clock judges deadlines, the database's. */
const deadlineAfter = (ms: number | null) =>
  ms === null ? null : sql<Date>`now() + ${ms} * interval '1 millisecond'`;

/** Whoever changes the state of an entity's jobs holds this row. */
export async function lockEntity(trx: ManagerTransaction, entity: string): Promise<void> {
  await trx
    .selectFrom('orbital_entities')
    .select('entity')
    .where('entity', '=', entity)
    .forUpdate()
    .execute();
}

/** Wakes the dispatcher at commit. */
export async function wakeAtCommit(trx: ManagerTransaction): Promise<void> {
  await sql`select pg_notify(${WAKE_CHANNEL}, '')`.execute(trx);
}

export const endedTask = (row: {
  id: string;
  job_id: string;
  kind: string;
  entity: string;
  target: string;
  payload: JsonValue;
  correlation_id: string;
}): EndedTask => ({
  id: row.id,
  jobId: row.job_id,
  kind: row.kind,
  entity: row.entity,
  target: row.target,
  payload: row.payload,
  correlationId: row.correlation_id,
});

async function cancelLiveJobs(
  trx: ManagerTransaction,
  jobIds: readonly string[],
  onCancelled: OnCancelled | undefined,
): Promise<void> {
  if (jobIds.length === 0) return;
  await trx
    .updateTable('orbital_jobs')
    .set({ state: 'cancelled', settled_at: sql<Date>`now()` })
    .where('id', 'in', [...jobIds])
    .execute();
  const tasks = await trx
    .updateTable('orbital_tasks')
    .set({ state: 'cancelled', updated_at: sql`now()` })
    .where('job_id', 'in', [...jobIds])
    .where('state', 'in', LIVE)
    .returningAll()
    .execute();
  if (onCancelled !== undefined) for (const task of tasks) await onCancelled(trx, endedTask(task));
}

/**
 * Records a job in the caller's transaction; it is sent after commit.
 * @throws JobConflictError while a job of the same entity and kind lives, unless `cancelsOlder`
 * @throws OrbitalError ORBITAL_INVALID_JOB
 */
export async function createJob<DB>(
  callers: Transaction<DB>,
  spec: JobSpec,
  onCancelled?: OnCancelled,
): Promise<string> {
  assertSpec(spec);
  const trx = ours(callers);
  const sequence = await lockForWish(trx, spec.entity);
  const wish: Wish = { kind: spec.kind, cancelsOlder: spec.cancelsOlder === true };
  const decision = onWish(wish, await liveJobs(trx, spec.entity));
  if (decision.step === 'conflict') throw new JobConflictError(decision.liveJobId);
  await cancelLiveJobs(trx, decision.cancel, onCancelled);

  const id = spec.jobId ?? randomUUID();
  const inserted = await sequenceTaken(trx, spec.entity, sequence)
    .insertInto('orbital_jobs')
    .values({
      id,
      kind: spec.kind,
      entity: spec.entity,
      entity_sequence: sequence,
      lane: spec.lane,
      state: 'pending',
      cancels_older: wish.cancelsOlder,
      correlation_id: spec.correlationId,
      deadline_ms: spec.deadlineMs,
      trace: traceOfNewJob(id, spec),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (inserted === undefined) throw new OrbitalError('ORBITAL_INVALID_JOB', 'the job id is in use');
  await trx
    .insertInto('orbital_tasks')
    .values(
      spec.tasks.map((task) => ({
        id: randomUUID(),
        job_id: id,
        kind: spec.kind,
        entity: spec.entity,
        entity_sequence: sequence,
        target: task.target,
        lane: spec.lane,
        state: 'pending' as const,
        payload: JSON.stringify(task.payload),
        correlation_id: spec.correlationId,
        deadline_at: deadlineAfter(spec.deadlineMs),
      })),
    )
    .execute();
  await wakeAtCommit(trx);
  return id;
}

interface LockedJob extends Wish {
  readonly entity: string;
  readonly state: JobState;
  readonly deadlineMs: number | null;
}

async function lockedJob(trx: ManagerTransaction, jobId: string): Promise<LockedJob> {
  const known = await trx
    .selectFrom('orbital_jobs')
    .select('entity')
    .where('id', '=', jobId)
    .executeTakeFirst();
  if (known === undefined) throw new OrbitalError('ORBITAL_JOB_NOT_FOUND', jobId);
  await lockEntity(trx, known.entity);
  const { kind, entity, state, cancels_older, deadline_ms } = await trx
    .selectFrom('orbital_jobs')
    .select(['kind', 'entity', 'state', 'cancels_older', 'deadline_ms'])
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow();
  const deadlineMs = deadline_ms === null ? null : Number(deadline_ms);
  return { kind, entity, state, cancelsOlder: cancels_older, deadlineMs };
}

/**
 * Gives up a live job. What a region has already applied stays applied; its late answer is ignored.
 * @throws OrbitalError ORBITAL_JOB_NOT_FOUND, ORBITAL_JOB_STATE when it has ended already
 */
export async function cancelJob<DB>(
  callers: Transaction<DB>,
  jobId: string,
  onCancelled?: OnCancelled,
): Promise<void> {
  const trx = ours(callers);
  const job = await lockedJob(trx, jobId);
  if (!mayCancel(job.state)) throw new OrbitalError('ORBITAL_JOB_STATE', job.state);
  await cancelLiveJobs(trx, [jobId], onCancelled);
  await wakeAtCommit(trx); // a younger job of the entity may have waited for this one
}

/**
 * Runs the tasks of a failed or cancelled job that are not done once more, or only those of the named targets. It counts
 * as the entity's newest wish: it gets a new sequence, for a region would refuse one that lies behind what it has seen,
 * and it cancels again what is older if the job was created so.
 * @throws OrbitalError ORBITAL_JOB_NOT_FOUND, ORBITAL_JOB_STATE, also where no task is left to run; JobConflictError
 */
export async function retryJob<DB>(
  callers: Transaction<DB>,
  jobId: string,
  targets?: readonly string[],
  onCancelled?: OnCancelled,
): Promise<void> {
  const trx = ours(callers);
  const job = await lockedJob(trx, jobId);
  const tasks = await trx
    .selectFrom('orbital_tasks')
    .select(['id', 'target', 'state'])
    .where('job_id', '=', jobId)
    .execute();
  const decision = onRetry(job, tasks, await liveJobs(trx, job.entity), targets);
  if (decision.step === 'refused') throw new OrbitalError('ORBITAL_JOB_STATE', decision.because);
  if (decision.step === 'conflict') throw new JobConflictError(decision.liveJobId);
  await cancelLiveJobs(trx, decision.cancel, onCancelled);
  const sequence = await lockForWish(trx, job.entity);
  const running = new Set(decision.run);
  const retried = await sequenceTaken(trx, job.entity, sequence)
    .updateTable('orbital_jobs')
    .set({
      state: jobStateOf(tasks.map(({ id, state }) => (running.has(id) ? 'pending' : state))),
      settled_at: null,
      entity_sequence: sequence,
    })
    .where('id', '=', jobId)
    .returning('id')
    .executeTakeFirst();
  // A purge holds no lock on the entity.
  if (retried === undefined) throw new OrbitalError('ORBITAL_JOB_NOT_FOUND', jobId);
  await trx
    .updateTable('orbital_tasks')
    .set({
      state: 'pending',
      entity_sequence: sequence,
      error: null,
      etag: sql`least(etag + 1, ${MAX_ETAG})`,
      resends: 0,
      failures: 0,
      deadline_at: deadlineAfter(job.deadlineMs),
      next_attempt_at: sql`now()`,
      updated_at: sql`now()`,
    })
    .where('id', 'in', [...decision.run])
    .execute();
  await wakeAtCommit(trx);
}
