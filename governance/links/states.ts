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
 * linking    the region opens the epoch and wraps L2 anew            (job LINK or ROTATE_LINK)
 * active     the region holds the lease; it is renewed by proof      (jobs RENEW)
 * failed     the region or the keystore refused; link again to try with the next epoch
 * closing    the region shall close the epoch for ever               (job UNLINK, no deadline)
 * closed     it has, or a younger epoch took its place
 *
 * While one epoch is active, the next may be on its way to take its place: a rotation, or a switch to another key. It is
 * opened by ROTATE_LINK then. Should it fail, the older one lives on as if nothing had been tried.
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

/** `link` carries the older secret where there is one; `rotate` relies on the older epoch being alive in the region. */
export type OpenedBy = 'link' | 'rotate';

/** A link is being made: a second one has to wait. */
export const MAKING: readonly LinkState[] = ['preparing', 'sealing', 'linking'];
/** The region may hold, or may yet get, something under this epoch: UNLINK has to close it. */
export const CLOSABLE: readonly LinkState[] = ['preparing', 'sealing', 'linking', 'active', 'failed'];

/** As operators see one region: what has run out of time is `expired`, what is being replaced while it lives `rotating`. */
export type ShownState = LinkState | 'expired' | 'rotating';
export type TenantLinkState =
  | 'none'
  | 'pending'
  | 'rotating'
  | 'active'
  | 'expired'
  | 'failed'
  | 'closing'
  | 'closed';

/** One word for a tenant: what is most in need of attention in any region. */
export function summarise(states: readonly ShownState[]): TenantLinkState {
  const any = (...wanted: ShownState[]): boolean => states.some((state) => wanted.includes(state));
  if (states.length === 0) return 'none';
  if (any('closing')) return 'closing';
  if (any('preparing', 'sealing', 'linking')) return 'pending';
  if (any('failed')) return 'failed';
  if (any('expired')) return 'expired';
  if (any('rotating')) return 'rotating';
  return any('active') ? 'active' : 'closed';
}
