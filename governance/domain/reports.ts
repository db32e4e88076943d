/**
 * What regions say of themselves, kept as their last word: of the region as a whole, and of each link, since a report
 * names a page of them only. A report commands nothing (separation record); the one thing learnt from it is how far a
 * region's epochs have gone, so that a CMK database that was restored from a backup gives out no epoch a second time (D1).
 */
import { sql } from 'kysely';
import { Value } from 'typebox/value';
import { RegionReport, type ReportedLink } from '../../contracts/index.ts';
import type { RejectionCode } from '../../orbital/index.ts';
import { storeRegionAudit } from '../audit/regions.ts';
import type { Cmk } from '../context.ts';
import { EPOCHS_AHEAD, MAX_REPORT_AHEAD_MS } from '../limits.ts';
import { noteReportKey } from '../signing/region-keys.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';

/** `source` is the region whose signature was verified, by the key that `signedBy` names. Reports may come late and twice: an older one changes nothing. Answers why it is refused. */
export async function storeReport(
  cmk: Cmk,
  source: string,
  report: unknown,
  { at, signedBy }: { readonly at: string; readonly signedBy: string },
): Promise<RejectionCode | undefined> {
  if (!Value.Check(RegionReport, report) || report.region !== source) return 'INVALID_BODY';
  // One from far ahead would stand before every honest one that follows.
  if (Date.parse(at) > Date.now() + MAX_REPORT_AHEAD_MS) return 'CLOCK_AHEAD';
  // The region's clock orders its own reports; ours says when we heard of it, which is what "stale" is about.
  const { links, auditCounts, ...summary } = report;
  const text = JSON.stringify({ ...summary, at });
  await asPlatform(cmk.db, async (trx) => {
    await noteReportKey(trx, source, { at, signedBy });
    const stored = await trx
      .updateTable('regions')
      .set({ last_report: text, reported_at: new Date() })
      .where('name', '=', source)
      .where((eb) => eb.or([eb('last_report', 'is', null), eb(sql<string>`last_report->>'at'`, '<', at)]))
      .executeTakeFirst();
    if (stored.numUpdatedRows === 0n) return;
    if (links.length > 0) await storeLinks(trx, source, links);
    await storeRegionAudit(cmk, trx, {
      region: source,
      instance: report.core.instance,
      head: report.audit,
      fault: report.auditFault,
      counts: auditCounts ?? [],
    });
  });
  return undefined;
}

/**
 * Writes what is news and nothing else: most pages say what the round before has said. The count of epochs follows the region's
 * word no further than a few beyond those that governance has given out by its own rows: it is what the next block or unlink
 * closes, for ever, and a region that lies must not bring it to the end of all epochs.
 */
async function storeLinks(trx: Trx, region: string, links: readonly ReportedLink[]): Promise<void> {
  await sql`
    UPDATE tenant_regions t
      SET last_epoch = greatest(t.last_epoch, least(said.epoch, given.epoch + ${EPOCHS_AHEAD})),
          reported_epoch = said.epoch, reported_state = said.state, reported_expires_at = said."expiresAt"
      FROM jsonb_to_recordset(${JSON.stringify(links)}::jsonb)
        AS said (tenant text, epoch integer, state text, "expiresAt" text)
      CROSS JOIN LATERAL (
        SELECT coalesce(max(l.epoch), 0) AS epoch FROM links l
          WHERE l.tenant = said.tenant AND l.region = ${region}) given
      WHERE t.tenant = said.tenant AND t.region = ${region}
        AND (t.last_epoch < least(said.epoch, given.epoch + ${EPOCHS_AHEAD})
          OR (t.reported_epoch, t.reported_state, t.reported_expires_at)
            IS DISTINCT FROM (said.epoch, said.state, said."expiresAt"))`.execute(trx);
}
