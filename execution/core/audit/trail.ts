/**
 * The region's audit trail: each event is chained to the one before it by SHA-256, and written in the transaction of
 * the change that it tells of. Events are append-only in the database, too.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { AuditClass } from '../../../contracts/index.ts';
import type { AuditEvent } from '../../mesh/index.ts';
import { endedWhenIdle } from '../store/heads.ts';
import type { RegionTx } from '../store/tables.ts';
import { auditClassOf } from './classes.ts';
import { hashOf } from './link.ts';

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
    .select(['seq', 'hash', endedWhenIdle])
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
  const counts = new Counts();
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
    counts.add(tenant ?? '', auditClassOf(name), outcome, seq);
    prev = hash;
  }
  if (rows.length === 0) return;
  await tx.insertInto('core.audit_events').values(rows).execute();
  await counts.write(tx, { seq, hash: prev });
}

interface Count {
  readonly tenant: string;
  readonly class: AuditClass;
  readonly outcome: AuditEvent['outcome'];
  events: number;
  lastSeq: number;
}

/** What governance is told of these events: how many of each class, and nothing of what they say. */
class Counts {
  readonly #counts = new Map<string, Count>();

  add(tenant: string, auditClass: AuditClass, outcome: AuditEvent['outcome'], seq: number): void {
    const key = `${tenant}\n${auditClass}\n${outcome}`;
    const count = this.#counts.get(key) ?? { tenant, class: auditClass, outcome, events: 0, lastSeq: 0 };
    count.events += 1;
    count.lastSeq = seq;
    this.#counts.set(key, count);
  }

  /**
   * In one round trip with the new head. A gateway may claim any tenant: one that the region does not know counts as none,
   * so that the table grows with tenants and nothing else.
   */
  async write(tx: RegionTx, head: { readonly seq: number; readonly hash: Uint8Array }): Promise<void> {
    const counts = [...this.#counts.values()];
    const at = new Date().toISOString();
    await sql`
      WITH head AS (
        UPDATE core.audit_head SET seq = ${head.seq}, hash = ${head.hash} WHERE id = 1
      ), told AS (
        SELECT coalesce(known.tenant, '') AS tenant, t.class, t.outcome,
               sum(t.events)::bigint AS events, max(t.last_seq) AS last_seq
          FROM unnest(
            ${counts.map(({ tenant }) => tenant)}::text[], ${counts.map((count) => count.class)}::text[],
            ${counts.map(({ outcome }) => outcome)}::text[], ${counts.map(({ events }) => events)}::bigint[],
            ${counts.map(({ lastSeq }) => lastSeq)}::bigint[]
          ) AS t (tenant, class, outcome, events, last_seq)
          LEFT JOIN keychain.link_heads known ON known.tenant = t.tenant
          GROUP BY 1, 2, 3
      )
      INSERT INTO core.audit_counts AS c (tenant, class, outcome, events, last_seq, last_at)
        SELECT tenant, class, outcome, events, last_seq, ${at} FROM told
        ON CONFLICT (tenant, class, outcome) DO UPDATE
          SET events = c.events + excluded.events, last_seq = excluded.last_seq, last_at = excluded.last_at`.execute(
      tx,
    );
  }
}
