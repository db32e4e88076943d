/**
 * Signs a checkpoint of every chain that has grown, after it has recomputed what came since the last one: so no
 * checkpoint vouches for what was tampered with, and tampering is noticed by itself. Nothing is written to a file inside a
 * transaction (D13).
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Checkpoint, signCheckpoint } from '../../platform/chain-checkpoints.ts';
import { ChainCheck, type ChainFault, describeFault } from '../../platform/hash-chain.ts';
import type { Logger } from '../../platform/log.ts';
import { CHECKPOINT_CHAINS, CHECKPOINT_EVENTS } from '../limits.ts';
import { asPlatform, asTenant, type Db } from '../store/transactions.ts';
import { type AuditSigner, checkpointKeys, lastCheckpoint, storeCheckpoint } from './checkpoints.ts';
import { keepCheckpoint } from './keep.ts';
import type { AuditMetrics } from './metrics.ts';
import { headOf, inSnapshot } from './read.ts';
import { audit } from './record.ts';
import { takeEvents } from './verify.ts';

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

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** One round over the chains whose head is not where it was signed last, CHECKPOINT_CHAINS at most. */
  async run(): Promise<void> {
    const { db } = this.#parts;
    for (let after = ''; ; ) {
      const due = await movedChains(db, after);
      for (const chain of due) await this.#signAlone(chain);
      after = due.at(-1) ?? '';
      if (due.length < CHECKPOINT_CHAINS) break;
    }
    this.#parts.metrics.brokenChains(this.#broken.size);
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
    const found = await recompute(db, signer, chain);
    if ('faults' in found) {
      await this.#tell(chain, found.faults);
      return found;
    }
    const { anchor } = found;
    if (anchor === undefined) return { checkpoint: undefined };
    if ('signature' in anchor) return { checkpoint: anchor };
    const checkpoint = signCheckpoint(signer, { log: signer.log, chain, ...anchor });
    if (directory !== undefined) {
      const kept = await keepCheckpoint(directory, checkpoint);
      if (kept !== 'kept') {
        const kind = kept === 'older' ? 'REMOVED_AT_END' : 'REWRITTEN';
        const faults = [{ kind, sequence: checkpoint.sequence } as const];
        await this.#tell(chain, faults);
        return { faults };
      }
    }
    await asTenant(db, chain, (trx) => storeCheckpoint(trx, checkpoint));
    this.#broken.delete(chain);
    this.#parts.metrics.checkpointSigned();
    return { checkpoint };
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

type Recomputed =
  | { readonly faults: readonly ChainFault[] }
  /** What may be signed, or the checkpoint that says it already. */
  | { readonly anchor: Checkpoint | { readonly sequence: number; readonly hash: string } | undefined };

/** From the last checkpoint on, CHECKPOINT_EVENTS at most: where there are more, the rest is for the next round. */
async function recompute(db: Db, signer: AuditSigner, chain: string): Promise<Recomputed> {
  const keys = await checkpointKeys(db, signer);
  return await inSnapshot(db, chain, async (trx) => {
    const last = await lastCheckpoint(trx, signer.log, chain);
    // The event of the last checkpoint is looked at once more: it is what the others follow.
    const check =
      last === undefined ? new ChainCheck() : new ChainCheck({ sequence: last.sequence - 1 });
    const of = { chain, log: signer.log, keys, limit: CHECKPOINT_EVENTS };
    const isAll = await takeEvents(trx, check, of);
    const verdict = isAll ? check.end(await headOf(trx, chain)) : check.pause();
    if (!verdict.ok) return { faults: verdict.faults };
    const { sequence, hash } = verdict;
    if (sequence === 0) return { anchor: undefined };
    return { anchor: last?.sequence === sequence ? last : { sequence, hash } };
  });
}
