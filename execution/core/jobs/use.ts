/** Who would miss a tenant's keys, as governance gets to see it: gateways with their leases, and applications. Reads only. */
import type { GatewayUse, JobResult, TenantId } from '../../../contracts/index.ts';
import { applicationsSeen, type LeaseHolder, leaseHolders } from '../store/leases.ts';
import type { RegionDb } from '../store/tables.ts';

/** An answer to a job takes 32 KiB, with what Orbital adds to it. */
const MAX_RESULT_BYTES = 28 * 1024;
/** As many as the contract takes of each. */
const MAX_GATEWAYS = 256;
const MAX_LEASES = 256;
const MAX_APPLICATIONS = 1_000;

type Use = JobResult<'USE_INSPECT'>;
type Lease = { readonly ttlMs: number; readonly graceMs: number };

export async function inspectUse(db: RegionDb, tenant: TenantId, lease: Lease): Promise<Use> {
  const holders = await leaseHolders(db, tenant, lease);
  const applications = await applicationsSeen(db, tenant, MAX_APPLICATIONS);
  return fitted(holders, applications);
}

/**
 * What does not fit one answer is counted: first applications, the one not heard of for longest before the others; then
 * leases, the least used of each gateway first; gateways at last.
 */
export function fitted(holders: readonly LeaseHolder[], seen: readonly Use['applications'][number][]): Use {
  const all = holders.reduce((sum, { leases }) => sum + leases.length, 0) + seen.length;
  for (let applications = seen.length, leases = MAX_LEASES, gateways = MAX_GATEWAYS; ; ) {
    const shown = {
      gateways: holders.slice(0, gateways).map((holder) => toUse(holder, leases)),
      applications: seen.slice(0, applications),
    };
    const named = shown.gateways.reduce((sum, each) => sum + each.leases.length, 0) + applications;
    const use = { ...shown, omitted: all - named };
    if (JSON.stringify(use).length <= MAX_RESULT_BYTES) return use;
    if (applications > 0) applications = Math.floor(applications / 2);
    else if (leases > 0) leases = Math.floor(leases / 2);
    else gateways = Math.floor(gateways / 2);
  }
}

const instant = (ms: number): string => new Date(ms).toISOString();

function toUse(holder: LeaseHolder, most: number): GatewayUse {
  return {
    name: holder.name.slice(0, 128),
    connected: holder.connected,
    lastSeenAt: instant(holder.lastSeenMs),
    leasesEndBy: instant(holder.leasesEndMs),
    graceEndsBy: instant(holder.graceEndsMs),
    leases: holder.leases.slice(0, most).map(({ service, lastUsedMs }) => ({
      service,
      ...(lastUsedMs === null ? {} : { lastUsedAt: instant(lastUsedMs) }),
    })),
  };
}
