/** What every part of the keychain needs to know of its region. */
import type { RegionId } from '../../contracts/index.ts';
import type { RotationDefaults } from './keys/schedule.ts';
import type { KeychainLimits } from './limits.ts';
import type { RootOfTrust } from './root/root-of-trust.ts';
import type { KeyStore } from './stores/key-store.ts';

export interface Realm {
  readonly region: RegionId;
  readonly limits: KeychainLimits;
  readonly rotation: RotationDefaults;
  readonly store: KeyStore;
  /** Wall clock, milliseconds since the epoch: expiries are absolute. */
  readonly now: () => number;
  /** @throws KeychainError SEALED */
  readonly root: () => RootOfTrust;
}
