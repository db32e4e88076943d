/**
 * Linking a tenant for the first time, or again, is one decision; putting its keys under another L1 is another (D13:
 * switching keys). Which of them a request is follows from what the keys stand on, also while they are unlinked: else
 * unlinking and linking anew would go around the rule for switching.
 */
import type { Cmk } from '../context.ts';
import { requireTenant } from '../domain/lookups.ts';
import { keysOf } from '../links/rows.ts';
import { asTenant } from '../store/transactions.ts';
import type { Wish } from './wishes.ts';

/** Errors: TENANT_UNKNOWN. */
export async function linkingWish(
  cmk: Cmk,
  tenant: string,
  linking: { readonly key: string; readonly drillTarget?: boolean },
): Promise<Wish> {
  const standing = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await keysOf(trx, tenant);
  });
  const switches = standing.some((each) => each !== linking.key);
  return { action: switches ? 'switch-key' : 'link', parameters: linking };
}
