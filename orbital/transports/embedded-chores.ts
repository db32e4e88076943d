/**
 * What helps the embedded broker along and may fail without harm, so that nothing waits for it: waking consumers, and ending
 * transactions that regions have left open. PostgreSQL refuses every transaction that notifies when its queue of
 * notifications is full, and any login can fill that: therefore a message is committed before anybody is woken for it.
 */
import type { Pool } from 'pg';
import { MAX_REGION_TRANSACTION_MS, TRANSACTION_WATCH_MS } from '../limits.ts';
import type { TransportRole } from '../transport.ts';
import { NOTIFY_CHANNEL } from './embedded-schema.ts';

/** Failures are counted, and one of so many is told. */
const TOLD_OF = 1_000;

/**
 * PostgreSQL forgets what all have heard while it takes new notifications; of a queue that is full it takes none, so that it
 * would stay full for ever. To ask how full it is makes it forget, too.
 */
const WATCH = 'select okcm_broker.end_old_transactions($1), pg_notification_queue_usage()';

export interface Chores {
  /** Wakes whoever consumes from the queue, soon. Who is not woken looks by himself within POLL_INTERVAL_MS. */
  wake(hash: string): void;
  stop(): void;
}

export function createChores(pool: Pool, role: TransportRole, trouble: (error: unknown) => void): Chores {
  let isStopped = false;
  let failures = 0;
  async function attempt(text: string, values: readonly unknown[]): Promise<void> {
    try {
      await pool.query(text, [...values]);
    } catch (error) {
      if (!isStopped && failures++ % TOLD_OF === 0)
        trouble(new Error(`the broker's chores failed ${failures} times`, { cause: error }));
    }
  }

  // One statement at a time, for all queues that have got something meanwhile: it may take no more than one connection.
  const unsaid = new Set<string>();
  let isSaying = false;
  async function say(): Promise<void> {
    isSaying = true;
    while (unsaid.size > 0 && !isStopped) {
      const hashes = [...unsaid];
      unsaid.clear();
      await attempt(`select pg_notify('${NOTIFY_CHANNEL}', hash) from unnest($1::text[]) hash`, [hashes]);
    }
    isSaying = false;
  }

  let isWatching = false;
  async function watch(): Promise<void> {
    if (isWatching) return;
    isWatching = true;
    await attempt(WATCH, [MAX_REGION_TRANSACTION_MS]);
    isWatching = false;
  }
  const watching =
    role.plane === 'governance' ? setInterval(() => void watch(), TRANSACTION_WATCH_MS) : undefined;
  watching?.unref();

  return {
    wake(hash) {
      unsaid.add(hash);
      if (!isSaying) void say();
    },
    stop() {
      isStopped = true;
      clearInterval(watching);
    },
  };
}
