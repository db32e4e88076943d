/** The list of what differs: kept as it was found last, and told once where nobody mends it. */
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { MAX_DRIFT_FINDINGS_PER_REGION } from '../limits.ts';
import type { DriftPage } from '../store/drift-tables.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { spend, tellHeldBack } from './allowance.ts';
import { type FindingKind, mendOf } from './findings.ts';
import { type Found, subjectOf } from './mend.ts';
import { forget } from './pages.ts';

export interface Looked {
  readonly region: string;
  readonly of: DriftPage['class'];
  readonly after: string;
  readonly upTo: string | null;
  /** Of what is under way, what was found before stays. */
  readonly unsettled: readonly string[];
}

/** Findings of a range as they are now. */
export async function record(
  cmk: Cmk,
  found: readonly Found[],
  looked: Looked,
  correlationId: string,
): Promise<void> {
  const share = { region: looked.region, of: 'told' } as const;
  const untold = await asPlatform(cmk.db, async (trx) => {
    const news = await store(trx, found, looked);
    for (const { verdict } of news) cmk.metrics.driftFound(verdict.kind);
    const toTell = news.filter(({ verdict }) => mendOf(verdict.kind) === 'tell');
    // Before any chain, which comes last.
    const told = toTell.length === 0 ? 0 : await spend(trx, share, toTell.length);
    for (const finding of toTell.slice(0, told)) await tell(cmk, trx, finding, correlationId);
    return toTell.length - told;
  });
  if (untold > 0) await tellHeldBack(cmk, share, correlationId);
}

async function tell(cmk: Cmk, trx: Trx, found: Found, correlationId: string): Promise<void> {
  const { region, key, verdict, tenant, wanted = null, told = null } = found;
  cmk.logger.warn({ region, finding: verdict.kind, key, wanted, told }, 'a region differs; it is told');
  await audit(
    trx,
    { actor: 'system:drift', correlationId },
    {
      ...(tenant === undefined ? {} : { tenant }),
      action: 'drift.found',
      subject: subjectOf(found),
      outcome: 'failed',
      detail: { finding: verdict.kind, wanted, told },
    },
  );
}

/** Returns those that were not known before, or as something else, and found room. */
async function store(
  trx: Trx,
  found: readonly Found[],
  { region, of, after, upTo, unsettled }: Looked,
): Promise<Found[]> {
  await forget(trx, region, of, after, upTo, [...found.map(({ key }) => key), ...unsettled]);
  const { count } = await trx
    .selectFrom('drift_findings')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('region', '=', region)
    .executeTakeFirstOrThrow();
  let room = MAX_DRIFT_FINDINGS_PER_REGION - Number(count);
  const news: Found[] = [];
  for (const finding of found) {
    const { verdict, key } = finding;
    const known = await kindOf(trx, finding);
    if (known === undefined && room-- <= 0) continue;
    const seen = { wanted: finding.wanted ?? null, told: finding.told ?? null, seen_at: new Date() };
    const isNew = known !== verdict.kind;
    const begun = isNew ? { finding: verdict.kind, job: null, attempts: 0, found_at: new Date() } : {};
    await trx
      .insertInto('drift_findings')
      .values({ region, class: of, item: key, finding: verdict.kind, ...seen })
      .onConflict((conflict) =>
        conflict.columns(['region', 'class', 'item']).doUpdateSet({ ...seen, ...begun }),
      )
      .execute();
    if (isNew) news.push(finding);
  }
  return news;
}

async function kindOf(
  trx: Trx,
  { region, class: of, key }: Pick<Found, 'region' | 'class' | 'key'>,
): Promise<FindingKind | undefined> {
  const row = await trx
    .selectFrom('drift_findings')
    .select('finding')
    .where('region', '=', region)
    .where('class', '=', of)
    .where('item', '=', key)
    .executeTakeFirst();
  return row?.finding;
}
