/** Pages of the manifest: as digests round and round, for reports; and item by item, for whoever asks by a job (D11). */
import {
  type JobPayload,
  type JobResult,
  MAX_MANIFEST_ITEMS,
  MAX_MANIFEST_PAGES,
  type ManifestPage,
  manifestClasses,
  manifestDigest,
} from '../../../contracts/index.ts';
import { type Keychain, KeychainError } from '../../keychain/index.ts';
import type { RegionDb } from '../store/tables.ts';
import { readItems } from './items.ts';

type Holder = Pick<Keychain, 'standings' | 'holdings'>;

/** Work for one report; what is left comes with the next. */
const BUDGET_MS = 200;

/** Walks through everything that the region holds, class after class. Not to be asked twice at once. */
export class ManifestRounds {
  readonly #db: RegionDb;
  readonly #keychain: Holder;
  #class = 0;
  /** The last key of the page before; undefined: the class begins. */
  #after: string | undefined;

  constructor(db: RegionDb, keychain: Holder) {
    this.#db = db;
    this.#keychain = keychain;
  }

  /** The next pages: as many as the budget allows, until the end of the round at most. */
  async next(): Promise<ManifestPage[]> {
    const pages: ManifestPage[] = [];
    const endAt = performance.now() + BUDGET_MS;
    while (pages.length < MAX_MANIFEST_PAGES && (pages.length === 0 || performance.now() < endAt)) {
      const of = manifestClasses[this.#class];
      if (of === undefined) {
        this.#class = 0;
        break;
      }
      const page = await this.#page(of);
      if (page !== undefined) pages.push(page);
      this.#after = page?.upTo;
      if (this.#after === undefined) this.#class += 1;
    }
    return pages;
  }

  /** Undefined where nothing can be said of the class now: it has its turn again with the next round. */
  async #page(of: (typeof manifestClasses)[number]): Promise<ManifestPage | undefined> {
    const after = this.#after;
    try {
      const found = await readItems(this.#db, this.#keychain, of, { after, limit: MAX_MANIFEST_ITEMS + 1 });
      const items = found.slice(0, MAX_MANIFEST_ITEMS);
      const upTo = found.length > items.length ? items.at(-1)?.key : undefined;
      return {
        class: of,
        ...(after === undefined ? {} : { after }),
        ...(upTo === undefined ? {} : { upTo }),
        items: items.length,
        digest: manifestDigest(items),
      };
    } catch (error) {
      if (error instanceof KeychainError) return undefined;
      throw error;
    }
  }
}

/** @throws KeychainError SEALED, STORE_UNAVAILABLE. */
export async function readManifest(
  db: RegionDb,
  keychain: Holder,
  { class: of, after, upTo }: JobPayload<'MANIFEST_READ'>,
): Promise<JobResult<'MANIFEST_READ'>> {
  const found = await readItems(db, keychain, of, { after, upTo, limit: MAX_MANIFEST_ITEMS + 1 });
  const items = found.slice(0, MAX_MANIFEST_ITEMS);
  const last = items.at(-1);
  return found.length > items.length && last !== undefined ? { items, upTo: last.key } : { items };
}
