/**
 * What regions say of themselves, kept as their last word. A report commands nothing (separation record); the one
 * thing learnt from it is how far a region's epochs have gone, so that a CMK database that was restored from a backup
 * gives out no epoch a second time (D1).
 */
import { sql } from 'kysely';
import { Value } from 'typebox/value';
import { RegionReport } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { asPlatform } from '../store/transactions.ts';

/** `source` is the region whose signature was verified. Reports may come late and twice: an older one changes nothing. */
export async function storeReport(cmk: Cmk, source: string, report: unknown, at: string): Promise<void> {
  if (!Value.Check(RegionReport, report) || report.region !== source) {
    cmk.logger.warn({ region: source }, 'a region report does not follow its schema; it was thrown away');
    return;
  }
  // The region's clock orders its own reports; ours says when we heard of it, which is what "stale" is about.
  const text = JSON.stringify({ ...report, at });
  await asPlatform(cmk.db, async (trx) => {
    const stored = await trx
      .updateTable('regions')
      .set({ last_report: text, reported_at: new Date() })
      .where('name', '=', source)
      .where((eb) => eb.or([eb('last_report', 'is', null), eb(sql<string>`last_report->>'at'`, '<', at)]))
      .executeTakeFirst();
    if (stored.numUpdatedRows === 0n || report.links.length === 0) return;
    await sql`
      UPDATE tenant_regions t SET last_epoch = said.epoch
        FROM jsonb_to_recordset(${JSON.stringify(report.links)}::jsonb) AS said (tenant text, epoch integer)
        WHERE t.tenant = said.tenant AND t.region = ${source} AND t.last_epoch < said.epoch`.execute(trx);
  });
}
