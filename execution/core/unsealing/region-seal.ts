/**
 * The seal of a running region. The database says which seal the unseal key is under, and the configuration how to
 * reach it; the two differ while a region moves from one to the other. Shares come through `lend`.
 */

import type { SecretBytes } from '../../envelope/index.ts';
import {
  KeychainError,
  readManifest,
  type SealBinding,
  type SealProvider,
  SHAMIR_SEAL_KIND,
  sealKindOf,
  sharesNeeded,
} from '../../keychain/index.ts';
import type { CoreConfig } from '../config.ts';
import { providerOf } from '../seal.ts';

export class RegionSeal implements SealProvider {
  /** The one that the configuration asks for. */
  readonly target: SealProvider;
  readonly #known: readonly SealProvider[];
  #kind: string;
  #lent: SecretBytes | null = null;

  constructor({ seal, previousSeal }: Pick<CoreConfig, 'seal' | 'previousSeal'>) {
    this.target = providerOf(seal, { create: true });
    this.#known = [seal, ...(previousSeal === undefined ? [] : [previousSeal])].map((config) =>
      providerOf(config, { create: false }),
    );
    this.#kind = this.target.kind;
  }

  /** The one that the region was last seen under. */
  get kind(): string {
    return this.#kind;
  }

  /** After a change. */
  seen(kind: string): void {
    this.#kind = kind;
  }

  /** Whether there is anywhere to move to: another kind of seal, or a second seal of the same kind. */
  mayMoveFrom(kind: string): boolean {
    return kind !== this.target.kind || (kind !== SHAMIR_SEAL_KIND && this.#known.length > 1);
  }

  sealUnsealKey(unsealKey: SecretBytes, binding: SealBinding): Promise<Uint8Array> {
    return this.target.sealUnsealKey(unsealKey, binding);
  }

  async openUnsealKey(blob: Uint8Array, binding: SealBinding): Promise<SecretBytes> {
    const kind = sealKindOf(blob);
    this.#kind = kind ?? 'unknown';
    if (kind === SHAMIR_SEAL_KIND) {
      if (this.#lent === null) throw sharesNeeded(readManifest(blob, binding), 0);
      return this.#lent.clone();
    }
    const candidates = this.#known.filter((provider) => provider.kind === kind);
    let refusal: unknown = new KeychainError(
      'SEAL_REJECTED',
      `the region is sealed by ${this.#kind}, and the configuration names it neither as "seal" nor as "previousSeal"`,
    );
    for (const provider of candidates) {
      try {
        return await provider.openUnsealKey(blob, binding);
      } catch (error) {
        // Two seals of one kind, an old token and a new one: the other may be the one.
        refusal = error;
      }
    }
    throw refusal;
  }

  /** Lends the unseal key that shares were combined to, for as long as `fn` runs. The caller wipes it. */
  async lend<T>(unsealKey: SecretBytes, fn: () => Promise<T>): Promise<T> {
    this.#lent = unsealKey;
    try {
      return await fn();
    } finally {
      this.#lent = null;
    }
  }
}
