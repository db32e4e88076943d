/**
 * Applying a task once. Everything about one task happens in one transaction that holds its entity's row: look up
 * what was done before, check the order, run the handler, record the answer. What the handler writes through
 * `ctx.trx` is therefore applied exactly once; for anything else the handler must be idempotent itself, since a crash
 * before the commit runs it again. Whether a task runs at all is decided by `machine/operator.ts`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Selectable, sql, type Transaction } from 'kysely';
import { Value } from 'typebox/value';
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { type JsonValue, jsonSizeBytes, nestsTooDeep } from '../json.ts';
import {
  CANCEL_LOCK_TIMEOUT_MS,
  CANCEL_RETRY_MS,
  DECIDE_TIMEOUT_MS,
  ENTITY_LOCK_TIMEOUT_MS,
  MAX_ERROR_MESSAGE_LENGTH,
  MAX_JSON_DEPTH,
  MAX_RESULT_BYTES,
  MAX_WORKING_STATE_BYTES,
} from '../limits.ts';
import type { Execution } from '../machine/execution.ts';
import { type Fence, fenceAfter, onTask, type Recorded } from '../machine/operator.ts';
import { TaskError, type TaskMessage } from '../messages.ts';
import type { Session } from './execution.ts';
import { type TellSession, tellNobody } from './precedence.ts';
import { type OperatorDb, type OrbitalOperatorTables, OVERTAKE_CHANNEL } from './schema.ts';

export type HandlerOutcome =
  | { readonly done: JsonValue }
  | { readonly failed: TaskError }
  /** To be called again after `retryAfterMs` with this state, on any core of the region. */
  | { readonly processing: JsonValue; readonly retryAfterMs: number };

export type Answer = Selectable<OrbitalOperatorTables['orbital_inbox']>;
type OperatorTransaction = Transaction<OrbitalOperatorTables>;

/** Errors that Orbital itself answers, beside those of the handlers. */
export const operatorErrors = {
  SUPERSEDED: { retryable: false, meaning: 'a newer change of the same entity has come before this one' },
  FORGOTTEN: { retryable: false, meaning: 'the region has done this before, and has forgotten the answer' },
  DEADLINE: { retryable: false, meaning: 'the task arrived after its deadline' },
  UNKNOWN_KIND: { retryable: true, meaning: 'this version of the region does not know the kind of task' },
  INVALID_RESULT: { retryable: false, meaning: 'the handler answered with something that cannot be sent' },
  UNAVAILABLE: { retryable: true, meaning: 'the region could not do this now; its log says why' },
} as const;
export const operatorError = (code: keyof typeof operatorErrors): { failed: TaskError } => ({
  failed: { code, message: operatorErrors[code].meaning, retryable: operatorErrors[code].retryable },
});

type Run = (trx: OperatorTransaction, session: Session) => Promise<HandlerOutcome>;
export interface Applied {
  readonly answer: Answer;
  readonly repeated: boolean;
}

/**
 * The recorded answer of the task; `run` is called when there is none for this etag yet.
 * @throws whatever the database throws, DEADLINE_EXCEEDED; nothing is recorded then, or it is found by the repeat that
 * the broker must send
 */
export async function applyOnce(
  db: OperatorDb,
  task: TaskMessage,
  run: Run,
  tell: TellSession = tellNobody,
): Promise<Applied> {
  let undone: { readonly failed: TaskError } | undefined;
  try {
    return await decided(db, task, tell, async (trx, { fence, session }) => {
      const outcome = presentable(await run(trx, session));
      if (!('failed' in outcome)) return { answer: await record(trx, task, outcome, fence), repeated: false };
      undone = outcome;
      throw new Error('what a failed handler wrote is undone');
    });
  } catch (error) {
    if (undone === undefined) throw error;
    // Also when the ROLLBACK failed: its connection is closed then, which undoes as much.
    const outcome = undone;
    // Another process may have been faster between the two transactions.
    return decided(db, task, tell, async (trx, { fence }) => ({
      answer: await record(trx, task, outcome, fence),
      repeated: false,
    }));
  }
}

/**
 * As applyOnce, for a task that cancels the older ones of its entity (UNLINK is first of all, D11). It does not queue
 * behind them: every core of the region is told to stop them, again and again, until the entity's row is free; what hears
 * nothing of it is precedence.ts's.
 */
export async function overtake(
  db: OperatorDb,
  task: TaskMessage,
  run: Run,
  tell: TellSession,
  signal: AbortSignal,
): Promise<Applied> {
  const { entity, entitySequence } = task;
  for (;;) {
    const notice = JSON.stringify({ entity, entitySequence });
    await withDeadline(DECIDE_TIMEOUT_MS, 'telling the other cores', () =>
      sql`select pg_notify(${OVERTAKE_CHANNEL}, ${notice})`.execute(db),
    );
    try {
      return await applyOnce(db, task, run, tell);
    } catch (error) {
      if (errorCode(error) !== LOCK_NOT_AVAILABLE) throw error;
    }
    await delay(CANCEL_RETRY_MS);
    signal.throwIfAborted();
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

/** What the rows of an entity say that the transaction has locked. */
type LockedFence = Omit<Fence, 'forgotten'>;

/** The entity's row, which the transaction has locked, and the session that it runs in. */
interface Locked {
  readonly fence: LockedFence;
  readonly session: Session;
}

/**
 * One transaction with the entity's row in hand; `proceed` runs when nothing has been decided about the task yet.
 * Getting that far takes moments, or the connection is no good: it is left alone then, and the broker's repeat of the
 * task gets another.
 */
async function decided(
  db: OperatorDb,
  task: TaskMessage,
  tell: TellSession,
  proceed: (trx: OperatorTransaction, locked: Locked) => Promise<Applied>,
): Promise<Applied> {
  const looked = Promise.withResolvers<void>();
  let late = false;
  const applying = db.transaction().execute(async (trx) => {
    const session = await ownSession(trx, task);
    const forget = tell(session.pid);
    try {
      const fence = await lockEntity(trx, task);
      const answered = await answerWithoutRunning(trx, task, fence);
      looked.resolve();
      if (late) throw new Error('the answer to this came too late');
      return await (answered ?? proceed(trx, { fence, session }));
    } finally {
      forget();
    }
  });
  try {
    await withDeadline(DECIDE_TIMEOUT_MS, 'looking a task up', () =>
      Promise.race([looked.promise, applying]),
    );
  } catch (error) {
    late = true;
    throw error;
  }
  return applying;
}

/** What needs no execution: repeats, superseded and overdue tasks. */
async function answerWithoutRunning(
  trx: OperatorTransaction,
  task: TaskMessage,
  fence: LockedFence,
): Promise<Applied | undefined> {
  const deadlineAtMs = task.deadlineAt === undefined ? null : Date.parse(task.deadlineAt);
  const { recorded, forgotten } = await remembered(trx, task);
  const decision = onTask(
    { ...executionOf(task), deadlineAtMs },
    recorded,
    { ...fence, forgotten },
    Date.now(),
  );
  switch (decision.step) {
    case 'run':
      return undefined;
    case 'refuse':
      return { answer: await record(trx, task, operatorError(decision.code), fence), repeated: false };
    case 'repeat':
      return { answer: await repeat(trx, task, decision.as, fence), repeated: true };
  }
}

const executionOf = ({ entitySequence, etag }: TaskMessage): Execution => ({
  sequence: entitySequence,
  etag,
});

/** In one look: a purge takes the record away and notes it, and holds no lock on the entity. */
async function remembered(
  trx: OperatorTransaction,
  { taskId, entity }: TaskMessage,
): Promise<{ readonly recorded: Recorded | undefined; readonly forgotten: number }> {
  const { rows } = await sql<{
    forgotten: string | null;
    recorded: { phase: Recorded['phase']; etag: number; sequence: number } | null;
  }>`
    select
      (select sequence from orbital_inbox_forgotten where entity = ${entity}) as forgotten,
      (select json_build_object('phase', phase, 'etag', etag, 'sequence', entity_sequence)
        from orbital_inbox where task_id = ${taskId}) as recorded`.execute(trx);
  const [row] = rows;
  return { recorded: row?.recorded ?? undefined, forgotten: Number(row?.forgotten ?? 0) };
}

/** Who we are to the database; from here on no lock is waited for longer than the entity's row may be. */
async function ownSession(trx: OperatorTransaction, task: TaskMessage): Promise<Session> {
  const waitMs = task.cancels === true ? CANCEL_LOCK_TIMEOUT_MS : ENTITY_LOCK_TIMEOUT_MS;
  const { rows } = await sql<Session>`
    select pid, backend_start::text as "startedAt", set_config('lock_timeout', ${`${waitMs}ms`}, true)
      from pg_stat_activity where pid = pg_backend_pid()`.execute(trx);
  const [session] = rows;
  if (session === undefined) throw new Error('the database does not tell us our own session');
  return session;
}

/** Takes the entity's row, which another execution that works on the entity may hold. */
async function lockEntity(trx: OperatorTransaction, { entity }: TaskMessage): Promise<LockedFence> {
  await trx
    .insertInto('orbital_inbox_entities')
    .values({ entity, highest_sequence: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await trx
    .selectFrom('orbital_inbox_entities')
    .select(['highest_sequence', 'applied_sequence'])
    .where('entity', '=', entity)
    .forUpdate()
    .executeTakeFirstOrThrow();
  // The handler's own locks are its affair.
  const mark = await trx
    .selectNoFrom((eb) => [
      sql<string>`set_config('lock_timeout', '0', true)`.as('lockTimeout'),
      eb.selectFrom('orbital_inbox_apart').select('sequence').where('entity', '=', entity).as('apart'),
    ])
    .executeTakeFirstOrThrow();
  return {
    tried: Number(row.highest_sequence),
    applied: Number(row.applied_sequence),
    apart: Number(mark.apart ?? 0),
  };
}

/** Writes the answer down, with the fence behind it. */
async function record(
  trx: OperatorTransaction,
  task: TaskMessage,
  outcome: HandlerOutcome,
  fence: LockedFence,
): Promise<Answer> {
  const values = {
    kind: task.kind,
    entity: task.entity,
    entity_sequence: task.entitySequence,
    etag: task.etag,
    correlation_id: task.correlationId,
    unsent: true,
    phase: 'done' in outcome ? 'done' : 'failed' in outcome ? 'failed' : 'processing',
    result: 'done' in outcome ? JSON.stringify(outcome.done) : null,
    error: 'failed' in outcome ? JSON.stringify(outcome.failed) : null,
    working_state: 'processing' in outcome ? JSON.stringify(outcome.processing) : null,
    retry_after_ms: 'processing' in outcome ? outcome.retryAfterMs : null,
  } as const;
  await raise(trx, task.entity, fence, { ...executionOf(task), phase: values.phase });
  return trx
    .insertInto('orbital_inbox')
    .values({ task_id: task.taskId, ...values })
    .onConflict((conflict) => conflict.column('task_id').doUpdateSet({ ...values, updated_at: sql`now()` }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Has the recorded answer sent once more, as the one to the execution `as`. */
async function repeat(
  trx: OperatorTransaction,
  task: TaskMessage,
  as: Execution,
  fence: LockedFence,
): Promise<Answer> {
  const answer = await trx
    .updateTable('orbital_inbox')
    .set({ entity_sequence: as.sequence, etag: as.etag, unsent: true, updated_at: sql`now()` })
    .where('task_id', '=', task.taskId)
    .returningAll()
    .executeTakeFirstOrThrow();
  await raise(trx, task.entity, fence, { ...as, phase: answer.phase });
  return answer;
}

async function raise(
  trx: OperatorTransaction,
  entity: string,
  fence: LockedFence,
  answer: Recorded,
): Promise<void> {
  const { tried, applied } = fenceAfter(fence, answer);
  if (tried === fence.tried && applied === fence.applied) return;
  await trx
    .updateTable('orbital_inbox_entities')
    .set({ highest_sequence: tried, applied_sequence: applied })
    .where('entity', '=', entity)
    .execute();
}

/** An outcome that fits a status message, whatever the handler returned. */
function presentable(outcome: HandlerOutcome): HandlerOutcome {
  if ('failed' in outcome) {
    const { code, message, retryable } = outcome.failed;
    const failed = { code, message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH), retryable };
    return Value.Check(TaskError, failed) ? { failed } : operatorError('INVALID_RESULT');
  }
  if ('done' in outcome)
    return fits(outcome.done, MAX_RESULT_BYTES) ? outcome : operatorError('INVALID_RESULT');
  if (!fits(outcome.processing, MAX_WORKING_STATE_BYTES)) return operatorError('INVALID_RESULT');
  return { processing: outcome.processing, retryAfterMs: Math.max(0, Math.round(outcome.retryAfterMs)) };
}

const fits = (value: JsonValue, maxBytes: number): boolean =>
  value !== undefined &&
  jsonSizeBytes(value) <= maxBytes &&
  !nestsTooDeep(Buffer.from(JSON.stringify(value)), MAX_JSON_DEPTH - 1);
