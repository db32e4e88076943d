/**
 * Asks a key store that does not answer at once (Redis) for whatever a message names and is not open in memory, before the
 * message is planned: where an item runs depends on what this gateway holds (D9), and planning does not wait.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { Operation, type RequestItem } from '../../kmip/index.ts';
import { isL3Address } from '../../routing/index.ts';
import { MAX_KEYS_LOADED_AT_ONCE } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { LookedUp, Services } from './context.ts';
import { collectIdentifiers } from './named-keys.ts';

/** The operations that run here when this gateway holds the key. All others are the core's, whatever they name. */
const USES: readonly number[] = [Operation.Get, Operation.Encrypt, Operation.Decrypt];

/** UIDs that the items name and that are not open here. */
export function unopenedIn(
  items: readonly RequestItem[],
  tenant: TenantId,
  { ring, streams }: Pick<Services, 'ring' | 'streams'>,
): string[] {
  const named = new Set<string>();
  for (const { operation, payload } of items) {
    if (!USES.includes(operation)) continue;
    collectIdentifiers(
      payload,
      (uid) => named.add(uid),
      (stream) => {
        const uid = streams.uidOf(stream);
        if (uid !== undefined) named.add(uid);
      },
    );
  }
  return [...named].filter((uid) => !isL3Address(uid) && ring.ready(tenant, uid) === undefined);
}

/** Never rejects for a store that is away: that is for the items that need it to say. */
export async function lookUp(
  { store }: Pick<Services, 'store'>,
  tenant: TenantId,
  uids: readonly string[],
): Promise<LookedUp> {
  const held = new Set<string>();
  try {
    for (let at = 0; at < uids.length; at += MAX_KEYS_LOADED_AT_ONCE) {
      const some = uids.slice(at, at + MAX_KEYS_LOADED_AT_ONCE);
      await store.keys.load(tenant, some);
      for (const uid of some) if (store.keys.peek(tenant, uid) !== undefined) held.add(uid);
    }
    return { failed: false, held };
  } catch (error) {
    if (error instanceof GatewayRefusal) return { failed: true, held };
    throw error;
  }
}
