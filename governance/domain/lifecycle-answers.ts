/**
 * What regions' answers do to a tenant's state (tenant-states.ts). They run in the transaction in which Orbital ends the task,
 * with its locks held, and touch the state after them: see lifecycle.ts.
 */
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Trx } from '../store/transactions.ts';
import { type ChangingState, isChanging, progressOf } from './tenant-states.ts';

/** A region has made the tenant's keys, or refused to: its row in `tenant_regions` says which. */
export async function onProvisioned(trx: Trx, who: Actor, tenant: string): Promise<void> {
  await settle(trx, who, tenant, 'provisioning');
}

/** A region has closed an epoch, or refused to. Of interest where that was asked for to block or terminate a tenant. */
export async function onClosed(
  trx: Trx,
  who: Actor,
  closed: { readonly tenant: string; readonly region: string; readonly epoch: number },
  error: string | null,
): Promise<void> {
  const { tenant, region, epoch } = closed;
  const result = await trx
    .updateTable('tenant_closings')
    .set({ state: error === null ? 'done' : 'failed', error, updated_at: new Date() })
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return;
  await settle(trx, who, tenant, 'blocking');
  await settle(trx, who, tenant, 'terminating');
}

/** Moves a change on by what its regions have done so far; nothing where another one is under way. */
async function settle(trx: Trx, who: Actor, tenant: string, changing: ChangingState): Promise<void> {
  // Two regions that answer at once come one by one here, and the second sees what the first has written.
  const row = await trx
    .selectFrom('tenant_states')
    .select(['state', 'failed'])
    .where('tenant', '=', tenant)
    .forUpdate()
    .executeTakeFirst();
  if (row?.state !== changing) return;
  const next = progressOf(changing, await partsOf(trx, tenant, changing));
  if (next.state === row.state && next.failed === row.failed) return;
  const since = next.state === row.state ? {} : { since: new Date() };
  await trx
    .updateTable('tenant_states')
    .set({ ...next, ...since })
    .where('tenant', '=', tenant)
    .execute();
  if (next.state === 'terminated') await forgetSecrets(trx, tenant);
  if (next.state !== row.state && !isChanging(next.state) && next.state !== 'active')
    await audit(trx, who, {
      tenant,
      action: `tenant.${next.state}`,
      subject: `tenant:${tenant}`,
      outcome: 'succeeded',
    });
}

/** What each region has done of the change. */
export async function partsOf(
  trx: Trx,
  tenant: string,
  changing: ChangingState,
): Promise<('pending' | 'done' | 'failed')[]> {
  if (changing === 'provisioning') {
    const rows = await trx
      .selectFrom('tenant_regions')
      .select('state')
      .where('tenant', '=', tenant)
      .execute();
    return rows.map(({ state }) => (state === 'active' ? 'done' : state === 'failed' ? 'failed' : 'pending'));
  }
  const rows = await trx.selectFrom('tenant_closings').select('state').where('tenant', '=', tenant).execute();
  return rows.map(({ state }) => state);
}

/** For ever: what the region keeps of L2 is wrapped under a key that takes this secret, and only the L1 can unwrap it (D1). */
async function forgetSecrets(trx: Trx, tenant: string): Promise<void> {
  await trx
    .updateTable('links')
    .set({ wrapped_secret: null, updated_at: new Date() })
    .where('tenant', '=', tenant)
    .where('state', 'in', ['closed', 'failed'])
    .execute();
}
