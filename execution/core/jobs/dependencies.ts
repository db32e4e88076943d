/** What the handlers of jobs work with. */
import type { Logger } from '../../../platform/log.ts';
import type { StreamTable } from '../../cipher/index.ts';
import type { Keychain } from '../../keychain/index.ts';
import type { PushHub } from '../mesh/push-hub.ts';
import type { GovernanceKeys } from '../signing/governance-keys.ts';
import type { OwnKeys } from '../signing/own-keys.ts';
import type { RegionDb } from '../store/tables.ts';

export interface JobDependencies {
  readonly db: RegionDb;
  readonly instance: string;
  readonly keychain: Keychain;
  /** Operations in parts: those of a tenant end with its link. */
  readonly streams: StreamTable;
  readonly hub: PushHub;
  /** As gateways are granted them. */
  readonly lease: { readonly ttlMs: number; readonly graceMs: number };
  /** Ends the open connections of gateways that are no longer registered. */
  readonly recheckConnections: () => Promise<void>;
  /** Whom the region trusts, and by what it signs. */
  readonly signing: { readonly governance: GovernanceKeys; readonly own: OwnKeys };
  readonly logger: Logger;
}
