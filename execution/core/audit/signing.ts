/**
 * Signs the head of the region's trail, after it has recomputed what came since it signed last: so no checkpoint vouches for
 * what was tampered with. What was signed last is remembered, and kept in the database for whoever starts next. Whoever
 * removes it there while no core runs, and rewrites the trail, gets that signed: what governance holds shows it.
 */
import { createPublicKey } from 'node:crypto';
import { type AuditFault, REGION_CHAIN } from '../../../contracts/index.ts';
import {
  type Checkpoint,
  type CheckpointSigner,
  isSignedBy,
  signCheckpoint,
} from '../../../platform/chain-checkpoints.ts';
import type { ChainAnchor, ChainFault } from '../../../platform/hash-chain.ts';
import { MAX_RECOMPUTED_EVENTS } from '../limits.ts';
import type { RegionDb } from '../store/tables.ts';
import { checkTrail, trailHead } from './verify.ts';

export interface TrailSigning {
  /** The last one that could be signed; undefined while the trail is empty, or has not been recomputed once. */
  readonly checkpoint: Checkpoint | undefined;
  /** Why nothing behind it is signed. */
  readonly fault: AuditFault | undefined;
}

export class TrailSigner {
  readonly #db: RegionDb;
  readonly #signer: CheckpointSigner;
  readonly #log: string;
  readonly #onFaults: (faults: readonly ChainFault[]) => void;
  #signed: Checkpoint | undefined;
  #fault: AuditFault | undefined;
  /** Up to where the trail has been recomputed; undefined before the first time. */
  #reached: ChainAnchor | undefined;
  /** What the database says to have been signed, which this key has not. */
  #said: ChainAnchor | undefined;
  #signing: Promise<TrailSigning> | undefined;

  /** `onFaults` is told once what was found, and of none when that is over. */
  constructor(
    db: RegionDb,
    signer: CheckpointSigner,
    log: string,
    onFaults: (faults: readonly ChainFault[]) => void,
  ) {
    this.#db = db;
    this.#signer = signer;
    this.#log = log;
    this.#onFaults = onFaults;
  }

  /** Goes MAX_RECOMPUTED_EVENTS further at most; whoever asks meanwhile gets the same. */
  sign(): Promise<TrailSigning> {
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    return this.#signing;
  }

  async #sign(): Promise<TrailSigning> {
    this.#reached ??= await this.#begin();
    const head = await trailHead(this.#db);
    if (this.#fault !== undefined || !isSame(head, this.#signed)) await this.#goOn(this.#reached);
    return { checkpoint: this.#signed, fault: this.#fault };
  }

  async #begin(): Promise<ChainAnchor> {
    const row = await this.#db.selectFrom('core.audit_signed').selectAll().executeTakeFirst();
    if (row === undefined) return BEGINNING;
    const { seq, hash, at, key_id: keyId, signature } = row;
    const said = { log: this.#log, chain: REGION_CHAIN, sequence: Number(seq), hash, at, keyId, signature };
    const isOwn = keyId === this.#signer.keyId && isSignedBy(said, createPublicKey(this.#signer.privateKey));
    if (isOwn) this.#signed = said;
    else this.#said = said;
    return isOwn ? said : BEGINNING;
  }

  async #goOn(from: ChainAnchor): Promise<void> {
    const anchors = this.#said === undefined ? [] : [this.#said];
    const found = await checkTrail(this.#db, anchors, { from, limit: MAX_RECOMPUTED_EVENTS });
    const { faults, isAll, sequence, hash } = found;
    const [first] = faults;
    const fault = first && (first.kind === 'REMOVED_AT_END' ? 'REWOUND' : 'REWRITTEN');
    if (fault !== this.#fault) this.#onFaults(faults);
    this.#fault = fault;
    if (first !== undefined) return;
    this.#reached = { sequence, hash };
    // On the way from the beginning, what others of this region have signed may lie ahead.
    if (sequence === 0 || (this.#signed === undefined && !isAll)) return;
    const checkpoint = { log: this.#log, chain: REGION_CHAIN, sequence, hash };
    this.#signed = signCheckpoint(this.#signer, checkpoint);
    await this.#keep(this.#signed);
  }

  async #keep({ sequence: seq, hash, at, keyId: key_id, signature }: Checkpoint): Promise<void> {
    const row = { seq, hash, at, key_id, signature };
    await this.#db
      .insertInto('core.audit_signed')
      .values({ id: 1, ...row })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet(row).where('core.audit_signed.seq', '<', seq),
      )
      .execute();
  }
}

const BEGINNING: ChainAnchor = { sequence: 0, hash: '' };
const isSame = (head: ChainAnchor, signed: ChainAnchor | undefined): boolean =>
  head.sequence === (signed?.sequence ?? 0) && (signed === undefined || head.hash === signed.hash);
