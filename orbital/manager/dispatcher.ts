/**
 * Sends what is due on one lane. Each lane has a dispatcher of its own, so that a slow publish of bulk work cannot
 * hold back a revocation (D11). Claiming is one statement; signing and publishing happen outside any transaction; the
 * next attempt is written with the claim, so a crash in between costs only a resend.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { backoffMs } from '../../platform/backoff.ts';
import type { Logger } from '../../platform/log.ts';
import type { JsonValue } from '../json.ts';
import {
  BROKER_CHECK_MS,
  DISPATCH_BATCH,
  POLL_INTERVAL_MS,
  PUBLISH_RETRY_MS,
  RESEND_BASE_MS,
  RESEND_CAP_MS,
} from '../limits.ts';
import { type Lane, type Signer, signMessage } from '../messages.ts';
import type { ManagerMetrics } from '../observe.ts';
import { sendingTask } from '../traces.ts';
import { type Transport, taskChannel } from '../transport.ts';
import { LIVE, type ManagerDb } from './schema.ts';

export interface DispatcherOptions {
  readonly db: ManagerDb;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
}

interface Claimed {
  readonly id: string;
  readonly job_id: string;
  readonly kind: string;
  readonly entity: string;
  readonly entity_sequence: string;
  readonly target: string;
  readonly lane: Lane;
  readonly etag: number;
  readonly attempt: number;
  readonly resends: number;
  readonly payload: JsonValue;
  readonly working_state: JsonValue | null;
  readonly correlation_id: string;
  readonly deadline_at: Date | null;
  readonly cancels_older: boolean;
  readonly trace: string | null;
}

/** Sends one batch; answers how long to wait for the next. */
export async function dispatch(options: DispatcherOptions, lane: Lane): Promise<number> {
  const { db, transport, logger } = options;
  // With the broker away nothing is claimed, so nobody's backoff grows while nothing could have been sent.
  if (!transport.healthy()) return BROKER_CHECK_MS;
  // Asked before claiming: whatever falls due in between is claimed, so that nothing slips through until the poll.
  const idleMs = await untilNextDueMs(db, lane);
  const claimed = await claim(db, lane);
  await Promise.all(
    claimed.map(async (task) => {
      try {
        await send(options, task);
        options.metrics.sent(lane, task.target, task.resends > 1);
      } catch (error) {
        options.metrics.publishFailed(lane, task.target);
        logger.warn({ err: error, taskId: task.id, target: task.target }, 'a task could not be sent yet');
        await sendLater(db, task);
      }
    }),
  );
  return claimed.length === DISPATCH_BATCH ? 0 : idleMs;
}

async function claim(db: ManagerDb, lane: Lane): Promise<readonly Claimed[]> {
  // Per-entity order: a task waits for every older live task of its entity in the same region. The wait until a
  // resend lies between half and the whole of its exponential step: it must leave the region time to answer.
  const { rows } = await sql<Claimed>`
    with due as (
      select t.id from orbital_tasks t
      where t.lane = ${lane} and t.state in ('pending', 'processing') and t.next_attempt_at <= now()
        and (t.deadline_at is null or t.deadline_at > now())
        and not exists (
          select from orbital_tasks older
          where older.entity = t.entity and older.target = t.target
            and older.entity_sequence < t.entity_sequence and older.state in ('pending', 'processing'))
      order by t.next_attempt_at
      limit ${DISPATCH_BATCH}
      for update of t skip locked)
    update orbital_tasks t
      set attempt = attempt + 1, resends = resends + 1, updated_at = now(),
          next_attempt_at = now() + interval '1 millisecond' * (0.5 + random() / 2)
            * least(${RESEND_CAP_MS}::float8, ${RESEND_BASE_MS}::float8 * power(2, least(t.resends, 20)))
      from due, orbital_jobs j
      where t.id = due.id and j.id = t.job_id
      returning t.*, j.cancels_older, j.trace`.execute(db);
  return rows;
}

const send = (options: DispatcherOptions, task: Claimed): Promise<void> =>
  sendingTask(task, (traceparent) => publish(options, task, traceparent));

async function publish(
  { transport, signer }: DispatcherOptions,
  task: Claimed,
  traceparent: string | undefined,
): Promise<void> {
  const frame = signMessage(signer, {
    type: 'task',
    messageId: randomUUID(),
    jobId: task.job_id,
    taskId: task.id,
    kind: task.kind,
    entity: task.entity,
    entitySequence: Number(task.entity_sequence),
    target: task.target,
    lane: task.lane,
    etag: task.etag,
    attempt: task.attempt,
    payload: task.payload,
    ...(task.working_state === null ? {} : { workingState: task.working_state }),
    correlationId: task.correlation_id,
    issuedAt: new Date().toISOString(),
    ...(task.deadline_at === null ? {} : { deadlineAt: task.deadline_at.toISOString() }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(task.cancels_older ? { cancels: true } : {}),
  });
  await transport.publish(taskChannel(task.target, task.lane), frame);
}

async function sendLater(db: ManagerDb, task: Claimed): Promise<void> {
  const waitMs = PUBLISH_RETRY_MS / 2 + backoffMs(0, { baseMs: PUBLISH_RETRY_MS, capMs: PUBLISH_RETRY_MS });
  await db
    .updateTable('orbital_tasks')
    .set({
      attempt: sql`attempt - 1`,
      resends: sql`greatest(resends - 1, 0)`,
      next_attempt_at: sql`now() + ${waitMs} * interval '1 millisecond'`,
    })
    .where('id', '=', task.id)
    .where('etag', '=', task.etag)
    .where('state', 'in', LIVE)
    .execute();
}

async function untilNextDueMs(db: ManagerDb, lane: Lane): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(next_attempt_at) - now())::float8 * 1000 as ms from orbital_tasks
      where lane = ${lane} and state in ('pending', 'processing') and next_attempt_at > now()`.execute(db);
  return Math.min(POLL_INTERVAL_MS, Math.max(1, rows[0]?.ms ?? POLL_INTERVAL_MS));
}
