/** What has happened to a tenant's keys, for whoever tells gateways and the audit trail of it in the same transaction. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';

export type KeyEvent = {
  readonly tenant: TenantId;
  /** Null: the tenant's own key, L2. */
  readonly service: ServiceName | null;
} & (
  | {
      /** Made ahead, made active, made Compromised with all before `version`, destroyed. */
      readonly kind: 'prepared' | 'rotated' | 'compromised' | 'destroyed';
      readonly version: number;
    }
  /** A store of its own was ahead of this database: whatever it holds counts now. */
  | { readonly kind: 'recovered' }
  /** `count` L3 versions stand under the active L2 now; the same material as before. */
  | { readonly kind: 'rewrapped'; readonly count: number }
);
