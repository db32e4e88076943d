/**
 * How much one region may make governance do: jobs of mends that are under way at once, and jobs and audit events of an hour. It
 * is counted in the database, so that it holds for all processes of CMK. A region can make names up without end, so what
 * governance has never heard of has a small allowance of its own, and takes nothing from what is mended of what is wanted.
 */
import { sql } from 'kysely';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { DRIFT_ALLOWANCE, DRIFT_ALLOWANCE_MS } from '../limits.ts';
import type { Allowance } from '../store/drift-tables.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';

export interface Share<A extends Allowance = Allowance> {
  readonly region: string;
  readonly of: A;
}
/** Of a mend. */
export type MendShare = Share<'known' | 'unknown'>;

/** There is none left: the transaction ends without a change. */
export class HeldBack extends Error {}

/** How many of `wish` may be done now; they count as done. Takes the region's row until the transaction ends: the chains come behind it. */
export async function spend(trx: Trx, { region, of }: Share, wish: number): Promise<number> {
  const spent = await spentOf(trx, { region, of });
  const granted = Math.max(0, Math.min(wish, DRIFT_ALLOWANCE[of].perHour - spent));
  await trx
    .updateTable('drift_allowances')
    .set((eb) => ({ spent: eb('spent', '+', granted) }))
    .where('region', '=', region)
    .where('allowance', '=', of)
    .execute();
  return granted;
}

/** @throws HeldBack */
export async function spendOnJob(trx: Trx, share: MendShare, job: string): Promise<void> {
  const { region, of } = share;
  if ((await spend(trx, share, 1)) === 0) throw new HeldBack();
  // Asked of the jobs themselves: what a region says can make governance forget a finding, and no job.
  await sql`
    DELETE FROM drift_mends m WHERE m.region = ${region} AND m.allowance = ${of} AND NOT EXISTS (
      SELECT FROM orbital_jobs j WHERE j.id = m.job AND j.state IN ('pending', 'processing'))`.execute(trx);
  const { live } = await trx
    .selectFrom('drift_mends')
    .select((eb) => eb.fn.countAll<string>().as('live'))
    .where('region', '=', region)
    .where('allowance', '=', of)
    .executeTakeFirstOrThrow();
  if (Number(live) >= DRIFT_ALLOWANCE[of].live) throw new HeldBack();
  await trx.insertInto('drift_mends').values({ job, region, allowance: of }).execute();
}

/** One event for all that is held back within the hour: what it tells of was counted as spent, or is under way. */
export async function tellHeldBack(cmk: Cmk, share: Share, correlationId: string): Promise<void> {
  const { region, of } = share;
  await asPlatform(cmk.db, async (trx) => {
    await spentOf(trx, share);
    const first = await trx
      .updateTable('drift_allowances')
      .set({ held_back: true })
      .where('region', '=', region)
      .where('allowance', '=', of)
      .where('held_back', '=', false)
      .executeTakeFirst();
    if (first.numUpdatedRows === 0n) return;
    const detail = { of, ...DRIFT_ALLOWANCE[of] };
    cmk.logger.warn(
      { region, ...detail, correlationId },
      'a region differs in more than may be mended or told of it; the rest waits',
    );
    await audit(
      trx,
      { actor: 'system:drift', correlationId },
      { action: 'drift.held-back', subject: `region:${region}`, outcome: 'refused', detail },
    );
  });
}

/** Of this hour, which begins anew where the last one is over. */
async function spentOf(trx: Trx, { region, of }: Share): Promise<number> {
  const isOver = sql`a.since < now() - ${DRIFT_ALLOWANCE_MS} * interval '1 millisecond'`;
  const { rows } = await sql<{ spent: number }>`
    INSERT INTO drift_allowances AS a (region, allowance) VALUES (${region}, ${of})
      ON CONFLICT (region, allowance) DO UPDATE
        SET since = CASE WHEN ${isOver} THEN now() ELSE a.since END,
            spent = CASE WHEN ${isOver} THEN 0 ELSE a.spent END,
            held_back = a.held_back AND NOT (${isOver})
      RETURNING a.spent`.execute(trx);
  return rows[0]?.spent ?? 0;
}
