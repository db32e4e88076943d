/**
 * When the customer disables, deletes or forbids the L1 at the provider, the tenant is unlinked without anybody asking
 * (D1). What a provider's answer means is decided here and nowhere else.
 */
import { randomUUID } from 'node:crypto';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { recordKeyState } from '../domain/key-states.ts';
import { type UsableKey, viewKey } from '../domain/keys.ts';
import { lockTenant } from '../domain/lookups.ts';
import type { KeyState } from '../keystores/provider.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { startUnlink } from './request.ts';
import { linkRows, standingOf } from './rows.ts';
import { CLOSABLE } from './states.ts';

/**
 * Disabled, without its material, scheduled for deletion and deleted count at once. Forbidden counts only when an independent
 * call has shown that CMK's own credential is good. A provider that is away, or not understood, never counts.
 */
export function unlinks(state: KeyState, credentialIsGood: boolean): boolean {
  switch (state) {
    case 'DISABLED':
    case 'PENDING_IMPORT':
    case 'PENDING_DELETION':
    case 'NOT_FOUND':
      return true;
    case 'FORBIDDEN':
      return credentialIsGood;
    case 'ENABLED':
    case 'THROTTLED':
    case 'UNREACHABLE':
    case 'UNKNOWN':
      return false;
  }
}

/** Whether a link of the tenant stands on the key, or is about to: what becomes of any other key unlinks nobody. */
async function carriesLink(trx: Trx, tenant: string, alias: string): Promise<boolean> {
  const regions = Map.groupBy(await linkRows(trx, tenant), ({ region }) => region);
  return [...regions.values()].some((epochs) => {
    const { link, successor } = standingOf(epochs);
    return [link, successor].some((row) => row?.key_alias === alias && CLOSABLE.includes(row.state));
  });
}

/**
 * Records what the provider said of the key, and unlinks the tenant if it must. Says by whom and since when: the customer,
 * at the keystore, between the last good answer and this one. Returns whether it unlinked.
 */
export async function judge(cmk: Cmk, tenant: string, key: UsableKey, state: KeyState): Promise<boolean> {
  cmk.metrics.keystoreAnswer(state);
  const credentialIsGood = state === 'FORBIDDEN' && (await key.provider.credentialIsGood(key.reference));
  const kill = unlinks(state, credentialIsGood);
  const doubtful = state === 'FORBIDDEN' && !credentialIsGood;
  const { alias, keystore, provider } = key;
  const who = { actor: 'system:kill-switch', correlationId: randomUUID() };
  return await asTenant(cmk.db, tenant, async (trx) => {
    if (kill) await lockTenant(trx, tenant);
    const change = await recordKeyState(trx, { tenant, alias }, { state, doubtful });
    const { lastEnabledAt, stateSince } = await viewKey(trx, tenant, alias);
    const reason = `L1 key ${alias} is ${state} at keystore ${keystore} (${provider.kind}) since ${stateSince}`;
    const killed = kill && (await carriesLink(trx, tenant, alias));
    if (killed) await startUnlink(cmk, trx, who, { tenant, reason, proposal: null });
    if (change !== undefined)
      await audit(trx, who, {
        tenant,
        action: change === 'state' ? 'key.state' : 'key.warning',
        subject: `key:${tenant}/${alias}`,
        outcome: 'succeeded',
        detail: {
          state,
          keystore,
          kind: provider.kind,
          lastEnabledAt,
          ...(change === 'state' ? { since: stateSince } : { warned: change === 'warned' }),
          ...(state === 'FORBIDDEN' ? { credentialIsGood } : {}),
        },
      });
    const facts = { tenant, key: alias, keystore, state, correlationId: who.correlationId };
    if (change === 'warned')
      cmk.logger.warn(facts, 'no clear answer about an L1 key; nothing is changed by that');
    if (change === 'cleared') cmk.logger.info(facts, 'an L1 key is answered for again');
    if (killed) {
      cmk.metrics.killSwitch();
      cmk.logger.warn(facts, 'kill switch: unlinking');
    }
    return killed;
  });
}
