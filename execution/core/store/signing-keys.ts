/** Private keys that may sign certificates: the region looks for the one that a Certify names no issuer for. */
import { sql } from 'kysely';
import { CryptographicUsageMask, ObjectType } from '../../kmip/index.ts';
import { decodeObject, type ManagedObject, State } from '../../objects/index.ts';
import type { Scope } from './objects.ts';
import type { RegionTx } from './tables.ts';

/** In the order of their arrival, at most `limit`; states as stored, before their dates are looked at. */
export async function signingKeysIn(
  tx: RegionTx,
  { tenant, services }: Scope,
  limit: number,
): Promise<readonly ManagedObject[]> {
  if (services.length === 0) return [];
  const mask = CryptographicUsageMask.CertificateSign;
  const rows = await tx
    .selectFrom('core.objects')
    .select('body')
    .where('tenant', '=', tenant)
    .where('service', 'in', [...services])
    .where('object_type', '=', ObjectType.PrivateKey)
    .where('state', 'in', [State.PreActive, State.Active])
    .where(sql<boolean>`(usage_mask & ${mask}::integer) <> 0`)
    .orderBy('seq')
    .limit(limit)
    .execute();
  return rows.map(({ body }) => decodeObject(body));
}
