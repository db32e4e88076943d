/** Which key, and where: what every order about the keys of a tenant begins with. */
import { tenantRegions } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import type { Trx } from '../store/transactions.ts';

/** A tenant's key (L2) or, with `service`, that service's (L3). */
export interface KeyName {
  readonly tenant: string;
  readonly service?: string;
}

/** What the audit log calls the key; the same as the entity of its jobs (contracts/jobs.ts). */
export const subjectOf = ({ tenant, service }: KeyName): string =>
  service === undefined ? `keys:${tenant}` : `keys:${tenant}/${service}`;

export const wordsFor = ({ tenant, service }: KeyName): string =>
  service === undefined ? `the key of ${tenant}` : `the key of ${tenant}/${service}`;

/** The key alone, as payloads carry it. */
export const keyOf = ({ tenant, service }: KeyName): { tenant: string; service?: string } =>
  service === undefined ? { tenant } : { tenant, service };

/** Throws SERVICE_UNKNOWN. */
export async function requireKeyOf(trx: Trx, { tenant, service }: KeyName): Promise<void> {
  if (service === undefined) return;
  const row = await trx
    .selectFrom('services')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', '=', service)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${service}`);
}

/** The wanted ones of the regions that the tenant lives in, all of them when none are named. Throws REGION_UNKNOWN, NO_REGIONS. */
export async function regionsFor(
  trx: Trx,
  tenant: string,
  wanted: readonly string[] | undefined,
): Promise<string[]> {
  const regions = await tenantRegions(trx, tenant);
  const unknown = wanted?.find((region) => !regions.includes(region));
  if (unknown !== undefined) throw new CmkError('REGION_UNKNOWN', `${tenant} does not live in ${unknown}`);
  if (regions.length === 0) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
  return wanted === undefined ? regions : regions.filter((region) => wanted.includes(region));
}
