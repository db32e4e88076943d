/**
 * When the customer disables, deletes or forbids the L1 at the provider, the tenant is unlinked without anybody asking
 * (D1). What a provider's answer means is decided here and nowhere else.
 */
import { randomUUID } from 'node:crypto';
import type { Cmk } from '../context.ts';
import { recordKeyState, type UsableKey } from '../domain/keys.ts';
import { lockTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import type { KeyState } from '../keystores/provider.ts';
import { audit } from '../audit/record.ts';
import { asTenant } from '../store/transactions.ts';
import { startUnlink } from './request.ts';

/**
 * Disabled, scheduled for deletion and deleted count at once. Forbidden counts only when an independent call has shown
 * that CMK's own credential is good. A provider that is away, or not understood, never counts.
 */
export function unlinks(state: KeyState, credentialIsGood: boolean): boolean {
  switch (state) {
    case 'DISABLED':
    case 'PENDING_DELETION':
    case 'NOT_FOUND':
      return true;
    case 'FORBIDDEN':
      return credentialIsGood;
    case 'ENABLED':
    case 'UNREACHABLE':
    case 'UNKNOWN':
      return false;
  }
}

/** Records what the provider said of the key, and unlinks the tenant if it must. Returns whether it did. */
export async function judge(cmk: Cmk, tenant: string, key: UsableKey, state: KeyState): Promise<boolean> {
  cmk.metrics.keystoreAnswer(state);
  const credentialIsGood = state === 'FORBIDDEN' && (await key.provider.credentialIsGood(key.reference));
  const kill = unlinks(state, credentialIsGood);
  const who = { actor: 'system:kill-switch', correlationId: randomUUID() };
  return await asTenant(cmk.db, tenant, async (trx) => {
    if (kill) await lockTenant(trx, tenant);
    const changed = await recordKeyState(trx, tenant, key.alias, state);
    const killed =
      kill &&
      (await unlinkIfLinked(cmk, trx, who, tenant, `L1 key ${key.alias} is ${state} at its keystore`));
    if (changed)
      await audit(trx, who, {
        tenant,
        action: 'key.state',
        subject: `key:${tenant}/${key.alias}`,
        outcome: 'succeeded',
        detail: { state, ...(state === 'FORBIDDEN' ? { credentialIsGood } : {}) },
      });
    if (killed) {
      cmk.metrics.killSwitch();
      cmk.logger.warn(
        { tenant, key: key.alias, state, correlationId: who.correlationId },
        'kill switch: unlinking',
      );
    }
    return killed;
  });
}

async function unlinkIfLinked(
  cmk: Cmk,
  trx: Parameters<typeof startUnlink>[1],
  who: { actor: string; correlationId: string },
  tenant: string,
  reason: string,
): Promise<boolean> {
  try {
    await startUnlink(cmk, trx, who, { tenant, reason, proposal: null });
    return true;
  } catch (error) {
    if (error instanceof CmkError && error.code === 'NOT_LINKED') return false;
    throw error;
  }
}
