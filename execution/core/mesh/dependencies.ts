/** What the handlers of the mesh work with. */
import type { RegionId } from '../../../contracts/index.ts';
import type { Logger } from '../../../platform/log.ts';
import type { Keychain, WrapBlocks } from '../../keychain/index.ts';
import type { Cryptography } from '../kmip/context.ts';
import type { Later } from '../kmip/later.ts';
import type { CoreMetrics } from '../metrics.ts';
import type { RegionDb } from '../store/tables.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { Gateways } from './gateways.ts';
import type { PushHub } from './push-hub.ts';

export interface MeshDependencies {
  readonly db: RegionDb;
  readonly region: RegionId;
  readonly instance: string;
  readonly keychain: Keychain;
  /** What pays for this core's own wraps under L3 (D5). */
  readonly wraps: WrapBlocks;
  /** As the configuration has it. */
  readonly cryptography: Cryptography;
  readonly lease: { readonly ttlMs: number; readonly graceMs: number };
  readonly hub: PushHub;
  /** Whether all gateways are given what one of them has made. */
  readonly shareKeys: boolean;
  readonly gateways: Gateways;
  /** Finds out what gateways have made and not announced. */
  readonly elsewhere: Elsewhere;
  /** Operations that clients poll for. */
  readonly later: Later;
  readonly metrics: CoreMetrics;
  readonly logger: Logger;
}
