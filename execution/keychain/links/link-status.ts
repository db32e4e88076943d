/** What the keychain tells of a link, to reports and to the jobs that changed it. */
import type { TenantId } from '../../../contracts/index.ts';

export type LinkState = 'none' | 'prepared' | 'open' | 'expired' | 'closed';

export interface LinkStatus {
  readonly tenant: TenantId;
  /** 0 when no L1 was ever linked. */
  readonly epoch: number;
  readonly state: LinkState;
  /** Of an open or expired link. */
  readonly expiresAt?: Date;
}
