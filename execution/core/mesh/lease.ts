/** Lease (D3, D7): a service's L3 versions for a gateway that knows all that could forbid it, sealed to its own key. */
import { type SealedLease, SealingError, sealLeasedKeys } from '../../envelope/index.ts';
import {
  KeychainError,
  reserveWraps,
  type ServiceKeys,
  type ServiceKeyVersion,
  WRAP_BLOCK,
} from '../../keychain/index.ts';
import { KmipError } from '../../kmip/index.ts';
import {
  type LeaseRefusal,
  type LeaseRequest,
  type LeaseResponse,
  MAX_LIVING_VERSIONS,
  RECENT_VERSIONS,
} from '../../mesh/index.ts';
import { asKmipError } from '../kmip/objects.ts';
import { readStanding } from '../store/pushes.ts';
import { keysIn } from '../store/tables.ts';
import { mayServe } from './authorise.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

const refusals: Readonly<Partial<Record<KeychainError['code'], LeaseRefusal>>> = {
  LINK_CLOSED: 'LINK_CLOSED',
  EPOCH_CLOSED: 'LINK_CLOSED',
  LINK_EXPIRED: 'LINK_EXPIRED',
  TENANT_UNKNOWN: 'TENANT_UNKNOWN',
  SERVICE_UNKNOWN: 'SERVICE_UNKNOWN',
  SEALED: 'SEALED',
};

/** Which versions there are, as a lease tells it. */
interface Listing {
  readonly activeVersion: number;
  readonly living: readonly number[];
  readonly etag: string;
}

export async function lease(
  deps: MeshDependencies,
  peer: GatewayPeer,
  request: LeaseRequest,
): Promise<LeaseResponse> {
  const { tenant, service } = request;
  const before = await readStanding(deps.db, request);
  if (!before.mayLease) return { outcome: 'behind', head: before.head };
  if (!mayServe(peer, tenant)) return { outcome: 'refused', reason: 'NOT_AUTHORISED', head: before.head };
  let listing: Listing;
  let sealing: Promise<SealedLease | undefined>;
  try {
    // Asked of the database: a grant that begins after a change was committed knows of it.
    deps.keychain.recheck();
    const keys = await deps.keychain.serviceKeys(tenant, service);
    listing = listingOf(keys);
    // Reads the keys before the next await, while they are sure to be there: they are borrowed.
    sealing = seal(deps, request, chosenFrom(keys, request));
  } catch (error) {
    const reason = error instanceof KeychainError ? refusals[error.code] : undefined;
    if (reason === undefined) throw KmipError.from(asKmipError(error));
    return { outcome: 'refused', reason, head: before.head };
  }
  const sealed = await sealing;
  if (listing.living.length > MAX_LIVING_VERSIONS) {
    throw KmipError.generalFailure(
      `the service key has more than ${MAX_LIVING_VERSIONS} living versions, which no lease can list; destroy old ones`,
    );
  }
  // The grant: whatever closes or flushes and was committed before this reading must be applied over there first.
  const { head, mayLease } = await readStanding(deps.db, request);
  if (!mayLease) return { outcome: 'behind', head };
  // Paid for what is granted, and for nothing else.
  const wraps = await budgetFor(deps, request, listing.activeVersion);
  const keys = sealed ?? { keys: [] };
  return { outcome: 'granted', ...listing, ...keys, ...wraps, ...deps.lease, head };
}

function listingOf(keys: ServiceKeys): Listing {
  const living = keys.versions.map(({ version }) => version).sort((a, b) => a - b);
  return { activeVersion: keys.active.version, living, etag: etagOf(keys) };
}

/**
 * Tells two listings of one key apart: a version that is added is younger than all others, and a number is never used
 * twice, so that no change leaves both count and sum as they were. Cheap, since every heartbeat asks for it.
 */
export function etagOf({ active, versions }: ServiceKeys): string {
  const sum = versions.reduce((total, { version }) => total + version, 0);
  return `${active.version}-${versions.length}-${sum}`;
}

/** The active version, the youngest others and those that were asked for, but for what the gateway holds. */
function chosenFrom(
  { active, versions }: ServiceKeys,
  { held, wanted }: LeaseRequest,
): readonly ServiceKeyVersion[] {
  const others = versions.filter(({ version }) => version !== active.version);
  const recent = others.slice(-RECENT_VERSIONS).map(({ version }) => version);
  const named = new Set([active.version, ...recent, ...wanted]);
  const isHeld = new Set(held);
  return versions.filter(({ version }) => named.has(version) && !isHeld.has(version));
}

async function seal(
  { region }: MeshDependencies,
  { tenant, service, recipientPublicKey }: LeaseRequest,
  keys: readonly ServiceKeyVersion[],
): Promise<SealedLease | undefined> {
  if (keys.length === 0) return undefined;
  try {
    return await sealLeasedKeys(recipientPublicKey, { region, tenant, service }, keys);
  } catch (error) {
    if (!(error instanceof SealingError)) throw error;
    throw KmipError.invalidField('the recipient public key of the lease request is not usable');
  }
}

/** A block for a gateway that has less than half of one left: asking often must not burn what nobody uses (D5). */
async function budgetFor(
  { db }: MeshDependencies,
  { tenant, service, wraps }: LeaseRequest,
  version: number,
): Promise<{ wrapBudget: number; isSpent: boolean }> {
  if (wraps?.version === version && wraps.left >= WRAP_BLOCK / 2) return { wrapBudget: 0, isSpent: false };
  const { granted } = await reserveWraps(keysIn(db), tenant, service, version);
  return { wrapBudget: granted, isSpent: granted === 0 };
}
