/** What the region holds because governance asked for it, in the order in which both planes compare it (contracts/manifest.ts). */
import { sql } from 'kysely';
import {
  identityState,
  issuerState,
  KEYS_DAMAGED,
  keysState,
  type ManifestClass,
  type ManifestItem,
  SERVICE_HELD,
  serviceKey,
  tenantWord,
} from '../../../contracts/index.ts';
import type { Keychain } from '../../keychain/index.ts';
import { keysIn, type RegionDb } from '../store/tables.ts';

export interface ItemRange {
  readonly after?: string | undefined;
  /** This one included. */
  readonly upTo?: string | undefined;
  readonly limit: number;
}
type HoldingKeychain = Pick<Keychain, 'standings' | 'holdings'>;

/**
 * At most `limit` items of the range. `db` is the caller's transaction, or the database outside of one.
 * @throws KeychainError SEALED, STORE_UNAVAILABLE: keys and services are told by their manifests, which lie in the home of keys.
 */
export async function readItems(
  db: RegionDb,
  keychain: HoldingKeychain,
  of: ManifestClass,
  range: ItemRange,
): Promise<ManifestItem[]> {
  switch (of) {
    case 'tenant':
      return await tenants(db, keychain, range);
    case 'key':
      return await keys(db, keychain, range);
    case 'service':
      return await services(db, keychain, range);
    case 'identity':
      return await identities(db, range);
    case 'issuer':
      return await issuers(db, range);
  }
}

async function tenants(db: RegionDb, keychain: HoldingKeychain, range: ItemRange): Promise<ManifestItem[]> {
  const standings = await keychain.standings(keysIn(db), range);
  return standings.map((standing) => ({ key: standing.tenant, state: tenantWord(standing) }));
}

/** The least name behind `after`: no name holds a character below the hyphen. */
const behind = (after: string | undefined): string => (after === undefined ? '' : `${after} `);

async function keys(db: RegionDb, keychain: HoldingKeychain, range: ItemRange): Promise<ManifestItem[]> {
  const { after, upTo, limit } = range;
  const holdings = await keychain.holdings(keysIn(db), { from: behind(after), upTo, limit });
  return holdings.map(({ tenant, keys: known }) => ({
    key: tenant,
    state: known === undefined ? KEYS_DAMAGED : keysState(known.counter, known.versions),
  }));
}

/** Tenants whose manifests are read before it is known whether they fill the page: each is a read of the home of keys. */
const TENANTS_AT_ONCE = 16;

async function services(db: RegionDb, keychain: HoldingKeychain, range: ItemRange): Promise<ManifestItem[]> {
  const { after = '', upTo, limit } = range;
  const items: ManifestItem[] = [];
  // The tenant whose services the page before may have left half-way comes first.
  let from = after.split(' ', 1)[0] ?? '';
  const lastTenant = upTo?.split(' ', 1)[0];
  for (;;) {
    const holdings = await keychain.holdings(keysIn(db), { from, upTo: lastTenant, limit: TENANTS_AT_ONCE });
    for (const { tenant, keys: known } of holdings)
      for (const service of known?.services ?? []) {
        const key = serviceKey(tenant, service);
        if (key <= after || (upTo !== undefined && key > upTo)) continue;
        items.push({ key, state: SERVICE_HELD });
        if (items.length === limit) return items;
      }
    const last = holdings.at(-1);
    if (last === undefined || holdings.length < TENANTS_AT_ONCE) return items;
    from = behind(last.tenant);
  }
}

/** Hexadecimal digits come in the same order in every collation; the page says so all the same. */
const FINGERPRINT = sql<string>`fingerprint collate "C"`;

async function identities(db: RegionDb, { after, upTo, limit }: ItemRange): Promise<ManifestItem[]> {
  let query = db.selectFrom('core.identities').selectAll().orderBy(FINGERPRINT).limit(limit);
  if (after !== undefined) query = query.where(FINGERPRINT, '>', after);
  if (upTo !== undefined) query = query.where(FINGERPRINT, '<=', upTo);
  return (await query.execute()).map(({ fingerprint, role, name, tenant, services: own, operations }) => ({
    key: fingerprint,
    state: identityState({
      role,
      name,
      services: own,
      ...(tenant === null ? {} : { tenant }),
      ...(operations === null ? {} : { operations }),
    }),
  }));
}

async function issuers(db: RegionDb, { after, upTo, limit }: ItemRange): Promise<ManifestItem[]> {
  let query = db.selectFrom('core.issuers').selectAll().orderBy(FINGERPRINT).limit(limit);
  if (after !== undefined) query = query.where(FINGERPRINT, '>', after);
  if (upTo !== undefined) query = query.where(FINGERPRINT, '<=', upTo);
  return (await query.execute()).map(({ fingerprint, certificate }) => ({
    key: fingerprint,
    state: issuerState(certificate),
  }));
}
