/** What differs, as operators see it. */
import { sql } from 'kysely';
import { type ManifestClass, manifestClasses } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import {
  cursorOf,
  instant,
  instantOrNull,
  limitOf,
  type Page,
  type PageRequest,
  toPage,
} from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { DRIFT_ALLOWANCE_MS, MAX_DRIFT_ATTEMPTS, MAX_REGIONS } from '../limits.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { type FindingKind, findingKinds, findings, type Mend, mendOf } from './findings.ts';

export interface DriftView {
  region: string;
  class: ManifestClass;
  /** A tenant, `TENANT/SERVICE`, or a fingerprint. */
  item: string;
  finding: FindingKind;
  meaning: string;
  mend: Mend;
  /** Mended as often as is tried: somebody has to look. */
  givenUp: boolean;
  wanted: string | null;
  told: string | null;
  foundAt: string;
  seenAt: string;
  /** Of the last try to mend it. */
  job: string | null;
}

export interface DriftFilter {
  readonly region?: string;
  readonly class?: ManifestClass;
  readonly finding?: FindingKind;
  readonly mend?: Mend;
}

export async function listDrift(cmk: Cmk, filter: DriftFilter, page: PageRequest): Promise<Page<DriftView>> {
  const { region, class: of, finding, mend } = filter;
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('drift_findings')
      .selectAll()
      .orderBy('region')
      .orderBy('class')
      .orderBy('item')
      .limit(limitOf(page) + 1);
    if (region !== undefined) query = query.where('region', '=', region);
    if (of !== undefined) query = query.where('class', '=', of);
    if (finding !== undefined) query = query.where('finding', '=', finding);
    if (mend !== undefined)
      query = query.where(
        'finding',
        'in',
        findingKinds.filter((kind) => mendOf(kind) === mend),
      );
    const after = cursorOf(page);
    if (after !== undefined) {
      const [afterRegion, afterClass, afterItem] = after.split('/');
      if (afterRegion === undefined || afterClass === undefined || afterItem === undefined)
        throw new CmkError('INVALID_CURSOR', 'the cursor names no finding');
      query = query.where(
        sql<boolean>`(region, class, item) > (${afterRegion}, ${afterClass}, ${afterItem})`,
      );
    }
    return toPage(
      await query.execute(),
      page,
      (row) => `${row.region}/${row.class}/${row.item}`,
      (row) => ({
        region: row.region,
        class: row.class,
        item: row.item.replace(' ', '/'),
        finding: row.finding,
        meaning: findings[row.finding].meaning,
        mend: mendOf(row.finding),
        givenUp: mendOf(row.finding) !== 'tell' && row.attempts >= MAX_DRIFT_ATTEMPTS,
        wanted: row.wanted,
        told: row.told,
        foundAt: instant(row.found_at),
        seenAt: instant(row.seen_at),
        job: row.job,
      }),
    );
  });
}

/** How far a region has told what it holds, and how much of that is as it should be. */
export interface RegionDriftView {
  region: string;
  pages: number;
  /** Pages whose digest is that of what governance wants. */
  agreeing: number;
  items: number;
  /** Since when nothing newer was told of the page that was told longest ago; null: it has told nothing. */
  oldestTold: string | null;
  findings: number;
}

export async function regionsDrift(cmk: Cmk): Promise<{ items: RegionDriftView[] }> {
  interface Row {
    readonly region: string;
    readonly pages: number;
    readonly agreeing: number;
    readonly items: number;
    readonly oldest: Date | null;
    readonly findings: number;
  }
  const { rows } = await asPlatform(cmk.db, (trx) =>
    sql<Row>`
      SELECT r.name AS region, count(p.*)::int AS pages, count(p.*) FILTER (WHERE p.agrees)::int AS agreeing,
             coalesce(sum(p.items), 0)::int AS items, min(p.told_at) AS oldest,
             (SELECT count(*) FROM drift_findings f WHERE f.region = r.name)::int AS findings
        FROM regions r LEFT JOIN drift_pages p ON p.region = r.name
        GROUP BY r.name ORDER BY r.name LIMIT ${MAX_REGIONS}`.execute(trx),
  );
  return { items: rows.map(({ oldest, ...row }) => ({ ...row, oldestTold: instantOrNull(oldest) })) };
}

/** For metrics. */
export async function countDrift(
  trx: Trx,
): Promise<{ findings: Record<string, number>; differingPages: number; heldBack: number }> {
  const rows = await trx
    .selectFrom('drift_findings')
    .select((eb) => ['finding', eb.fn.countAll<string>().as('count')])
    .groupBy('finding')
    .execute();
  const { differing } = await trx
    .selectFrom('drift_pages')
    .select((eb) => eb.fn.countAll<string>().as('differing'))
    .where('agrees', '=', false)
    .executeTakeFirstOrThrow();
  const { heldBack } = await trx
    .selectFrom('drift_allowances')
    .select((eb) => eb.fn.count<string>('region').distinct().as('heldBack'))
    .where('held_back', '=', true)
    .where('since', '>', new Date(Date.now() - DRIFT_ALLOWANCE_MS))
    .executeTakeFirstOrThrow();
  return {
    heldBack: Number(heldBack),
    findings: Object.fromEntries(rows.map(({ finding, count }) => [finding, Number(count)])),
    differingPages: Number(differing),
  };
}

export interface ToldClass {
  readonly region: string;
  readonly class: ManifestClass;
  readonly pages: number;
  /** Since the page of it that was told longest ago; where none was, since the region was enrolled. */
  readonly ageSeconds: number;
}

/** For metrics: every class of every region. */
export async function toldClasses(trx: Trx): Promise<readonly ToldClass[]> {
  const { rows } = await sql<ToldClass>`
    SELECT r.name AS region, c.class, coalesce(p.pages, 0)::int AS pages,
           extract(epoch FROM now() - coalesce(p.told_at, r.enrolled_at))::float8 AS "ageSeconds"
      FROM (SELECT name, enrolled_at FROM regions LIMIT ${MAX_REGIONS}) r
      CROSS JOIN unnest(${[...manifestClasses]}::text[]) AS c (class)
      LEFT JOIN (SELECT region, class, count(*) AS pages, min(told_at) AS told_at FROM drift_pages GROUP BY region, class) p
        ON p.region = r.name AND p.class = c.class
      ORDER BY r.name`.execute(trx);
  return rows;
}
