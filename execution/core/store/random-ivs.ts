/** The random IVs that the core has spent under each key (D5), counted in the transaction of the use. */
import { sql } from 'kysely';
import { MAX_RANDOM_IVS_PER_KEY } from '../limits.ts';
import type { RegionTx } from './tables.ts';

/** Counts one. Returns false, and counts nothing, when the budget of the key is spent. */
export async function spendRandomIv(tx: RegionTx, uid: string): Promise<boolean> {
  const { rows } = await sql`
    insert into core.random_ivs as ivs (uid, used) values (${uid}, 1)
    on conflict (uid) do update set used = ivs.used + 1 where ivs.used < ${MAX_RANDOM_IVS_PER_KEY}
    returning used`.execute(tx);
  return rows.length > 0;
}
