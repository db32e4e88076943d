// A pool that does not lend out dead connections. When a network path dies without a word, every connection over it looks
// healthy and answers nothing; node-postgres reports a query that got no answer and then puts the connection back. What is
// asked for again and again is prepared (postgres-statements.ts).
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { Statements } from './postgres-statements.ts';

/** A connection that has not answered for this long is asked before it is lent out. */
const PROBE_AFTER_MS = 1_000;
const PROBE_TIMEOUT_MS = 2_000;
/** The only mark of it: node-postgres gives this error no code. */
const READ_TIMEOUT = 'Query read timeout';

/** As Kysely writes them. */
const BEGINS = /^(?:begin|start transaction)\b/;
const ENDS = /^(?:commit|rollback)$/;

/** The pool as Kysely wants it. A connection whose query got no answer is closed at once, and so are its contemporaries. */
export function vigilantPool(pool: pg.Pool): PostgresPool {
  /** When each connection last proved to be alive, on the monotonic clock. */
  const answeredAtMs = new WeakMap<pg.PoolClient, number>();
  /** Connections that have not answered since then share the path of one that is dead. */
  let deadAtMs = Number.NEGATIVE_INFINITY;
  const statements = new Statements();

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
    let isWithinTransaction = false;
    const ask = async (text: string, parameters: readonly unknown[]) => {
      // What has no parameters begins and ends transactions, or is asked for once.
      const name = parameters.length === 0 ? undefined : statements.nameOf(text);
      const mayAskAgain = !isWithinTransaction;
      const plain = { text, values: [...parameters] };
      try {
        return await client.query(name === undefined ? plain : { ...plain, name });
      } catch (error) {
        if (!statements.learn(name, error) || !mayAskAgain || returned) throw error;
        return await client.query(plain);
      }
    };
    const query = async (text: string, parameters: readonly unknown[]) => {
      const askedAtMs = performance.now();
      if (BEGINS.test(text)) isWithinTransaction = true;
      if (ENDS.test(text)) isWithinTransaction = false;
      try {
        const result = await ask(text, parameters);
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
