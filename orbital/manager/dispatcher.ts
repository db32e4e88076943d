/**
 * Sends what is due on one lane. Each lane has a dispatcher of its own, so that a slow publish of bulk work cannot
 * hold back a revocation (D11). Claiming is one statement (claims.ts); signing and publishing happen outside any
 * transaction (D13); the next attempt is written with the claim, so a crash in between costs only a resend.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Logger } from '../../platform/log.ts';
import {
  BROKER_CHECK_MS,
  DISPATCH_SHARE,
  POLL_INTERVAL_MS,
  PUBLISH_RETRY_MS,
  TARGET_PAUSE_MS,
} from '../limits.ts';
import { type Lane, type Signer, signMessage } from '../messages.ts';
import type { ManagerMetrics } from '../observe.ts';
import { sendingTask } from '../traces.ts';
import { type Transport, TransportError, taskChannel } from '../transport.ts';
import { type Claimed, claimTasks, untilNextDueMs } from './claims.ts';
import { LIVE, type ManagerDb } from './schema.ts';

export interface DispatcherOptions {
  readonly db: ManagerDb;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
}

/** A step that sends one batch and answers how long to wait for the next. */
export function createDispatcher(options: DispatcherOptions, lane: Lane): () => Promise<number> {
  const { db, transport } = options;
  /**
   * Targets whose channel is full or did not answer: the others' tasks go on. For as long as the last try has taken, so
   * that a channel that hangs costs the others at most half of their time. One for each target with live tasks at most.
   */
  const pausedUntilMs = new Map<string, number>();

  return async () => {
    // With the broker away nothing is claimed, so nobody's backoff grows while nothing could have been sent.
    if (!transport.healthy()) {
      pausedUntilMs.clear(); // it was the broker, and no channel of it
      return BROKER_CHECK_MS;
    }
    const nowMs = performance.now();
    for (const [target, untilMs] of pausedUntilMs) if (untilMs <= nowMs) pausedUntilMs.delete(target);
    // Asked before claiming: whatever falls due in between is claimed, so that nothing slips through until the poll.
    const dueMs = await untilNextDueMs(db, lane);
    const rows = await claimTasks(db, lane, [...pausedUntilMs.keys()]);
    const sentAtMs = performance.now();
    const failed = await sendAll(
      options,
      lane,
      rows.filter((row) => !row.aside),
    );
    const pauseMs = Math.max(TARGET_PAUSE_MS, performance.now() - sentAtMs);
    for (const { task, error } of failed)
      if (error instanceof TransportError && error.code !== 'MESSAGE_TOO_LARGE')
        pausedUntilMs.set(task.target, performance.now() + pauseMs);
    await sendLater(
      db,
      failed.map(({ task }) => task),
    );
    // Fewer than any target's share, and none that has only made room: that was all.
    const more = rows.length >= DISPATCH_SHARE || rows.some((row) => row.aside);
    if (more) return 0;
    const idleMs = Math.min(POLL_INTERVAL_MS, Math.max(1, dueMs));
    return pausedUntilMs.size === 0 ? idleMs : Math.min(idleMs, TARGET_PAUSE_MS); // a pause may end before
  };
}

/** One such step by itself. */
export const dispatch = (options: DispatcherOptions, lane: Lane): Promise<number> =>
  createDispatcher(options, lane)();

interface Failed {
  readonly task: Claimed;
  readonly error: unknown;
}

async function sendAll(
  options: DispatcherOptions,
  lane: Lane,
  tasks: readonly Claimed[],
): Promise<readonly Failed[]> {
  const failed: Failed[] = [];
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await send(options, task);
        options.metrics.sent(lane, task.target, task.resends > 1);
      } catch (error) {
        options.metrics.publishFailed(lane, task.target);
        options.logger.warn(
          { err: error, taskId: task.id, target: task.target },
          'a task could not be sent yet',
        );
        failed.push({ task, error });
      }
    }),
  );
  return failed;
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

/**
 * As if they had not been claimed, each after a while of its own. One that somebody holds is being ended or continued
 * and needs this no more; waiting for it could only lock the two up.
 */
async function sendLater(db: ManagerDb, tasks: readonly Claimed[]): Promise<void> {
  if (tasks.length === 0) return;
  await db
    .updateTable('orbital_tasks')
    .set({
      attempt: sql`attempt - 1`,
      resends: sql`greatest(resends - 1, 0)`,
      next_attempt_at: sql`now() + (0.5 + random()) * ${PUBLISH_RETRY_MS} * interval '1 millisecond'`,
    })
    .where('id', 'in', (free) =>
      free
        .selectFrom('orbital_tasks')
        .select('id')
        .where((eb) =>
          eb(
            eb.refTuple('id', 'etag'),
            'in',
            tasks.map(({ id, etag }) => eb.tuple(id, etag)),
          ),
        )
        .where('state', 'in', LIVE)
        .forUpdate()
        .skipLocked(),
    )
    .execute();
}
