/** A manager and its regions as processes, each with a database of its own, over a real broker. */
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { orbitalManagerMigrations } from '../../orbital/index.ts';
import { createJob, type JobSpec } from '../../orbital/manager/jobs.ts';
import { type OrbitalManagerTables, WAKE_CHANNEL } from '../../orbital/manager/schema.ts';
import type { EmbeddedPostgres } from '../../platform/embedded-postgres.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { freshPostgres, testDatabase } from '../../testkit/postgres.ts';
import { until } from '../../testkit/until.ts';
import { type Broker, MANY, REGIONS } from './brokers.ts';
import { manyNames } from './many-regions.ts';
import {
  type Arrival,
  type BenchProcess,
  type Key,
  type ManagerTask,
  makeKey,
  startProcess,
  wallMs,
} from './processes.ts';

/** A hundred thousand jobs are written in one go. */
const STATEMENT_TIMEOUT_MS = 600_000;
const QUIET_FOR_MS = 500;
const QUIET_WITHIN_MS = 120_000;
/** About what a PROVISION or LINK carries. */
const PAYLOAD = JSON.stringify({ filler: 'x'.repeat(300) });

export class Plane {
  readonly db: Kysely<OrbitalManagerTables>;
  readonly regionDbs: readonly Kysely<BenchRegionTables>[];
  readonly databaseServer: EmbeddedPostgres;
  readonly targets: readonly string[];
  readonly #managerTask: ManagerTask;
  readonly #regions: readonly BenchProcess[];
  readonly #arrivals: Map<string, Map<string, number>>;
  #manager: BenchProcess | undefined;
  #filled = 0;

  private constructor(parts: {
    db: Kysely<OrbitalManagerTables>;
    regionDbs: readonly Kysely<BenchRegionTables>[];
    server: EmbeddedPostgres;
    targets: readonly string[];
    managerTask: ManagerTask;
    regions: readonly BenchProcess[];
    arrivals: Map<string, Map<string, number>>;
  }) {
    this.db = parts.db;
    this.regionDbs = parts.regionDbs;
    this.databaseServer = parts.server;
    this.targets = parts.targets;
    this.#managerTask = parts.managerTask;
    this.#regions = parts.regions;
    this.#arrivals = parts.arrivals;
  }

  /** Two regions; or as many as wanted, behind one queue. The manager is not started yet. */
  static async open(broker: Broker, many?: number): Promise<Plane> {
    const server = await freshPostgres();
    const { url } = await testDatabase(server);
    const db = createDatabase<OrbitalManagerTables>(
      createPool({ url, applicationName: 'bench', statementTimeoutMs: STATEMENT_TIMEOUT_MS }),
    );
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
    const [key, regionKey] = [makeKey('governance'), makeKey('region')];
    const managerTask: ManagerTask = {
      databaseUrl: url,
      broker: broker.address({ plane: 'governance' }),
      key,
      regionKey,
      many: many !== undefined,
    };
    const arrivals = new Map<string, Map<string, number>>();
    const targets = many === undefined ? [...REGIONS] : manyNames(many);
    const groups = many === undefined ? REGIONS.map((name) => [name]) : [targets];
    const started: Awaited<ReturnType<typeof startRegion>>[] = [];
    for (const group of groups) started.push(await startRegion(broker, key, regionKey, group, arrivals));
    return new Plane({
      db,
      regionDbs: started.map((region) => region.db),
      server,
      targets,
      managerTask,
      regions: started.map((region) => region.process),
      arrivals,
    });
  }

  get manager(): BenchProcess {
    if (this.#manager === undefined) throw new Error('the manager is not running');
    return this.#manager;
  }
  get regionPids(): readonly number[] {
    return this.#regions.map(({ pid }) => pid);
  }

  async startManager(): Promise<void> {
    this.#manager = await startProcess('manager-process', this.#managerTask);
  }
  async killManager(): Promise<void> {
    await this.#manager?.kill();
    this.#manager = undefined;
  }

  createJob(spec: Omit<JobSpec, 'correlationId' | 'deadlineMs' | 'tasks'>): Promise<string> {
    return this.db.transaction().execute((trx) =>
      createJob(trx, {
        ...spec,
        correlationId: 'bench',
        deadlineMs: null,
        tasks: this.targets.map((target) => ({ target, payload: JSON.parse(PAYLOAD) })),
      }),
    );
  }

  /** When the job arrived in the last of all regions, in milliseconds since 1970. */
  async arrived(jobId: string, withinMs: number): Promise<number> {
    const here = (): Map<string, number> => this.#arrivals.get(jobId) ?? new Map();
    await until('the job arrives in every region', () => here().size === this.targets.length, withinMs);
    return Math.max(...here().values());
  }

  /**
   * So many jobs for both regions, committed at once: the rows that `createJob` would have written. Their entities are
   * `PREFIX:1` and so on. Returns when they were committed, in milliseconds since 1970.
   */
  async fill(jobs: number): Promise<{ readonly prefix: string; readonly atMs: number }> {
    const prefix = `bench-${++this.#filled}`;
    await this.db.transaction().execute(async (trx) => {
      await sql`
        insert into orbital_entities
          select ${prefix} || ':' || n, floor(extract(epoch from clock_timestamp()) * 1000)
            from generate_series(1, ${jobs}::int) n`.execute(trx);
      await sql`
        insert into orbital_jobs (id, kind, entity, entity_sequence, lane, cancels_older, correlation_id)
          select gen_random_uuid(), 'BENCH', entity, last_sequence, 'normal', false, 'bench'
            from orbital_entities where entity like ${`${prefix}:%`}`.execute(trx);
      await sql`
        insert into orbital_tasks
            (id, job_id, kind, entity, entity_sequence, target, lane, payload, correlation_id)
          select gen_random_uuid(), j.id, j.kind, j.entity, j.entity_sequence, t.target, j.lane, ${PAYLOAD}::json,
                 j.correlation_id
            from orbital_jobs j cross join unnest(${[...this.targets]}::text[]) as t (target)
            where j.entity like ${`${prefix}:%`}`.execute(trx);
      await sql`select pg_notify(${WAKE_CHANNEL}, '')`.execute(trx);
    });
    return { prefix, atMs: wallMs() };
  }

  /** How many jobs have ended, `atMost` of them counted, by an index: to read all that wait would be part of what is measured. */
  async ended(atMost: number): Promise<number> {
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n
        from (select from orbital_jobs where settled_at is not null order by settled_at limit ${atMost}) ended`.execute(
      this.db,
    );
    return rows[0]?.n ?? 0;
  }
  async pending(): Promise<number> {
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from orbital_jobs where state in ('pending', 'processing')`.execute(this.db);
    return rows[0]?.n ?? 0;
  }

  /** Forgets every job, and waits until the regions have done what was on its way to them. */
  async clear(): Promise<void> {
    await sql`truncate orbital_tasks, orbital_jobs, orbital_entities`.execute(this.db);
    let [seen, since] = [-1, performance.now()];
    await until(
      'the regions are quiet',
      async () => {
        const now = await this.#applied();
        if (now !== seen) [seen, since] = [now, performance.now()];
        return performance.now() - since > QUIET_FOR_MS;
      },
      QUIET_WITHIN_MS,
    );
  }

  async #applied(): Promise<number> {
    const counts = await Promise.all(
      this.regionDbs.map((db) => sql<{ n: number }>`select count(*)::int as n from applied`.execute(db)),
    );
    return counts.reduce((sum, { rows }) => sum + (rows[0]?.n ?? 0), 0);
  }

  async close(): Promise<void> {
    await this.#manager?.stop();
    await Promise.all(this.#regions.map((region) => region.stop()));
    await Promise.all([this.db.destroy(), ...this.regionDbs.map((db) => db.destroy())]);
    await this.databaseServer.stop();
  }
}

export interface BenchRegionTables {
  readonly applied: { readonly region: string; readonly job: string; readonly task: string };
}

async function startRegion(
  broker: Broker,
  governance: Key,
  key: Key,
  regions: readonly string[],
  arrivals: Map<string, Map<string, number>>,
) {
  const { url } = await testDatabase();
  const [first] = regions;
  const queue = regions.length > 1 ? MANY : (first ?? MANY);
  const task = {
    databaseUrl: url,
    broker: broker.address({ plane: 'region', region: queue }),
    governance,
    key,
    regions,
  };
  const process = await startProcess('region-process', task, ({ jobId, region, atMs }: Arrival) => {
    const ofJob = arrivals.get(jobId) ?? new Map<string, number>();
    arrivals.set(jobId, ofJob);
    if (!ofJob.has(region)) ofJob.set(region, atMs);
  });
  const db = createDatabase<BenchRegionTables>(createPool({ url, applicationName: 'bench', max: 2 }));
  return { process, db };
}
