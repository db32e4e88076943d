/**
 * Two rows are locked by whoever changes anything in the region: the counter of pushes, and the head of the audit trail
 * behind it. They are locked last and let go with the commit, which a core that is frozen in between would never reach.
 */
import { sql } from 'kysely';
import { HEAD_IDLE_MS } from '../limits.ts';

/** A column for the statement that locks one of them: PostgreSQL ends the session if it idles with the lock in hand. */
export const endedWhenIdle =
  sql<string>`set_config('idle_in_transaction_session_timeout', ${`${HEAD_IDLE_MS}ms`}, true)`.as(
    'endedWhenIdle',
  );
