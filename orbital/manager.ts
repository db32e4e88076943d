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
import { REPORT_PREFETCH, STATUS_PREFETCH } from './limits.ts';
import { type Loop, startLoop } from './loop.ts';
import { dispatch } from './manager/dispatcher.ts';
import { type JobSpec, retryJob } from './manager/jobs.ts';
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
import { lanes, type Rejection, type Signer, type TrustedKey, verifyMessage } from './messages.ts';
import { managerMetrics } from './observe.ts';
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
   * come twice and out of order, and is never a command.
   */
  readonly onReport?: (source: string, report: JsonValue, at: string, keyId: string) => Promise<void>;
  readonly onRejected?: (rejection: Rejection) => void;
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
  const metrics = managerMetrics(options.registry);
  const progressor = new Progressor<DB>(db, options.handlers);
  let loops: Loop[] = [];
  let subscriptions: Subscription[] = [];

  function reject(rejection: Rejection): void {
    metrics.rejected(rejection.code);
    logger.warn({ ...rejection }, 'a message was thrown away');
    options.onRejected?.(rejection);
  }
  const claimedKey = (keyId: string | undefined): { keyId?: string } =>
    keyId === undefined ? {} : { keyId };

  async function onStatusFrame(frame: Uint8Array): Promise<void> {
    const channel = statusChannel();
    const verified = await verifyMessage('status', frame, keysOf);
    if (!verified.ok) return reject({ code: verified.code, channel, ...claimedKey(verified.keyId) });
    const progress = await progressor.onStatus(verified.body);
    if (progress.step === 'rejected') return reject({ code: progress.code, channel, keyId: verified.keyId });
    if (progress.step === 'ended') {
      metrics.ended(progress.lane, progress.outcome, progress.lagMs);
      const { taskId, target, correlationId } = verified.body;
      logger.info({ taskId, target, correlationId, outcome: progress.outcome }, 'a task ended');
    }
    if (progress.step !== 'ignored') wake();
  }

  async function onReportFrame(frame: Uint8Array): Promise<void> {
    const verified = await verifyMessage('report', frame, keysOf);
    if (!verified.ok)
      return reject({ code: verified.code, channel: reportChannel(), ...claimedKey(verified.keyId) });
    const { source, report, at } = verified.body;
    await options.onReport?.(source, report, at, verified.keyId);
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
    retryJob,
    getJob: (jobId) => getJob(db, jobId),
    listJobs: (filter, page) => listJobs(db, filter, page),
    listTasks: (filter, page) => listTasks(db, filter, page),
    overview: () => readOverview(db),
    wake,
    async start() {
      if (loops.length > 0) throw new Error('the manager has been started already');
      const dispatcher = { db, transport, signer, logger, metrics };
      loops = lanes.map((lane) => startLoop(`dispatch ${lane}`, logger, () => dispatch(dispatcher, lane)));
      const sweeping = startLoop('sweep', logger, createSweeper({ db, progressor, logger, metrics }));
      subscriptions = [
        { close: () => sweeping.stop() },
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
