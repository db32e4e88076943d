/**
 * The life of a link: one row for each tenant, region and epoch (D1).
 *
 *     preparing ──▶ sealing ──▶ linking ──▶ active
 *         │            │           │          │
 *         ├────────────┴───────────┴──────────┤ UNLINK wins over everything
 *         ▼                                   ▼
 *       failed                             closing ──▶ closed
 *
 * preparing  the region makes the HPKE key pair of the epoch         (job LINK_PREPARE)
 * sealing    CMK has the keystore make the secret and seals it       (the worker, outside any transaction)
 * linking    the region opens the epoch and wraps L2 anew            (job LINK)
 * active     the region holds the lease; it is renewed by proof      (jobs RENEW)
 * failed     the region or the keystore refused; link again to try with the next epoch
 * closing    the region shall close the epoch for ever               (job UNLINK, no deadline)
 * closed     it has, or a younger epoch took its place
 *
 * The row says all there is to know, so a CMK that crashed anywhere goes on from it.
 */
export const linkStates = [
  'preparing',
  'sealing',
  'linking',
  'active',
  'failed',
  'closing',
  'closed',
] as const;
export type LinkState = (typeof linkStates)[number];

/** A link is being made: a second one has to wait. */
export const MAKING: readonly LinkState[] = ['preparing', 'sealing', 'linking'];
/** The region may hold, or may yet get, something under this epoch: UNLINK has to close it. */
export const CLOSABLE: readonly LinkState[] = ['preparing', 'sealing', 'linking', 'active', 'failed'];

export type TenantLinkState = 'none' | 'pending' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';

/** One word for a tenant: what is most in need of attention, over the newest epoch of each region. */
export function summarise(states: readonly (LinkState | 'expired')[]): TenantLinkState {
  const any = (...wanted: (LinkState | 'expired')[]): boolean =>
    states.some((state) => wanted.includes(state));
  if (states.length === 0) return 'none';
  if (any('closing')) return 'closing';
  if (any('preparing', 'sealing', 'linking')) return 'pending';
  if (any('failed')) return 'failed';
  if (any('expired')) return 'expired';
  return any('active') ? 'active' : 'closed';
}
