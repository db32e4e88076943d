/**
 * Two planes in one test process: a manager and its regions with databases of their own, joined by a real broker,
 * with faults that a test can switch on. Knows no test servers: it is given addresses.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { Registry } from 'prom-client';
import { createLogger } from '../platform/log.ts';
import { createDatabase, createPool, migrate } from '../platform/postgres.ts';
import {
  connectTransport,
  createManager,
  createOperator,
  type EmbeddedBrokerUsers,
  type HandlersByKind,
  type JobSpec,
  type Manager,
  type Operator,
  orbitalManagerMigrations,
  orbitalOperatorMigrations,
  type Rejection,
  type Signer,
  type TaskHandler,
  type Transport,
  TransportError,
  type TransportRole,
  type TrustedKey,
} from './index.ts';

// biome-ignore lint/complexity/noBannedTypes: the tests have no tables of their own in the database's type
type NoTables = {};
export type Handlers = Readonly<Record<string, TaskHandler<NoTables>>>;

export interface Faults {
  /** A publish to such a channel is refused before it reaches the broker. */
  refuse: ((channel: string) => boolean) | undefined;
  /** A publish to any channel takes so much longer, in milliseconds. */
  delayMs: number;
  /** Messages that came, repeats among them. */
  delivered: number;
}

/** A transport whose publishes a test can make fail or last. */
export function faulty(transport: Transport): { transport: Transport; faults: Faults } {
  const faults: Faults = { refuse: undefined, delayMs: 0, delivered: 0 };
  return {
    faults,
    transport: {
      ...transport,
      async publish(channel, message) {
        if (faults.refuse?.(channel) === true) throw new TransportError('BROKER_UNAVAILABLE');
        if (faults.delayMs > 0) await delay(faults.delayMs);
        await transport.publish(channel, message);
      },
      consume: (channel, handler, options) =>
        transport.consume(
          channel,
          async (message) => {
            faults.delivered += 1;
            await handler(message);
          },
          options,
        ),
    },
  };
}

export function keyPair(keyId: string): { signer: Signer; trusted: TrustedKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { signer: { keyId, privateKey }, trusted: { keyId, publicKey } };
}

export interface Region {
  readonly name: string;
  readonly db: Kysely<NoTables>;
  readonly transport: Transport;
  readonly faults: Faults;
  readonly signer: Signer;
  readonly operator: Operator;
  readonly rejections: Rejection[];
}
export interface World {
  readonly manager: Manager<NoTables>;
  readonly db: Kysely<NoTables>;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly rejections: Rejection[];
  readonly registry: Registry;
  readonly reports: { source: string; report: unknown }[];
  addRegion(name: string, url: string, handlers: Handlers): Promise<Region>;
  createJob(
    spec: Partial<JobSpec> & { kind: string; targets?: readonly string[]; payload?: unknown },
  ): Promise<string>;
  /** Waits until the job has ended, and answers its state. */
  ended(jobId: string, waitMs?: number): Promise<string>;
  close(): Promise<void>;
}

/** The logins of the embedded broker in these tests. */
export const brokerUsers: EmbeddedBrokerUsers = {
  governance: { user: 'governance', password: 'secret' },
  regions: ['north', 'south'].map((name) => ({ name, user: name, password: 'secret' })),
};

export interface WorldOptions {
  readonly managerUrl: string;
  readonly broker: { readonly port: number; readonly database: string };
  readonly handlers?: HandlersByKind<NoTables>;
}

const logger = createLogger({ name: 'orbital-test', level: 'silent' });

export async function createWorld(options: WorldOptions): Promise<World> {
  const { broker } = options;
  const connect = (role: TransportRole) =>
    connectTransport(`postgres://127.0.0.1:${broker.port}/${broker.database}`, role, {
      credentials: { user: role.plane === 'governance' ? 'governance' : role.region, password: 'secret' },
    });
  const governance = keyPair('governance-1');
  const keys = new Map<string, TrustedKey[]>();
  const rejections: Rejection[] = [];
  const reports: { source: string; report: unknown }[] = [];
  const regions: Region[] = [];
  const registry = new Registry();

  const db = createDatabase<NoTables>(createPool({ url: options.managerUrl, applicationName: 'manager' }));
  await migrate(db, orbitalManagerMigrations, { table: 'orbital_manager_migrations' });
  const transport = await connect({ plane: 'governance' });
  const manager = createManager<NoTables>({
    db,
    transport,
    signer: governance.signer,
    keysOf: (region) => keys.get(region) ?? [],
    handlers: options.handlers ?? {},
    logger,
    onReport: async (source, report) => {
      reports.push({ source, report });
      return undefined;
    },
    onRejected: (rejection) => rejections.push(rejection),
    registry,
    listenOn: { url: options.managerUrl },
  });
  await manager.start();

  return {
    manager,
    db,
    transport,
    signer: governance.signer,
    rejections,
    registry,
    reports,
    async addRegion(name, url, handlers) {
      const own = keyPair(`${name}-1`);
      keys.set(name, [own.trusted]);
      const regionDb = createDatabase<NoTables>(createPool({ url, applicationName: name, max: 16 }));
      await migrate(regionDb, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
      await sql`create table applied (at bigint generated always as identity, entity text, what text)`.execute(
        regionDb,
      );
      const { transport: regional, faults } = faulty(await connect({ plane: 'region', region: name }));
      const refused: Rejection[] = [];
      const operator = createOperator<NoTables>({
        db: regionDb,
        transport: regional,
        region: name,
        trustedKeys: [governance.trusted],
        signer: own.signer,
        handlers,
        logger,
        listenOn: { url },
        onRejected: (rejection) => refused.push(rejection),
      });
      await operator.start();
      const region = {
        name,
        db: regionDb,
        transport: regional,
        faults,
        signer: own.signer,
        operator,
        rejections: refused,
      };
      regions.push(region);
      return region;
    },
    createJob: ({ targets = ['north'], payload = {}, ...spec }) =>
      db.transaction().execute((trx) =>
        manager.createJob(trx, {
          entity: `thing:${randomUUID()}`,
          lane: 'normal',
          correlationId: 'test',
          deadlineMs: 60_000,
          tasks: targets.map((target) => ({ target, payload: payload as never })),
          ...spec,
        }),
      ),
    async ended(jobId, waitMs = 12_000) {
      const end = performance.now() + waitMs;
      for (;;) {
        const job = await manager.getJob(jobId);
        if (job === undefined) throw new Error('no such job');
        if (job.settledAt !== null) return job.state;
        if (performance.now() > end)
          throw new Error(`the job is still ${job.state}: ${JSON.stringify(job.tasks)}`);
        await delay(10);
      }
    },
    async close() {
      await Promise.all([manager.stop(), ...regions.map((region) => region.operator.stop())]);
      await Promise.all([transport.close(), ...regions.map((region) => region.transport.close())]);
      await Promise.all([db.destroy(), ...regions.map((region) => region.db.destroy())]);
    },
  };
}

/** What a region has applied to an entity and committed, in order. */
export async function appliedIn(region: Region, entity: string): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`
    select what from applied where entity = ${entity} order by at`.execute(region.db);
  return rows.map((row) => row.what);
}

export interface Play {
  readonly handlers: Handlers;
  /** Every execution, also of transactions that were undone. */
  readonly applied: string[];
  /** APPLY handlers wait for this before they answer. */
  hold: Promise<void> | undefined;
}

/** Handlers that can be watched: APPLY and APPLY_0 to APPLY_9, HANG, STEPS, FLAKY, REFUSE. */
export function createPlay(): Play {
  const failuresLeft = new Map<string, number>();
  const write = (context: Parameters<TaskHandler<NoTables>>[1], what: string) =>
    sql`insert into applied (entity, what) values (${context.entity}, ${what})`.execute(context.trx);
  const apply: TaskHandler<NoTables> = async (payload, context) => {
    play.applied.push(`${context.entity} ${JSON.stringify(payload)}`);
    await write(context, JSON.stringify(payload));
    await play.hold;
    return { done: { echo: payload } };
  };
  const play: Play = {
    applied: [],
    hold: undefined,
    handlers: {
      APPLY: apply,
      ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`APPLY_${i}`, apply])),
      HANG: (_payload, { entity, signal }) =>
        new Promise((_resolve, reject) => {
          play.applied.push(`${entity} hangs`);
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
      STEPS: async (_payload, { workingState }) => {
        const step = Number(workingState ?? 0) + 1;
        return step < 4 ? { processing: step, retryAfterMs: 50 } : { done: { step } };
      },
      // Fails `failures` times; the last time by a crash.
      FLAKY: async (payload, context) => {
        await write(context, 'flaky');
        const left = failuresLeft.get(context.entity) ?? (payload as { failures: number }).failures;
        failuresLeft.set(context.entity, left - 1);
        if (left > 1) return { failed: { code: 'SEALED', message: 'unseal me', retryable: true } };
        if (left === 1) throw new Error('secret detail');
        return { done: null };
      },
      REFUSE: async () => ({ failed: { code: 'EPOCH_CLOSED', message: 'never again', retryable: false } }),
    },
  };
  return play;
}
