/** The trail as operators of the region get it: in pages that are bounded in events and bytes. */
import type { Checkpoint } from '../../../platform/chain-checkpoints.ts';
import type { ChainAnchor } from '../../../platform/hash-chain.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import type { RegionDb } from '../store/tables.ts';
import type { TrailEvent } from './link.ts';
import type { AuditRounds } from './rounds.ts';
import { trailAfter, trailHead } from './verify.ts';

/** Events of one page, and characters of their bodies: clients take answers of 1 MiB. */
export const MAX_TRAIL_PAGE = 500;
const MAX_TRAIL_PAGE_LENGTH = 256 * 1024;

export interface TrailPage {
  /** In order. */
  readonly events: readonly TrailEvent[];
  /** Whether the trail goes on behind them. */
  readonly more: boolean;
  /** Of the trail at the moment of the page. */
  readonly head: ChainAnchor;
}

export async function trailPage(db: RegionDb, after: number, limit: number): Promise<TrailPage> {
  const { head, found } = await inTransaction(
    db,
    async (tx) => ({ head: await trailHead(tx), found: await trailAfter(tx, after, limit) }),
    { isolation: 'repeatable read' },
  );
  const events: TrailEvent[] = [];
  let length = 0;
  for (const event of found) {
    length += event.body.length;
    // The first is given out however long it is.
    if (length > MAX_TRAIL_PAGE_LENGTH && events.length > 0) return { events, more: true, head };
    events.push(event);
  }
  return { events, more: found.length === limit, head };
}

/** The last head that could be signed with the region's key; null while there is none. */
export async function trailCheckpoint(audit: AuditRounds): Promise<{ checkpoint: Checkpoint | null }> {
  return { checkpoint: (await audit.checkpoint()) ?? null };
}
