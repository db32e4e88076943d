/** Regions: their enrolment, what they last said of themselves, and the gateways that serve in them. */
import type { Selectable } from 'kysely';
import { Value } from 'typebox/value';
import { RegionSummary } from '../../contracts/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { MAX_REGIONS, REPORT_STALE_MS } from '../limits.ts';
import { signingKeysInto } from '../signing/own-keys.ts';
import type { RegionRow } from '../store/schema.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { parseSigningKey } from './certificates.ts';
import { issuersInto } from './issuers.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface Enrolment {
  readonly name: string;
  /** Under which the region signs; its public key is carried here by an operator, out of band. */
  readonly keyId: string;
  readonly publicKey: string;
  readonly endpoints?: Readonly<Record<string, string>>;
}

export interface RegionView {
  name: string;
  keyId: string;
  endpoints: Record<string, string>;
  enrolledAt: string;
  /** The region's own words; null until it has reported. */
  report: RegionSummary | null;
  reportedAt: string | null;
  /** True when the last report is older than regions' reports may be, or there is none. */
  stale: boolean;
  gateways: { name: string; fingerprint: string; state: string; error: string | null }[];
}

/** Enrolling the same region again with the same key changes nothing but its endpoints. */
export async function enrolRegion(cmk: Cmk, who: Actor, enrolment: Enrolment): Promise<{ created: boolean }> {
  const publicKey = parseSigningKey(enrolment.publicKey);
  const endpoints = JSON.stringify(enrolment.endpoints ?? {});
  return await asPlatform(cmk.db, async (trx) => {
    const { count } = await trx
      .selectFrom('regions')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow();
    if (Number(count) >= MAX_REGIONS) throw new CmkError('LIMIT_REACHED', `there are ${MAX_REGIONS} regions`);
    const inserted = await trx
      .insertInto('regions')
      .values({
        name: enrolment.name,
        key_id: enrolment.keyId,
        public_key: publicKey,
        endpoints,
        last_report: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst();
    if (inserted === undefined) {
      const present = await trx
        .updateTable('regions')
        .set({ endpoints })
        .where('name', '=', enrolment.name)
        .where('key_id', '=', enrolment.keyId)
        .where('public_key', '=', publicKey)
        .returning('name')
        .executeTakeFirst();
      if (present === undefined)
        throw new CmkError(
          'ALREADY_EXISTS',
          `region ${enrolment.name}, its key or its key id is enrolled differently`,
        );
      return { created: false };
    }
    await issuersInto(cmk, trx, who, enrolment.name);
    await signingKeysInto(cmk, trx, who, enrolment.name);
    await audit(trx, who, {
      action: 'region.enrol',
      subject: `region:${enrolment.name}`,
      outcome: 'accepted',
      detail: { keyId: enrolment.keyId },
    });
    return { created: true };
  });
}

export interface RegionFilter {
  /** Only regions that have not reported for too long, or only others. */
  readonly stale?: boolean;
}

export async function listRegions(
  cmk: Cmk,
  { stale }: RegionFilter,
  page: PageRequest,
): Promise<Page<RegionView>> {
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('regions')
      .selectAll()
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    if (stale !== undefined) {
      const since = new Date(Date.now() - REPORT_STALE_MS);
      query = query.where((eb) =>
        stale
          ? eb.or([eb('reported_at', 'is', null), eb('reported_at', '<', since)])
          : eb('reported_at', '>=', since),
      );
    }
    return toPage(
      await viewsOf(trx, await query.execute()),
      page,
      (view) => view.name,
      (view) => view,
    );
  });
}

/** Throws REGION_UNKNOWN. */
export async function getRegion(cmk: Cmk, name: string): Promise<RegionView> {
  return await asPlatform(cmk.db, async (trx) => {
    const rows = await trx.selectFrom('regions').selectAll().where('name', '=', name).execute();
    const [view] = await viewsOf(trx, rows);
    if (view === undefined) throw new CmkError('REGION_UNKNOWN', `region ${name} is not enrolled`);
    return view;
  });
}

async function viewsOf(trx: Trx, rows: readonly Selectable<RegionRow>[]): Promise<RegionView[]> {
  if (rows.length === 0) return [];
  const gateways = await trx
    .selectFrom('gateways')
    .select(['region', 'name', 'fingerprint', 'state', 'error'])
    .where(
      'region',
      'in',
      rows.map((row) => row.name),
    )
    .orderBy('name')
    .execute();
  const now = Date.now();
  return rows.map((row) => ({
    name: row.name,
    keyId: row.key_id,
    endpoints: row.endpoints,
    enrolledAt: instant(row.enrolled_at),
    report: Value.Check(RegionSummary, row.last_report) ? row.last_report : null,
    reportedAt: instantOrNull(row.reported_at),
    stale: row.reported_at === null || now - row.reported_at.getTime() > REPORT_STALE_MS,
    gateways: gateways
      .filter((gateway) => gateway.region === row.name)
      .map(({ name, fingerprint, state, error }) => ({ name, fingerprint, state, error })),
  }));
}
