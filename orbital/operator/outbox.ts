/**
 * Statuses on their way out. A status is a row of the inbox that is still unsent; it is published at once, and by a
 * background step when the broker was away.
 */
import { sql } from 'kysely';
import { INBOX_RETENTION_MS, POLL_INTERVAL_MS, PURGE_BATCH, SWEEP_BATCH } from '../limits.ts';
import { type Signer, type StatusMessage, signMessage } from '../messages.ts';
import { statusChannel, type Transport } from '../transport.ts';
import type { Answer } from './inbox.ts';
import type { OperatorDb } from './schema.ts';

export interface OutboxOptions {
  readonly db: OperatorDb;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly region: string;
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

/** Publishes one status. @throws TransportError; the row then stays unsent. */
export async function publishStatus(options: OutboxOptions, answer: Answer): Promise<void> {
  const { db, transport, signer, region } = options;
  await transport.publish(statusChannel(), signMessage(signer, statusOf(answer, region)));
  await db
    .updateTable('orbital_inbox')
    .set({ unsent: false })
    .where('task_id', '=', answer.task_id)
    .where('etag', '=', answer.etag)
    .where('phase', '=', answer.phase)
    .execute();
}

/** Publishes what is left unsent, oldest first; answers how long to wait for the next look. */
export async function flushOutbox(options: OutboxOptions): Promise<number> {
  if (!options.transport.healthy()) return POLL_INTERVAL_MS;
  // Younger rows are being published by whoever recorded them.
  const rows = await options.db
    .selectFrom('orbital_inbox')
    .selectAll()
    .where('unsent', '=', true)
    .where('updated_at', '<', sql<Date>`now() - ${POLL_INTERVAL_MS} * interval '1 millisecond'`)
    .orderBy('updated_at')
    .limit(SWEEP_BATCH)
    .execute();
  for (const row of rows) await publishStatus(options, row);
  return rows.length === SWEEP_BATCH ? 0 : POLL_INTERVAL_MS;
}

/** Forgets answers that no honest repeat can ask for any more; the fence per entity stays. */
export async function purgeInbox(db: OperatorDb): Promise<void> {
  await db
    .deleteFrom('orbital_inbox')
    .where('task_id', 'in', (rows) =>
      rows
        .selectFrom('orbital_inbox')
        .select('task_id')
        .where('updated_at', '<', sql<Date>`now() - ${INBOX_RETENTION_MS} * interval '1 millisecond'`)
        .where('unsent', '=', false)
        .where('phase', '<>', 'processing')
        .limit(PURGE_BATCH),
    )
    .execute();
}
