/**
 * The right of way of a task that cancels others (UNLINK is first of all, D11). Handlers that it overtakes are told to stop
 * and lose their session if they do not. A process that is frozen hears nothing of that, and whatever its transactions have
 * locked stays so until PostgreSQL finds them idle, which takes a minute. So while such a task is at work, the sessions
 * that it waits for are looked at, and those that only idle are ended: what they had begun is undone as by a crash. A handler
 * that waits for something else than its database shows in the meantime that it is alive (`execution.ts`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { BLOCKER_CHECK_MS, BLOCKER_IDLE_MS } from '../limits.ts';
import type { OperatorDb } from './schema.ts';

/** What a task in hand tells of itself: the session that it works in from now on, until it calls what this returns. */
export type TellSession = (pid: number) => () => void;
/** For tasks that wait for their turn. */
export const tellNobody: TellSession = () => () => undefined;

/** Runs `work`, whose sessions nobody keeps waiting while doing nothing. `ended` hears how many were ended for that. */
export async function withPrecedence<T>(
  db: OperatorDb,
  ended: (sessions: number) => void,
  work: (tell: TellSession) => Promise<T>,
): Promise<T> {
  const pids = new Set<number>();
  const over = new AbortController();
  void watch(db, pids, over.signal, ended);
  try {
    return await work((pid) => {
      pids.add(pid);
      return () => void pids.delete(pid);
    });
  } finally {
    over.abort();
  }
}

/** Never rejects. A look that is under way when all is over is left alone: nobody waits for it. */
async function watch(
  db: OperatorDb,
  pids: ReadonlySet<number>,
  over: AbortSignal,
  ended: (sessions: number) => void,
): Promise<void> {
  const pause = (): Promise<boolean> => delay(BLOCKER_CHECK_MS, true, { signal: over }).catch(() => false);
  while (await pause()) {
    // What cannot be looked at now is looked at next time.
    const count = pids.size === 0 ? 0 : await endIdleBlockers(db, [...pids]).catch(() => 0);
    if (count > 0) ended(count);
  }
}

/** A session may wait for one that waits for another: all that stand in the way are asked for. Answers how many were ended. */
async function endIdleBlockers(db: OperatorDb, pids: readonly number[]): Promise<number> {
  const { rows } = await sql<{ ended: number }>`
    with recursive before(pid) as (
      select unnest(pg_blocking_pids(waiting)) from unnest(${pids}::int[]) as waiting
      union
      select unnest(pg_blocking_pids(before.pid)) from before
    )
    select count(*) filter (where pg_terminate_backend(pid))::int as ended
      from pg_stat_activity
      where pid in (select pid from before where pid > 0)
        and usename = current_user
        and state like 'idle in transaction%'
        and state_change < clock_timestamp() - ${BLOCKER_IDLE_MS} * interval '1 millisecond'`.execute(db);
  return rows[0]?.ended ?? 0;
}
