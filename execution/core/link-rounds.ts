/**
 * The links of a region for its reports: one page for each, in the order of tenants' names, round and round. Whoever
 * misses a page hears it again with the next round.
 */
import {
  type LinkCounts,
  MAX_REPORTED_LINKS,
  type ReportedLink,
  type TenantId,
} from '../../contracts/index.ts';
import type { Keychain } from '../keychain/index.ts';

const noLinks: LinkCounts = { none: 0, prepared: 0, open: 0, expired: 0, closed: 0 };

export class LinkRounds {
  readonly #keychain: Pick<Keychain, 'links'>;
  /** The last tenant of the page before; undefined: a round begins. */
  #after: TenantId | undefined;
  #counted: LinkCounts = { ...noLinks };
  #counts: LinkCounts | undefined;

  constructor(keychain: Pick<Keychain, 'links'>) {
    this.#keychain = keychain;
  }

  /** All links by state, as the last full round found them; undefined before the end of the first. */
  get counts(): LinkCounts | undefined {
    return this.#counts;
  }

  /** The next page, not to be asked for twice at once. */
  async next(): Promise<ReportedLink[]> {
    const page = await this.#keychain.links({ after: this.#after, limit: MAX_REPORTED_LINKS });
    for (const { state } of page) this.#counted[state] += 1;
    if (page.length < MAX_REPORTED_LINKS) {
      this.#counts = this.#counted;
      this.#counted = { ...noLinks };
      this.#after = undefined;
    } else {
      this.#after = page.at(-1)?.tenant;
    }
    return page.map(({ tenant, epoch, state, expiresAt }) => ({
      tenant,
      epoch,
      state,
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
    }));
  }
}
