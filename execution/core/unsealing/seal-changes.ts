/**
 * Changing what a region is sealed by (D2): new holders of its shares, or another seal. In three steps, so that nobody
 * is ever locked out and nobody changes it alone:
 *
 *  1. `begin` makes the new unseal key and returns what its holders need. Nothing is changed yet.
 *  2. `confirm`: whoever began it has the new shares on disk.
 *  3. `approve`: the holders of the shares of before present a threshold of them, for exactly this change. A region
 *     that is under a seal needs none: the seal itself opens it, and the target is in the configuration of its host.
 *
 * Then one transaction replaces the wrapping of the MasterKey. The new unseal key waits in memory, for `ttlMs` at most.
 */
import { randomUUID } from 'node:crypto';
import { inTransaction } from '../../../platform/postgres.ts';
import { KEY_BYTES, SecretBytes } from '../../envelope/index.ts';
import {
  type Ceremony,
  type CeremonyPlan,
  checkPlan,
  holdCeremony,
  KeychainError,
  readManifest,
  replaceSeal,
  SHAMIR_SEAL_KIND,
  ShareAssembly,
  type ShareProgress,
  sealKindOf,
} from '../../keychain/index.ts';
import { appendAudit } from '../audit/trail.ts';
import { keysIn } from '../store/tables.ts';
import { UnsealingError } from './errors.ts';
import { readBlob, record, shareRecorder, type UnsealingParts } from './parts.ts';

/** `reshare`: other holders or another threshold. `migrate`: to the seal that the configuration names now. */
export type ChangePurpose = 'reshare' | 'migrate';

/** What approvers see before they lend a share to it. */
export interface ChangeView {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly isConfirmed: boolean;
  readonly expiresAt: Date;
  readonly threshold?: number;
  readonly holders?: CeremonyPlan['holders'];
  /** Approvals so far; absent when it needs none. */
  readonly progress?: ShareProgress;
}

export interface BegunChange {
  readonly change: ChangeView;
  /** For the new holders; once, and nowhere else. */
  readonly ceremony?: Pick<Ceremony, 'signed' | 'shares'>;
}

export interface ChangeOutcome {
  readonly isDone: boolean;
  readonly change: ChangeView;
}

interface Pending {
  readonly id: string;
  readonly from: string;
  readonly by: string;
  readonly plan: CeremonyPlan | undefined;
  readonly before: Buffer;
  readonly after: { readonly kind: string; readonly blob: Uint8Array; readonly unsealKey: SecretBytes };
  readonly approvals: ShareAssembly | undefined;
  readonly expiresAt: Date;
  readonly timer: NodeJS.Timeout;
  isConfirmed: boolean;
}

export class SealChanges {
  readonly #parts: UnsealingParts;
  #pending: Pending | null = null;

  constructor(parts: UnsealingParts) {
    this.#parts = parts;
  }

  /** @throws UnsealingError, ShareError INVALID_PLAN, KeychainError (SEALED: a region is unsealed before it is re-shared). */
  async begin(purpose: ChangePurpose, plan: CeremonyPlan | undefined, by: string): Promise<BegunChange> {
    this.#demandNoneConfirmed();
    const before = await readBlob(this.#parts);
    const from = sealKindOf(before) ?? 'unknown';
    const { target } = this.#parts.seal;
    const isByShares = from === SHAMIR_SEAL_KIND;
    const isPossible =
      purpose === 'reshare'
        ? isByShares && target.kind === SHAMIR_SEAL_KIND
        : this.#parts.seal.mayMoveFrom(from);
    if (!isPossible) {
      throw new UnsealingError(
        'WRONG_TARGET',
        `the region is under ${from}, the configuration says ${target.kind}`,
      );
    }
    const { after, ceremony } = await this.#prepare(plan);
    try {
      // Another operator may have confirmed theirs while this one was prepared.
      this.#demandNoneConfirmed();
    } catch (error) {
      after.unsealKey.wipe();
      throw error;
    }
    this.#drop();
    const id = randomUUID();
    const { binding, ttlMs } = this.#parts;
    const onAttempt = shareRecorder(this.#parts, `change of the seal ${id}`);
    const timer = setTimeout(() => this.#expire(id), ttlMs).unref();
    const pending: Pending = {
      id,
      from,
      by,
      plan,
      before,
      after,
      approvals: isByShares ? new ShareAssembly({ binding, ttlMs, onAttempt }) : undefined,
      expiresAt: new Date(Date.now() + ttlMs),
      timer,
      isConfirmed: false,
    };
    this.#pending = pending;
    await this.#record(pending, 'SEAL_CHANGE_BEGUN', by);
    return { change: this.#view(pending), ...(ceremony === undefined ? {} : { ceremony }) };
  }

  /** @throws UnsealingError CHANGE_UNKNOWN; KeychainError when the seal of before does not open. */
  async confirm(id: string, by: string): Promise<ChangeOutcome> {
    const pending = this.#find(id);
    pending.isConfirmed = true;
    if (pending.approvals !== undefined) return { isDone: false, change: this.#view(pending) };
    using unsealKey = await this.#parts.seal.openUnsealKey(pending.before, this.#parts.binding);
    return await this.#commit(pending, unsealKey, by);
  }

  /** Takes one share of before. @throws UnsealingError, ShareError, KeychainError BUSY. */
  async approve(id: string, share: string, by: string): Promise<ChangeOutcome> {
    const pending = this.#find(id);
    if (!pending.isConfirmed) throw new UnsealingError('CHANGE_UNCONFIRMED');
    if (pending.approvals === undefined) throw new UnsealingError('NOT_BY_SHARES');
    const manifest = readManifest(pending.before, this.#parts.binding);
    const { unsealKey } = await pending.approvals.present(manifest, share, by);
    if (unsealKey === undefined) return { isDone: false, change: this.#view(pending) };
    try {
      return await this.#commit(pending, unsealKey, by);
    } finally {
      unsealKey.wipe();
    }
  }

  /** @throws UnsealingError CHANGE_UNKNOWN */
  async cancel(id: string, by: string): Promise<void> {
    const pending = this.#find(id);
    this.#drop();
    await this.#record(pending, 'SEAL_CHANGE_CANCELLED', by);
  }

  view(): ChangeView | undefined {
    return this.#pending === null ? undefined : this.#view(this.#pending);
  }

  close(): void {
    this.#drop();
  }

  /** The new unseal key under the new seal, proved to open before anything depends on it. */
  async #prepare(plan: CeremonyPlan | undefined): Promise<{ after: Pending['after']; ceremony?: Ceremony }> {
    const { db, keychain, binding, seal } = this.#parts;
    const { target } = seal;
    const unsealKey = SecretBytes.random(KEY_BYTES);
    try {
      if (target.kind === SHAMIR_SEAL_KIND) {
        if (plan === undefined) throw new UnsealingError('HOLDERS_NEEDED');
        checkPlan(plan);
        const key = await inTransaction(db, (tx) => keychain.ceremonyKey(keysIn(tx)));
        const ceremony = await holdCeremony(unsealKey, binding, plan, key);
        return { after: { kind: target.kind, blob: ceremony.blob, unsealKey }, ceremony };
      }
      if (plan !== undefined) throw new UnsealingError('HOLDERS_UNWANTED');
      const blob = await target.sealUnsealKey(unsealKey, binding);
      using opened = await target.openUnsealKey(blob, binding);
      if (!opened.equals(unsealKey))
        throw new KeychainError('SEAL_REJECTED', 'it opens to another key than it sealed');
      return { after: { kind: target.kind, blob, unsealKey } };
    } catch (error) {
      unsealKey.wipe();
      throw error;
    }
  }

  async #commit(pending: Pending, unsealKey: SecretBytes, by: string): Promise<ChangeOutcome> {
    const { db, instance, binding, keychain, seal, logger } = this.#parts;
    const { before, after, id, from } = pending;
    // Cancelled or forgotten while the last share was on its way: the new unseal key is gone.
    if (this.#pending !== pending) throw new UnsealingError('CHANGE_UNKNOWN');
    await inTransaction(db, async (tx) => {
      await replaceSeal(keysIn(tx), binding, { before, unsealKey, after });
      const reason = `${from} to ${after.kind}`;
      const event = {
        event: 'SEAL_CHANGED',
        outcome: 'success',
        reason,
        peer: by,
        correlationId: id,
      } as const;
      await appendAudit(tx, { source: instance }, [event]);
    });
    logger.info({ from, to: after.kind, change: id }, 'the region has another seal');
    seal.seen(after.kind);
    const change = this.#view(pending);
    if (this.#pending === pending) this.#drop();
    // A region that was sealed meanwhile opens with its new seal; one of new shares waits for them.
    if (keychain.sealState === 'sealed' && after.kind !== SHAMIR_SEAL_KIND) {
      await keychain.unseal().catch((err: unknown) => logger.warn({ err }, 'the region stays sealed'));
    }
    return { isDone: true, change };
  }

  #demandNoneConfirmed(): void {
    if (this.#pending?.isConfirmed === true) throw new UnsealingError('CHANGE_PENDING', this.#pending.id);
  }

  #find(id: string): Pending {
    if (this.#pending?.id !== id) throw new UnsealingError('CHANGE_UNKNOWN');
    return this.#pending;
  }

  #expire(id: string): void {
    const pending = this.#pending;
    if (pending?.id !== id) return;
    this.#drop();
    this.#record(pending, 'SEAL_CHANGE_FORGOTTEN', pending.by).catch((err: unknown) =>
      this.#parts.logger.warn({ err }, 'a forgotten change of the seal could not be recorded'),
    );
  }

  #drop(): void {
    if (this.#pending === null) return;
    clearTimeout(this.#pending.timer);
    this.#pending.after.unsealKey.wipe();
    this.#pending.approvals?.forget();
    this.#pending = null;
  }

  async #record({ id, from, after }: Pending, event: string, by: string): Promise<void> {
    const reason = `${from} to ${after.kind}`;
    await record(this.#parts, { event, outcome: 'success', reason, peer: by, correlationId: id });
  }

  #view({ id, from, after, by, isConfirmed, expiresAt, plan, before, approvals }: Pending): ChangeView {
    return {
      id,
      from,
      to: after.kind,
      by,
      isConfirmed,
      expiresAt,
      ...(plan === undefined ? {} : { threshold: plan.threshold, holders: plan.holders }),
      ...(approvals === undefined
        ? {}
        : { progress: approvals.progress(readManifest(before, this.#parts.binding)) }),
    };
  }
}
