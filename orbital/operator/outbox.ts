/**
 * Statuses on their way out. A status is a row of the inbox that is still unsent; it is published at once, and by a
 * background step when the broker was away.
 */
import { sql } from 'kysely';
import { INBOX_RETENTION_MS, POLL_INTERVAL_MS, PURGE_BATCH, PURGE_BATCHES, SWEEP_BATCH } from '../limits.ts';
import { type Signer, type StatusMessage, signMessage } from '../messages.ts';
import { statusChannel, type Transport } from '../transport.ts';
import type { Answer } from './inbox.ts';
import type { OperatorDb } from './schema.ts';
import { createSentMarks } from './sent-marks.ts';

export interface OutboxOptions {
  readonly db: OperatorDb;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly region: string;
}

export interface Outbox {
  /** Publishes one status; that it was sent is written a moment later. @throws TransportError; the row then stays unsent */
  publish(answer: Answer): Promise<void>;
  /** Publishes what is left unsent, oldest first; one at a time. Answers how long to wait for the next look. @throws TransportError */
  flush(): Promise<number>;
  /** Writes what is still to be written. */
  settle(): Promise<void>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { db, transport, signer, region } = options;
  const marks = createSentMarks(db);
  /** Tasks whose answers this process is publishing: as many at most as it handles at once, or finds in one look. */
  const underWay = new Set<string>();
  /** Those that were published while a look was being taken, which may still show them as unsent. */
  let sinceTheLook: Set<string> | undefined;

  async function publish(answer: Answer): Promise<void> {
    underWay.add(answer.task_id);
    try {
      await transport.publish(statusChannel(), signMessage(signer, statusOf(answer, region)));
      sinceTheLook?.add(answer.task_id);
      marks.add(answer);
    } finally {
      underWay.delete(answer.task_id);
    }
  }

  return {
    publish,
    settle: () => marks.settle(),
    async flush() {
      if (!transport.healthy()) return POLL_INTERVAL_MS;
      await marks.settle(); // or this look would find again what the last one has sent
      const published = new Set<string>();
      sinceTheLook = published;
      // Younger rows are being published by whoever recorded them.
      const rows = await db
        .selectFrom('orbital_inbox')
        .selectAll()
        .where('unsent', '=', true)
        .where('updated_at', '<', sql<Date>`now() - ${POLL_INTERVAL_MS} * interval '1 millisecond'`)
        .orderBy('updated_at')
        .limit(SWEEP_BATCH)
        .execute()
        .finally(() => {
          sinceTheLook = undefined;
        });
      // Where all is slow, so are older ones: publishing them twice would make it slower.
      const left = rows.filter(({ task_id }) => !underWay.has(task_id) && !published.has(task_id));
      const outcomes = await Promise.allSettled(left.map(publish));
      const failed = outcomes.find((each) => each.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      return rows.length === SWEEP_BATCH ? 0 : POLL_INTERVAL_MS;
    },
  };
}

function statusOf(answer: Answer, region: string): StatusMessage {
  return {
    type: 'status',
    taskId: answer.task_id,
    entitySequence: Number(answer.entity_sequence),
    etag: answer.etag,
    target: region,
    phase: answer.phase,
    ...(answer.phase === 'done' ? { result: answer.result } : {}),
    ...(answer.error === null ? {} : { error: answer.error }),
    ...(answer.phase === 'processing' ? { workingState: answer.working_state } : {}),
    ...(answer.retry_after_ms === null ? {} : { retryAfterMs: Number(answer.retry_after_ms) }),
    correlationId: answer.correlation_id,
    at: new Date().toISOString(),
  };
}

/**
 * Forgets answers that no honest repeat can ask for any more, as `fenceBehindPurge` has it; the fence per entity stays. The database
 * notes what was done (trigger `orbital_note_forgotten`, schema.ts).
 */
export async function purgeInbox(db: OperatorDb): Promise<void> {
  for (let batch = 0; batch < PURGE_BATCHES; batch++) {
    const { numAffectedRows } = await sql`
      with old as (
        select task_id from orbital_inbox
          where updated_at < now() - ${INBOX_RETENTION_MS} * interval '1 millisecond'
            and not unsent and phase <> 'processing'
          order by updated_at limit ${PURGE_BATCH}
          for update skip locked
      )
      delete from orbital_inbox i using old where i.task_id = old.task_id`.execute(db);
    if (Number(numAffectedRows ?? 0) < PURGE_BATCH) return;
  }
}
