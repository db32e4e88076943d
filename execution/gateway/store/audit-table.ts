/**
 * Audit events that the core has not acknowledged yet: on disk, in order, bounded by whoever appends. Those of the hot
 * path come encoded and several in a row, and leave so, in a table of their own.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditEvent } from '../../mesh/index.ts';

export interface WaitingAudit {
  readonly events: readonly AuditEvent[];
  /** Position to acknowledge `events` by. */
  readonly upTo: number;
  /** Events as a heartbeat carries them, some in each. */
  readonly encoded: readonly Uint8Array[];
  readonly encodedEvents: number;
  /** Position to acknowledge `encoded` by. */
  readonly encodedUpTo: number;
}

type EncodedRow = { readonly seq: number; readonly events: number; readonly body: Uint8Array };

export class AuditTable {
  readonly #insert: StatementSync;
  readonly #oldest: StatementSync;
  readonly #deleteUpTo: StatementSync;
  readonly #range: StatementSync;
  readonly #insertEncoded: StatementSync;
  readonly #oldestEncoded: StatementSync;
  readonly #deleteEncodedUpTo: StatementSync;
  readonly #countEncoded: StatementSync;
  readonly #takeOff: StatementSync;
  readonly #waiting: StatementSync;
  #size = 0;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO audit (body) VALUES (?)');
    this.#oldest = db.prepare('SELECT seq, body FROM audit ORDER BY seq LIMIT ?');
    this.#deleteUpTo = db.prepare('DELETE FROM audit WHERE seq <= ?');
    // Neither number takes a look at each: a gateway that is cut off asks with each heartbeat, and has a million in the end.
    // Of the single ones only the oldest are ever deleted, so that the ends tell it.
    this.#range = db.prepare(
      'SELECT (SELECT min(seq) FROM audit) AS first, (SELECT max(seq) FROM audit) AS last',
    );
    this.#insertEncoded = db.prepare('INSERT INTO audit_encoded (events, body) VALUES (?, ?)');
    this.#oldestEncoded = db.prepare('SELECT seq, events, body FROM audit_encoded ORDER BY seq LIMIT ?');
    this.#deleteEncodedUpTo = db.prepare('DELETE FROM audit_encoded WHERE seq <= ?');
    this.#countEncoded = db.prepare('SELECT coalesce(sum(events), 0) AS n FROM audit_encoded WHERE seq <= ?');
    // A program from before that number may have handed some over and not taken them off: none is none, for good.
    const events = (n: string): string =>
      `CASE WHEN EXISTS (SELECT 1 FROM audit_encoded) THEN ${n} ELSE 0 END`;
    this.#takeOff = db.prepare(`UPDATE audit_waiting SET events = ${events('max(0, events - ?)')}`);
    this.#waiting = db.prepare(`SELECT ${events('events')} AS n FROM audit_waiting`);
    this.recount();
  }

  /** After a rollback: so many there were before. */
  takeBack(size: number): void {
    this.#size = size;
  }

  /** What other processes have appended and handed over counts too. */
  recount(): void {
    const { first, last } = this.#range.get() as { first: number | null; last: number | null };
    const single = first === null || last === null ? 0 : last - first + 1;
    this.#size = single + (this.#waiting.get() as { n: number }).n;
  }

  get size(): number {
    return this.#size;
  }

  append(event: AuditEvent): void {
    this.#insert.run(JSON.stringify(event));
    this.#size += 1;
  }

  /** `body`: so many events, one behind the other, as `encodeAuditEvent` gives them. */
  appendEncoded(body: Uint8Array, events: number): void {
    this.#insertEncoded.run(events, body);
    this.#size += events;
  }

  /** The oldest events, `limit` at most, but for an entry that holds more by itself. */
  oldest(limit: number): WaitingAudit {
    const rows = this.#oldest.all(limit) as { seq: number; body: string }[];
    const encoded: Uint8Array[] = [];
    let encodedEvents = 0;
    let encodedUpTo = 0;
    const room = limit - rows.length;
    // One by one: an entry may hold a hundred events.
    const entries = room < 1 ? [] : (this.#oldestEncoded.iterate(room) as Iterable<EncodedRow>);
    for (const { seq, events, body } of entries) {
      if (encodedEvents + events > room && (encodedEvents > 0 || rows.length > 0)) break;
      encoded.push(body);
      encodedEvents += events;
      encodedUpTo = seq;
    }
    return {
      events: rows.map(({ body }) => JSON.parse(body) as AuditEvent),
      upTo: rows.at(-1)?.seq ?? 0,
      encoded,
      encodedEvents,
      encodedUpTo,
    };
  }

  acknowledge(upTo: number, encodedUpTo = 0): void {
    let gone = upTo > 0 ? Number(this.#deleteUpTo.run(upTo).changes) : 0;
    if (encodedUpTo > 0) {
      const { n } = this.#countEncoded.get(encodedUpTo) as { n: number };
      this.#deleteEncodedUpTo.run(encodedUpTo);
      this.#takeOff.run(n);
      gone += n;
    }
    this.#size = Math.max(0, this.#size - gone);
  }
}
