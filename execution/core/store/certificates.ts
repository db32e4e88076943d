/** Certificates that a tenant holds, by their value. */
import { ObjectType } from '../../kmip/index.ts';
import { decodeObject, type ManagedObject } from '../../objects/index.ts';
import { LOCATE_PAGE, MAX_CERTIFICATES_COMPARED } from '../limits.ts';
import type { Scope } from './objects.ts';
import type { RegionTx } from './tables.ts';

/**
 * The certificate with this SHA-256 digest, of those that may be seen; destroyed ones too, since their end counts. Looks
 * at the newest MAX_CERTIFICATES_COMPARED.
 */
export async function certificateWithDigest(
  tx: RegionTx,
  { tenant, services }: Scope,
  digest: Uint8Array,
): Promise<ManagedObject | undefined> {
  if (services.length === 0) return undefined;
  let before: string | undefined;
  for (let looked = 0; looked < MAX_CERTIFICATES_COMPARED; looked += LOCATE_PAGE) {
    let query = tx
      .selectFrom('core.objects')
      .select(['seq', 'body'])
      .where('tenant', '=', tenant)
      .where('service', 'in', [...services])
      .where('object_type', '=', ObjectType.Certificate)
      .orderBy('seq', 'desc')
      .limit(LOCATE_PAGE);
    if (before !== undefined) query = query.where('seq', '<', before);
    const page = await query.execute();
    const objects = page.map(({ body }) => decodeObject(body));
    const same = objects.find(
      ({ digest: own }) => own !== undefined && Buffer.compare(Buffer.from(own), Buffer.from(digest)) === 0,
    );
    if (same !== undefined) return same;
    before = page.at(-1)?.seq;
    if (before === undefined) return undefined;
  }
  return undefined;
}
