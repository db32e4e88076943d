/**
 * What is known of a request with an Idempotency-Key: who is at it, whether its change was made, what was answered. The
 * mark "carried out" is part of the change's own transaction, so that a crash between commit and answer is no riddle:
 * whoever repeats the request learns that it was done, and it is not done again.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { PLATFORM } from '../audit/event.ts';
import { CmkError } from '../errors.ts';
import {
  IDEMPOTENCY_CLAIM_MS,
  IDEMPOTENCY_SWEEP_BATCH,
  IDEMPOTENCY_TTL_MS,
  MAX_IDEMPOTENCY_KEYS,
} from '../limits.ts';
import { asPlatform, asTenant, type Db, type Trx } from './transactions.ts';

export interface IdempotentRequest {
  /** A tenant, or PLATFORM for what concerns no single one. */
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of what is asked. */
  readonly request: string;
  readonly correlationId: string;
}

export interface KeptAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** `claim` proves to the later steps that the request is still this process's. */
export type Begun =
  | { readonly step: 'begin'; readonly claim: string }
  | { readonly step: 'repeat'; readonly answer: KeptAnswer };

const scoped = <T>(db: Db, tenant: string, act: (trx: Trx) => Promise<T>): Promise<T> =>
  tenant === PLATFORM ? asPlatform(db, act) : asTenant(db, tenant, act);

/**
 * Errors: IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_KEY_BUSY, IDEMPOTENT_ANSWER_LOST, LIMIT_REACHED.
 */
export async function begin(db: Db, asked: IdempotentRequest): Promise<Begun> {
  const { tenant, principal, key, request, correlationId } = asked;
  const claim = randomUUID();
  const now = Date.now();
  const mine = {
    request,
    claim,
    claimed_until: new Date(now + IDEMPOTENCY_CLAIM_MS),
    correlation_id: correlationId,
    expires_at: new Date(now + IDEMPOTENCY_TTL_MS),
  };
  return await scoped(db, tenant, async (trx): Promise<Begun> => {
    const inserted = await trx
      .insertInto('idempotency_keys')
      .values({ tenant, principal, key, ...mine })
      .onConflict((conflict) => conflict.doNothing())
      .returning('claim')
      .executeTakeFirst();
    if (inserted !== undefined) {
      await refuseTooMany(trx, asked);
      return { step: 'begin', claim };
    }
    const row = await trx
      .selectFrom('idempotency_keys')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('principal', '=', principal)
      .where('key', '=', key)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw new CmkError('IDEMPOTENCY_KEY_BUSY', 'its request has just ended');
    const expired = row.expires_at.getTime() <= now;
    if (!expired) {
      if (row.request !== request)
        throw new CmkError('IDEMPOTENCY_KEY_REUSED', 'the key came with another method, path or body before');
      if (row.status !== null && row.answer !== null && row.content_type !== null)
        return {
          step: 'repeat',
          answer: { status: row.status, contentType: row.content_type, body: row.answer },
        };
      // Also when the change is made: its answer is about to be kept.
      if (row.claimed_until.getTime() > now)
        throw new CmkError('IDEMPOTENCY_KEY_BUSY', 'the same request is being carried out');
      if (row.carried_out)
        throw new CmkError(
          'IDEMPOTENT_ANSWER_LOST',
          `the request was carried out under the correlation id ${row.correlation_id}`,
        );
    }
    await trx
      .updateTable('idempotency_keys')
      .set({ ...mine, carried_out: false, status: null, answer: null, content_type: null })
      .where('tenant', '=', tenant)
      .where('principal', '=', principal)
      .where('key', '=', key)
      .execute();
    return { step: 'begin', claim };
  });
}

async function refuseTooMany(trx: Trx, { tenant, principal, key }: IdempotentRequest): Promise<void> {
  const { full } = await trx
    .selectNoFrom((eb) =>
      eb
        .exists(
          eb
            .selectFrom('idempotency_keys')
            .select('key')
            .where('tenant', '=', tenant)
            .where('principal', '=', principal)
            .where('key', '!=', key)
            .offset(MAX_IDEMPOTENCY_KEYS - 1)
            .limit(1),
        )
        .as('full'),
    )
    .executeTakeFirstOrThrow();
  if (full)
    throw new CmkError('LIMIT_REACHED', `${principal} has ${MAX_IDEMPOTENCY_KEYS} idempotency keys in use`);
}

/**
 * In the transaction of the change. Throws IDEMPOTENCY_KEY_BUSY, and undoes it, when somebody else has taken the request
 * over because this process was too slow.
 */
export async function markCarriedOut(trx: Trx, asked: IdempotentRequest, claim: string): Promise<void> {
  const marked = await own(trx, asked, claim).set({ carried_out: true }).executeTakeFirst();
  if (marked.numUpdatedRows === 0n)
    throw new CmkError('IDEMPOTENCY_KEY_BUSY', 'the request took too long, and was taken over');
}

/**
 * Keeps the answer of a request that was carried out, or that had nothing to change; one that failed without a change
 * frees its key, so that it may be tried again.
 * @param answer undefined where it may not be kept.
 */
export async function end(
  db: Db,
  asked: IdempotentRequest,
  claim: string,
  ended: { readonly failed: boolean; readonly answer: KeptAnswer | undefined },
): Promise<void> {
  const { tenant, principal, key } = asked;
  const { failed, answer } = ended;
  await scoped(db, tenant, async (trx) => {
    if (failed) {
      const freed = await trx
        .deleteFrom('idempotency_keys')
        .where('tenant', '=', tenant)
        .where('principal', '=', principal)
        .where('key', '=', key)
        .where('claim', '=', claim)
        .where('carried_out', '=', false)
        .executeTakeFirst();
      if (freed.numDeletedRows > 0n) return;
    }
    await own(trx, asked, claim)
      .set({
        carried_out: true,
        claimed_until: new Date(),
        ...(answer === undefined
          ? {}
          : { status: answer.status, answer: answer.body, content_type: answer.contentType }),
      })
      .execute();
  });
}

const own = (trx: Trx, { tenant, principal, key }: IdempotentRequest, claim: string) =>
  trx
    .updateTable('idempotency_keys')
    .where('tenant', '=', tenant)
    .where('principal', '=', principal)
    .where('key', '=', key)
    .where('claim', '=', claim);

/** Forgets what has expired, some at a time. */
export async function forgetExpiredKeys(db: Db): Promise<void> {
  await asPlatform(db, (trx) =>
    sql`
      DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM idempotency_keys WHERE expires_at <= now() LIMIT ${IDEMPOTENCY_SWEEP_BATCH}))`.execute(
      trx,
    ),
  );
}
