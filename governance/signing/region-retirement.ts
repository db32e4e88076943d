/**
 * A key of a region that counts for nothing any more, for good. Nobody but a person on the host of a core helps a region that
 * signs by such a key: it is refused whatever it says, so none is retired that the region signs by or is about to (D11).
 */
import { sql } from 'kysely';
import { entityOf } from '../../contracts/index.ts';
import type { Actor } from '../audit/event.ts';
import type { Cmk } from '../context.ts';
import { requireRegion } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { SIGNING_OVERLAP_MS } from '../limits.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { keysNow, lockRegionKeys, tellRegionKey } from './region-keys.ts';

/**
 * `stolen`: whoever has the key keeps it in use for as long as they like, so that does not count. The key that signs is never
 * retired, so one always counts. Throws SIGNING_KEY_UNKNOWN, SIGNING_KEY_STATE, SIGNING_KEY_BUSY, SIGNING_KEY_IN_USE.
 */
export async function retireRegionKey(
  cmk: Cmk,
  who: Actor,
  region: string,
  { keyId, stolen = false }: { readonly keyId: string; readonly stolen?: boolean | undefined },
): Promise<void> {
  await asPlatform(cmk.db, async (trx) => {
    await lockRegionKeys(trx);
    await requireRegion(trx, region);
    const row = (await keysNow(trx, region)).find(({ key_id }) => key_id === keyId);
    if (row === undefined) throw new CmkError('SIGNING_KEY_UNKNOWN', `${region} has no signing key ${keyId}`);
    if (row.state === 'retired') return;
    if (row.state === 'active')
      throw new CmkError('SIGNING_KEY_STATE', `${region} signs by ${keyId} now: rotate it first`);
    const job = await liveJobOf(trx, region, keyId);
    if (job !== undefined)
      throw new CmkError('SIGNING_KEY_BUSY', `${region} is told to make or use ${keyId}, by job ${job}`);
    if (!stolen && row.heard_at !== null && Date.now() - row.heard_at.getTime() < SIGNING_OVERLAP_MS)
      throw new CmkError('SIGNING_KEY_IN_USE', `a core of ${region} still signs by ${keyId}`);
    await trx
      .updateTable('region_keys')
      .set({ state: 'retired', since: new Date() })
      .where('region', '=', region)
      .where('key_id', '=', keyId)
      .where('state', '<>', 'active')
      .execute();
    await tellRegionKey(trx, who, 'retire', region, { keyId, ...(stolen ? { stolen } : {}) });
  });
}

/** The job that makes the region sign by that key; retired meanwhile, it would be obeyed by nobody but the region. */
async function liveJobOf(trx: Trx, region: string, keyId: string): Promise<string | undefined> {
  const { rows } = await sql<{ job_id: string }>`
    SELECT job_id FROM orbital_tasks
      WHERE entity = ${`${entityOf('REGION_KEY_USE', { keyId })}@${region}`} AND target = ${region}
        AND state IN ('pending', 'processing') AND payload->>'keyId' = ${keyId} LIMIT 1`.execute(trx);
  return rows[0]?.job_id;
}
