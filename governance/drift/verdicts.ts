/**
 * What a region says of an item against what governance wants of it: pure functions, one for each class of the manifest.
 * They take it for granted that nothing of the item is under way, and that the region was asked after the last change.
 *
 * Mending converges: done once, a mend leads to no finding, or to one that is further on in `findings`, or to one that is
 * told. verdicts.test.ts plays that through for every pair of states.
 */
import {
  KEYS_DAMAGED,
  LAST_EPOCH,
  type ManifestClass,
  parseKeysState,
  parseTenantWord,
  SERVICE_HELD,
  type TenantWord,
} from '../../contracts/index.ts';
import { EPOCHS_AHEAD } from '../limits.ts';
import type { Verdict } from './findings.ts';

/** A state of the manifest as the region told it; undefined: it told of no such item. */
export type Told = string | undefined;

export interface TenantWant {
  readonly stage: 'requested' | 'served' | 'blocked' | 'ended';
  /** The region has said that it made the tenant's keys. */
  readonly provisioned: boolean;
  /** The epoch that is active, 0 for none. */
  readonly open: number;
  /** The region has closed an epoch of it: nothing may be usable without a link any more. */
  readonly closed: boolean;
  /** The youngest epochs that were given out, and that have failed, as the rows of links tell; 0 for none. */
  readonly newest: number;
  readonly failed: number;
  /**
   * The youngest epoch that governance knows to have given out, 0 for none: by its own rows, and not as far as the region's
   * reports say that epochs have gone.
   */
  readonly taken: number;
}

/**
 * The youngest epoch that is closed on a region's word. A closure is for ever, so the word alone must not choose it: it is the
 * youngest that governance has given out, and a few more, which it may have given out before it was put back itself. A lie
 * costs no more than these, and never the tenant.
 */
export const mayCloseUpTo = (taken: number): number => Math.min(LAST_EPOCH - 1, taken + EPOCHS_AHEAD);

/** What the region tells where all is well. */
export function expectedTenant(want: TenantWant): TenantWord | undefined {
  if (!want.provisioned || want.stage === 'requested') return undefined;
  if (want.stage === 'ended') return 'ended';
  if (want.stage === 'blocked') return 'closed';
  if (want.open > 0) return `open:${want.open}`;
  return want.closed ? 'closed' : 'none';
}

export function tenantVerdict(want: TenantWant | undefined, told: Told): Verdict | undefined {
  const said = told === undefined ? undefined : parseTenantWord(told);
  if (said === undefined && told !== undefined) return { kind: 'tenant-unclear' };
  const word = said?.word;
  const epoch = said?.epoch ?? 0;
  const isUsable = word === 'none' || word === 'open';
  const taken = want?.taken ?? 0;
  /** An epoch that nobody closes on the region's word. */
  const isBeyond = epoch > mayCloseUpTo(taken);
  /** Whatever was given out so far, and what the region says. */
  const upTo = Math.max(1, epoch, taken);

  switch (want?.stage) {
    case undefined:
    case 'requested':
      if (word === undefined) return undefined;
      if (isBeyond) return { kind: 'link-ahead' };
      return isUsable ? { kind: 'tenant-unknown', epoch: upTo } : { kind: 'tenant-residue' };
    case 'ended':
      return isUsable || word === 'closed' ? { kind: 'tenant-ended', epoch: LAST_EPOCH } : undefined;
    case 'blocked':
      if (word === 'ended') return { kind: 'tenant-ended-there' };
      if (isBeyond) return { kind: 'link-ahead' };
      return isUsable ? { kind: 'tenant-blocked', epoch: upTo } : undefined;
    case 'served':
      break;
  }
  const isAbsent = word === undefined || word === 'bare';
  // It shows as failed, and whoever retries it is asked for by the tenant's own state.
  if (!want.provisioned) return isAbsent ? undefined : { kind: 'tenant-unconfirmed' };
  if (word === undefined && (want.open > 0 || want.closed)) return { kind: 'tenant-lost', epoch: upTo };
  if (isAbsent) return { kind: 'tenant-missing' };
  if (word === 'ended') return { kind: 'tenant-ended-there' };
  return isBeyond ? { kind: 'link-ahead' } : linkVerdict(want, word, epoch, upTo);
}

function linkVerdict(
  want: TenantWant,
  word: 'none' | 'open' | 'closed',
  epoch: number,
  upTo: number,
): Verdict | undefined {
  switch (word) {
    case 'open':
      if (epoch === want.open) return undefined;
      if (epoch === want.failed || (want.open > 0 && epoch > want.newest)) return { kind: 'link-ahead' };
      return { kind: 'link-open', epoch };
    case 'none':
      if (want.open > 0) return { kind: 'link-unheld', epoch: upTo };
      return want.closed ? { kind: 'link-open', epoch: upTo } : undefined;
    case 'closed':
      return want.open > 0 || !want.closed ? { kind: 'link-lost' } : undefined;
  }
}

export interface ServiceWant {
  /** Its tenant is served, and there in the region. */
  readonly served: boolean;
  /** The region has said that it made the service's key. */
  readonly provisioned: boolean;
}

export const expectedService = ({ provisioned }: ServiceWant): Told =>
  provisioned ? SERVICE_HELD : undefined;

export function serviceVerdict(want: ServiceWant | undefined, told: Told): Verdict | undefined {
  if (want === undefined) return told === undefined ? undefined : { kind: 'service-unknown' };
  if (!want.served || (told !== undefined) === want.provisioned) return undefined;
  return { kind: want.provisioned ? 'service-missing' : 'service-unconfirmed' };
}

export interface RegisteredWant {
  /** Of what is registered. */
  readonly state: string;
  readonly row: 'active' | 'failed' | 'removing';
}

export const expectedRegistered = ({ state, row }: RegisteredWant): Told =>
  row === 'failed' ? undefined : state;

export function identityVerdict(want: RegisteredWant | undefined, told: Told): Verdict | undefined {
  if (want === undefined) return told === undefined ? undefined : { kind: 'identity-unknown' };
  switch (want.row) {
    case 'removing':
      return { kind: 'identity-removed' };
    case 'failed':
      return told === undefined ? undefined : { kind: 'identity-unconfirmed' };
    case 'active':
      if (told === undefined) return { kind: 'identity-missing' };
      return told === want.state ? undefined : { kind: 'identity-different' };
  }
}

export function issuerVerdict(want: RegisteredWant | undefined, told: Told): Verdict | undefined {
  if (want === undefined) return told === undefined ? undefined : { kind: 'issuer-unknown' };
  if (want.row === 'failed' && told === undefined) return undefined;
  return told === want.state && want.row === 'active' ? undefined : { kind: 'issuer-missing' };
}

/** The youngest that the region has ever told of a tenant's keys: governance keeps it, and the region can only go on (D4). */
export interface KeyAnchor {
  readonly counter: number;
  readonly versions: string;
}

/** Whether what the region tells is younger than the anchor, and becomes it. */
export function raisesAnchor(anchor: KeyAnchor | undefined, told: Told): KeyAnchor | undefined {
  const said = told === undefined ? undefined : parseKeysState(told);
  return said !== undefined && said.counter > (anchor?.counter ?? 0) ? said : undefined;
}

export function keyVerdict(anchor: KeyAnchor | undefined, told: Told): Verdict | undefined {
  // That there are none is said by the tenant's own item.
  if (told === undefined) return undefined;
  const said = told === KEYS_DAMAGED ? undefined : parseKeysState(told);
  if (said === undefined) return { kind: 'keys-damaged' };
  if (anchor === undefined || said.counter > anchor.counter) return undefined;
  return said.counter === anchor.counter && said.versions === anchor.versions
    ? undefined
    : { kind: 'keys-rewound' };
}

/** Of an item that governance knows nothing of. */
export function unknownVerdict(of: ManifestClass, told: Told): Verdict | undefined {
  switch (of) {
    case 'tenant':
      return tenantVerdict(undefined, told);
    case 'service':
      return serviceVerdict(undefined, told);
    case 'key':
      return keyVerdict(undefined, told);
    case 'identity':
      return identityVerdict(undefined, told);
    case 'issuer':
      return issuerVerdict(undefined, told);
  }
}
