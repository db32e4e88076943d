/**
 * The region's audit trail: each event is chained to the one before it by SHA-256, and written in the transaction of
 * the change that it tells of. Events are append-only in the database, too.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { AuditEvent } from '../../mesh/index.ts';
import type { RegionDb, RegionTx } from './tables.ts';

export type NewAuditEvent = Omit<AuditEvent, 'id' | 'at'> & Partial<Pick<AuditEvent, 'id' | 'at'>>;

/** Where an event was seen: `core-1`, or the gateway that reported it. It may claim anything but this. */
export interface AuditSource {
  readonly source: string;
}

/** Characters of one field: names in KMIP may be longer, the trail need not be. */
const MAX_FIELD_LENGTH = 512;

/** Bounded, and without what PostgreSQL's text cannot hold: clients and gateways choose parts of these fields. */
function clean(value: unknown): string {
  return String(value).slice(0, MAX_FIELD_LENGTH).toWellFormed().replaceAll('\0', '\ufffd');
}

function cleaned<T extends object>(event: T): T {
  const fields = Object.entries(event).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.map(([name, value]) => [name, clean(value)])) as T;
}

/** Keys in order, so that the same event always has the same hash. */
function canonical(event: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function hashOf(prev: Uint8Array, seq: number, body: string): Buffer {
  return createHash('sha256').update(prev).update(String(seq)).update('\n').update(body).digest();
}

/**
 * Appends events; one whose id is already in the trail is a repetition and is left out. Call it last in a transaction:
 * it locks the head of the chain until the commit.
 */
export async function appendAudit(
  tx: RegionTx,
  { source }: AuditSource,
  events: readonly NewAuditEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const head = await tx
    .selectFrom('core.audit_head')
    .selectAll()
    .where('id', '=', 1)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const complete = events.map((event) =>
    cleaned({ id: randomUUID(), at: new Date().toISOString(), ...event, source }),
  );
  const known = new Set(
    (
      await tx
        .selectFrom('core.audit_events')
        .select('id')
        .where(
          'id',
          'in',
          complete.map(({ id }) => id),
        )
        .execute()
    ).map(({ id }) => id),
  );
  let seq = Number(head.seq);
  let prev = head.hash;
  const rows = [];
  for (const event of complete) {
    if (known.has(event.id)) continue;
    known.add(event.id);
    const body = canonical(event);
    seq += 1;
    const hash = hashOf(prev, seq, body);
    const { id, at, event: name, outcome, reason, tenant } = event;
    rows.push({
      seq,
      id,
      at,
      event: name,
      outcome,
      reason: reason ?? null,
      tenant: tenant ?? null,
      body,
      prev_hash: prev,
      hash,
    });
    prev = hash;
  }
  if (rows.length === 0) return;
  await tx.insertInto('core.audit_events').values(rows).execute();
  await tx.updateTable('core.audit_head').set({ seq, hash: prev }).where('id', '=', 1).execute();
}

const VERIFY_PAGE = 1_000;

/** Walks the chain from its beginning. Returns the sequence number of the first event that does not fit, or null. */
export async function verifyAudit(db: RegionDb): Promise<number | null> {
  let prev: Uint8Array = Buffer.alloc(32);
  let seq = 0;
  for (;;) {
    const rows = await db
      .selectFrom('core.audit_events')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(VERIFY_PAGE)
      .execute();
    for (const row of rows) {
      seq += 1;
      if (Number(row.seq) !== seq || !hashOf(prev, seq, row.body).equals(row.hash)) return seq;
      prev = row.hash;
    }
    if (rows.length < VERIFY_PAGE) break;
  }
  const head = await db.selectFrom('core.audit_head').selectAll().executeTakeFirstOrThrow();
  return Number(head.seq) === seq && Buffer.from(prev).equals(head.hash) ? null : seq + 1;
}
