/**
 * The gate: L2 opens under a living link only (D1). Everything that needs an L2 comes through here; the wrapping key
 * and L2 itself live for the length of one call and are kept in no cache.
 */
import type { ParentKey } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import { openLease } from '../links/lease.ts';
import { livingEpoch } from '../links/link-rules.ts';
import type { LinkFacts } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import { type KeyVersion, living } from './key-history.ts';
import { l2Parent, openL2, recordOf, type StoredTenant, tenantWrappingKey } from './tenant-keys.ts';

/**
 * The wrapping key of the living epoch; the caller wipes it.
 * @throws KeychainError LINK_CLOSED, LINK_EXPIRED, RECORD_REJECTED, SEALED.
 */
export async function livingWrappingKey(
  db: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
): Promise<ParentKey> {
  assertNotRolledBack(facts, stored);
  const epoch = livingEpoch(facts.epochs, facts.expiresAtMs, realm.now());
  if (epoch === 0) return tenantWrappingKey(realm, stored, 0, null);
  using secret = await openLease(db, realm, stored.tenant, facts);
  return tenantWrappingKey(realm, stored, epoch, secret);
}

/**
 * Each of link and manifest knows how far the other has come.
 * @throws KeychainError RECORD_REJECTED when one of the two was put back to an earlier state without the other.
 */
export function assertNotRolledBack(facts: LinkFacts, stored: StoredTenant): void {
  if (facts.epochs.closed < stored.manifest.closedEpoch) {
    throw new KeychainError('RECORD_REJECTED', `links of ${stored.tenant} are older than its manifest`);
  }
  // A store of its own may be ahead, where a transaction failed after its write; behind it never is.
  if (stored.counter < (facts.manifestCounter ?? 0)) {
    throw new KeychainError(
      'RECORD_REJECTED',
      `keys of ${stored.tenant} are older than the head of its link`,
    );
  }
}

/** The L2 versions that `wanted` picks, as wrapping keys. `wipe` them all when done. */
export class OpenL2 {
  readonly #keys: ReadonlyMap<number, ParentKey>;
  constructor(keys: ReadonlyMap<number, ParentKey>) {
    this.#keys = keys;
  }
  version(version: number): ParentKey {
    const key = this.#keys.get(version);
    if (key === undefined) throw new KeychainError('RECORD_REJECTED', `L2 version ${version} is missing`);
    return key;
  }
  [Symbol.dispose](): void {
    for (const { key } of this.#keys.values()) key.wipe();
  }
}

/** `stored` was read with its L2. @throws as `livingWrappingKey`. */
export async function openLivingL2(
  db: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
  wanted: (entry: KeyVersion) => boolean,
): Promise<OpenL2> {
  const { tenant, manifest } = stored;
  const wrapping = await livingWrappingKey(db, realm, facts, stored);
  const keys = new Map<number, ParentKey>();
  try {
    for (const entry of living(manifest.l2).filter(wanted)) {
      const record = recordOf(stored, L2, entry.version);
      const key = openingRecord(`L2 ${tenant} version ${entry.version}`, () =>
        openL2(realm, tenant, wrapping, entry, record),
      );
      keys.set(entry.version, l2Parent(tenant, entry.version, key));
    }
    return new OpenL2(keys);
  } catch (error) {
    new OpenL2(keys)[Symbol.dispose]();
    throw error;
  } finally {
    wrapping.key.wipe();
  }
}
