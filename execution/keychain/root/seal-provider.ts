/**
 * What protects the unseal key (D2). Every provider is the region's own: a token, a transit engine or a file beside
 * it, never the customer's KMS (separation record). Others join behind this interface.
 */
import type { SecretBytes } from '../../envelope/index.ts';

/** The blob opens for this cluster and region only. */
export interface SealBinding {
  readonly cluster: string;
  readonly region: string;
}

export interface SealProvider {
  /** Named in health, logs and reports, so that a development seal is seen wherever it is used. */
  readonly kind: string;
  sealUnsealKey(unsealKey: SecretBytes, binding: SealBinding): Promise<Uint8Array>;
  /** @throws KeychainError SEAL_REJECTED unless this seal made the blob for this binding. The caller wipes the key. */
  openUnsealKey(blob: Uint8Array, binding: SealBinding): Promise<SecretBytes>;
}
