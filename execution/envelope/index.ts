/** Key material in memory and at rest: secrets, the envelope format, wrap sessions, HPKE between processes. */
export { type EnvelopeContext, encodeContext, objectContext } from './context.ts';
export {
  type EnvelopeHeader,
  KEY_BYTES,
  l3Parent,
  MAX_PLAINTEXT_BYTES,
  open,
  type ParentKey,
  ParentKind,
  parseHeader,
  seal,
} from './envelope.ts';
export { EnvelopeError, type EnvelopeErrorCode, envelopeErrors } from './errors.ts';
export { encryptGcm, type GcmMessage, openGcm } from './gcm.ts';
export {
  GCM_IV_BYTES,
  type GcmEngine,
  gcm,
  MAX_GCM_IV_BYTES,
  MIN_GCM_TAG_BYTES,
  nodeGcm,
  SEAL_PLACES,
} from './gcm-engine.ts';
export { hkdfSha256 } from './hkdf.ts';
export {
  generateKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  type HpkeMessage,
  type KeyPair,
  openWith,
  SealingError,
  sealTo,
} from './hpke.ts';
export { type LeasePlace, openLeasedKeys, type SealedLease, sealLeasedKeys } from './lease-keys.ts';
export {
  MAX_SECRET_MEMORY_BYTES,
  type MemoryLockStatus,
  memoryLockStatus,
  SecretMemoryFullError,
  watchMemoryLock,
} from './locked-memory.ts';
export {
  liveSecretCount,
  MAX_SECRET_BYTES,
  SecretBytes,
  SecretWipedError,
  wipeAllSecrets,
} from './secret.ts';
export {
  MAX_CACHED_SUBKEYS,
  MAX_WRAPS_PER_SALT,
  WrapSession,
  type WrapSessionLimits,
} from './wrap-session.ts';
