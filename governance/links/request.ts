/**
 * The two decisions about a link, carried out: begin an epoch in each region, or close what there is. Both run inside
 * the transaction of the approval that made them so, with the tenant locked.
 */
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { tenantRegions } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { PREPARE_DEADLINE_MS } from '../limits.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { Link } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { linkRows, previousCandidates } from './rows.ts';
import { CLOSABLE, MAKING } from './states.ts';

/**
 * Links the tenant to a key, in every region that is not linked to it yet. A region that is linked to another key is
 * switched: the new epoch carries the old secret once more (D1).
 * Errors: LINK_BUSY, ALREADY_LINKED, NO_REGIONS.
 */
export async function startLinks(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  link: { readonly tenant: string; readonly key: string; readonly proposal: string },
): Promise<void> {
  const { tenant, key } = link;
  const rows = await linkRows(trx, tenant);
  const regions = await tenantRegions(trx, tenant);
  if (regions.length === 0) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
  const wanting: string[] = [];
  for (const region of regions) {
    const newest = rows.find((row) => row.region === region);
    if (newest !== undefined && MAKING.includes(newest.state))
      throw new CmkError('LINK_BUSY', `the link of ${region} is ${newest.state}`);
    if (newest === undefined || newest.state !== 'active' || newest.key_alias !== key) wanting.push(region);
  }
  if (wanting.length === 0) throw new CmkError('ALREADY_LINKED', `every region is linked to ${key}`);

  for (const region of wanting) {
    const { last_epoch: epoch } = await trx
      .updateTable('tenant_regions')
      .set((eb) => ({ last_epoch: eb('last_epoch', '+', 1) }))
      .where('tenant', '=', tenant)
      .where('region', '=', region)
      .returning('last_epoch')
      .executeTakeFirstOrThrow();
    const job = await createRegionalJob(cmk, trx, {
      kind: 'LINK_PREPARE',
      task: { region, payload: { tenant, epoch } },
      correlationId: who.correlationId,
      deadlineMs: PREPARE_DEADLINE_MS,
    });
    const older = rows.filter((row) => row.region === region);
    await trx
      .insertInto('links')
      .values({
        tenant,
        region,
        epoch,
        key_alias: key,
        state: 'preparing',
        previous_epoch: previousCandidates(older)[0] ?? null,
        job,
        proposal: link.proposal,
        correlation_id: who.correlationId,
      })
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'link.start',
      subject: `link:${tenant}/${region}/${epoch}`,
      outcome: 'accepted',
      detail: { key, job },
    });
  }
}

/**
 * Closes every epoch that a region may hold or may yet get. Urgent, without deadline, and it cancels every older job
 * of the link (D11): unlinking wins whatever the link was doing.
 * Errors: NOT_LINKED.
 */
export async function startUnlink(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  unlink: { readonly tenant: string; readonly reason: string; readonly proposal: string | null },
): Promise<void> {
  const { tenant, reason } = unlink;
  const rows = await linkRows(trx, tenant);
  const newestOfRegion = new Map<string, Link>();
  for (const row of rows)
    if (CLOSABLE.includes(row.state) && !newestOfRegion.has(row.region)) newestOfRegion.set(row.region, row);
  if (newestOfRegion.size === 0)
    throw new CmkError('NOT_LINKED', `${tenant} has no link that is not closed or closing`);

  for (const [region, { epoch }] of newestOfRegion) {
    const job = await createRegionalJob(cmk, trx, {
      kind: 'UNLINK',
      task: { region, payload: { tenant, epoch, reason } },
      correlationId: who.correlationId,
      deadlineMs: null,
      cancelsOlder: true,
    });
    await trx
      .updateTable('links')
      .set({
        state: 'closing',
        job,
        reason,
        error: null,
        claim: null,
        claimed_until: null,
        renew_at: null,
        correlation_id: who.correlationId,
        updated_at: new Date(),
        ...(unlink.proposal === null ? {} : { proposal: unlink.proposal }),
      })
      .where('tenant', '=', tenant)
      .where('region', '=', region)
      .where('state', 'in', [...CLOSABLE, 'closing'])
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'link.close',
      subject: `link:${tenant}/${region}/${epoch}`,
      outcome: 'accepted',
      detail: { reason, job },
    });
  }
}
