/**
 * The life of a tenant's link in one region (D1), as pure rules over three numbers. Epochs only grow: whatever is not
 * newer than the closed epoch is refused for ever, in whatever order, and however often, messages arrive.
 */

import { KeychainError } from '../errors.ts';
import { MAX_CLOCK_SKEW_MS, MAX_EPOCH, MAX_LINK_TTL_MS } from '../limits.ts';
import type { LinkState } from './link-status.ts';

/** Invariant: what is open or prepared is newer than what is closed, and what is prepared newer than what is open. */
export interface Epochs {
  /** The highest epoch closed, 0 for none; all below it count as closed. */
  readonly closed: number;
  /** The open epoch, 0 for none. */
  readonly open: number;
  /** The epoch whose HPKE key waits for its secret, 0 for none; newer than the open one. */
  readonly prepared: number;
}

/** `create`: make the epoch's key. `repeat`: it exists already. */
export function onPrepare(epochs: Epochs, epoch: number): 'create' | 'repeat' {
  assertEpoch(epoch);
  if (epoch === epochs.prepared || epoch === epochs.open) return 'repeat';
  assertNewest(epochs, epoch);
  return 'create';
}

/** `open`: the secret is to be opened and L2 wrapped anew. `repeat`: that has been done. */
export function onOpen(epochs: Epochs, epoch: number): 'open' | 'repeat' {
  assertEpoch(epoch);
  if (epoch === epochs.open) return 'repeat';
  if (epoch === epochs.prepared) return 'open';
  assertNewest(epochs, epoch);
  throw new KeychainError('EPOCH_UNKNOWN', `epoch ${epoch}`);
}

export function onRenew(epochs: Epochs, epoch: number): void {
  assertEpoch(epoch);
  if (epoch === epochs.open) return;
  if (epoch < Math.max(epochs.closed + 1, epochs.open))
    throw new KeychainError('EPOCH_CLOSED', `epoch ${epoch}`);
  throw new KeychainError('EPOCH_UNKNOWN', `epoch ${epoch} is not open`);
}

/** A closure needs no key and no earlier message: also an epoch that was never heard of is closed for ever. */
export function onClose(epochs: Epochs, epoch: number): 'close' | 'repeat' {
  assertEpoch(epoch);
  return epoch > epochs.closed ? 'close' : 'repeat';
}

/**
 * An expiry is absolute: time of proof + TTL, as governance computed it (D1). Times in milliseconds since the epoch.
 * @throws KeychainError LINK_EXPIRED, INVALID_PAYLOAD.
 */
export function assertProof(provedAtMs: number, expiresAtMs: number, nowMs: number): void {
  const lifeMs = expiresAtMs - provedAtMs;
  if (!(lifeMs > 0 && lifeMs <= MAX_LINK_TTL_MS)) {
    throw new KeychainError('INVALID_PAYLOAD', `a link lives at most ${MAX_LINK_TTL_MS} ms from its proof`);
  }
  if (provedAtMs > nowMs + MAX_CLOCK_SKEW_MS) {
    throw new KeychainError('INVALID_PAYLOAD', `the proof is dated more than ${MAX_CLOCK_SKEW_MS} ms ahead`);
  }
  if (expiresAtMs <= nowMs) throw new KeychainError('LINK_EXPIRED');
}

/** What a region says of a link. `expired` is computed, never stored: a renewal brings the same epoch back. */
export function stateOf(
  epochs: Epochs,
  expiresAtMs: number | null,
  nowMs: number,
): { epoch: number; state: LinkState } {
  if (epochs.open > 0)
    return { epoch: epochs.open, state: isExpired(expiresAtMs, nowMs) ? 'expired' : 'open' };
  if (epochs.prepared > 0) return { epoch: epochs.prepared, state: 'prepared' };
  return epochs.closed > 0 ? { epoch: epochs.closed, state: 'closed' } : { epoch: 0, state: 'none' };
}

/**
 * The epoch under which L2 may be opened now. 0: no L1 was ever linked, the regional secret stands alone; once a
 * link has been closed nothing falls back to that.
 * @throws KeychainError LINK_CLOSED, LINK_EXPIRED.
 */
export function livingEpoch(epochs: Epochs, expiresAtMs: number | null, nowMs: number): number {
  if (epochs.open > 0) {
    if (isExpired(expiresAtMs, nowMs)) throw new KeychainError('LINK_EXPIRED', `epoch ${epochs.open}`);
    return epochs.open;
  }
  if (epochs.closed > 0) throw new KeychainError('LINK_CLOSED', `epoch ${epochs.closed}`);
  return 0;
}

function isExpired(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs === null || expiresAtMs <= nowMs;
}

function assertNewest(epochs: Epochs, epoch: number): void {
  if (epoch <= epochs.closed) throw new KeychainError('EPOCH_CLOSED', `epoch ${epoch}`);
  if (epoch < Math.max(epochs.open, epochs.prepared)) {
    throw new KeychainError('EPOCH_CLOSED', `epoch ${epoch} is older than one already known`);
  }
}

function assertEpoch(epoch: number): void {
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > MAX_EPOCH)
    throw new KeychainError('INVALID_PAYLOAD', 'epoch');
}
