/** Keys from MasterKey to L3, and the link that gates them. Only the core imports this folder. */

export type { Cut, CutTarget } from './cuts.ts';
export { KeychainError, type KeychainErrorCode, keychainErrors } from './errors.ts';
export { createKeychain, Keychain, type KeychainLogger, type KeychainOptions } from './keychain.ts';
export type { CountDependents, DestroyRequest } from './keys/destruction.ts';
export type { Holding, Standing } from './keys/holdings.ts';
export type { Inventory, KeyFacts } from './keys/inventory.ts';
export type { KeyEvent } from './keys/key-events.ts';
export { defaultRotation, type RotationDefaults } from './keys/schedule.ts';
export { ServiceKeys, type ServiceKeyVersion } from './keys/service-keys.ts';
export {
  MAX_WRAPS_PER_VERSION,
  readUsage,
  reserveWraps,
  WRAP_BLOCK,
  WRAPS_BEFORE_ROTATION,
  WrapBlocks,
} from './keys/usage.ts';
export { defaultLimits, type KeychainLimits, MAX_CLOCK_SKEW_MS, MAX_LINK_TTL_MS } from './limits.ts';
export type { LinkState, LinkStatus } from './links/link-status.ts';
export type { CloseLinkRequest, OpenLinkRequest, PreparedLink, RenewLinkRequest } from './links/links.ts';
export { keychainMigrations, migrateKeychain } from './migrations.ts';
export { createDevelopmentSeal, DEVELOPMENT_SEAL_KIND } from './root/development-seal.ts';
export { readSealedUnsealKey, replaceSeal, type SealChange } from './root/reseal.ts';
export { initialiseRegion, type RegionOptions } from './root/root-of-trust.ts';
export type { SealBinding, SealProvider } from './root/seal-provider.ts';
export { type SealKind, sealKindOf } from './root/seals/blob.ts';
export { createPkcs11Seal, PKCS11_SEAL_KIND, type Pkcs11SealOptions } from './root/seals/pkcs11-seal.ts';
export type { TransitOptions } from './root/seals/transit-client.ts';
export { createTransitSeal, TRANSIT_SEAL_KIND } from './root/seals/transit-seal.ts';
export {
  DEFAULT_PROGRESS_TTL_MS,
  ShareAssembly,
  type ShareAttempt,
  type ShareProgress,
} from './root/shamir/assembly.ts';
export {
  type Ceremony,
  type CeremonyPlan,
  checkPlan,
  type EncryptedShare,
  type Holder,
  holdCeremony,
  readManifest,
  SHAMIR_SEAL_KIND,
  sharesNeeded,
} from './root/shamir/ceremony.ts';
export { ShareError, type ShareErrorCode, shareErrors } from './root/shamir/errors.ts';
export { initialiseRegionWithShares } from './root/shamir/initialise.ts';
export {
  AgeRecipient,
  ceremonyFingerprint,
  type ShareManifest,
  SignedManifest,
  sha256,
  verifyManifest,
} from './root/shamir/manifest.ts';
export { HolderName, MAX_SHARE_TEXT_BYTES } from './root/shamir/share.ts';
export { DEFAULT_SHARES, DEFAULT_THRESHOLD, MAX_SHARES } from './root/shamir/split.ts';
export { createKeyStore, type KeyStoreOptions } from './stores/index.ts';
export type { KeyStore } from './stores/key-store.ts';
export type { KeychainTables } from './tables.ts';
