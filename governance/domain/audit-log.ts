/** Reading the audit log, newest first. Verifying it is `verifyChain` (store/audit.ts). */
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { PLATFORM } from '../store/audit.ts';
import { asPlatform } from '../store/transactions.ts';
import { cursorOf, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface AuditEventView {
  sequence: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  outcome: string;
  correlationId: string;
  detail: Record<string, unknown>;
  previousHash: string;
  hash: string;
}

/** One chain: a tenant's, or the platform's when no tenant is named. */
export async function listAudit(
  cmk: Cmk,
  tenant: string | undefined,
  page: PageRequest,
): Promise<Page<AuditEventView>> {
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('audit_events')
      .selectAll()
      .where('tenant', '=', tenant ?? PLATFORM)
      .orderBy('sequence', 'desc')
      .limit(limitOf(page) + 1);
    const before = cursorOf(page);
    if (before !== undefined) {
      if (!/^\d{1,18}$/.test(before)) throw new CmkError('INVALID_CURSOR', 'the cursor names no event');
      query = query.where('sequence', '<', before);
    }
    return toPage(
      await query.execute(),
      page,
      (row) => row.sequence,
      (row) => ({
        sequence: Number(row.sequence),
        at: row.at,
        actor: row.actor,
        action: row.action,
        subject: row.subject,
        outcome: row.outcome,
        correlationId: row.correlation_id,
        detail: JSON.parse(row.detail) as Record<string, unknown>,
        previousHash: row.previous_hash,
        hash: row.hash,
      }),
    );
  });
}
