/**
 * What reports say of the trail: its head, signed, and how many events of each class there were. Counts come in turns: first
 * what is news, then everything round and round, so that whoever misses a report hears it again.
 */
import {
  type AuditCount,
  type AuditFault,
  type AuditHead,
  MAX_REPORTED_AUDIT_COUNTS,
} from '../../../contracts/index.ts';
import type { Checkpoint } from '../../../platform/chain-checkpoints.ts';
import type { RegionDb } from '../store/tables.ts';
import type { TrailSigner } from './signing.ts';

/** Half of a page is kept for the round, however much news there is. */
const MAX_NEWS = MAX_REPORTED_AUDIT_COUNTS / 2;

interface Place {
  readonly tenant: string;
  readonly class: string;
  readonly outcome: string;
}
const START: Place = { tenant: '', class: '', outcome: '' };

export class AuditRounds {
  readonly #db: RegionDb;
  readonly #trail: TrailSigner;
  /** News up to here have been told. */
  #toldSeq = 0;
  #place: Place = START;

  constructor(db: RegionDb, trail: TrailSigner) {
    this.#db = db;
    this.#trail = trail;
  }

  /** The last one that could be signed; undefined while there is none. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    return (await this.#trail.sign()).checkpoint;
  }

  /** The same for a report, which says by itself whose trail it is; and why nothing behind it is signed. */
  async signed(): Promise<{ readonly audit?: AuditHead; readonly auditFault?: AuditFault }> {
    const { checkpoint, fault } = await this.#trail.sign();
    const told = fault === undefined ? {} : { auditFault: fault };
    if (checkpoint === undefined) return told;
    const { sequence, hash, at, keyId, signature } = checkpoint;
    return { audit: { sequence, hash, at, keyId, signature }, ...told };
  }

  /** The next page, not to be asked for twice at once. */
  async counts(): Promise<AuditCount[]> {
    const news = await this.#select()
      .where('last_seq', '>', this.#toldSeq)
      .orderBy('last_seq')
      .limit(MAX_NEWS)
      .execute();
    const wanted = MAX_REPORTED_AUDIT_COUNTS - news.length;
    const { tenant, class: auditClass, outcome } = this.#place;
    const round = await this.#select()
      .where((eb) =>
        eb(
          eb.refTuple('tenant', 'class', 'outcome'),
          '>',
          eb.tuple(tenant, auditClass as AuditCount['class'], outcome as AuditCount['outcome']),
        ),
      )
      .orderBy('tenant')
      .orderBy('class')
      .orderBy('outcome')
      .limit(wanted)
      .execute();
    this.#toldSeq = Number(news.at(-1)?.last_seq ?? this.#toldSeq);
    this.#place = round.length < wanted ? START : (round.at(-1) ?? START);
    const told = new Set(news.map(keyOf));
    return [...news, ...round.filter((row) => !told.has(keyOf(row)))].map((row) => ({
      ...(row.tenant === '' ? {} : { tenant: row.tenant }),
      class: row.class,
      outcome: row.outcome,
      events: Number(row.events),
      lastAt: row.last_at,
    }));
  }

  #select() {
    return this.#db.selectFrom('core.audit_counts').selectAll();
  }
}

const keyOf = ({ tenant, class: auditClass, outcome }: Place): string =>
  `${tenant}\n${auditClass}\n${outcome}`;
