/** Links as operators see them: the epoch of each region that counts, what it waits for, and one word for the whole. */

import type { ReportedLink } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { requireTenant } from '../domain/lookups.ts';
import { instantOrNull } from '../domain/pages.ts';
import type { Link } from '../store/schema.ts';
import { asTenant, ONE_MOMENT, type Trx } from '../store/transactions.ts';
import { linkRows, reportedLinks, type Standing, standingOf } from './rows.ts';
import { type LinkState, type OpenedBy, type ShownState, summarise, type TenantLinkState } from './states.ts';

/** The epoch that shall take the place of the living one, or has failed to. */
export interface RotationView {
  epoch: number;
  state: LinkState;
  key: string;
  waitsFor: string | null;
  error: string | null;
  job: string | null;
  correlationId: string;
}

export interface RegionLinkView {
  region: string;
  /** The one that counts: while another is on its way, the living one. 0: this region has never been linked. */
  epoch: number;
  state: ShownState | 'none';
  openedBy: OpenedBy | null;
  key: string | null;
  /** What has to happen before the state changes, in words; null when nothing has to. */
  waitsFor: string | null;
  provedAt: string | null;
  expiresAt: string | null;
  activatedAt: string | null;
  closedAt: string | null;
  gatewaysTold: number | null;
  reason: string | null;
  error: string | null;
  job: string | null;
  correlationId: string | null;
  /** What the region itself said last, in a report; null until one has named the tenant. */
  reported: { epoch: number; state: ReportedLink['state']; expiresAt: string | null } | null;
  /** When the tenant's schedule has the link rotated. */
  rotateAt: string | null;
  rotation: RotationView | null;
}

export interface LinksView {
  tenant: string;
  state: TenantLinkState;
  regions: RegionLinkView[];
}

/** Throws TENANT_UNKNOWN. */
export async function viewLinks(cmk: Cmk, tenant: string): Promise<LinksView> {
  const read = async (trx: Trx): Promise<LinksView> => {
    await requireTenant(trx, tenant);
    return await linksOf(trx, tenant);
  };
  return await asTenant(cmk.db, tenant, read, ONE_MOMENT);
}

export async function linksOf(trx: Pick<Trx, 'selectFrom'>, tenant: string): Promise<LinksView> {
  const rows = await linkRows(trx, tenant);
  const now = new Date();
  const regions = (await reportedLinks(trx, tenant)).map(({ region, reported }) => ({
    ...toView(region, standingOf(rows.filter((row) => row.region === region)), now),
    reported,
  }));
  const states = regions.map((region) => region.state).filter((state) => state !== 'none');
  return { tenant, state: summarise(states), regions };
}

function toView(region: string, { link, successor }: Standing, now: Date): Omit<RegionLinkView, 'reported'> {
  const expired = link?.state === 'active' && link.expires_at !== null && link.expires_at <= now;
  const rotating = successor !== undefined && successor.state !== 'failed';
  return {
    region,
    epoch: link?.epoch ?? 0,
    state: expired ? 'expired' : rotating ? 'rotating' : (link?.state ?? 'none'),
    openedBy: link?.opened_by ?? null,
    key: link?.key_alias ?? null,
    waitsFor: link === undefined ? null : waitsFor(link, expired),
    provedAt: instantOrNull(link?.proved_at ?? null),
    expiresAt: instantOrNull(link?.expires_at ?? null),
    activatedAt: instantOrNull(link?.activated_at ?? null),
    closedAt: instantOrNull(link?.closed_at ?? null),
    gatewaysTold: link?.gateways_told ?? null,
    reason: link?.reason ?? null,
    error: link?.error ?? null,
    job: link?.job ?? null,
    correlationId: link?.correlation_id ?? null,
    rotateAt: instantOrNull(link?.rotate_at ?? null),
    rotation: successor === undefined ? null : toRotation(successor),
  };
}

function toRotation(successor: Link): RotationView {
  return {
    epoch: successor.epoch,
    state: successor.state,
    key: successor.key_alias,
    waitsFor: waitsFor(successor, false),
    error: successor.error,
    job: successor.job,
    correlationId: successor.correlation_id,
  };
}

function waitsFor(link: Link, expired: boolean): string | null {
  switch (link.state) {
    case 'preparing':
      return `${link.region} to make the key pair of epoch ${link.epoch}`;
    case 'sealing':
      return `the keystore to make a secret under ${link.key_alias}`;
    case 'linking':
      return `${link.region} to open epoch ${link.epoch}`;
    case 'closing':
      return `${link.region} to close epoch ${link.epoch}`;
    case 'active':
      return expired ? `a renewal: ${link.key_alias} has not been proved in time` : null;
    case 'failed':
    case 'closed':
      return null;
  }
}
