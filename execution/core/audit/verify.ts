/** Reading the region's trail in order, and recomputing it. */
import { type ChainAnchor, ChainCheck, type ChainVerdict } from '../../../platform/hash-chain.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import type { RegionDb } from '../store/tables.ts';
import { type TrailEvent, trailLink } from './link.ts';

const VERIFY_PAGE = 1_000;

/** Behind `after`, in their order. */
export async function trailAfter(db: RegionDb, after: number, limit: number): Promise<TrailEvent[]> {
  const rows = await db
    .selectFrom('core.audit_events')
    .select(['seq', 'prev_hash', 'hash', 'body'])
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute();
  return rows.map(({ seq, prev_hash, hash, body }) => ({
    seq: Number(seq),
    previousHash: prev_hash.toString('hex'),
    hash: hash.toString('hex'),
    body,
  }));
}

export async function trailHead(db: RegionDb): Promise<ChainAnchor> {
  const head = await db
    .selectFrom('core.audit_head')
    .select(['seq', 'hash'])
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  return { sequence: Number(head.seq), hash: head.hash.toString('hex') };
}

/**
 * The trail from `from` on, whose event is looked at once more, with whatever else is known of it: `limit` events at most, and
 * `isAll` says whether those were all. Without either the whole trail, for tests and small trails; others go page by page.
 */
export async function checkTrail(
  db: RegionDb,
  anchors: readonly ChainAnchor[] = [],
  {
    from,
    limit = Infinity,
  }: { readonly from?: ChainAnchor | undefined; readonly limit?: number | undefined } = {},
): Promise<ChainVerdict & { readonly isAll: boolean }> {
  return await inTransaction(
    db,
    async (tx) => {
      const isWhole = from === undefined || from.sequence === 0;
      const check = isWhole ? new ChainCheck() : new ChainCheck({ sequence: from.sequence - 1 });
      for (const anchor of isWhole ? anchors : [...anchors, from]) check.expect(anchor);
      for (let left = limit; left > 0; ) {
        const wanted = Math.min(VERIFY_PAGE, left);
        const events = await trailAfter(tx, check.sequence, wanted);
        for (const event of events) check.take(trailLink(event));
        if (events.length < wanted) return { ...check.end(await trailHead(tx)), isAll: true };
        left -= events.length;
      }
      return { ...check.pause(), isAll: false };
    },
    { isolation: 'repeatable read' },
  );
}

/** The sequence number of the first event that does not fit, or null. */
export async function verifyAudit(db: RegionDb): Promise<number | null> {
  const { faults } = await checkTrail(db);
  return faults[0]?.sequence ?? null;
}
