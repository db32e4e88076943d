/** Waiting for jobs to end, by governance's own database: one question for all that wait, also while it is away. */
import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from '../../platform/postgres.ts';

const POLL_MS = 200;
const STATEMENT_TIMEOUT_MS = 5_000;

export type Settled = 'done' | 'failed' | 'cancelled';

export class Settlements {
  readonly #pool: ReturnType<typeof createPool>;
  readonly #waiting = new Map<string, ((state: Settled) => void)[]>();
  readonly #end = new AbortController();
  #polling: Promise<void> = Promise.resolve();

  /** @param databaseUrl of governance, as somebody who may read all jobs */
  constructor(databaseUrl: string) {
    this.#pool = createPool({
      url: databaseUrl,
      applicationName: 'orbital-kills',
      max: 1,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      connectionTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
  }

  start(): void {
    this.#polling = this.#poll();
  }

  /** How each of them ended; waits as long as that takes. */
  async of(jobs: readonly string[]): Promise<readonly Settled[]> {
    return await Promise.all(
      jobs.map(
        (job) =>
          new Promise<Settled>((resolve) => {
            this.#waiting.set(job, [...(this.#waiting.get(job) ?? []), resolve]);
          }),
      ),
    );
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#polling;
    await this.#pool.end();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      if (this.#waiting.size > 0) await this.#look().catch(() => undefined); // its server may have been killed
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { rows } = await this.#pool.query<{ id: string; state: Settled }>(
      `select id, state from orbital_jobs
         where id = any($1::uuid[]) and state in ('done', 'failed', 'cancelled')`,
      [[...this.#waiting.keys()]],
    );
    for (const { id, state } of rows) {
      for (const resolve of this.#waiting.get(id) ?? []) resolve(state);
      this.#waiting.delete(id);
    }
  }
}
