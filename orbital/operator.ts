/**
 * Orbital's operator side, run by a region's core: takes the tasks of its region, applies each once and in its
 * entity's order, and answers with status. Any number of cores of the region may share one database.
 *
 * Each message in hand holds one pooled connection while its handler runs (URGENT_PREFETCH + NORMAL_PREFETCH at most):
 * the pool must be larger than that by what the handlers themselves need.
 */
import type { Kysely, Transaction } from 'kysely';
import type { Registry } from 'prom-client';
import { withDeadline } from '../platform/backoff.ts';
import type { Logger } from '../platform/log.ts';
import type { PostgresAddress } from '../platform/postgres.ts';
import { listen } from '../platform/postgres-listen.ts';
import { type JsonValue, parseJson } from './json.ts';
import {
  DECIDE_TIMEOUT_MS,
  DUPLICATE_WAIT_MS,
  NORMAL_PREFETCH,
  PURGE_INTERVAL_MS,
  REPLAY_AFTER_MS,
  TASK_TIMEOUT_MS,
  URGENT_PREFETCH,
} from './limits.ts';
import { type Loop, startLoop } from './loop.ts';
import { overtakes, whyNotTaken } from './machine/operator.ts';
import {
  lanes,
  type Rejection,
  type Signer,
  type StatusMessage,
  signMessage,
  type TaskMessage,
  type TrustedKey,
  verifyMessage,
} from './messages.ts';
import { operatorMetrics } from './observe.ts';
import { committingApart, SupersededError } from './operator/apart.ts';
import { runBounded, type Session } from './operator/execution.ts';
import { applyOnce, type HandlerOutcome, operatorError, overtake } from './operator/inbox.ts';
import { createOutbox, purgeInbox } from './operator/outbox.ts';
import { type TellSession, tellNobody, withPrecedence } from './operator/precedence.ts';
import { type OperatorDb, OVERTAKE_CHANNEL } from './operator/schema.ts';
import { SeenFrames } from './seen.ts';
import { executingTask } from './traces.ts';
import { reportChannel, type Subscription, type Transport, taskChannel } from './transport.ts';

export interface TaskContext<DB> {
  readonly jobId: string;
  readonly taskId: string;
  readonly kind: string;
  readonly entity: string;
  readonly correlationId: string;
  /** Names the key of governance that has signed the task. */
  readonly signedBy: string;
  /** What the last execution of this task left with `processing`. */
  readonly workingState: JsonValue | undefined;
  /**
   * The transaction that also records the answer: committed with `done` and `processing`, undone with `failed`. What
   * must be durable before the handler goes on (closing an epoch before zeroising) is committed by `apart`.
   */
  readonly trx: Transaction<DB>;
  /**
   * Commits `work` in a transaction of its own, apart from `trx`. `work` may run several times and touches nothing but the
   * database. Nothing is committed once this task was taken from its handler, or something newer of the entity was answered
   * or has committed apart; a newer one that is about to is waited for. Whatever orders a handler's effects against those of
   * other tasks of its entity has to go through this or `trx`. @throws SupersededError, the reason of `signal`, what `work` throws
   */
  readonly apart: <T>(work: (trx: Transaction<DB>) => Promise<T>) => Promise<T>;
  /**
   * Aborted when a newer task cancels this one, and after HANDLER_TIMEOUT_MS. From then on `trx` takes no statement any
   * more; a handler that has not ended HANDLER_SETTLE_MS later loses the session that `trx` runs in.
   */
  readonly signal: AbortSignal;
}
/** Must be idempotent: a crash before its answer is recorded runs it again. */
export type TaskHandler<DB> = (payload: JsonValue, context: TaskContext<DB>) => Promise<HandlerOutcome>;

export interface OperatorOptions<DB> {
  readonly db: Kysely<DB>;
  readonly transport: Transport;
  readonly region: string;
  /** Governance's signing keys as they are now; asked for each message, so that one that was retired counts for nothing. */
  readonly trustedKeys: readonly TrustedKey[] | (() => Promise<readonly TrustedKey[]>);
  readonly signer: Signer;
  readonly handlers: Readonly<Partial<Record<string, TaskHandler<DB>>>>;
  readonly logger: Logger;
  /** Told of each refused message; rejections.ts sums them up. */
  readonly onRejected?: (rejection: Rejection) => void;
  /**
   * Where to LISTEN: the database of `db`. With it a cancelling task (UNLINK) stops older ones on every core of the
   * region within moments; without it only on its own core, and it waits for the others.
   */
  readonly listenOn?: PostgresAddress;
  readonly registry?: Registry;
}

export interface Operator {
  start(): Promise<void>;
  /** Finishes what is in hand; the transport and the database stay open, they are the caller's. */
  stop(): Promise<void>;
  /** Tells governance about the region. @throws TransportError; a report that could not be sent is not kept */
  sendReport(report: JsonValue): Promise<void>;
}

export function createOperator<DB>(options: OperatorOptions<DB>): Operator {
  const { transport, region, signer, logger } = options;
  const db = options.db as unknown as OperatorDb;
  const outbox = createOutbox({ db, transport, signer, region });
  const metrics = operatorMetrics(options.registry, transport);
  const seen = new SeenFrames();
  /** Executions in this process, by task, sequence and etag. */
  const inHand = new Map<string, Promise<unknown>>();
  /** Handlers that run, by entity: there is one at most, since it holds the entity's row. */
  const running = new Map<string, { readonly sequence: number; readonly abort: AbortController }>();
  /** Cancelling tasks in hand, by entity: nothing older may start any more. */
  const cancelling = new Map<string, number>();
  let loops: Loop[] = [];
  let subscriptions: Subscription[] = [];
  const { trustedKeys: trusted } = options;
  const trustedKeys =
    typeof trusted === 'function'
      ? () => withDeadline(DECIDE_TIMEOUT_MS, 'asking whom to trust', trusted)
      : () => trusted;

  async function onTaskFrame(channel: string, frame: Uint8Array): Promise<void> {
    const verified = await verifyMessage('task', frame, trustedKeys);
    if (!verified.ok) {
      const { ok: _ok, ...why } = verified;
      return reject(channel, why);
    }
    const { body: task, keyId, claims, signature } = verified;
    if (claims !== region) return reject(channel, { code: 'WRONG_AUDIENCE', keyId, claims });
    if (seen.has(signature)) return reject(channel, { code: 'REPLAYED', keyId, claims });
    const why = whyNotTaken({ sequence: task.entitySequence, etag: task.etag }, Date.now());
    if (why !== undefined) return reject(channel, { code: why, keyId, claims });
    const execution = `${task.taskId}/${task.entitySequence}/${task.etag}`;
    const first = inHand.get(execution);
    // A repeat may be acknowledged only after the first has been, and must not sit in its slot for long.
    if (first !== undefined) {
      await withDeadline(DUPLICATE_WAIT_MS, 'a task in hand', () => first);
      return;
    }
    const handling = withDeadline(TASK_TIMEOUT_MS, 'a task', (signal) =>
      executingTask(task, () => handle(task, keyId, signal)),
    );
    inHand.set(execution, handling);
    try {
      const { repeated } = await handling;
      seen.add(signature);
      // Answered all the same: our own record may be all that has forgotten it.
      const sentAgoMs = Date.now() - Date.parse(task.issuedAt);
      if (repeated && sentAgoMs > REPLAY_AFTER_MS) reject(channel, { code: 'REPLAYED', keyId, claims });
    } catch (error) {
      const { taskId, correlationId } = task;
      logger.warn(
        { err: error, taskId, correlationId },
        'a task was not answered yet; the broker will repeat it',
      );
      throw error;
    } finally {
      inHand.delete(execution);
    }
  }

  function reject(channel: string, why: Omit<Rejection, 'channel'>): void {
    const rejection: Rejection = { ...why, channel };
    metrics.rejected(rejection.code, channel);
    logger.debug({ ...rejection }, 'a message was refused');
    options.onRejected?.(rejection);
  }

  async function handle(
    task: TaskMessage,
    signedBy: string,
    signal: AbortSignal,
  ): Promise<{ readonly repeated: boolean; readonly phase: StatusMessage['phase'] }> {
    const { taskId, kind, entity, entitySequence, correlationId } = task;
    const cancels = task.cancels === true;
    if (cancels) {
      cancelling.set(entity, Math.max(entitySequence, cancelling.get(entity) ?? 0));
      stopOlder(entity, entitySequence);
    }
    try {
      const execute = (tell: TellSession) => (trx: unknown, session: Session) =>
        run(task, signedBy, trx as Transaction<DB>, session, tell);
      const { answer, repeated } = cancels
        ? await withPrecedence(db, noteEnded, (tell) => overtake(db, task, execute(tell), tell, signal))
        : await applyOnce(db, task, execute(tellNobody));
      if (!repeated) {
        metrics.handled(answer.phase, task.lane);
        logger.info({ taskId, kind, entity, correlationId, phase: answer.phase }, 'a task was handled');
      }
      // Acknowledged only after this: on failure the broker repeats the task and gets the recorded answer.
      await outbox.publish(answer);
      return { repeated, phase: answer.phase };
    } finally {
      if (cancelling.get(entity) === entitySequence) cancelling.delete(entity);
    }
  }

  function noteEnded(sessions: number): void {
    logger.warn(
      { sessions },
      'sessions that idled in a transaction kept a cancelling task waiting, and were ended',
    );
  }

  function stopOlder(entity: string, entitySequence: number): void {
    const current = running.get(entity);
    if (current !== undefined && overtakes(entitySequence, current.sequence))
      current.abort.abort(new Error('superseded'));
  }

  /** From another core of the region, or from ourselves. */
  function onOvertake(notice: string): void {
    const { entity, entitySequence } = (parseJson(Buffer.from(notice)) ?? {}) as Record<string, unknown>;
    if (typeof entity === 'string' && typeof entitySequence === 'number') stopOlder(entity, entitySequence);
  }

  async function run(
    task: TaskMessage,
    signedBy: string,
    trx: Transaction<DB>,
    session: Session,
    tell: TellSession,
  ): Promise<HandlerOutcome> {
    if (overtakes(cancelling.get(task.entity), task.entitySequence)) return operatorError('SUPERSEDED');
    const handler = Object.hasOwn(options.handlers, task.kind) ? options.handlers[task.kind] : undefined;
    if (handler === undefined) return operatorError('UNKNOWN_KIND');
    const { jobId, taskId, kind, entity, correlationId, workingState } = task;
    const abort = new AbortController();
    const current = { sequence: task.entitySequence, abort };
    running.set(entity, current);
    try {
      const about = { jobId, taskId, kind, entity, correlationId, signedBy, workingState };
      return await runBounded(db, { trx, session }, `task ${kind}`, abort.signal, (inside, signal) => {
        const apart = committingApart<DB>(db, task, tell, signal);
        return handler(task.payload, { ...about, trx: inside, apart, signal });
      });
    } catch (error) {
      if (abort.signal.aborted || error instanceof SupersededError) return operatorError('SUPERSEDED');
      // What broke stays in the region: an exception's text may name anything.
      logger.error({ err: error, taskId, kind, entity, correlationId }, 'a task handler failed');
      return operatorError('UNAVAILABLE');
    } finally {
      if (running.get(entity) === current) running.delete(entity);
    }
  }

  return {
    async start() {
      if (loops.length > 0) throw new Error('the operator has been started already');
      loops = [
        startLoop('status outbox', logger, () => outbox.flush()),
        startLoop('inbox purge', logger, async () => {
          await purgeInbox(db);
          return PURGE_INTERVAL_MS;
        }),
      ];
      if (options.listenOn !== undefined) {
        const listener = listen(options.listenOn, OVERTAKE_CHANNEL, onOvertake, { logger });
        subscriptions.push({ close: () => listener.stop() });
      }
      for (const lane of lanes) {
        const channel = taskChannel(region, lane);
        const prefetch = lane === 'urgent' ? URGENT_PREFETCH : NORMAL_PREFETCH;
        subscriptions.push(
          await transport.consume(channel, (frame) => onTaskFrame(channel, frame), { prefetch }),
        );
      }
    },
    async stop() {
      await Promise.all([...subscriptions.map((each) => each.close()), ...loops.map((loop) => loop.stop())]);
      await outbox.settle();
      loops = [];
      subscriptions = [];
    },
    async sendReport(report) {
      const frame = signMessage(signer, {
        type: 'report',
        source: region,
        at: new Date().toISOString(),
        report,
      });
      await transport.publish(reportChannel(), frame);
    },
  };
}
