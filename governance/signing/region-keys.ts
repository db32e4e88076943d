/**
 * The keys by which regions sign. Governance asks a region for a new one, whose private half never leaves it; once its public
 * half is known here the region is told to use it, and the one before counts until it is retired. A region whose key was lost
 * or stolen gets its new one by hand, as at its enrolment (D11).
 */
import { createPublicKey } from 'node:crypto';
import { sql } from 'kysely';
import { type JobPayload, type JobResult, MAX_SIGNING_KEYS } from '../../contracts/index.ts';
import { canonicalPem, type TaskError, type TrustedKey } from '../../orbital/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createOrJoin, createRegionalJob, type JobMaker } from '../dispatch/jobs.ts';
import { parseSigningKey } from '../domain/certificates.ts';
import { requireRegion } from '../domain/lookups.ts';
import { instant, instantOrNull } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_KEPT_SIGNING_KEYS, PROVISION_DEADLINE_MS } from '../limits.ts';
import type { Answer } from '../links/answers.ts';
import type { SigningKeyState } from '../store/signing-tables.ts';
import { asPlatform, type Db, type Trx } from '../store/transactions.ts';

export interface RegionKeyView {
  keyId: string;
  publicKey: string;
  state: SigningKeyState;
  since: string | null;
  /** When the last report came that it has signed; null: not since the rotation began. */
  heardAt: string | null;
}

/** The one of the enrolment stands with the region alone until there is a second. */
const KEYS = sql`
  SELECT region, key_id, public_key, state, since, heard_at FROM region_keys
  UNION ALL
  SELECT r.name, r.key_id, r.public_key, 'active', r.enrolled_at, NULL FROM regions r
    WHERE NOT EXISTS (SELECT FROM region_keys k WHERE k.key_id = r.key_id)`;
interface Row {
  readonly key_id: string;
  readonly public_key: string;
  readonly state: SigningKeyState;
  readonly since: Date;
  readonly heard_at: Date | null;
}
export async function keysNow(db: Db | Trx, region: string): Promise<readonly Row[]> {
  const { rows } = await sql<Row>`
    SELECT * FROM (${KEYS}) AS k WHERE region = ${region} ORDER BY since, key_id`.execute(db);
  return rows;
}

/** The keys with which a region may sign; none for one that is not enrolled. */
export async function keysOfRegion(db: Db, region: string): Promise<readonly TrustedKey[]> {
  const rows = await keysNow(db, region);
  return rows
    .filter(({ state }) => state !== 'retired')
    .map(({ key_id, public_key }) => ({ keyId: key_id, publicKey: createPublicKey(public_key) }));
}

/** The region's key of that name, also one that is retired: what it has signed in its time stays signed. */
export async function publicKeyOf(trx: Trx, region: string, keyId: string): Promise<string | undefined> {
  return (await keysNow(trx, region)).find(({ key_id }) => key_id === keyId)?.public_key;
}

export async function listRegionKeys(cmk: Cmk, region: string): Promise<{ items: RegionKeyView[] }> {
  const rows = await asPlatform(cmk.db, async (trx) => {
    await requireRegion(trx, region);
    return await keysNow(trx, region);
  });
  return {
    items: rows.map(({ key_id, public_key, state, since, heard_at }) => ({
      keyId: key_id,
      publicKey: public_key,
      state,
      since: instant(since),
      heardAt: instantOrNull(heard_at),
    })),
  };
}

/** One decision about keys of regions at a time; answers of regions wait for it, or it for them. Before `regions`, always. */
export async function lockRegionKeys(trx: Trx): Promise<void> {
  await sql`LOCK TABLE region_keys IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
}

/** Before the second key: the first gets a row of its own. Throws REGION_UNKNOWN, SIGNING_KEY_STATE, ALREADY_EXISTS. */
async function prepare(trx: Trx, region: string, keyId: string): Promise<readonly Row[]> {
  await lockRegionKeys(trx);
  await requireRegion(trx, region);
  await sql`
    INSERT INTO region_keys (region, key_id, public_key, state)
      SELECT name, key_id, public_key, 'active' FROM regions r
        WHERE name = ${region} AND NOT EXISTS (SELECT FROM region_keys k WHERE k.region = r.name)`.execute(
    trx,
  );
  const rows = await keysNow(trx, region);
  const present = rows.find(({ key_id }) => key_id === keyId);
  if (present !== undefined && present.state !== 'announced')
    throw new CmkError('SIGNING_KEY_STATE', `${keyId} is ${present.state}`);
  const { rows: others } = await sql`
    SELECT FROM (${KEYS}) AS k WHERE key_id = ${keyId} AND region <> ${region}`.execute(trx);
  if (others.length > 0) throw new CmkError('ALREADY_EXISTS', `${keyId} is the name of another region's key`);
  const counting = rows.filter(({ state }) => state !== 'retired').length;
  if (present === undefined && counting >= MAX_SIGNING_KEYS)
    throw new CmkError('SIGNING_KEY_STATE', `${MAX_SIGNING_KEYS} keys of ${region} count already`);
  if (rows.length >= MAX_KEPT_SIGNING_KEYS)
    throw new CmkError('LIMIT_REACHED', `${MAX_KEPT_SIGNING_KEYS} keys of a region are kept`);
  return rows;
}

/** Asks the region for a key of that name, and to sign by it. */
export async function rotateRegionKey(
  cmk: Cmk,
  who: Actor,
  region: string,
  keyId: string,
): Promise<{ job: string }> {
  return await asPlatform(cmk.db, async (trx) => {
    await prepare(trx, region, keyId);
    const { job } = await createOrJoin(cmk, trx, {
      kind: 'REGION_KEY_MAKE',
      task: { region, payload: { keyId } },
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
    await tellRegionKey(trx, who, 'rotate', region, { keyId, job });
    return { job };
  });
}

/** A key that an operator has carried here: it counts from now on, beside those of before. */
export async function putRegionKey(
  cmk: Cmk,
  who: Actor,
  region: string,
  key: { readonly keyId: string; readonly publicKey: string },
): Promise<{ job: null }> {
  const publicKey = parseSigningKey(key.publicKey);
  await asPlatform(cmk.db, async (trx) => {
    await prepare(trx, region, key.keyId);
    if (!(await insertKey(trx, region, key.keyId, publicKey)))
      throw new CmkError('ALREADY_EXISTS', 'this is the key of another name, or of another region');
    await goOver(trx, region, key.keyId);
    await tellRegionKey(trx, who, 'put', region, { keyId: key.keyId });
  });
  return { job: null };
}

/**
 * With each report that is news, so that nobody retires a key that a core of the region still signs by; one that was recorded
 * and comes again keeps no key in use. Before the report is stored: `region_keys` is taken before `regions`, always.
 */
export async function noteReportKey(
  trx: Trx,
  region: string,
  { at, signedBy }: { readonly at: string; readonly signedBy: string },
): Promise<void> {
  await sql`
    UPDATE region_keys k SET heard_at = ${new Date()}
      FROM regions r
      WHERE k.region = ${region} AND k.key_id = ${signedBy} AND r.name = k.region
        AND (r.last_report IS NULL OR r.last_report->>'at' < ${at})`.execute(trx);
}

export const regionKeyAnswers = (jobs: JobMaker) => ({
  made: {
    async done(
      trx: Trx,
      answer: Answer,
      { keyId }: JobPayload<'REGION_KEY_MAKE'>,
      result: JobResult<'REGION_KEY_MAKE'>,
    ): Promise<void> {
      const publicKey = canonicalPem(result.publicKey);
      const isFit = result.keyId === keyId && publicKey !== undefined;
      if (!isFit || !(await insertKey(trx, answer.region, keyId, publicKey)))
        return await tellAnswer(trx, answer, 'made', keyId, 'INVALID_RESULT');
      await createRegionalJob(jobs, trx, {
        kind: 'REGION_KEY_USE',
        task: { region: answer.region, payload: { keyId } },
        correlationId: answer.who.correlationId,
        deadlineMs: null,
      });
      await tellAnswer(trx, answer, 'made', keyId);
    },
    failed: (trx: Trx, answer: Answer, { keyId }: JobPayload<'REGION_KEY_MAKE'>, error: TaskError) =>
      tellAnswer(trx, answer, 'made', keyId, error.code),
  },
  used: {
    async done(trx: Trx, answer: Answer, { keyId }: JobPayload<'REGION_KEY_USE'>): Promise<void> {
      // The region signs by it whatever is thought of it here: where it was retired, a person has to help (signing-keys.md).
      const isOver = await goOver(trx, answer.region, keyId);
      await tellAnswer(trx, answer, 'used', keyId, isOver ? undefined : 'SIGNING_KEY_STATE');
    },
    failed: (trx: Trx, answer: Answer, { keyId }: JobPayload<'REGION_KEY_USE'>, error: TaskError) =>
      tellAnswer(trx, answer, 'used', keyId, error.code),
  },
});

/** False where the name or the key is somebody else's, or was retired. */
async function insertKey(trx: Trx, region: string, keyId: string, publicKey: string): Promise<boolean> {
  const { rows: taken } = await sql`
    SELECT FROM (${KEYS}) AS k WHERE public_key = ${publicKey} AND key_id <> ${keyId}`.execute(trx);
  if (taken.length > 0) return false;
  await trx
    .insertInto('region_keys')
    .values({ region, key_id: keyId, public_key: publicKey, state: 'announced' })
    .onConflict((conflict) => conflict.column('key_id').doNothing())
    .execute();
  const row = (await keysNow(trx, region)).find(({ key_id }) => key_id === keyId);
  return row?.public_key === publicKey && row.state !== 'retired';
}

/** False where the key was retired. */
async function goOver(trx: Trx, region: string, keyId: string): Promise<boolean> {
  const since = new Date();
  const next = await trx
    .selectFrom('region_keys')
    .select(['key_id', 'public_key'])
    .where('region', '=', region)
    .where('key_id', '=', keyId)
    .where('state', '<>', 'retired')
    .executeTakeFirst();
  if (next === undefined) return false;
  await trx
    .updateTable('region_keys')
    .set({ state: 'retiring', since })
    .where('region', '=', region)
    .where('state', '=', 'active')
    .where('key_id', '<>', keyId)
    .execute();
  await trx
    .updateTable('region_keys')
    .set({ state: 'active', since })
    .where('region', '=', region)
    .where('key_id', '=', keyId)
    .execute();
  await trx
    .updateTable('regions')
    .set({ key_id: next.key_id, public_key: next.public_key })
    .where('name', '=', region)
    .execute();
  return true;
}

export async function tellRegionKey(
  trx: Trx,
  who: Actor,
  what: string,
  region: string,
  detail: Record<string, unknown>,
): Promise<void> {
  await audit(trx, who, {
    action: `region-key.${what}`,
    subject: `region:${region}`,
    outcome: 'accepted',
    detail,
  });
}

async function tellAnswer(
  trx: Trx,
  { region, who }: Answer,
  what: string,
  keyId: string,
  error?: string,
): Promise<void> {
  await audit(trx, who, {
    action: `region-key.${what}`,
    subject: `region:${region}`,
    outcome: error === undefined ? 'succeeded' : 'failed',
    detail: { keyId, ...(error === undefined ? {} : { error }) },
  });
}
