// A pool that does not lend out dead connections. When a network path dies without a word, every connection over it looks
// healthy and answers nothing; node-postgres reports a query that got no answer and then puts the connection back.
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';

/** A connection that has not answered for this long is asked before it is lent out. */
const PROBE_AFTER_MS = 1_000;
const PROBE_TIMEOUT_MS = 2_000;
/** The only mark of it: node-postgres gives this error no code. */
const READ_TIMEOUT = 'Query read timeout';

/** The pool as Kysely wants it. A connection whose query got no answer is closed at once, and so are its contemporaries. */
export function vigilantPool(pool: pg.Pool): PostgresPool {
  /** When each connection last proved to be alive, on the monotonic clock. */
  const answeredAtMs = new WeakMap<pg.PoolClient, number>();
  /** Connections that have not answered since then share the path of one that is dead. */
  let deadAtMs = Number.NEGATIVE_INFINITY;

  async function isAlive(client: pg.PoolClient): Promise<boolean> {
    const nowMs = performance.now();
    const answered = answeredAtMs.get(client);
    if (answered === undefined)
      answeredAtMs.set(client, nowMs); // it has just connected
    else if (answered <= deadAtMs) return false;
    else if (nowMs - answered > PROBE_AFTER_MS) {
      try {
        const probe = { text: 'SELECT 1', query_timeout: PROBE_TIMEOUT_MS };
        await client.query(probe);
        answeredAtMs.set(client, performance.now());
      } catch {
        deadAtMs = nowMs;
        return false;
      }
    }
    return true;
  }

  function lend(client: pg.PoolClient): PostgresPoolClient {
    let returned = false;
    const release = (destroy = false): void => {
      if (returned) return;
      returned = true;
      client.release(destroy);
    };
    const query = async (text: string, parameters: readonly unknown[]) => {
      const askedAtMs = performance.now();
      try {
        const result = await client.query(text, [...parameters]);
        answeredAtMs.set(client, performance.now());
        return result;
      } catch (error) {
        if (error instanceof Error && error.message === READ_TIMEOUT) {
          deadAtMs = Math.max(deadAtMs, askedAtMs);
          release(true); // what is queued behind that query fails at once
        }
        throw error;
      }
    };
    return { query: query as unknown as PostgresPoolClient['query'], release };
  }

  return {
    options: pool.options,
    async connect() {
      // Ends: each turn closes one connection that had been open before, and a new one is taken as it is.
      for (;;) {
        const client = await pool.connect();
        if (await isAlive(client)) return lend(client);
        client.release(true);
      }
    },
    end: () => pool.end(),
  };
}
