/** Audit events that the core has not acknowledged yet: on disk, in order, bounded. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditEvent } from '../../mesh/index.ts';
import { MAX_AUDIT_BACKLOG } from '../limits.ts';

export class AuditTable {
  readonly #insert: StatementSync;
  readonly #oldest: StatementSync;
  readonly #deleteUpTo: StatementSync;
  readonly #range: StatementSync;
  #size = 0;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO audit (body) VALUES (?)');
    this.#oldest = db.prepare('SELECT seq, body FROM audit ORDER BY seq LIMIT ?');
    this.#deleteUpTo = db.prepare('DELETE FROM audit WHERE seq <= ?');
    // Only the oldest are ever deleted, so that the ends tell the number, without a look at each.
    this.#range = db.prepare(
      'SELECT (SELECT min(seq) FROM audit) AS first, (SELECT max(seq) FROM audit) AS last',
    );
    this.recount();
  }

  /** What other processes have appended and handed over counts too. */
  recount(): void {
    const { first, last } = this.#range.get() as { first: number | null; last: number | null };
    this.#size = first === null || last === null ? 0 : last - first + 1;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= MAX_AUDIT_BACKLOG;
  }

  append(event: AuditEvent): void {
    this.#insert.run(JSON.stringify(event));
    this.#size += 1;
  }

  /** The oldest events and the position to acknowledge them by. */
  oldest(limit: number): { readonly events: readonly AuditEvent[]; readonly upTo: number } {
    const rows = this.#oldest.all(limit) as { seq: number; body: string }[];
    return {
      events: rows.map(({ body }) => JSON.parse(body) as AuditEvent),
      upTo: rows.at(-1)?.seq ?? 0,
    };
  }

  acknowledge(upTo: number): void {
    this.#size = Math.max(0, this.#size - Number(this.#deleteUpTo.run(upTo).changes));
  }
}
