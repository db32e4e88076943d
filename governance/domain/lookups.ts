/** What most decisions begin with: that a region or tenant exists and is served, and that a certificate's key is free. */
import { CmkError } from '../errors.ts';
import { MAX_REGIONS } from '../limits.ts';
import type { Tenant } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { isServed, type TenantState } from './tenant-states.ts';

/** Throws REGION_UNKNOWN. Keeps the region from changing until the transaction ends. */
export async function requireRegion(trx: Trx, region: string): Promise<void> {
  const row = await trx
    .selectFrom('regions')
    .select('name')
    .where('name', '=', region)
    .forKeyShare()
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('REGION_UNKNOWN', `region ${region} is not enrolled`);
}

export async function regionNames(trx: Trx): Promise<string[]> {
  const rows = await trx.selectFrom('regions').select('name').orderBy('name').limit(MAX_REGIONS).execute();
  return rows.map((row) => row.name);
}

/** Throws TENANT_UNKNOWN. */
export async function requireTenant(trx: Trx, tenant: string): Promise<Tenant> {
  const row = await trx.selectFrom('tenants').selectAll().where('tenant', '=', tenant).executeTakeFirst();
  if (row === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
  return row;
}

/**
 * Serialises the decisions about one tenant until the transaction ends; taken before Orbital's locks, always.
 * Throws TENANT_UNKNOWN.
 */
export async function lockTenant(trx: Trx, tenant: string): Promise<Tenant> {
  const row = await trx
    .selectFrom('tenants')
    .selectAll()
    .where('tenant', '=', tenant)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
  return row;
}

/** Throws TENANT_UNKNOWN. */
export async function stateOfTenant(trx: Trx, tenant: string): Promise<TenantState> {
  const row = await trx
    .selectFrom('tenant_states')
    .select('state')
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
  return row.state;
}

/** Throws TENANT_STATE when nothing new may be made for the tenant: it is not provisioned yet, blocked or terminated. */
export async function requireServed(trx: Trx, tenant: string): Promise<void> {
  const state = await stateOfTenant(trx, tenant);
  if (!isServed(state)) throw new CmkError('TENANT_STATE', `${tenant} is ${state}`);
}

/** The regions that a tenant lives in, in order of name. */
export async function tenantRegions(trx: Trx, tenant: string): Promise<string[]> {
  const rows = await trx
    .selectFrom('tenant_regions')
    .select('region')
    .where('tenant', '=', tenant)
    .orderBy('region')
    .execute();
  return rows.map((row) => row.region);
}

/** One key is one identity everywhere (D10): whoever comes second is refused, whichever tenant they are. */
export async function claimFingerprint(
  trx: Trx,
  identity: { fingerprint: string; role: 'application' | 'gateway'; tenant: string | null; name: string },
): Promise<void> {
  const inserted = await trx
    .insertInto('identities')
    .values(identity)
    .onConflict((conflict) => conflict.doNothing())
    .returning('fingerprint')
    .executeTakeFirst();
  if (inserted === undefined)
    throw new CmkError(
      'KEY_FINGERPRINT_TAKEN',
      `the certificate's key ${identity.fingerprint.slice(0, 16)}… is registered already`,
    );
}
