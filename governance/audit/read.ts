/** Reading the audit log: in pages for people, newest first, and in the order of the chain for checks and exports. */
import { sql } from 'kysely';
import { type ChainAnchor, GENESIS_HASH } from '../../platform/hash-chain.ts';
import { inTransaction } from '../../platform/postgres.ts';
import { cursorOf, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { asTenant, type Db, scopeToTenant, type Trx } from '../store/transactions.ts';
import { type AuditEventView, type AuditOutcome, chainOf, type StoredEvent, viewOf } from './event.ts';

export interface AuditFilter {
  readonly action?: string;
  readonly actor?: string;
  readonly subject?: string;
  readonly outcome?: AuditOutcome;
  readonly correlationId?: string;
  /** RFC 3339, UTC: from `since` on, and before `until`. */
  readonly since?: string;
  readonly until?: string;
}

/** One chain, newest first: a tenant's, or the platform's when no tenant is named. */
export async function listAudit(
  { db }: { readonly db: Db },
  tenant: string | undefined,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<AuditEventView>> {
  const chain = chainOf(tenant);
  // A chain is a tenant to row-level security: this transaction sees it and no other.
  return await asTenant(db, chain, async (trx) => {
    let query = trx
      .selectFrom('audit_events')
      .selectAll()
      .where('tenant', '=', chain)
      .orderBy('sequence', 'desc')
      .limit(limitOf(page) + 1);
    const before = cursorOf(page);
    if (before !== undefined) {
      if (!/^\d{1,18}$/.test(before)) throw new CmkError('INVALID_CURSOR', 'the cursor names no event');
      query = query.where('sequence', '<', before);
    }
    const { action, actor, subject, outcome, correlationId, since, until } = filter;
    if (action !== undefined) query = query.where('action', '=', action);
    if (actor !== undefined) query = query.where('actor', '=', actor);
    if (subject !== undefined) query = query.where('subject', '=', subject);
    if (outcome !== undefined) query = query.where('outcome', '=', outcome);
    if (correlationId !== undefined) query = query.where('correlation_id', '=', correlationId);
    if (since !== undefined) query = query.where(AT, '>=', instantOf(since));
    if (until !== undefined) query = query.where(AT, '<', instantOf(until));
    return toPage(await query.execute(), page, (row) => row.sequence, viewOf);
  });
}

/** Instants of one form sort as text, byte by byte. */
const AT = sql<string>`at COLLATE "C"`;

function instantOf(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new CmkError('INVALID_REQUEST', `there is no such instant as ${text}`);
  return date.toISOString();
}

/** A chain, its head and its checkpoints as they were at one moment. */
export const inSnapshot = <T>(db: Db, chain: string, fn: (trx: Trx) => Promise<T>): Promise<T> =>
  inTransaction(
    db,
    async (trx) => {
      await scopeToTenant(trx, chain);
      return await fn(trx);
    },
    { isolation: 'repeatable read' },
  );

/** In the order of the chain, those behind `after`. */
export async function eventsAfter(
  trx: Trx,
  chain: string,
  after: number,
  limit: number,
): Promise<StoredEvent[]> {
  return await trx
    .selectFrom('audit_events')
    .selectAll()
    .where('tenant', '=', chain)
    .where('sequence', '>', String(after))
    .orderBy('sequence')
    .limit(limit)
    .execute();
}

/** The head of a chain without events stands before the first. */
export async function headOf(trx: Trx, chain: string): Promise<ChainAnchor> {
  const head = await trx
    .selectFrom('audit_heads')
    .select(['sequence', 'hash'])
    .where('tenant', '=', chain)
    .executeTakeFirst();
  return head === undefined
    ? { sequence: 0, hash: GENESIS_HASH }
    : { sequence: Number(head.sequence), hash: head.hash };
}
