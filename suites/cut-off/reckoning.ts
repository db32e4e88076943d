/** After the core has come back: what the region's database says of the keys that were made, against the clients' own list. */

import type { KmipClient } from '../../execution/kmip/index.ts';
import { Operation } from '../../execution/kmip/index.ts';
import { withClient } from '../../platform/postgres-admin.ts';

const SAMPLE = 500;

/** Every key whose Create was answered, with a client of its application. */
export type Acknowledged = ReadonlyMap<string, KmipClient>;

export interface Reckoning {
  readonly acknowledged: number;
  readonly announced: number;
  /** Answered to a client, and not known to the core. */
  readonly lost: number;
  /** Known to the core, and never answered to a client. */
  readonly unasked: number;
  /** One key under two identifiers, or with two entries of its creation in the trail. */
  readonly twice: number;
  /** Of a sample, keys that cannot be used. */
  readonly unusable: number;
}

export async function reckon(databaseUrl: string, acknowledged: Acknowledged): Promise<Reckoning> {
  const { uids, twice } = await withClient({ url: databaseUrl }, async (db) => {
    const objects = await db.query<{ uid: string }>('select uid from core.objects');
    const keys = await db.query<{ n: string }>(
      `select count(*) as n from (
         select wrapped_digest from core.objects group by wrapped_digest having count(*) > 1) as doubles`,
    );
    const entries = await db.query<{ n: string }>(
      `select count(*) as n from (
         select body::json->>'uid' from core.audit_events where event = 'OBJECT_CREATED'
         group by 1 having count(*) > 1) as doubles`,
    );
    return {
      uids: new Set(objects.rows.map(({ uid }) => uid)),
      twice: Number(keys.rows[0]?.n) + Number(entries.rows[0]?.n),
    };
  });
  let unusable = 0;
  for (const [uid, client] of sampleOf([...acknowledged])) {
    const data = Buffer.from('after the return');
    await client.request(Operation.Encrypt, { uniqueIdentifier: uid, data }).catch(() => {
      unusable += 1;
    });
  }
  return {
    acknowledged: acknowledged.size,
    announced: uids.size,
    lost: [...acknowledged.keys()].filter((uid) => !uids.has(uid)).length,
    unasked: [...uids].filter((uid) => !acknowledged.has(uid)).length,
    twice,
    unusable,
  };
}

/** Evenly spread over the whole run. */
function sampleOf<T>(all: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(all.length / SAMPLE));
  return all.filter((_, index) => index % step === 0);
}
