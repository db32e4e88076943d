/**
 * The audit log: one hash chain per tenant, and one for the platform. An event is written in the transaction of the
 * change that it tells of, so neither exists without the other. The serving role can add events, not change them.
 */
import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { AuditEventRow } from './schema.ts';
import { asPlatform, type Db, type Trx } from './transactions.ts';

export interface Actor {
  /** The operator's name from the credential, or `system:` and the part of CMK that acted by itself. */
  readonly actor: string;
  readonly correlationId: string;
  /** Told in the transaction of the change, before it is in the log (store/idempotency.ts). */
  readonly carriedOut?: (trx: Trx) => Promise<void>;
}

export interface AuditEvent {
  /** Absent for what concerns no single tenant. */
  readonly tenant?: string;
  readonly action: string;
  /** What was acted upon, such as `region:eu-west-1`. */
  readonly subject: string;
  readonly outcome: 'accepted' | 'refused' | 'succeeded' | 'failed';
  /** Facts worth keeping; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

type StoredEvent = Selectable<AuditEventRow>;

/** The chain of what concerns no single tenant; no tenant can be called so. */
export const PLATFORM = '_platform';
const GENESIS = '0'.repeat(64);
const VERIFY_PAGE = 500;

function hashOf(event: Omit<StoredEvent, 'hash'>): string {
  const fields = [
    event.tenant,
    Number(event.sequence),
    event.at,
    event.actor,
    event.action,
    event.subject,
    event.outcome,
    event.correlation_id,
    event.detail,
    event.previous_hash,
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

/**
 * Appends to the chain. Takes the chain's row lock until the transaction ends: call it last, so that the lock is short
 * and always taken after the others.
 */
export async function audit(
  trx: Trx,
  { actor, correlationId, carriedOut }: Actor,
  event: AuditEvent,
): Promise<void> {
  await carriedOut?.(trx);
  const chain = event.tenant ?? PLATFORM;
  await trx
    .insertInto('audit_heads')
    .values({ tenant: chain, sequence: 0, hash: GENESIS })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute();
  const head = await trx
    .selectFrom('audit_heads')
    .select(['sequence', 'hash'])
    .where('tenant', '=', chain)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const sequence = Number(head.sequence) + 1;
  const row = {
    tenant: chain,
    sequence: String(sequence),
    at: new Date().toISOString(),
    actor,
    action: event.action,
    subject: event.subject,
    outcome: event.outcome,
    correlation_id: correlationId,
    detail: JSON.stringify(event.detail ?? {}),
    previous_hash: head.hash,
  };
  const hash = hashOf(row);
  await trx
    .insertInto('audit_events')
    .values({ ...row, sequence, hash })
    .execute();
  await trx.updateTable('audit_heads').set({ sequence, hash }).where('tenant', '=', chain).execute();
}

export type ChainVerdict =
  | { readonly ok: true; readonly events: number; readonly head: string }
  | { readonly ok: false; readonly events: number; readonly brokenAt: number };

/**
 * Reads a chain up to its present head, page by page, and recomputes it; holds up nobody who writes meanwhile.
 * `brokenAt` is the first sequence number that does not fit.
 */
export async function verifyChain(db: Db, tenant?: string): Promise<ChainVerdict> {
  const chain = tenant ?? PLATFORM;
  return await asPlatform(db, async (trx) => {
    const head = await trx
      .selectFrom('audit_heads')
      .selectAll()
      .where('tenant', '=', chain)
      .executeTakeFirst();
    const end = Number(head?.sequence ?? 0);
    let hash = GENESIS;
    let sequence = 0;
    while (sequence < end) {
      const page = await trx
        .selectFrom('audit_events')
        .selectAll()
        .where('tenant', '=', chain)
        .where('sequence', '>', String(sequence))
        .where('sequence', '<=', String(end))
        .orderBy('sequence')
        .limit(VERIFY_PAGE)
        .execute();
      // Events that were cut off at the end leave the head behind.
      if (page.length === 0) return { ok: false, events: sequence, brokenAt: sequence + 1 };
      for (const event of page) {
        const expected = sequence + 1;
        if (
          Number(event.sequence) !== expected ||
          event.previous_hash !== hash ||
          hashOf(event) !== event.hash
        )
          return { ok: false, events: sequence, brokenAt: expected };
        sequence = expected;
        hash = event.hash;
      }
    }
    if (head !== undefined && head.hash !== hash) return { ok: false, events: sequence, brokenAt: sequence };
    return { ok: true, events: sequence, head: hash };
  });
}
