/**
 * Linking a tenant for the first time, or again, is one decision; putting its keys under another L1 is another (D13:
 * switching keys). Which of them a request is follows from what the keys stand on, also while they are unlinked: else
 * unlinking and linking anew would go around the rule for switching.
 */
import type { Cmk } from '../context.ts';
import { requireTenant } from '../domain/lookups.ts';
import { linkRows } from '../links/rows.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import type { Wish } from './wishes.ts';

/**
 * The L1 keys that the tenant's L2 may stand on, by alias. As for the secret that a LINK carries (previousCandidates), what
 * was sent and never answered counts, back to the last epoch that surely was opened.
 */
export async function keysOf(trx: Trx, tenant: string): Promise<string[]> {
  const keys = new Set<string>();
  for (const epochs of Map.groupBy(await linkRows(trx, tenant), (row) => row.region).values())
    for (const { wrapped_secret, key_alias, activated_at } of epochs) {
      if (wrapped_secret !== null) keys.add(key_alias);
      if (activated_at !== null) break;
    }
  return [...keys].sort();
}

/** Errors: TENANT_UNKNOWN. */
export async function linkingWish(cmk: Cmk, tenant: string, key: string): Promise<Wish> {
  const standing = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await keysOf(trx, tenant);
  });
  const switches = standing.some((each) => each !== key);
  return { action: switches ? 'switch-key' : 'link', parameters: { key } };
}
