/**
 * A page that a region has read out, item by item against what governance wants: what differs is a finding, and findings are
 * mended (mend.ts). An item that has changed since the question, or of which a job is under way, is left alone until it rests:
 * the answer may be from before.
 */
import { sql } from 'kysely';
import { type ManifestClass, manifestDigest } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { DRIFT_BATCH, DRIFT_CLAIM_MS, DRIFT_OWN_LIMIT, MAX_DRIFT_FINDINGS_PER_READ } from '../limits.ts';
import type { DriftRead } from '../store/drift-tables.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { type MendShare, tellHeldBack } from './allowance.ts';
import { mendOf, type Verdict } from './findings.ts';
import { type Found, mend, shareOf } from './mend.ts';
import { record } from './record.ts';
import { raisesAnchor, unknownVerdict } from './verdicts.ts';
import { ownDigest, type Wanted, wantedIn } from './wanted.ts';

/** Looks at every answer that has come. */
export async function examineAnswers(cmk: Cmk, correlationId: () => string): Promise<void> {
  const claimed = await asPlatform(cmk.db, (trx) =>
    sql<DriftRead>`
      UPDATE drift_reads r SET claimed_until = now() + ${DRIFT_CLAIM_MS} * interval '1 millisecond'
        FROM (SELECT region, class FROM drift_reads
                WHERE answered_at IS NOT NULL AND (claimed_until IS NULL OR claimed_until < now())
                ORDER BY answered_at LIMIT ${DRIFT_BATCH} FOR UPDATE SKIP LOCKED) a
        WHERE r.region = a.region AND r.class = a.class RETURNING r.*`.execute(trx),
  );
  for (const read of claimed.rows) {
    const { region, class: of } = read;
    try {
      const rest = readOut(read) ? await examine(cmk, read, correlationId()) : { afterMs: cmk.drift.retryMs };
      await asPlatform(cmk.db, (trx) => close(trx, read, rest));
    } catch (error) {
      // Its claim ends by itself; what others have told is not held up.
      cmk.logger.error(
        { err: error, region, class: of },
        'an answer about a manifest could not be examined yet',
      );
    }
  }
}

type ReadOut = DriftRead & { readonly answer: NonNullable<DriftRead['answer']> };

/** Whether there is an answer, and it is one to the question: in order, and of the range that was asked for. */
function readOut(read: DriftRead): read is ReadOut {
  if (read.answer === null || read.error !== null) return false;
  const { items, upTo } = read.answer;
  const keys = items.map(({ key }) => key);
  const end = upTo ?? read.up_to;
  return (
    keys.every((key, index) => key > (keys[index - 1] ?? read.after)) &&
    (end === null || keys.every((key) => key <= end)) &&
    (upTo === undefined || (upTo > read.after && (read.up_to === null || upTo <= read.up_to)))
  );
}

/** What the question has come to. */
interface Rest {
  /** When the page is to be read again, in milliseconds; null: when it changes. */
  readonly afterMs: number | null;
  readonly own?: string;
}

async function close(trx: Trx, read: DriftRead, { afterMs, own }: Rest): Promise<void> {
  await trx
    .updateTable('drift_pages')
    .set({
      due: false,
      look_again_at: afterMs === null ? null : new Date(Date.now() + afterMs),
      // What was not read is left alone for a while as it is told now; what was read is known as it was read.
      own_digest: own ?? null,
      read_digest: read.answer === null ? sql<string>`digest` : manifestDigest(read.answer.items),
    })
    .where('region', '=', read.region)
    .where('class', '=', read.class)
    .where('after', '=', read.after)
    .execute();
  await trx
    .deleteFrom('drift_reads')
    .where('region', '=', read.region)
    .where('class', '=', read.class)
    .where('job', '=', read.job)
    .execute();
}

async function examine(cmk: Cmk, read: ReadOut, correlationId: string): Promise<Rest> {
  const { region, class: of } = read;
  const told = new Map(read.answer.items.map(({ key, state }) => [key, state]));
  const end = read.answer.upTo ?? read.up_to;
  let from = read.after;
  let unsettled = false;
  let mending = false;
  let own: string | undefined;
  for (let found = 0; ; ) {
    const range = { after: from, upTo: end, limit: DRIFT_OWN_LIMIT };
    const wanted = await asPlatform(cmk.db, (trx) => wantedIn(trx, region, of, range));
    own ??= ownDigest(wanted, DRIFT_OWN_LIMIT);
    const last = wanted.length < DRIFT_OWN_LIMIT ? undefined : wanted.at(-1);
    const part = compare(cmk, read, wanted, told, { after: from, upTo: last?.key ?? end });
    unsettled ||= part.unsettled.length > 0;
    const kept = part.found.slice(0, MAX_DRIFT_FINDINGS_PER_READ - found);
    const upTo = kept.length < part.found.length ? (kept.at(-1)?.key ?? from) : (last?.key ?? end);
    await record(cmk, kept, { after: from, upTo, region, of, unsettled: part.unsettled }, correlationId);
    await raiseAnchors(cmk, of, region, wanted, told);
    if (await mendAll(cmk, kept, correlationId)) mending = true;
    found += kept.length;
    if (kept.length < part.found.length) return { afterMs: cmk.drift.settleMs, own };
    if (last === undefined) break;
    from = last.key;
  }
  return { own, afterMs: unsettled ? cmk.drift.settleMs : mending ? cmk.drift.retryMs : null };
}

/** Returns whether something of it is to be looked at again. */
async function mendAll(cmk: Cmk, found: readonly Found[], correlationId: string): Promise<boolean> {
  const heldBack = new Set<MendShare['of']>();
  let mending = false;
  for (const finding of found) {
    const share = shareOf(finding);
    if (mendOf(finding.verdict.kind) === 'tell' || heldBack.has(share.of)) continue;
    const outcome = await mend(cmk, finding, correlationId);
    if (outcome !== 'given up') mending = true;
    if (outcome !== 'held back') continue;
    heldBack.add(share.of);
    await tellHeldBack(cmk, share, correlationId);
  }
  return mending;
}

interface Part {
  readonly after: string;
  readonly upTo: string | null;
}

function compare(
  cmk: Cmk,
  read: DriftRead,
  wanted: readonly Wanted[],
  told: ReadonlyMap<string, string>,
  { after, upTo }: Part,
): { readonly found: readonly Found[]; readonly unsettled: readonly string[] } {
  const { region, class: of } = read;
  const restedBefore = new Date(read.asked_at.getTime() - cmk.drift.settleMs);
  const byKey = new Map(wanted.map((item) => [item.key, item]));
  const keys = new Set(byKey.keys());
  for (const key of told.keys()) if (key > after && (upTo === null || key <= upTo)) keys.add(key);
  const found: Found[] = [];
  const unsettled: string[] = [];
  // JavaScript sorts ASCII byte by byte, as both planes do.
  for (const key of [...keys].sort()) {
    const item = byKey.get(key);
    const said = told.get(key);
    const verdict: Verdict | undefined = item === undefined ? unknownVerdict(of, said) : item.judge(said);
    if (verdict === undefined) continue;
    if (item !== undefined && (item.isBusy || item.changedAt > restedBefore)) unsettled.push(key);
    else
      found.push({
        region,
        class: of,
        key,
        told: said,
        verdict,
        wanted: item?.expected,
        isKnown: item !== undefined,
        tenant: item?.tenant,
        askedAt: read.asked_at,
        restedBefore,
      });
  }
  return { found, unsettled };
}

/** What a region tells of a tenant's keys may only grow: the youngest word is kept. */
async function raiseAnchors(
  cmk: Cmk,
  of: ManifestClass,
  region: string,
  wanted: readonly Wanted[],
  told: ReadonlyMap<string, string>,
): Promise<void> {
  if (of !== 'key') return;
  const raised = wanted.flatMap(({ key }) => {
    const anchor = raisesAnchor(undefined, told.get(key));
    return anchor === undefined ? [] : [{ tenant: key, ...anchor }];
  });
  if (raised.length === 0) return;
  await asPlatform(cmk.db, (trx) =>
    sql`
      UPDATE tenant_regions t SET keys_counter = said.counter, keys_versions = said.versions
        FROM jsonb_to_recordset(${JSON.stringify(raised)}::jsonb)
          AS said (tenant text, counter integer, versions text)
        WHERE t.tenant = said.tenant AND t.region = ${region}
          AND (t.keys_counter IS NULL OR t.keys_counter < said.counter)`.execute(trx),
  );
}
