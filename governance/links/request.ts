/**
 * The decisions about a link, carried out: begin an epoch in each region, or close what there is. All run inside the
 * transaction of the approval or schedule that made them so, with the tenant locked.
 */
import { OrbitalError } from '../../orbital/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { makePrimary } from '../domain/configuration-keys.ts';
import { requireServed, tenantRegions } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { PREPARE_DEADLINE_MS, rotateDeadlineMs } from '../limits.ts';
import type { Link, RegionJob } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { activeLink, linkRows, livingLink, previousCandidates } from './rows.ts';
import { CLOSABLE, MAKING, type OpenedBy } from './states.ts';

/**
 * Links the tenant to a key, in every region that is not linked to it yet. A region that is linked to another key is
 * switched: as long as its link lives, the new epoch is opened as a rotation is, so that the old key is not asked once
 * more, its secret travels no second time, and an UNLINK on the way cannot be undone by it (D1).
 * Errors: LINK_BUSY, ALREADY_LINKED, NO_REGIONS.
 */
export async function startLinks(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  link: { readonly tenant: string; readonly key: string; readonly proposal: string },
): Promise<RegionJob[]> {
  const { tenant, key } = link;
  await requireServed(trx, tenant);
  const rows = await linkRows(trx, tenant);
  const regions = await tenantRegions(trx, tenant);
  if (regions.length === 0) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
  const now = new Date();
  const wanting: Beginning[] = [];
  for (const region of regions) {
    const older = rows.filter((row) => row.region === region);
    refuseBusy(older);
    // One that has expired comes back with its next renewal.
    if (activeLink(older)?.key_alias === key) continue;
    const openedBy = livingLink(older, now) === undefined ? 'link' : 'rotate';
    wanting.push({ ...link, region, older, openedBy });
  }
  if (wanting.length === 0) throw new CmkError('ALREADY_LINKED', `every region is linked to ${key}`);
  await makePrimary(trx, tenant, key);
  const begun: RegionJob[] = [];
  for (const beginning of wanting) {
    if (beginning.openedBy === 'link') await giveUpRotation(cmk, trx, beginning.older);
    begun.push(await beginEpoch(cmk, trx, who, beginning));
  }
  return begun;
}

/** One that is being asked for once more although it has failed: a LINK must not stand behind it. */
async function giveUpRotation(cmk: Cmk, trx: Trx, [newest]: readonly Link[]): Promise<void> {
  if (newest?.opened_by !== 'rotate' || newest.state !== 'failed' || newest.job === null) return;
  try {
    await cmk.manager.cancelJob(trx, newest.job);
  } catch (error) {
    if (!(error instanceof OrbitalError)) throw error; // it has ended, as it mostly has
  }
}

/**
 * A fresh link secret under the same key, in every region whose link lives.
 * Errors: LINK_BUSY, NOT_LINKED.
 */
export async function startRotation(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  rotation: { readonly tenant: string; readonly reason?: string; readonly proposal: string },
): Promise<RegionJob[]> {
  const begun: RegionJob[] = [];
  for (const { living, older } of await rotatable(trx, rotation.tenant))
    begun.push(await beginEpoch(cmk, trx, who, { ...rotation, ...rotating(living, older) }));
  return begun;
}

/** As startRotation, of one region's link. Returns undefined when it is no longer there to be rotated. */
export async function startRotationOf(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  { tenant, region, epoch }: Link,
): Promise<RegionJob | undefined> {
  const older = (await linkRows(trx, tenant)).filter((row) => row.region === region);
  refuseBusy(older);
  const living = livingLink(older, new Date());
  if (living?.epoch !== epoch) return undefined;
  return await beginEpoch(cmk, trx, who, { tenant, proposal: null, ...rotating(living, older) });
}

/** What a rotation of the tenant's link would touch. Errors: LINK_BUSY, NOT_LINKED. */
export async function rotatable(trx: Trx, tenant: string): Promise<{ living: Link; older: Link[] }[]> {
  const now = new Date();
  const found: { living: Link; older: Link[] }[] = [];
  for (const older of Map.groupBy(await linkRows(trx, tenant), (row) => row.region).values()) {
    refuseBusy(older);
    const living = livingLink(older, now);
    if (living !== undefined) found.push({ living, older });
  }
  if (found.length === 0) throw new CmkError('NOT_LINKED', `${tenant} has no living link in any region`);
  return found;
}

/** Of one region's epochs, the newest first. */
function refuseBusy([newest]: readonly Link[]): void {
  if (newest !== undefined && MAKING.includes(newest.state))
    throw new CmkError('LINK_BUSY', `the link of ${newest.region} is ${newest.state}`);
}

const rotating = (living: Link, older: readonly Link[]) => ({
  region: living.region,
  key: living.key_alias,
  openedBy: 'rotate' as const,
  older,
});

interface Beginning {
  readonly tenant: string;
  readonly region: string;
  readonly key: string;
  readonly openedBy: OpenedBy;
  /** The region's epochs so far. */
  readonly older: readonly Link[];
  /** null: the tenant's schedule wants it. */
  readonly proposal: string | null;
  readonly reason?: string;
}

async function beginEpoch(cmk: Cmk, trx: Trx, who: Actor, beginning: Beginning): Promise<RegionJob> {
  const { tenant, region, key, openedBy, reason } = beginning;
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
    deadlineMs: openedBy === 'rotate' ? rotateDeadlineMs(cmk.link.ttlMs) : PREPARE_DEADLINE_MS,
  });
  await trx
    .insertInto('links')
    .values({
      tenant,
      region,
      epoch,
      key_alias: key,
      state: 'preparing',
      opened_by: openedBy,
      previous_epoch: openedBy === 'rotate' ? null : (previousCandidates(beginning.older)[0] ?? null),
      job,
      proposal: beginning.proposal,
      correlation_id: who.correlationId,
    })
    .execute();
  await audit(trx, who, {
    tenant,
    action: openedBy === 'rotate' ? 'link.rotate' : 'link.start',
    subject: `link:${tenant}/${region}/${epoch}`,
    outcome: 'accepted',
    detail: { key, job, ...(reason === undefined ? {} : { reason }) },
  });
  return { region, job };
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
  unlink: {
    readonly tenant: string;
    readonly reason: string;
    readonly proposal: string | null;
    /** Close these epochs, by region, and all before them, linked or not; left out: whatever is linked. */
    readonly upTo?: ReadonlyMap<string, number>;
  },
): Promise<RegionJob[]> {
  const { tenant, reason } = unlink;
  const rows = unlink.upTo === undefined ? await linkRows(trx, tenant) : [];
  const newestOfRegion = new Map<string, Pick<Link, 'epoch'>>();
  for (const [region, epoch] of unlink.upTo ?? []) newestOfRegion.set(region, { epoch });
  for (const row of rows)
    if (CLOSABLE.includes(row.state) && !newestOfRegion.has(row.region)) newestOfRegion.set(row.region, row);
  if (newestOfRegion.size === 0)
    throw new CmkError('NOT_LINKED', `${tenant} has no link that is not closed or closing`);

  const closing: RegionJob[] = [];
  for (const [region, { epoch }] of newestOfRegion) {
    const job = await createRegionalJob(cmk, trx, {
      kind: 'UNLINK',
      task: { region, payload: { tenant, epoch, reason } },
      correlationId: who.correlationId,
      deadlineMs: null,
      cancelsOlder: true,
    });
    closing.push({ region, job });
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
        rotate_at: null,
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
  return closing;
}
