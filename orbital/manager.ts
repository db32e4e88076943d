/**
 * Orbital's manager side, run by governance: jobs fan out to tasks, tasks go to regions, status comes back. State
 * lives in PostgreSQL; any number of managers may share one database.
 */
import type { Kysely, Transaction } from 'kysely';
import type { Registry } from 'prom-client';
import type { Logger } from '../platform/log.ts';
import type { PostgresAddress } from '../platform/postgres.ts';
import { listen } from '../platform/postgres-listen.ts';
import type { JsonValue } from './json.ts';
import { NORMAL_GAP_MS, REPLAY_AFTER_MS, REPORT_PREFETCH, STATUS_PREFETCH, URGENT_GAP_MS } from './limits.ts';
import { type Loop, startLoop } from './loop.ts';
import { createDispatcher } from './manager/dispatcher.ts';
import { isAboutData } from './manager/errors.ts';
import type { JobSpec } from './manager/jobs.ts';
import { measureLevels } from './manager/levels.ts';
import { cancelTelling, type HandlersByKind, Progressor } from './manager/progress.ts';
import {
  getJob,
  type JobFilter,
  listJobs,
  listTasks,
  type ManagerOverview,
  readOverview,
  type TaskFilter,
} from './manager/queries.ts';
import { type ManagerDb, WAKE_CHANNEL } from './manager/schema.ts';
import { createSweeper } from './manager/sweeper.ts';
import {
  lanes,
  type Rejection,
  type RejectionCode,
  type Signer,
  type TrustedKey,
  verifyMessage,
} from './messages.ts';
import { managerMetrics } from './observe.ts';
import { SeenFrames } from './seen.ts';
import { takingStatus } from './traces.ts';
import { reportChannel, type Subscription, statusChannel, type Transport } from './transport.ts';

export interface ManagerOptions<DB> {
  readonly db: Kysely<DB>;
  readonly transport: Transport;
  readonly signer: Signer;
  /** The keys with which a region signs; an empty list for one that is unknown. */
  readonly keysOf: (target: string) => Promise<readonly TrustedKey[]> | readonly TrustedKey[];
  readonly handlers: HandlersByKind<DB>;
  readonly logger: Logger;
  /**
   * A region's report of itself, signature verified; `at` is the region's clock, `keyId` names the key that has signed it. May
   * come twice and out of order, and is never a command. Answers why it is refused, if it is: that is counted and told here.
   */
  readonly onReport?: (
    source: string,
    report: JsonValue,
    at: string,
    keyId: string,
  ) => Promise<RejectionCode | undefined>;
  /** Told of each refused message; rejections.ts sums them up. */
  readonly onRejected?: (rejection: Rejection) => void;
  /** Regions that metrics tell of from the beginning; without it, only those that were asked something. */
  readonly regions?: () => Promise<readonly string[]>;
  /**
   * Where to LISTEN: the database of `db`. With it a job is sent within milliseconds of its commit, without it at the
   * next poll (POLL_INTERVAL_MS) or `wake()`.
   */
  readonly listenOn?: PostgresAddress;
  readonly registry?: Registry;
}

export interface Manager<DB> {
  createJob(trx: Transaction<DB>, spec: JobSpec): Promise<string>;
  cancelJob(trx: Transaction<DB>, jobId: string): Promise<void>;
  retryJob(trx: Transaction<DB>, jobId: string, targets?: readonly string[]): Promise<void>;
  getJob(jobId: string): ReturnType<typeof getJob>;
  listJobs(filter?: JobFilter, page?: { after?: string; limit?: number }): ReturnType<typeof listJobs>;
  listTasks(filter?: TaskFilter, page?: { after?: string; limit?: number }): ReturnType<typeof listTasks>;
  overview(): Promise<ManagerOverview>;
  /** Looks for due tasks now. */
  wake(): void;
  start(): Promise<void>;
  /** Finishes what is in hand; the transport and the database stay open, they are the caller's. */
  stop(): Promise<void>;
}

export function createManager<DB>(options: ManagerOptions<DB>): Manager<DB> {
  const { transport, signer, logger, keysOf } = options;
  const db = options.db as unknown as ManagerDb;
  const metrics = managerMetrics(options.registry, transport);
  const seen = new SeenFrames();
  const progressor = new Progressor<DB>(db, options.handlers);
  let loops: Loop[] = [];
  let subscriptions: Subscription[] = [];

  function reject(channel: string, why: Omit<Rejection, 'channel'>): void {
    const rejection: Rejection = { ...why, channel };
    metrics.rejected(rejection.code, rejection.claims);
    logger.debug({ ...rejection }, 'a message was refused');
    options.onRejected?.(rejection);
  }

  /** One message of a region, if it is that and has not come before; undefined where it was refused. */
  async function take<T extends 'status' | 'report'>(channel: string, type: T, frame: Uint8Array) {
    const verified = await verifyMessage(type, frame, keysOf);
    if (!verified.ok) {
      const { ok: _ok, ...why } = verified;
      reject(channel, why);
      return undefined;
    }
    const { keyId, claims, signature } = verified;
    if (!seen.has(signature)) return verified;
    reject(channel, { code: 'REPLAYED', keyId, claims });
    return undefined;
  }

  async function onStatusFrame(frame: Uint8Array): Promise<void> {
    const channel = statusChannel();
    const taken = await take(channel, 'status', frame);
    if (taken === undefined) return;
    const { body: status, keyId, claims } = taken;
    const progress = await digest(channel, taken, () =>
      takingStatus(db, status, () => progressor.onStatus(status)),
    );
    if (progress === undefined) return;
    if (progress.step === 'rejected') return reject(channel, { code: progress.code, keyId, claims });
    if (progress.step === 'ignored' && Date.now() - Date.parse(status.at) > REPLAY_AFTER_MS)
      return reject(channel, { code: 'REPLAYED', keyId, claims });
    if (progress.step === 'continues' && status.phase === 'failed') metrics.retried(status.target);
    if (progress.step === 'ended') {
      metrics.ended(progress.lane, status.target, progress.outcome, progress.lagMs);
      const { taskId, target, correlationId } = status;
      logger.info({ taskId, target, correlationId, outcome: progress.outcome }, 'a task ended');
    }
    if (progress.step !== 'ignored') wake();
  }

  async function onReportFrame(frame: Uint8Array): Promise<void> {
    const channel = reportChannel();
    const taken = await take(channel, 'report', frame);
    if (taken === undefined) return;
    const { keyId, claims, body } = taken;
    const code = await digest(channel, taken, async () =>
      options.onReport?.(body.source, body.report, body.at, keyId),
    );
    if (code !== undefined) reject(channel, { code, keyId, claims });
  }

  /**
   * Does what the message is for. One that cannot be stored is refused, for the broker would repeat it for ever, and a few
   * of them would take every slot; the answer is undefined then.
   * @throws what may be otherwise the next time
   */
  async function digest<T>(
    channel: string,
    { keyId, claims, signature }: { keyId: string; claims: string; signature: string },
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const result = await work();
      seen.add(signature);
      return result;
    } catch (error) {
      if (!isAboutData(error)) throw error;
      logger.debug({ err: error, channel, claims }, 'a message holds what cannot be stored');
      reject(channel, { code: 'INVALID_BODY', keyId, claims });
      return undefined;
    }
  }

  function consume(channel: string, prefetch: number, onFrame: (frame: Uint8Array) => Promise<void>) {
    const logged = async (frame: Uint8Array): Promise<void> => {
      try {
        await onFrame(frame);
      } catch (error) {
        logger.warn(
          { err: error, channel },
          'a message could not be taken in yet; the broker will repeat it',
        );
        throw error;
      }
    };
    return transport.consume(channel, logged, { prefetch });
  }

  function wake(): void {
    for (const loop of loops) loop.wake();
  }

  return {
    ...cancelTelling(options.handlers),
    getJob: (jobId) => getJob(db, jobId),
    listJobs: (filter, page) => listJobs(db, filter, page),
    listTasks: (filter, page) => listTasks(db, filter, page),
    overview: () => readOverview(db),
    wake,
    async start() {
      if (loops.length > 0) throw new Error('the manager has been started already');
      const dispatcher = { db, transport, signer, logger, metrics };
      loops = lanes.map((lane) =>
        startLoop(
          `dispatch ${lane}`,
          logger,
          createDispatcher(dispatcher, lane),
          lane === 'urgent' ? URGENT_GAP_MS : NORMAL_GAP_MS,
        ),
      );
      const measuring = startLoop('levels', logger, () => measureLevels(db, metrics, options.regions));
      const sweeping = startLoop('sweep', logger, createSweeper({ db, progressor, logger, metrics }));
      subscriptions = [
        { close: () => sweeping.stop() },
        { close: () => measuring.stop() },
        await consume(statusChannel(), STATUS_PREFETCH, onStatusFrame),
        await consume(reportChannel(), REPORT_PREFETCH, onReportFrame),
      ];
      if (options.listenOn !== undefined) {
        const listener = listen(options.listenOn, WAKE_CHANNEL, wake, { onConnected: wake, logger });
        subscriptions.push({ close: () => listener.stop() });
      }
    },
    async stop() {
      await Promise.all([...loops.map((loop) => loop.stop()), ...subscriptions.map((each) => each.close())]);
      loops = [];
      subscriptions = [];
    },
  };
}
