/** The proof that CMK may use a key, asked for by an operator: after the customer has changed something at the provider. */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { proveAccess, unusable } from '../domain/key-access.ts';
import { type KeyView, requireKey, viewKey } from '../domain/keys.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { type KeyState, stateOf } from '../keystores/provider.ts';
import { asTenant } from '../store/transactions.ts';
import { judge } from './kill-switch.ts';

/**
 * Has the key wrap and unwrap a secret of its own. What the provider answers counts as any probe's does: a key that it says
 * is disabled unlinks the tenant whose link stands on it, and nobody else.
 * Errors: TENANT_UNKNOWN, KEY_UNKNOWN, KEYSTORE_UNAVAILABLE, KEY_NOT_USABLE.
 */
export async function proveKey(cmk: Cmk, who: Actor, tenant: string, alias: string): Promise<KeyView> {
  const key = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await requireKey(cmk, trx, tenant, alias);
  });
  let state: KeyState;
  let version: string | null = null;
  let failure: unknown;
  try {
    const facts = await key.provider.inspect(key.reference);
    ({ state, version } = facts);
    if (state === 'ENABLED') await proveAccess(key.provider, key.reference);
  } catch (error) {
    state = stateOf(error);
    failure = error;
  }
  await judge(cmk, tenant, key, state);
  if (state !== 'ENABLED')
    throw unusable(state, failure instanceof Error ? failure.message : undefined, failure);
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await trx
      .updateTable('l1_keys')
      .set({ proved_at: new Date(), version })
      .where('tenant', '=', tenant)
      .where('alias', '=', alias)
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'key.prove',
      subject: `key:${tenant}/${alias}`,
      outcome: 'succeeded',
      detail: { keystore: key.keystore },
    });
    return await viewKey(trx, tenant, alias);
  });
}
