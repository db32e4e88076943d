/**
 * Tenants from accepted to active: a whole installation over a broker, to which they are onboarded over REST, several at a
 * time, in turns with the broker alone. Times are those of CMK's own database: from the commit that accepts a tenant to the
 * one in which its last region has made its keys.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Tell } from '../../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../../testkit/measure/distribution.ts';
import { type Spread, spreadOf } from '../../testkit/measure/spread.ts';
import type { System } from '../../testkit/system.ts';
import { orderOf } from '../gateway/rounds.ts';
import type { Reference } from './reference.ts';
import { type ResidentMemory, residentMemory } from './usage.ts';

const AT_ONCE = 8;
const WARM_UP_TENANTS = 20;
const ACTIVE_WITHIN_MS = 900_000;
/** Seldom enough not to be part of what is measured: times are the database's. */
const LOOK_EVERY_MS = 200;
/** Task and status. */
const MESSAGES_OF_A_TASK = 2;
const REFERENCE_MESSAGES = 1_000;
const MIBIBYTE = 1024 ** 2;

export interface TenantsResult {
  readonly tenants: number;
  readonly regions: number;
  /** Tenants in a second, turn by turn; a tenant is one job. */
  readonly perSecond: Spread;
  /** Messages in a second of the broker alone. */
  readonly brokerPerSecond: Spread;
  /** Messages that the jobs need, tasks and statuses, against those that the broker alone carried in the same pair. */
  readonly ofBroker: Spread;
  /** Milliseconds from accepted to active. */
  readonly lag: Distribution;
  /** The same while nothing else is asked for: one after the other. */
  readonly lagAlone: Distribution;
  /** MiB, by process. */
  readonly memory: Readonly<
    Record<string, { readonly before: number; readonly after: number; readonly most: number }>
  >;
  readonly failed: number;
}

export async function measureTenants(
  system: System,
  reference: Reference,
  { tenants, pairs, alone }: { readonly tenants: number; readonly pairs: number; readonly alone: number },
  tell: Tell,
): Promise<TenantsResult> {
  const jobs = await Jobs.open(system);
  try {
    await onboard(system, jobs, 'warm', WARM_UP_TENANTS);
    const memoryBefore = memoryOf(system);
    const rates: number[] = [];
    const brokerRates: number[] = [];
    const eachTurn = Math.ceil(tenants / pairs);
    let done = 0;
    for (let pair = 0; pair < pairs; pair++)
      for (const side of orderOf(['tenants', 'broker'] as const, pair)) {
        if (side === 'broker') {
          brokerRates.push(await reference.perSecond(REFERENCE_MESSAGES));
          continue;
        }
        const seconds = await onboard(system, jobs, `turn-${pair}`, eachTurn, (count) =>
          tell(`${done + count} of ${eachTurn * pairs} tenants are active`),
        );
        done += eachTurn;
        rates.push(eachTurn / seconds);
      }
    const lag = await jobs.lags('turn-');
    for (let index = 0; index < alone; index++) await onboard(system, jobs, `alone-${index}`, 1);
    const memoryAfter = memoryOf(system);
    const messages = system.regions.length * MESSAGES_OF_A_TASK;
    return {
      tenants: done,
      regions: system.regions.length,
      perSecond: spreadOf(rates),
      brokerPerSecond: spreadOf(brokerRates),
      ofBroker: spreadOf(rates.map((rate, pair) => (rate * messages) / (brokerRates[pair] ?? Number.NaN))),
      lag: distributionOf(lag),
      lagAlone: distributionOf(await jobs.lags('alone-')),
      memory: Object.fromEntries(
        [...memoryAfter].map(([name, after]) => [
          name,
          {
            before: (memoryBefore.get(name)?.bytes ?? Number.NaN) / MIBIBYTE,
            after: after.bytes / MIBIBYTE,
            most: after.mostBytes / MIBIBYTE,
          },
        ]),
      ),
      failed: await jobs.failed(),
    };
  } finally {
    await jobs.close();
  }
}

/** Seconds from the first that is accepted until all of them are active. */
async function onboard(
  system: System,
  jobs: Jobs,
  prefix: string,
  count: number,
  tell: (active: number) => void = () => {},
): Promise<number> {
  const name = (index: number): string => `${prefix}-${String(index).padStart(5, '0')}`;
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++)
      await system.rest('POST', '/v1/tenants', { id: name(index) });
  };
  const accepted = Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, caller));
  const giveUpAt = performance.now() + ACTIVE_WITHIN_MS;
  for (;;) {
    const { ended, seconds } = await jobs.turn(`${prefix}-`);
    tell(ended);
    if (ended >= count) {
      await accepted;
      const { state } = await system.rest<{ state: string }>('GET', `/v1/tenants/${name(count - 1)}`);
      if (state !== 'active') throw new Error(`a tenant whose keys were made is ${state}`);
      return seconds;
    }
    if (performance.now() > giveUpAt) throw new Error(`${ended} of ${count} tenants of ${prefix} are active`);
    // A request that is refused ends the bench at once.
    await Promise.race([delay(LOOK_EVERY_MS), accepted.then(() => delay(LOOK_EVERY_MS))]);
  }
}

/** The jobs that make tenants' first keys, as CMK's database has them. */
class Jobs {
  readonly #client: pg.Client;
  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(system: System): Promise<Jobs> {
    const config = JSON.parse(await readFile(join(system.home, 'cmk', 'config.json'), 'utf8')) as {
      database: { ownerUrl: string };
    };
    const client = new pg.Client({ connectionString: config.database.ownerUrl });
    await client.connect();
    return new Jobs(client);
  }

  /** Of the tenants whose names begin so. */
  async turn(prefix: string): Promise<{ readonly ended: number; readonly seconds: number }> {
    const { rows } = await this.#client.query<{ ended: number; seconds: number }>(
      `select count(settled_at)::int as ended,
              extract(epoch from max(settled_at) - min(created_at))::float8 as seconds
         from orbital_jobs where kind = 'TENANT_PROVISION' and position('tenant:' || $1 in entity) = 1`,
      [prefix],
    );
    return rows[0] ?? { ended: 0, seconds: Number.NaN };
  }
  async lags(prefix: string): Promise<number[]> {
    const { rows } = await this.#client.query<{ ms: number }>(
      `select extract(epoch from settled_at - created_at)::float8 * 1000 as ms from orbital_jobs
         where kind = 'TENANT_PROVISION' and settled_at is not null and position('tenant:' || $1 in entity) = 1`,
      [prefix],
    );
    return rows.map(({ ms }) => ms);
  }
  async failed(): Promise<number> {
    const { rows } = await this.#client.query<{ n: number }>(
      `select count(*)::int as n from orbital_jobs where kind = 'TENANT_PROVISION' and state <> 'done'`,
    );
    return rows[0]?.n ?? 0;
  }
  close(): Promise<void> {
    return this.#client.end();
  }
}

function memoryOf(system: System): Map<string, ResidentMemory> {
  const ours = system.endpoints.processes.filter(({ name }) => name === 'cmk' || name.endsWith('/core'));
  return new Map(
    ours.flatMap(({ name, pid }): [string, ResidentMemory][] =>
      pid === null ? [] : [[name, residentMemory(pid)]],
    ),
  );
}
