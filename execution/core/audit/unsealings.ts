/**
 * The region's seal in its trail: that it opened, and by what; and that it closed again while the core ran. What people with
 * shares do is recorded where they do it (unsealing/).
 */
import { inTransaction } from '../../../platform/postgres.ts';
import { type Keychain, SHAMIR_SEAL_KIND } from '../../keychain/index.ts';
import type { RegionDb } from '../store/tables.ts';
import type { RegionSeal } from '../unsealing/region-seal.ts';
import { appendAudit } from './trail.ts';

export interface UnsealingRecordParts {
  readonly db: RegionDb;
  readonly instance: string;
  readonly keychain: Pick<Keychain, 'sealState' | 'sealReason'>;
  readonly seal: Pick<RegionSeal, 'kind'>;
}

export class UnsealingRecord {
  readonly #parts: UnsealingRecordParts;
  /** As the trail says; a core starts sealed. */
  #state: Keychain['sealState'] = 'sealed';
  #noting: Promise<void> = Promise.resolve();

  constructor(parts: UnsealingRecordParts) {
    this.#parts = parts;
  }

  /** Records the state if it is another than the trail says. Rejects when it cannot: then the next call records it. */
  note(): Promise<void> {
    const noted = this.#noting.then(() => this.#note());
    this.#noting = noted.catch(() => undefined);
    return noted;
  }

  async #note(): Promise<void> {
    const { db, instance, keychain, seal } = this.#parts;
    const state = keychain.sealState;
    if (state === this.#state) return;
    const isByHolders = seal.kind === SHAMIR_SEAL_KIND && state === 'unsealed';
    const reason = state === 'unsealed' ? seal.kind : (keychain.sealReason ?? 'unknown');
    const event = {
      event: state === 'unsealed' ? 'UNSEALED' : 'SEALED',
      outcome: 'success',
      reason,
    } as const;
    if (!isByHolders)
      await inTransaction(db, (tx) =>
        appendAudit(tx, { source: instance }, [{ ...event, operation: 'seal' }]),
      );
    this.#state = state;
  }
}
