/** Gauges that are counted in the database now and then, rather than at every scrape. */
import type { Cmk } from '../context.ts';
import { countKeys } from '../domain/key-states.ts';
import { countDrift, toldClasses } from '../drift/view.ts';
import { MAX_REGIONS } from '../limits.ts';
import { countLinks } from '../links/rows.ts';
import { asPlatform } from './transactions.ts';

export async function collectGauges(cmk: Cmk): Promise<void> {
  await asPlatform(cmk.db, async (trx) => {
    cmk.metrics.links(await countLinks(trx));
    const { counts, warnings } = await countKeys(trx);
    cmk.metrics.l1Keys(counts, warnings);
    const regions = await trx
      .selectFrom('regions')
      .select(['name', 'reported_at', 'enrolled_at'])
      .limit(MAX_REGIONS)
      .execute();
    const drift = await countDrift(trx);
    cmk.metrics.drift(drift.findings, drift);
    const told = await toldClasses(trx);
    for (const each of told) cmk.metrics.manifestAge(each.region, each.class, each.ageSeconds);
    const pagesOf = Map.groupBy(told, ({ region }) => region);
    for (const [region, classes] of pagesOf)
      cmk.metrics.manifestPages(
        region,
        classes.reduce((sum, { pages }) => sum + pages, 0),
      );
    const now = Date.now();
    for (const { name, reported_at, enrolled_at } of regions)
      cmk.metrics.regionReportAge(name, (now - (reported_at ?? enrolled_at).getTime()) / 1000);
  });
}
