/**
 * One worker as the primary sees it: a process that is started, started again with growing pauses when it dies, and
 * stopped. Its number stays, its process changes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { backoffMs } from '../../../platform/backoff.ts';
import { errorMessage, OkcmError } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { COLLECTOR_OPTIONS } from '../collector.ts';
import { WORKER_BACKOFF, WORKER_SETTLED_MS, WORKER_START_TIMEOUT_MS } from '../limits.ts';
import type { Desk } from './dispatcher.ts';
import type { DoorName, Ready, ToPrimary, ToWorker } from './messages.ts';

export interface WorkerProcessOptions {
  readonly number: number;
  /** The program and its arguments; no secret is among them. */
  readonly program: string;
  readonly args: readonly string[];
  readonly logger: Logger;
  readonly onMessage: (worker: WorkerProcess, message: ToPrimary) => void;
  /** The process is there and hears; it does not serve yet. */
  readonly onStarted: (worker: WorkerProcess) => void;
  readonly onServing: (worker: WorkerProcess) => void;
  /** The process is gone, whatever it was doing. */
  readonly onGone: (worker: WorkerProcess) => void;
}

export class WorkerProcess implements Desk {
  readonly number: number;
  readonly #options: WorkerProcessOptions;
  #child: ChildProcess | undefined;
  #isServing = false;
  #isStopping = false;
  #servingSinceMs = 0;
  /** Deaths without a life worth the name between them. */
  #failures = 0;
  #restarts = 0;
  #timer: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: WorkerProcessOptions) {
    this.number = options.number;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** How often it was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The first start. Resolves when it serves. Errors: WORKER_FAILED when it ends before that, or takes too long. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (how: string): void =>
        reject(new OkcmError('WORKER_FAILED', `worker ${this.number} of the gateway ${how}`));
      const late = setTimeout(() => {
        fail(`did not serve within ${WORKER_START_TIMEOUT_MS} ms`);
      }, WORKER_START_TIMEOUT_MS);
      this.#launch({
        serving: () => {
          clearTimeout(late);
          resolve();
        },
        gone: (how) => {
          clearTimeout(late);
          fail(how);
        },
      });
    });
  }

  send(message: ToWorker): void {
    const child = this.#child;
    // An end of the pipe that is gone is told by the exit.
    if (child?.connected === true) child.send(message, () => undefined);
  }

  give(door: DoorName, socket: Socket): void {
    const child = this.#child;
    const message: ToWorker = { kind: 'connection', door };
    // What cannot be sent is told by the exit.
    if (child?.connected === true) child.send(message, socket, { keepOpen: true }, () => undefined);
  }

  /** Has it read certificates, keys and revocation lists now. */
  reloadTls(): void {
    if (this.#isServing) this.#child?.kill('SIGHUP');
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** As it is. Resolves when it has no file open any more. */
  async end(): Promise<void> {
    this.retire();
    this.kill();
    await this.#exited;
  }

  /** It is not started again. */
  retire(): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when the process has ended: by itself, or after `withinMs` by SIGKILL. */
  async stop(withinMs: number): Promise<void> {
    this.retire();
    this.send({ kind: 'stop' });
    const timer = setTimeout(() => {
      this.#options.logger.error({ worker: this.number }, 'a worker does not end; it is killed');
      this.kill();
    }, withinMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #launch(first?: { serving: () => void; gone: (how: string) => void }): void {
    const { program, args, onMessage, onStarted, onServing, onGone, logger } = this.#options;
    // Its standard input is not ours: that is how we learn of our own supervisor's end.
    const child = fork(program, [...args], {
      execArgv: [...COLLECTOR_OPTIONS, ...process.execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    const late = setTimeout(() => child.kill('SIGKILL'), WORKER_START_TIMEOUT_MS);
    child.on('error', (error) =>
      logger.error({ worker: this.number, cause: errorMessage(error) }, 'trouble with a worker process'),
    );
    child.on('message', (message) => {
      const told = message as ToPrimary | Ready;
      if (told.kind === 'ready') {
        clearTimeout(late);
        this.#isServing = true;
        this.#servingSinceMs = performance.now();
        logger.info({ worker: this.number, pid: child.pid }, 'worker serves');
        onServing(this);
        first?.serving();
      } else onMessage(this, told);
    });
    this.#exited = new Promise((resolve) => {
      // What was never started does not exit.
      if (child.pid === undefined) resolve();
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        resolve();
        const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
        const wasServing = this.#isServing;
        this.#child = undefined;
        this.#isServing = false;
        onGone(this);
        if (this.#isStopping) return;
        if (first !== undefined && !wasServing) {
          first.gone(how);
          return;
        }
        this.#again(wasServing, how);
      });
    });
    onStarted(this);
  }

  #again(wasServing: boolean, how: string): void {
    const lived = wasServing && performance.now() - this.#servingSinceMs >= WORKER_SETTLED_MS;
    this.#failures = lived ? 0 : this.#failures + 1;
    // The first time at once: a worker that lived well is missed.
    const delayMs = this.#failures === 0 ? 0 : backoffMs(this.#failures - 1, WORKER_BACKOFF);
    this.#options.logger.error(
      { reason: 'WORKER_DIED', worker: this.number, how, delayMs },
      'a worker has died; it is started again',
    );
    this.#timer = setTimeout(() => {
      this.#restarts += 1;
      this.#launch();
    }, delayMs);
  }
}
