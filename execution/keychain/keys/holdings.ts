/**
 * What the region holds, for its manifest: tenants with what their links are like, and the names and versions of their keys.
 * Never material.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { EnvelopeError } from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';
import { inOrder, type LinkPage, readFacts } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import type { KeyHistory } from './key-history.ts';
import type { Manifest } from './manifest.ts';
import { findTenant } from './tenant-keys.ts';

export interface Standing {
  readonly tenant: string;
  readonly hasKeys: boolean;
  /** Epochs, 0 for none. */
  readonly open: number;
  readonly closed: number;
}

/** Of every tenant of which there are keys or a closure, also while sealed. */
export async function takeStandings(db: Db, page: Omit<LinkPage, 'held'>): Promise<Standing[]> {
  const facts = await readFacts(db, undefined, { ...page, held: true });
  return facts.map(({ tenant, epochs, manifestCounter }) => ({
    tenant,
    hasKeys: manifestCounter !== null,
    open: epochs.open,
    closed: epochs.closed,
  }));
}

export interface Holding {
  readonly tenant: string;
  /** Undefined: its manifest is damaged, and says nothing that could be believed. */
  readonly keys:
    | {
        /** Grows with every change of the tenant's keys. */
        readonly counter: number;
        readonly services: readonly string[];
        /** Every version of every key with its state, always in the same order. */
        readonly versions: unknown;
      }
    | undefined;
}

/**
 * Of every tenant that has keys; one read of the home of keys for each. What is damaged is its tenant's alone.
 * @param page `from`: as `after`, that tenant included.
 * @throws KeychainError SEALED, STORE_UNAVAILABLE.
 */
export async function takeHoldings(
  db: Db,
  realm: Realm,
  page: Pick<LinkPage, 'upTo' | 'limit'> & { readonly from: string },
): Promise<Holding[]> {
  realm.root();
  let query = db
    .selectFrom('keychain.link_heads as h')
    .select('h.tenant')
    .where('h.manifest_counter', 'is not', null)
    .where(inOrder, '>=', page.from)
    .orderBy(inOrder)
    .limit(page.limit);
  if (page.upTo !== undefined) query = query.where(inOrder, '<=', page.upTo);
  const holdings: Holding[] = [];
  for (const { tenant } of await query.execute())
    holdings.push({ tenant, keys: await keysOf(db, realm, tenant as TenantId) });
  return holdings;
}

async function keysOf(db: Db, realm: Realm, tenant: TenantId): Promise<Holding['keys']> {
  try {
    const stored = await findTenant(db, realm, tenant);
    // A head that tells of keys which are not there is as damaged as keys that do not open.
    if (stored === null) return undefined;
    const { counter, manifest } = stored;
    const services = Object.keys(manifest.services).sort();
    return { counter, services, versions: versionsOf(manifest, services) };
  } catch (error) {
    const isDamaged =
      error instanceof EnvelopeError || (error instanceof KeychainError && error.code === 'RECORD_REJECTED');
    if (isDamaged) return undefined;
    throw error;
  }
}

function versionsOf(manifest: Manifest, services: readonly string[]): unknown {
  const told = (history: KeyHistory) => history.map(({ version, state }) => [version, state]);
  return [told(manifest.l2), services.map((name) => [name, told(manifest.services[name] ?? [])])];
}
