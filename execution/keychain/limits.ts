/** Every number that bounds the keychain (D14). */

export interface KeychainLimits {
  readonly maxTenants: number;
  readonly maxServicesPerTenant: number;
  /** Versions of one key that are not destroyed. */
  readonly maxVersionsPerKey: number;
  /** Services whose L3 versions are held in memory, least recently used out first. */
  readonly maxCachedServices: number;
  /** Locked memory that those and what is derived from them may take, in bytes; least recently used out first. */
  readonly keyMemoryBytes: number;
  /** How long a cached key is handed out without reading its link row again: another core may have closed it. */
  readonly recheckMs: number;
  /** How often cached tenants are checked though nobody asks, so that closed and expired ones are zeroised. */
  readonly sweepMs: number;
}

export const defaultLimits: KeychainLimits = {
  maxTenants: 100_000,
  maxServicesPerTenant: 256,
  maxVersionsPerKey: 64,
  maxCachedServices: 4096,
  keyMemoryBytes: 32 * 1024 * 1024,
  recheckMs: 500,
  sweepMs: 1000,
};

/** How far the clocks of governance and region may stand apart (D1). */
export const MAX_CLOCK_SKEW_MS = 60_000;
/** The longest life that one proof of the L1 can give a link. */
export const MAX_LINK_TTL_MS = 31 * 24 * 3_600_000;
export const MAX_EPOCH = 2 ** 31 - 1;
export const MAX_REASON_CHARACTERS = 256;
/** How often reading keys starts over because the link changed meanwhile. */
export const MAX_READ_ATTEMPTS = 3;
