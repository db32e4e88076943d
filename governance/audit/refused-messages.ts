/**
 * Messages from the broker that were refused: in the audit log, summed up, and as a short list of what has come how often, for
 * whoever looks into it (separation record, "Authorization & Boundary Enforcement").
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type RejectionSum, rejectionCodes } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import { instant } from '../domain/pages.ts';
import { MAX_REFUSED_KINDS } from '../limits.ts';
import { asPlatform, type Db } from '../store/transactions.ts';
import { audit } from './record.ts';

/** All of them or none. */
export async function recordRefused(db: Db, sums: readonly RejectionSum[]): Promise<void> {
  await asPlatform(db, async (trx) => {
    for (const { code, channel, keyId, claims, count, firstAt, lastAt } of sums)
      await trx
        .insertInto('refused_messages')
        .values({
          code,
          channel,
          key_id: keyId ?? '',
          claims: claims ?? '',
          count,
          first_at: firstAt,
          last_at: lastAt,
        })
        .onConflict((conflict) =>
          conflict.columns(['code', 'channel', 'key_id', 'claims']).doUpdateSet({
            count: sql<number>`refused_messages.count + excluded.count`,
            last_at: lastAt,
          }),
        )
        .execute();
    // Whoever makes names up adds to one code as many kinds as he likes, and is to push out no others.
    await sql`
      DELETE FROM refused_messages WHERE (code, channel, key_id, claims) IN (
        SELECT code, channel, key_id, claims FROM refused_messages
          ORDER BY row_number() OVER (PARTITION BY code ORDER BY last_at DESC), last_at DESC
          OFFSET ${MAX_REFUSED_KINDS})`.execute(trx);
    for (const { firstAt, lastAt, ...sum } of sums)
      await audit(
        trx,
        { actor: 'system:orbital', correlationId: randomUUID() },
        {
          action: 'message.receive',
          subject: `channel:${sum.channel}`,
          outcome: 'refused',
          detail: { ...sum, firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString() },
        },
      );
  });
}

export interface RefusedView {
  code: string;
  meaning: string;
  channel: string;
  /** As the messages claim: which key, and which region they are of. */
  keyId: string | null;
  claims: string | null;
  count: number;
  firstAt: string;
  lastAt: string;
}

/** The latest first. */
export async function listRefused(cmk: Cmk): Promise<{ items: RefusedView[] }> {
  const rows = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('refused_messages')
      .selectAll()
      .orderBy('last_at', 'desc')
      .limit(MAX_REFUSED_KINDS)
      .execute(),
  );
  return {
    items: rows.map(({ code, channel, key_id, claims, count, first_at, last_at }) => ({
      code,
      meaning: rejectionCodes[code as keyof typeof rejectionCodes] ?? '',
      channel,
      keyId: key_id === '' ? null : key_id,
      claims: claims === '' ? null : claims,
      count: Number(count),
      firstAt: instant(first_at),
      lastAt: instant(last_at),
    })),
  };
}
