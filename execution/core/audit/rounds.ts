/**
 * What reports say of the trail: its head, signed, and how many events of each class there were. Counts come in turns: first
 * what is news, then everything round and round, so that whoever misses a report hears it again.
 */
import {
  type AuditCount,
  type AuditHead,
  MAX_REPORTED_AUDIT_COUNTS,
  REGION_CHAIN,
} from '../../../contracts/index.ts';
import {
  type Checkpoint,
  type CheckpointSigner,
  signCheckpoint,
} from '../../../platform/chain-checkpoints.ts';
import type { RegionDb } from '../store/tables.ts';
import { trailHead } from './verify.ts';

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
  readonly #signer: CheckpointSigner;
  readonly #log: string;
  #signed: Checkpoint | undefined;
  /** News up to here have been told. */
  #toldSeq = 0;
  #place: Place = START;

  /** `log` names the region in its checkpoints. */
  constructor(db: RegionDb, signer: CheckpointSigner, log: string) {
    this.#db = db;
    this.#signer = signer;
    this.#log = log;
  }

  /** The head as it is now; undefined while the trail is empty. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    const { sequence, hash } = await trailHead(this.#db);
    if (sequence === 0) return undefined;
    if (this.#signed?.sequence !== sequence || this.#signed.hash !== hash)
      this.#signed = signCheckpoint(this.#signer, { log: this.#log, chain: REGION_CHAIN, sequence, hash });
    return this.#signed;
  }

  /** The same for a report, which says by itself whose trail it is. */
  async head(): Promise<AuditHead | undefined> {
    const checkpoint = await this.checkpoint();
    if (checkpoint === undefined) return undefined;
    const { sequence, hash, at, keyId, signature } = checkpoint;
    return { sequence, hash, at, keyId, signature };
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
