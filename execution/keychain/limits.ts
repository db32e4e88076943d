/** Every number that bounds the keychain (D14). */

export interface KeychainLimits {
  readonly maxTenants: number;
  readonly maxServicesPerTenant: number;
  /** Versions of one key that are not destroyed. */
  readonly maxVersionsPerKey: number;
  /** What an emergency may add to that: it must never be refused for want of room. */
  readonly emergencyVersions: number;
  /** L3 versions that one transaction wraps anew under another L2. */
  readonly rewrapBatch: number;
  /** Envelopes under one IVK, each with a nonce of its own: three quarters of SP 800-38D's 2^32. Then it is rotated. */
  readonly ivkSealBudget: number;
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
  maxVersionsPerKey: 4000,
  emergencyVersions: 96,
  rewrapBatch: 128,
  ivkSealBudget: 3 * 2 ** 30,
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
/** An IVK that seals no more is destroyed after this long at the earliest: every core has heard of the next one by then. */
export const IVK_SETTLE_MS = 60_000;
/** Work for a tenant's keys that a limit refuses is tried again after this long. */
export const REFUSED_WORK_RETRY_MS = 60_000;
/** Tenants and services that drills cut off at a time, in one region. */
export const MAX_CUTS = 256;
