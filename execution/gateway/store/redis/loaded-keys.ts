/** Wrapped keys that Redis has told of, at hand until others push them out: bounded, and nothing that had to be kept. */
import type { TenantId } from '../../../../contracts/index.ts';
import { MAX_LOADED_KEYS } from '../../limits.ts';
import type { HeldRow } from '../key-store.ts';

export type LoadedKey =
  | { readonly tenant: TenantId; readonly whose: 'own'; readonly row: HeldRow; readonly ivsUsed: number }
  /** As `tenant` found it: the UID is somebody else's. */
  | { readonly tenant: TenantId; readonly whose: 'another' };

export class LoadedKeys {
  /** Insertion order is order of loading: the first entry goes first. */
  readonly #entries = new Map<string, LoadedKey>();
  readonly #max: number;

  constructor(max: number = MAX_LOADED_KEYS) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(tenant: TenantId, uid: string): LoadedKey | undefined {
    const entry = this.#entries.get(uid);
    return entry?.tenant === tenant ? entry : undefined;
  }

  isAnothers(tenant: TenantId, uid: string): boolean {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return false;
    return entry.whose === 'own' ? entry.tenant !== tenant : entry.tenant === tenant;
  }

  ivsUsed(uid: string): number | undefined {
    const entry = this.#entries.get(uid);
    return entry?.whose === 'own' ? entry.ivsUsed : undefined;
  }

  put(uid: string, key: LoadedKey): void {
    // Whoever asks for others' keys pushes none of them out.
    if (key.whose === 'another' && this.#entries.get(uid)?.whose === 'own') return;
    this.#entries.delete(uid);
    this.#entries.set(uid, key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) return;
      this.#entries.delete(oldest);
    }
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }
}
