/**
 * Signs a checkpoint of every chain that has grown, after it has recomputed what came since the last one: so no
 * checkpoint vouches for what was tampered with. Beside that it walks through all chains from their beginnings, a little in
 * each round, so that tampering with what is old is noticed by itself, too. Whoever can write the database can remove the
 * checkpoints in it, so what was signed last is remembered as well. No file is touched inside a transaction (D13).
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Checkpoint, signCheckpoint } from '../../platform/chain-checkpoints.ts';
import { ChainCheck, type ChainFault, describeFault, GENESIS_HASH } from '../../platform/hash-chain.ts';
import type { Logger } from '../../platform/log.ts';
import {
  CHECKPOINT_CHAINS,
  CHECKPOINT_EVENTS,
  MAX_REMEMBERED_CHAINS,
  WALK_CHAIN,
  WALK_EVENTS,
} from '../limits.ts';
import { asPlatform, asTenant, type Db } from '../store/transactions.ts';
import {
  type AuditSigner,
  checkpointKeys,
  expectSigned,
  lastCheckpoint,
  storeCheckpoint,
} from './checkpoints.ts';
import { PLATFORM } from './event.ts';
import { keepCheckpoint, readKept } from './keep.ts';
import type { AuditMetrics } from './metrics.ts';
import { headOf, inSnapshot } from './read.ts';
import { audit } from './record.ts';
import { type ChainReport, takeEvents, type VerifyFrom, verifyChain } from './verify.ts';

export interface CheckpointParts {
  readonly db: Db;
  readonly signer: AuditSigner;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
  /** Where the newest checkpoint of each chain is kept as a file, too. */
  readonly directory?: string | undefined;
}

export type Signing =
  | { readonly checkpoint: Checkpoint }
  /** The chain is empty. */
  | { readonly checkpoint: undefined }
  | { readonly faults: readonly ChainFault[] };

export class CheckpointWorker {
  readonly #parts: CheckpointParts;
  /** Chains that were found broken, so that each is told once. */
  readonly #broken = new Set<string>();
  /** What was signed last of each chain, the one of longest ago first. */
  readonly #signed = new Map<string, Checkpoint>();
  /** Where the walk is; `hash` undefined: at the beginning of a chain behind this one. */
  #walk: { readonly chain: string; readonly sequence: number; readonly hash?: string } = {
    chain: '',
    sequence: 0,
  };

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** One round over the chains whose head is not where it was signed last, and a step of the walk. */
  async run(): Promise<void> {
    const { db } = this.#parts;
    for (let after = ''; ; ) {
      const due = await movedChains(db, after);
      for (const chain of due) await this.#signAlone(chain);
      after = due.at(-1) ?? '';
      if (due.length < CHECKPOINT_CHAINS) break;
    }
    await this.#step();
    this.#parts.metrics.brokenChains(this.#broken.size);
  }

  /** On from where the walk is, WALK_EVENTS far; at the end of the last chain it rests until the next round. */
  async #step(): Promise<void> {
    for (let budget = WALK_EVENTS; budget > 0; ) {
      let { chain, sequence, hash } = this.#walk;
      if (hash === undefined) {
        const next = await chainBehind(this.#parts.db, chain);
        [chain, sequence, hash] = [next ?? '', 0, GENESIS_HASH];
        if (next === undefined) {
          this.#walk = { chain, sequence };
          return;
        }
        // A directory that is new gets the checkpoints of chains that stand still here.
        await this.#signAlone(chain);
      }
      const { complete, faults, events, head } = await this.#verify(chain, { after: sequence, hash }, budget);
      if (faults.length > 0) await this.#tell(chain, faults);
      budget -= Math.max(WALK_CHAIN, events - sequence);
      this.#walk = complete ? { chain, sequence: 0 } : { chain, sequence: events, hash: head };
    }
  }

  #verify(chain: string, from: VerifyFrom, limit: number): Promise<ChainReport> {
    const { db, signer } = this.#parts;
    return verifyChain(db, signer, chain === PLATFORM ? undefined : chain, from, limit);
  }

  /** One chain that cannot be signed must not keep the others from it. */
  async #signAlone(chain: string): Promise<void> {
    try {
      await this.sign(chain);
    } catch (error) {
      this.#parts.logger.error({ err: error, chain }, 'no checkpoint could be signed; it is tried again');
    }
  }

  /** Of one chain, now. What is wrong with it is told and logged, and nothing is signed. */
  async sign(chain: string): Promise<Signing> {
    const { db, signer, directory } = this.#parts;
    // Read before the chain is: what others sign and keep meanwhile is in the chain by then.
    const kept = directory === undefined ? undefined : await readKept(directory, signer.log, chain);
    const found = await recompute(db, signer, chain, { kept, signed: this.#signed.get(chain) });
    if ('faults' in found) {
      await this.#tell(chain, found.faults);
      return found;
    }
    const { anchor } = found;
    if (anchor === undefined) return { checkpoint: undefined };
    const isSigned = 'signature' in anchor;
    const checkpoint = isSigned ? anchor : signCheckpoint(signer, { log: signer.log, chain, ...anchor });
    if (directory !== undefined) await keepCheckpoint(directory, checkpoint);
    if (!isSigned) {
      await asTenant(db, chain, (trx) => storeCheckpoint(trx, checkpoint));
      this.#parts.metrics.checkpointSigned();
    }
    this.#remember(checkpoint);
    return { checkpoint };
  }

  #remember(checkpoint: Checkpoint): void {
    const { chain, sequence } = checkpoint;
    const present = this.#signed.get(chain);
    this.#signed.delete(chain);
    this.#signed.set(chain, present !== undefined && present.sequence > sequence ? present : checkpoint);
    const [oldest] = this.#signed.keys();
    if (this.#signed.size > MAX_REMEMBERED_CHAINS && oldest !== undefined) this.#signed.delete(oldest);
  }

  async #tell(chain: string, faults: readonly ChainFault[]): Promise<void> {
    const { db, logger } = this.#parts;
    const described = faults.map(describeFault);
    logger.error({ chain, faults: described }, 'the audit chain is broken: somebody has changed it');
    if (this.#broken.has(chain)) return;
    this.#broken.add(chain);
    await asPlatform(db, (trx) =>
      audit(
        trx,
        { actor: 'system:audit', correlationId: randomUUID() },
        {
          action: 'audit.verify',
          subject: `chain:${chain}`,
          outcome: 'failed',
          detail: { faults: described.slice(0, 10) },
        },
      ),
    );
  }
}

/** Chains in the order of their names that have more or fewer events than was signed last. */
async function movedChains(db: Db, after: string): Promise<string[]> {
  return await asPlatform(db, async (trx) => {
    const { rows } = await sql<{ tenant: string }>`
      SELECT h.tenant FROM audit_heads h
        LEFT JOIN LATERAL (
          SELECT c.sequence FROM audit_checkpoints c WHERE c.tenant = h.tenant ORDER BY c.sequence DESC LIMIT 1
        ) signed ON true
        WHERE h.tenant > ${after} AND h.sequence > 0 AND h.sequence IS DISTINCT FROM signed.sequence
        ORDER BY h.tenant LIMIT ${CHECKPOINT_CHAINS}`.execute(trx);
    return rows.map(({ tenant }) => tenant);
  });
}

/** In the order of their names; undefined behind the last. */
async function chainBehind(db: Db, chain: string): Promise<string | undefined> {
  const next = await asPlatform(db, (trx) =>
    trx
      .selectFrom('audit_heads')
      .select('tenant')
      .where('tenant', '>', chain)
      .orderBy('tenant')
      .limit(1)
      .executeTakeFirst(),
  );
  return next?.tenant;
}

type Recomputed =
  | { readonly faults: readonly ChainFault[] }
  /** What may be signed, or the checkpoint that says it already. */
  | { readonly anchor: Checkpoint | { readonly sequence: number; readonly hash: string } | undefined };

/**
 * From the last checkpoint on that is known from anywhere, CHECKPOINT_EVENTS at most: where there are more, the rest is for the
 * next round.
 */
async function recompute(
  db: Db,
  signer: AuditSigner,
  chain: string,
  elsewhere: { readonly kept: Checkpoint | undefined; readonly signed: Checkpoint | undefined },
): Promise<Recomputed> {
  const keys = await checkpointKeys(db, signer);
  return await inSnapshot(db, chain, async (trx) => {
    const last = await lastCheckpoint(trx, signer.log, chain);
    const known = [elsewhere.kept, elsewhere.signed].filter((each) => each !== undefined);
    const from = Math.max(0, ...known.map(({ sequence }) => sequence), last?.sequence ?? 0);
    // The event of the last checkpoint is looked at once more: it is what the others follow.
    const check = from === 0 ? new ChainCheck() : new ChainCheck({ sequence: from - 1 });
    for (const each of known) expectSigned(check, keys, each);
    const of = { chain, log: signer.log, keys, limit: CHECKPOINT_EVENTS };
    const isAll = await takeEvents(trx, check, of);
    const verdict = isAll ? check.end(await headOf(trx, chain)) : check.pause();
    if (!verdict.ok) return { faults: verdict.faults };
    const { sequence, hash } = verdict;
    if (sequence === 0) return { anchor: undefined };
    return { anchor: last?.sequence === sequence ? last : { sequence, hash } };
  });
}
