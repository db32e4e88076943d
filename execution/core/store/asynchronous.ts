/**
 * Operations that were promised to be done later (KMIP 1.4 §6.8, §4.27, §4.28), with their answers until they expire. An
 * answer holds no secret: only operations that answer with identifiers are put off.
 */
import { sql } from 'kysely';
import type { TenantId } from '../../../contracts/index.ts';
import { ASYNCHRONOUS_DEADLINE_MS, ASYNCHRONOUS_KEPT_MS } from '../limits.ts';
import type { RegionDb } from './tables.ts';

/** `lost`: the process that was to do it ended before it had, or it never came to it. */
export type AsynchronousState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'lost';

/** Only the application that asked may know of it. */
export interface Owner {
  readonly tenant: TenantId;
  readonly fingerprint: string;
}

const isOverdue = sql<boolean>`created_at < now() - ${ASYNCHRONOUS_DEADLINE_MS}::integer * interval '1 millisecond'`;

export async function insertWaiting(db: RegionDb, correlation: Buffer, owner: Owner): Promise<void> {
  const { tenant, fingerprint } = owner;
  await db
    .insertInto('core.asynchronous')
    .values({ correlation, tenant, fingerprint, state: 'waiting', answer: null })
    .execute();
}

/** False when it has been cancelled, or has waited too long for anybody to count on it. */
export async function claimWaiting(db: RegionDb, correlation: Buffer): Promise<boolean> {
  const claimed = await db
    .updateTable('core.asynchronous')
    .set({ state: 'running' })
    .where('correlation', '=', correlation)
    .where('state', '=', 'waiting')
    .where((eb) => eb.not(isOverdue))
    .returning('state')
    .executeTakeFirst();
  return claimed !== undefined;
}

/** `answer`: a whole response message with the one item. */
export async function finish(
  db: RegionDb,
  correlation: Buffer,
  state: 'done' | 'failed',
  answer: Uint8Array,
): Promise<void> {
  await db
    .updateTable('core.asynchronous')
    .set({ state, answer: Buffer.from(answer) })
    .where('correlation', '=', correlation)
    .execute();
}

export interface Asynchronous {
  readonly state: AsynchronousState;
  readonly answer: Buffer | null;
}

export async function findAsynchronous(
  db: RegionDb,
  correlation: Uint8Array,
  owner: Owner,
): Promise<Asynchronous | undefined> {
  const row = await db
    .selectFrom('core.asynchronous')
    .select(['state', 'answer', isOverdue.as('overdue')])
    .where('correlation', '=', Buffer.from(correlation))
    .where('tenant', '=', owner.tenant)
    .where('fingerprint', '=', owner.fingerprint)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const isOpen = row.state === 'waiting' || row.state === 'running';
  return { state: isOpen && row.overdue ? 'lost' : row.state, answer: row.answer };
}

/** Whether it was still waiting; then nobody will do it. */
export async function cancelWaiting(db: RegionDb, correlation: Uint8Array, owner: Owner): Promise<boolean> {
  const cancelled = await db
    .updateTable('core.asynchronous')
    .set({ state: 'cancelled' })
    .where('correlation', '=', Buffer.from(correlation))
    .where('tenant', '=', owner.tenant)
    .where('fingerprint', '=', owner.fingerprint)
    .where('state', '=', 'waiting')
    .returning('state')
    .executeTakeFirst();
  return cancelled !== undefined;
}

export async function pruneAsynchronous(db: RegionDb): Promise<void> {
  await db
    .deleteFrom('core.asynchronous')
    .where(sql<boolean>`created_at < now() - ${ASYNCHRONOUS_KEPT_MS}::integer * interval '1 millisecond'`)
    .execute();
}
