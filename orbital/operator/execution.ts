/**
 * Running a handler in a transaction that may be taken from it: by a newer task that cancels it, or by time. After the
 * ROLLBACK the same connection commits every statement by itself, so a handler that is still at work must not reach it
 * any more. It is therefore shut out first, then waited for, and one that does not end loses its database session. The
 * handler itself may go on; what it commits in other transactions is kept in order by apart.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type KyselyPlugin, sql, type Transaction } from 'kysely';
import { withDeadline } from '../../platform/backoff.ts';
import { HANDLER_SETTLE_MS, HANDLER_TIMEOUT_MS, SESSION_END_TIMEOUT_MS, SIGN_OF_LIFE_MS } from '../limits.ts';
import type { OperatorDb } from './schema.ts';

/** One session of the database server; the start tells it from a later one with the same number. */
export interface Session {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Runs `work` until it settles, `cancelled` is aborted or HANDLER_TIMEOUT_MS has passed. Once this has settled, `work`
 * has too, or the session of its transaction is gone, and nothing more can come of that transaction. `work` may then be at
 * work still, as it may be at any time when that session was lost.
 * @throws what `work` throws, the reason of `cancelled`, DEADLINE_EXCEEDED
 */
export async function runBounded<DB, T>(
  db: OperatorDb,
  inside: { readonly trx: Transaction<DB>; readonly session: Session },
  what: string,
  cancelled: AbortSignal,
  work: (trx: Transaction<DB>, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const gate = new Gate();
  const stopSigns = showLife(inside.trx);
  let settled: Promise<true> | undefined;
  try {
    return await withDeadline(
      HANDLER_TIMEOUT_MS,
      what,
      (signal) => {
        const result = (async () => work(inside.trx.withPlugin(gate), signal))();
        settled = result.then(
          () => true,
          () => true,
        );
        return result;
      },
      cancelled,
    );
  } finally {
    gate.shut = true;
    stopSigns();
    // As often as needed, for going on to the ROLLBACK would be wrong. Nobody waits for this longer than for the task.
    while (settled !== undefined && !(await Promise.race([settled, delay(HANDLER_SETTLE_MS, false)])))
      if (await endSession(db, inside.session)) break;
  }
}

/**
 * A handler may wait for somebody else than its database, such as gateways or a keystore of keys. Its transaction says something
 * meanwhile: one that says nothing is taken for frozen (precedence.ts). Answers what ends that.
 */
function showLife<DB>(trx: Transaction<DB>): () => void {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting) return;
    waiting = true;
    // If it fails, the handler's own next statement does as well, and says why.
    void sql`select`
      .execute(trx)
      .catch(() => undefined)
      .finally(() => {
        waiting = false;
      });
  }, SIGN_OF_LIFE_MS);
  return () => clearInterval(timer);
}

/** Lets no further statement begin once it is shut. */
class Gate implements KyselyPlugin {
  shut = false;
  transformQuery: KyselyPlugin['transformQuery'] = ({ node }) => {
    if (this.shut) throw new Error('the task was taken from this handler: its transaction is over');
    return node;
  };
  transformResult: KyselyPlugin['transformResult'] = async ({ result }) => result;
}

/** Ends our own role's session, whatever it is doing. Answers whether it is gone for certain. */
async function endSession(db: OperatorDb, { pid, startedAt }: Session): Promise<boolean> {
  try {
    const { rows } = await sql<{ gone: boolean }>`
      select coalesce(bool_and(pg_terminate_backend(pid, ${SESSION_END_TIMEOUT_MS})), true) as gone
        from pg_stat_activity where pid = ${pid} and backend_start::text = ${startedAt}`.execute(db);
    return rows[0]?.gone === true;
  } catch {
    return false; // no connection to say it on; the caller comes back
  }
}
