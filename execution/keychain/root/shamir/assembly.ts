/**
 * Shares on their way to an unseal key, presented one at a time. Each is checked against the manifest and named when
 * it is refused; what was collected is wiped when the set changes, when it is complete, and when time is up.
 */
import { timingSafeEqual } from 'node:crypto';
import type { SecretBytes } from '../../../envelope/index.ts';
import type { SealBinding } from '../seal-provider.ts';
import { ShareError, type ShareErrorCode } from './errors.ts';
import { type ManifestEntry, type ShareManifest, sha256 } from './manifest.ts';
import { decodeShare, nameShare, type Share } from './share.ts';
import { combineKey } from './split.ts';

export const DEFAULT_PROGRESS_TTL_MS = 600_000;

/** One try, for the audit trail. A share that is too damaged to say what it is has no number. */
export interface ShareAttempt {
  readonly outcome: 'accepted' | 'refused' | 'forgotten';
  readonly reason?: ShareErrorCode;
  /** Such as `share 2 (alice)`. */
  readonly share?: string;
  readonly setId?: string;
  /** Who presented it. */
  readonly by?: string;
}

export interface ShareProgress {
  readonly setId: string;
  readonly threshold: number;
  readonly provided: readonly { readonly index: number; readonly holder: string }[];
  /** When what was presented is forgotten; absent while nothing is. */
  readonly expiresAt?: Date;
}

export interface AssemblyOptions {
  readonly binding: SealBinding;
  /** From the first share to the last. */
  readonly ttlMs?: number;
  /** Told of every try before it is answered. One that cannot be recorded does not count. */
  readonly onAttempt: (attempt: ShareAttempt) => Promise<void>;
}

interface Collected {
  readonly setId: string;
  readonly shares: Map<number, Share>;
  readonly expiresAt: Date;
  readonly timer: NodeJS.Timeout;
}

export class ShareAssembly {
  readonly #options: AssemblyOptions;
  #collected: Collected | null = null;
  /** One share after the other, so that none slips in between a check and its record. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: AssemblyOptions) {
    this.#options = options;
  }

  /**
   * Takes one share of the manifest's set. With the last of the threshold `unsealKey` is there, and the caller wipes
   * it; that it opens the region is the caller's to check.
   * @throws ShareError which names the share; whatever `onAttempt` throws.
   */
  present(
    manifest: ShareManifest,
    text: string,
    by: string,
  ): Promise<{ progress: ShareProgress; unsealKey?: SecretBytes }> {
    const turn = this.#line.then(() => this.#take(manifest, text, by));
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  progress(manifest: ShareManifest): ShareProgress {
    const collected = this.#collected?.setId === manifest.setId ? this.#collected : null;
    const provided = [...(collected?.shares.values() ?? [])].map(({ index, holder }) => ({ index, holder }));
    return {
      setId: manifest.setId,
      threshold: manifest.threshold,
      provided,
      ...(collected === null ? {} : { expiresAt: collected.expiresAt }),
    };
  }

  /** Wipes what was presented. */
  forget(): void {
    if (this.#collected === null) return;
    clearTimeout(this.#collected.timer);
    for (const { bytes } of this.#collected.shares.values()) bytes.wipe();
    this.#collected = null;
  }

  async #take(manifest: ShareManifest, text: string, by: string) {
    const { setId, threshold } = manifest;
    if (this.#collected !== null && this.#collected.setId !== setId) this.forget();
    const share = await this.#checked(manifest, text, by);
    try {
      await this.#options.onAttempt({ outcome: 'accepted', share: nameShare(share), setId, by });
    } catch (error) {
      share.bytes.wipe();
      throw error;
    }
    this.#collected ??= this.#begin(setId);
    const { shares } = this.#collected;
    shares.set(share.index, share);
    const progress = this.progress(manifest);
    if (shares.size < threshold) return { progress };
    const unsealKey = await combineKey([...shares.values()].map(({ bytes }) => bytes));
    this.forget();
    return { progress, unsealKey };
  }

  async #checked(manifest: ShareManifest, text: string, by: string): Promise<Share> {
    let share: Share | undefined;
    try {
      share = decodeShare(text);
      this.#check(manifest, share);
      return share;
    } catch (error) {
      share?.bytes.wipe();
      if (error instanceof ShareError) {
        await this.#options.onAttempt({
          outcome: 'refused',
          reason: error.code,
          ...(share === undefined ? {} : { share: nameShare(share), setId: share.setId }),
          by,
        });
      }
      throw error;
    }
  }

  #check(manifest: ShareManifest, share: Share): void {
    const { cluster, region } = this.#options.binding;
    const claimed = nameShare(share);
    if (share.cluster !== cluster) throw new ShareError('FOREIGN_CLUSTER', `${claimed} of ${share.cluster}`);
    if (share.region !== region) throw new ShareError('FOREIGN_REGION', `${claimed} of ${share.region}`);
    if (share.setId !== manifest.setId) throw new ShareError('OTHER_SET', `${claimed} of set ${share.setId}`);
    const entry = manifest.shares[share.index - 1];
    if (entry === undefined) throw new ShareError('UNKNOWN_INDEX', claimed);
    if (share.holder !== entry.holder || !isShareOf(entry, share))
      throw new ShareError('WRONG_SHARE', claimed);
    if (this.#collected?.shares.has(share.index) === true) throw new ShareError('DUPLICATE_SHARE', claimed);
  }

  #begin(setId: string): Collected {
    const ttlMs = this.#options.ttlMs ?? DEFAULT_PROGRESS_TTL_MS;
    const timer = setTimeout(() => {
      const count = this.#collected?.shares.size ?? 0;
      this.forget();
      // The shares are gone either way; a trail that cannot be written now says so at the next try.
      this.#options
        .onAttempt({ outcome: 'forgotten', share: `${count} shares`, setId })
        .catch(() => undefined);
    }, ttlMs).unref();
    return { setId, shares: new Map(), expiresAt: new Date(Date.now() + ttlMs), timer };
  }
}

function isShareOf({ shareSha256 }: ManifestEntry, { bytes }: Share): boolean {
  return timingSafeEqual(Buffer.from(bytes.use(sha256), 'hex'), Buffer.from(shareSha256, 'hex'));
}
