/**
 * A gateway of several processes: this one has the ports, the health address and the keys of session tickets, and works
 * for no client. The workers do, each a whole gateway with leases, subkeys and a subscription of its own, on one store.
 *
 *     application ──▶ primary ── connection, unread ──▶ worker ──▶ core
 *                        │                                │
 *                        └── tickets, who leads, news ────┤
 *                                                         └── gateway.sqlite
 *
 * The oldest worker leads: it alone announces keys and hands over audit events. When it dies, the next oldest does.
 */
import { fileURLToPath } from 'node:url';
import { startHealthServer } from '../../../platform/http-health.ts';
import type { Logger } from '../../../platform/log.ts';
import { aggregated, type MetricSet, totalsOf } from '../../../platform/metrics.ts';
import type { GatewayConfig } from '../config.ts';
import {
  DRAIN_CORE_MS,
  DRAIN_REQUESTS_MS,
  RUINED_END_MS,
  TICKET_KEY_LIFETIME_MS,
  WORKER_ANSWER_MS,
  WORKER_STOP_MS,
} from '../limits.ts';
import type { GatewayStatus, RunningGateway, WorkerStatus } from '../status.ts';
import { openStore } from '../store/open.ts';
import { nobodyElseHas, ownStore } from '../store/owner.ts';
import { OpenAsks } from './asks.ts';
import { alone } from './crew.ts';
import { Dispatcher } from './dispatcher.ts';
import type { ToPrimary } from './messages.ts';
import { createPrimaryMetrics } from './metrics.ts';
import { overviewOf } from './overview.ts';
import { Switchboard } from './switchboard.ts';
import { freshTicketKeys, type TicketKeys } from './tickets.ts';
import { WorkerProcess } from './worker-process.ts';

const WORKER_PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));

export interface WorkersOptions {
  readonly config: GatewayConfig;
  readonly count: number;
  /** The configuration's file, which each worker reads for itself: it names the keys, and no secret passes through arguments. */
  readonly configPath: string;
  readonly logger: Logger;
}

/** Errors: STORE_UNUSABLE, STORE_OTHER_REGION, WORKER_FAILED, or of the sockets. */
export async function startWorkers(options: WorkersOptions): Promise<RunningGateway> {
  const { config } = options;
  if (config.store.kind === 'memory') throw new Error('processes do not share memory');
  const lock = ownStore(config.store.path);
  try {
    nobodyElseHas(config.store.path);
    // Made and brought up to date before the workers open it.
    const store = await openStore(config, options.logger, { ...alone, isShared: true, isFirst: true });
    store.close();
    const primary = new Primary(options);
    const running = await primary.start();
    return {
      ...running,
      close: async () => {
        await running.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

class Primary {
  readonly #options: WorkersOptions;
  readonly #dispatcher: Dispatcher;
  readonly #metrics: ReturnType<typeof createPrimaryMetrics>;
  readonly #workers: WorkerProcess[];
  /** Those that serve, the longest first. */
  #serving: WorkerProcess[] = [];
  #tickets: TicketKeys = freshTicketKeys();
  readonly #switchboard = new Switchboard(() => this.#serving);
  readonly #statuses = new OpenAsks<GatewayStatus>();
  readonly #metricSets = new OpenAsks<MetricSet>();
  readonly #drains = new Map<WorkerProcess, () => void>();
  /** What each worker counted when it was last asked, and what those had counted that are gone: sums must not shrink. */
  readonly #counted = new Map<WorkerProcess, MetricSet>();
  #past: Promise<MetricSet> = Promise.resolve([]);
  #overview: GatewayStatus | undefined;
  #rotation: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    const { config, count, configPath, logger } = options;
    this.#metrics = createPrimaryMetrics(config.region, () => ({
      configured: count,
      serving: this.#serving.length,
    }));
    this.#dispatcher = new Dispatcher({ logger, onRefused: () => this.#metrics.refusedConnection() });
    this.#workers = Array.from(
      { length: count },
      (_, index) =>
        new WorkerProcess({
          number: index + 1,
          program: WORKER_PROGRAM,
          args: ['--config', configPath],
          logger,
          onMessage: (worker, message) => this.#hear(worker, message),
          onStarted: (worker) => worker.send({ kind: 'tickets', keys: this.#tickets }),
          onServing: (worker) => this.#isServing(worker),
          onGone: (worker) => this.#isGone(worker),
        }),
    );
  }

  async start(): Promise<RunningGateway> {
    const { config, logger } = this.#options;
    try {
      await Promise.all(this.#workers.map((worker) => worker.start()));
      this.#rotation = setInterval(() => this.#rotateTickets(), TICKET_KEY_LIFETIME_MS).unref();
      const port = await this.#dispatcher.listen('kmip', config.kmip);
      const httpsPort =
        config.https === undefined ? undefined : await this.#dispatcher.listen('https', config.https);
      const health = await startHealthServer({
        ...config.health,
        health: async () => {
          const status = await this.#look();
          return { ...status, leases: status.leases.length };
        },
        registry: { contentType: this.#metrics.registry.contentType, metrics: () => this.#allMetrics() },
      });
      const status = await this.#look();
      logger.info(
        { port, https: httpsPort, health: health.url, workers: this.#serving.length, core: status.core },
        'ready',
      );
      return {
        port,
        httpsPort,
        healthUrl: health.url,
        status: () => this.#overview ?? status,
        reloadTls: async () => {
          for (const worker of this.#workers) worker.reloadTls();
        },
        close: async () => {
          await this.#stop();
          await health.close();
        },
      };
    } catch (error) {
      await this.#stop();
      throw error;
    }
  }

  /** Nothing new is accepted; then all answer what is in flight; then all but the leader end, so that it knows of every key. */
  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearInterval(this.#rotation);
    this.#dispatcher.close();
    for (const worker of this.#workers) worker.retire();
    await Promise.all(this.#serving.map((worker) => this.#drain(worker)));
    const [leader] = this.#serving;
    const others = this.#workers.filter((worker) => worker !== leader);
    await Promise.all(others.map((worker) => worker.stop(WORKER_STOP_MS)));
    await leader?.stop(WORKER_STOP_MS + DRAIN_CORE_MS);
  }

  #drain(worker: WorkerProcess): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, DRAIN_REQUESTS_MS);
      this.#drains.set(worker, () => {
        clearTimeout(timer);
        resolve();
      });
      worker.send({ kind: 'drain' });
    });
  }

  #isServing(worker: WorkerProcess): void {
    this.#serving.push(worker);
    if (this.#serving[0] === worker) worker.send({ kind: 'lead' });
    this.#dispatcher.add(worker);
  }

  #isGone(worker: WorkerProcess): void {
    this.#dispatcher.remove(worker);
    this.#drains.get(worker)?.();
    const wasServing = this.#serving.includes(worker);
    const led = this.#serving[0] === worker;
    this.#serving = this.#serving.filter((other) => other !== worker);
    if (wasServing && !this.#isStopping) this.#metrics.died();
    const [leader] = this.#serving;
    if (led && leader !== undefined && !this.#isStopping) {
      leader.send({ kind: 'lead' });
      this.#options.logger.info({ worker: leader.number }, 'another worker leads');
    }
    const counted = this.#counted.get(worker);
    this.#counted.delete(worker);
    if (counted !== undefined) this.#past = this.#past.then((past) => totalsOf([past, counted]));
    this.#switchboard.gone(worker);
  }

  #hear(worker: WorkerProcess, message: ToPrimary): void {
    switch (message.kind) {
      case 'taken':
        this.#dispatcher.taken(worker);
        return;
      case 'ended':
        this.#dispatcher.ended(worker, message.connections);
        return;
      case 'status':
        this.#statuses.answer(message.ask, message.status);
        return;
      case 'metrics':
        this.#metricSets.answer(message.ask, message.metrics);
        return;
      case 'drained':
        this.#drains.get(worker)?.();
        return;
      case 'ruined':
        void this.#endAtOnce(worker);
        return;
      default:
        this.#switchboard.hear(worker, message);
    }
  }

  /** One that lived on would bring the log into the store, and begin it anew. `last`: keeps it from being begun anew until then. */
  async #endAtOnce(last: WorkerProcess): Promise<void> {
    this.#isStopping = true;
    this.#dispatcher.close();
    // One that hangs in the kernel, as with a broken disk, ends when that lets go of it: the next start waits for it.
    setTimeout(alone.endAtOnce, RUINED_END_MS);
    await Promise.all(this.#workers.filter((worker) => worker !== last).map((worker) => worker.end()));
    await last.end();
    alone.endAtOnce();
  }

  #rotateTickets(): void {
    this.#tickets = freshTicketKeys(this.#tickets);
    for (const worker of this.#workers) worker.send({ kind: 'tickets', keys: this.#tickets });
  }

  async #look(): Promise<GatewayStatus> {
    const { config } = this.#options;
    const asked = this.#serving.map((worker) =>
      this.#statuses.put((ask) => worker.send({ kind: 'look', ask, what: 'status' }), WORKER_ANSWER_MS),
    );
    const answers = (await Promise.all(asked)).filter((answer) => answer !== undefined);
    this.#overview = overviewOf({
      region: config.region,
      name: config.name,
      workers: this.#workers.map(
        (worker): WorkerStatus => ({
          worker: worker.number,
          pid: worker.pid,
          serving: worker.isServing,
          connections: this.#dispatcher.openOf(worker),
          restarts: worker.restarts,
        }),
      ),
      answers,
      connections: this.#dispatcher.open,
    });
    return this.#overview;
  }

  async #allMetrics(): Promise<string> {
    const asked = this.#serving.map(async (worker) => {
      const look = (ask: number): void => worker.send({ kind: 'look', ask, what: 'metrics' });
      const set = await this.#metricSets.put(look, WORKER_ANSWER_MS);
      if (set !== undefined && worker.isServing) this.#counted.set(worker, set);
      return set;
    });
    const sets = (await Promise.all(asked)).filter((set) => set !== undefined);
    const own = await this.#metrics.registry.getMetricsAsJSON();
    return await aggregated([own, await this.#past, ...sets]);
  }
}
