/** Unsealing a region of shares: collects them, one holder after the other, and opens the keychain with the last. */
import {
  KeychainError,
  readManifest,
  SHAMIR_SEAL_KIND,
  ShareAssembly,
  ShareError,
  type ShareManifest,
  type ShareProgress,
  sealKindOf,
} from '../../keychain/index.ts';
import { UnsealingError } from './errors.ts';
import { readBlob, record, shareRecorder, type UnsealingParts } from './parts.ts';

export class Unsealing {
  readonly #parts: UnsealingParts;
  readonly #assembly: ShareAssembly;

  constructor(parts: UnsealingParts) {
    this.#parts = parts;
    const { binding, ttlMs } = parts;
    this.#assembly = new ShareAssembly({ binding, ttlMs, onAttempt: shareRecorder(parts, 'unseal') });
  }

  /**
   * Takes one share. With the last one needed the region is unsealed.
   * @throws UnsealingError, ShareError, KeychainError.
   */
  async present(share: string, by: string): Promise<ShareProgress & { state: 'sealed' | 'unsealed' }> {
    const { keychain, logger } = this.#parts;
    if (keychain.sealState === 'unsealed') throw new UnsealingError('ALREADY_UNSEALED');
    const manifest = this.#manifestOf(await readBlob(this.#parts));
    const { progress, unsealKey } = await this.#assembly.present(manifest, share, by);
    if (unsealKey === undefined) return { ...progress, state: 'sealed' };
    try {
      await this.#parts.seal.lend(unsealKey, () => keychain.unseal());
    } catch (cause) {
      if (!(cause instanceof KeychainError) || cause.code !== 'RECORD_REJECTED') throw cause;
      await record(this.#parts, {
        event: 'UNSEALED',
        outcome: 'failed',
        reason: 'SHARES_REJECTED',
        peer: by,
      });
      throw new ShareError('SHARES_REJECTED', undefined, { cause });
    } finally {
      unsealKey.wipe();
    }
    logger.info({ setId: manifest.setId }, 'unsealed by its holders');
    const { setId: correlationId } = manifest;
    await record(this.#parts, { event: 'UNSEALED', outcome: 'success', peer: by, correlationId });
    return { ...progress, state: 'unsealed' };
  }

  /** What has been presented; undefined when the region is not sealed by shares. */
  progress(blob: Uint8Array): { manifest: ShareManifest; progress: ShareProgress } | undefined {
    if (sealKindOf(blob) !== SHAMIR_SEAL_KIND) return undefined;
    const manifest = readManifest(blob, this.#parts.binding);
    return { manifest, progress: this.#assembly.progress(manifest) };
  }

  close(): void {
    this.#assembly.forget();
  }

  #manifestOf(blob: Uint8Array): ShareManifest {
    const known = this.progress(blob);
    if (known === undefined) throw new UnsealingError('NOT_BY_SHARES');
    return known.manifest;
  }
}
