/** Messages from the broker that this region has refused, summed up in its trail: nobody fills it by flooding a channel (D14). */
import type { RejectionSum } from '../../../orbital/index.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import type { RegionDb } from '../store/tables.ts';
import { appendAudit } from './trail.ts';

export async function recordRefused(
  db: RegionDb,
  instance: string,
  sums: readonly RejectionSum[],
): Promise<void> {
  await inTransaction(db, (tx) =>
    appendAudit(
      tx,
      { source: instance },
      sums.map((sum) => ({ event: 'MESSAGES_REFUSED', outcome: 'refused' as const, reason: describe(sum) })),
    ),
  );
}

function describe({ code, channel, keyId, claims, count, firstAt }: RejectionSum): string {
  const key = keyId === undefined ? '' : `, by the key that calls itself ${keyId}`;
  const of = claims === undefined ? '' : `, of ${claims}`;
  return `${code}: ${count} on ${channel}${key}${of}, since ${firstAt.toISOString()}`;
}
