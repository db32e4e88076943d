/** Certificates that a tenant holds, by their value. */
import { sql } from 'kysely';
import { type Attribute, ObjectType } from '../../kmip/index.ts';
import { decodeObject, type ManagedObject } from '../../objects/index.ts';
import type { MessageBudget } from '../kmip/budget.ts';
import { LOCATE_PAGE, MAX_CERTIFICATES_COMPARED } from '../limits.ts';
import type { Scope } from './objects.ts';
import type { RegionTx } from './tables.ts';
import { termsOfAttribute } from './terms.ts';

export interface WantedCertificate {
  /** SHA-256. */
  readonly digest: Uint8Array;
  /** X.509 Certificate Identifier: what others could not push it out of sight with, however many they register. */
  readonly identifier: Attribute;
}

/**
 * The certificate, of those that may be seen; destroyed ones too, since their end counts. Looks at the newest
 * MAX_CERTIFICATES_COMPARED with its issuer and serial number. Throws as `budget` does.
 */
export async function certificateLike(
  tx: RegionTx,
  { tenant, services }: Scope,
  { digest, identifier }: WantedCertificate,
  budget: MessageBudget,
): Promise<ManagedObject | undefined> {
  if (services.length === 0) return undefined;
  const terms = sql`${[...termsOfAttribute(identifier)]}::bigint[]`;
  let before: string | undefined;
  for (let looked = 0; looked < MAX_CERTIFICATES_COMPARED; looked += LOCATE_PAGE) {
    let query = tx
      .selectFrom('core.objects')
      .select(['seq', 'body'])
      .where('tenant', '=', tenant)
      .where('service', 'in', [...services])
      .where('object_type', '=', ObjectType.Certificate)
      .where(sql<boolean>`(terms is null or terms @> ${terms})`)
      .orderBy('seq', 'desc')
      .limit(LOCATE_PAGE);
    if (before !== undefined) query = query.where('seq', '<', before);
    const page = await query.execute();
    budget.look(page.length);
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
