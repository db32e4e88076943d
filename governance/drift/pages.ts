/**
 * The pages of regions' manifests: kept as they are told, compared by their digests, and read by a job where they differ. A
 * region that tells nothing, or something wrong, costs no more than this: pages and questions have bounds, and an answer
 * leads to nothing that governance does not want anyway (mend.ts).
 */
import { sql } from 'kysely';
import { Value } from 'typebox/value';
import { type JobPayload, type JobResult, ManifestReport } from '../../contracts/index.ts';
import { JobConflictError, type RejectionCode, type TaskError } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import {
  DRIFT_BATCH,
  DRIFT_OWN_LIMIT,
  DRIFT_READ_DEADLINE_MS,
  MAX_DRIFT_PAGES_PER_REGION,
} from '../limits.ts';
import type { Answer } from '../links/answers.ts';
import type { DriftPage } from '../store/drift-tables.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { goForward, whyFarFromNow } from './freshness.ts';
import { ownDigest, wantedIn } from './wanted.ts';

/**
 * `source` is the region whose signature was verified, `at` when it has signed, by its clock. May come late and twice: what is not
 * newer than what was told of a class changes nothing in it, and the next round says what holds then. Answers why it is refused.
 */
export async function storeManifest(
  cmk: Pick<Cmk, 'db'>,
  source: string,
  report: unknown,
  at: string,
): Promise<RejectionCode | undefined> {
  if (!Value.Check(ManifestReport, report) || report.region !== source) return 'INVALID_BODY';
  const signedAt = new Date(at);
  const tooFar = whyFarFromNow(signedAt.getTime(), Date.now());
  if (tooFar !== undefined) return tooFar;
  const told = report.pages
    .filter(({ after = '', upTo }) => upTo === undefined || upTo > after)
    .map(({ after = '', upTo = null, ...page }) => ({ ...page, after, up_to: upTo }));
  return await asPlatform(cmk.db, async (trx) => {
    const classes = report.pages.map((page) => page.class);
    const newer = await goForward(trx, source, classes, signedAt);
    if (newer === undefined) return 'REPLAYED';
    const text = JSON.stringify(told.filter((page) => newer.has(page.class)));
    // A page that waits to be compared keeps its place. Pages begin elsewhere once something came or went before them.
    await sql`
      DELETE FROM drift_pages p
        USING jsonb_to_recordset(${text}::jsonb) AS said (class text, after text, up_to text)
        WHERE p.region = ${source} AND p.class = said.class AND p.after > said.after
          AND (said.up_to IS NULL OR p.after < said.up_to)`.execute(trx);
    await sql`
      INSERT INTO drift_pages AS p (region, class, after, up_to, items, digest)
        SELECT DISTINCT ON (said.class, said.after)
               ${source}, said.class, said.after, said.up_to, said.items, said.digest
          FROM jsonb_to_recordset(${text}::jsonb)
            AS said (class text, after text, up_to text, items integer, digest text)
          WHERE EXISTS (SELECT FROM regions WHERE name = ${source})
            AND (SELECT count(*) FROM drift_pages WHERE region = ${source}) < ${MAX_DRIFT_PAGES_PER_REGION}
        ON CONFLICT (region, class, after) DO UPDATE
          SET up_to = excluded.up_to, items = excluded.items, digest = excluded.digest,
              told_at = CASE WHEN p.checked_at >= p.told_at THEN now() ELSE p.told_at END`.execute(trx);
    return undefined;
  });
}

/**
 * Compares what was told since it was compared last: one page, one statement, and nothing more where both agree. Every region has
 * its first page compared before any has its second: one that tells much holds up nobody but itself.
 */
export async function checkPages(cmk: Cmk): Promise<void> {
  const told = await asPlatform(cmk.db, (trx) =>
    sql<DriftPage>`
      SELECT p.* FROM regions r CROSS JOIN LATERAL (
          SELECT d.*, row_number() OVER (ORDER BY d.told_at) AS turn FROM drift_pages d
            WHERE d.region = r.name AND (d.checked_at IS NULL OR d.checked_at < d.told_at)
            ORDER BY d.told_at LIMIT ${DRIFT_BATCH}) p
        ORDER BY p.turn, p.told_at LIMIT ${DRIFT_BATCH}`.execute(trx),
  );
  for (const page of told.rows) await asPlatform(cmk.db, (trx) => checkPage(trx, page));
}

async function checkPage(trx: Trx, page: DriftPage): Promise<void> {
  const { region, class: of, after, up_to: upTo } = page;
  const wanted = await wantedIn(trx, region, of, { after, upTo, limit: DRIFT_OWN_LIMIT });
  const own = ownDigest(wanted, DRIFT_OWN_LIMIT);
  const agrees = own === page.digest;
  const isKnown =
    page.read_digest === page.digest &&
    (page.own_digest === null || page.own_digest === own) &&
    (page.look_again_at === null || page.look_again_at.getTime() > Date.now());
  const stored = await trx
    .updateTable('drift_pages')
    .set({
      checked_at: sql<Date>`now()`,
      agrees,
      due: !agrees && !isKnown,
      ...(agrees ? { read_digest: null, own_digest: null, look_again_at: null } : {}),
    })
    .where('region', '=', region)
    .where('class', '=', of)
    .where('after', '=', after)
    .where('digest', '=', page.digest)
    .executeTakeFirst();
  if (agrees && stored.numUpdatedRows > 0n) await forget(trx, region, of, after, upTo);
}

/** Findings of a range that are none any more. */
export async function forget(
  trx: Trx,
  region: string,
  of: DriftPage['class'],
  after: string,
  upTo: string | null,
  except: readonly string[] = [],
): Promise<void> {
  await sql`
    DELETE FROM drift_findings WHERE region = ${region} AND class = ${of} AND item > ${after}
      AND (${upTo}::text IS NULL OR item <= ${upTo}) AND item <> ALL (${[...except]}::text[])`.execute(trx);
}

/** Asks for pages that are due, one of each class and region at a time. */
export async function askForPages(cmk: Cmk, correlationId: () => string): Promise<void> {
  const due = await asPlatform(cmk.db, (trx) =>
    sql<Pick<DriftPage, 'region' | 'class' | 'after' | 'up_to'>>`
      SELECT * FROM (
        SELECT DISTINCT ON (p.region, p.class) p.region, p.class, p.after, p.up_to, p.checked_at
          FROM drift_pages p WHERE p.due AND NOT EXISTS (
            SELECT FROM drift_reads r WHERE r.region = p.region AND r.class = p.class)
          ORDER BY p.region, p.class, p.checked_at) first
        ORDER BY checked_at LIMIT ${DRIFT_BATCH}`.execute(trx),
  );
  for (const page of due.rows) {
    try {
      await asPlatform(cmk.db, (trx) => ask(cmk, trx, page, correlationId()));
    } catch (error) {
      // One that nobody waits for any more ends by its deadline.
      if (!(error instanceof JobConflictError)) throw error;
    }
  }
}

async function ask(
  cmk: Cmk,
  trx: Trx,
  page: Pick<DriftPage, 'region' | 'class' | 'after' | 'up_to'>,
  correlationId: string,
): Promise<void> {
  const { region, class: of, after, up_to } = page;
  const payload: JobPayload<'MANIFEST_READ'> = {
    class: of,
    ...(after === '' ? {} : { after }),
    ...(up_to === null ? {} : { upTo: up_to }),
  };
  // The job first: with Orbital's lock on its entity, which answers hold when they come here.
  const job = await createRegionalJob(cmk, trx, {
    kind: 'MANIFEST_READ',
    task: { region, payload },
    correlationId,
    deadlineMs: DRIFT_READ_DEADLINE_MS,
  });
  await trx
    .insertInto('drift_reads')
    .values({ region, class: of, after, up_to, job, answer: null, error: null })
    .execute();
}

async function answered(
  trx: Trx,
  { region }: Answer,
  payload: JobPayload<'MANIFEST_READ'>,
  said: { readonly answer: string } | { readonly error: string },
): Promise<void> {
  await trx
    .updateTable('drift_reads')
    .set({ ...said, answered_at: new Date() })
    .where('region', '=', region)
    .where('class', '=', payload.class)
    .where('after', '=', payload.after ?? '')
    .where('answered_at', 'is', null)
    .execute();
}

/** What a region's answer does to the question (dispatch/handlers.ts): it is looked at outside of Orbital's transaction. */
export const pageRead = {
  done: (
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'MANIFEST_READ'>,
    result: JobResult<'MANIFEST_READ'>,
  ) => answered(trx, answer, payload, { answer: JSON.stringify(result) }),
  failed: (trx: Trx, answer: Answer, payload: JobPayload<'MANIFEST_READ'>, error: TaskError) =>
    answered(trx, answer, payload, { error: error.code }),
  cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'MANIFEST_READ'>) =>
    answered(trx, answer, payload, { error: 'CANCELLED' }),
};
