/**
 * Writing the audit log. An event is written in the transaction of the change that it tells of, so neither exists without
 * the other. The serving role can add events, not change them (D13).
 */
import { GENESIS_HASH } from '../../platform/hash-chain.ts';
import type { Trx } from '../store/transactions.ts';
import { type Actor, type AuditEvent, chainOf, hashOf, MAX_ORIGIN_LENGTH, OWN_ORIGIN } from './event.ts';

/** Of what nobody asked for by a request: a region has answered, or CMK acts by itself. */
const ownOriginOf = (actor: string): string => (actor.startsWith('region:') ? actor : OWN_ORIGIN);

/**
 * Appends to the chain. Takes the chain's row lock until the transaction ends: call it last, so that the lock is short
 * and always taken after the others.
 */
export async function audit(
  trx: Trx,
  { actor, correlationId, origin = ownOriginOf(actor), carriedOut }: Actor,
  event: AuditEvent,
): Promise<void> {
  await carriedOut?.(trx);
  const chain = chainOf(event.tenant);
  await trx
    .insertInto('audit_heads')
    .values({ tenant: chain, sequence: 0, hash: GENESIS_HASH })
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
    origin: origin.slice(0, MAX_ORIGIN_LENGTH),
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
