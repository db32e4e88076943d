/**
 * Brings the log of the store's SQLite file into the database, on a thread of its own: it writes some hundred pages at random
 * places and flushes them, which would hold up every request for tens of milliseconds once some hundred thousand keys are held.
 * Commits go on meanwhile, but for its last moment, in which the log is begun anew.
 *
 * Where the thread does not keep up or has died, the store does the same behind a commit.
 */
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { CHECKPOINT_STOP_MS } from '../limits.ts';

const THREAD = new URL('./checkpoint-thread.ts', import.meta.url);
/** It runs four statements. */
const HEAP = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 } as const;

export type CheckpointOrder = 'checkpoint' | 'stop';
export interface CheckpointFailure {
  readonly message: string;
  /** Of SQLite. */
  readonly errcode: number;
}
/** `isWhole`: nothing of the log is left that is not in the database. */
export type CheckpointOutcome = { readonly failed: CheckpointFailure } | { readonly isWhole: boolean };

/**
 * Almost all of the log while others write, twice: where somebody has committed meanwhile, SQLite leaves to a later one the
 * flush of what it has written. Then the rest, for which writers wait, so that the next commit begins the log anew. Where somebody
 * still reads what was there before, the next checkpoint does it: nobody shall wait for that.
 *
 * Returns whether nothing of it is left. @throws Error of SQLite
 */
export function bringIn(db: DatabaseSync): boolean {
  const most = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  most.get();
  const { busy, log, checkpointed } = most.get() as { busy: number; log: number; checkpointed: number };
  if (busy !== 0 || log - checkpointed >= log / 2) return false;
  const rest = db.prepare('PRAGMA wal_checkpoint(RESTART)').get() as { busy: number };
  return rest.busy === 0;
}

/**
 * What a failed flush has lost lies in the log. As long as somebody reads what is there now, nobody of any process begins it anew:
 * from now on this connection does.
 */
export function keepLog(db: DatabaseSync): void {
  try {
    if (!db.isTransaction) db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch {
    // Whoever cannot even read has a process that is about to end.
  }
}

export interface CheckpointThreadData {
  readonly path: string;
  /** How the thread has ended, for whoever sleeps until it has. */
  readonly stopped: Int32Array;
}
export const STOPPED = 1;
/** A flush has failed: the thread has not closed the file, nor may anybody else. */
export const STOPPED_WITH_LOSS = 2;

export interface CheckpointEvents {
  /** It could not be done, and is tried again by the next one. As SQLite has it: with an `errcode`. */
  readonly onFailure: (error: Error) => void;
  readonly onWhole: () => void;
  /** There is no thread, or no longer; told once. `reason`: what it died of. */
  readonly onOver: (reason: unknown) => void;
}

export class Checkpoints {
  readonly #path: string;
  readonly #events: CheckpointEvents;
  readonly #stopped = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #thread: Worker | undefined;
  #isRunning = false;
  /** The store does it from then on. */
  #isOver = false;

  /** `path`: of the file, which stays open elsewhere in this process. */
  constructor(path: string, events: CheckpointEvents) {
    this.#path = path;
    this.#events = events;
  }

  /** Opens the file for the thread, which is told of every flush of any process that fails from then on. Otherwise `begin` does. */
  start(): Worker | undefined {
    try {
      this.#thread ??= this.#start();
    } catch (error) {
      this.#over(error);
    }
    return this.#thread;
  }

  /** Begins one, unless one is under way. Returns whether it has. */
  begin(): boolean {
    if (this.#isRunning || this.#isOver) return false;
    const thread = this.start();
    if (thread === undefined) return false;
    this.#isRunning = true;
    this.#order(thread, 'checkpoint');
    return true;
  }

  /**
   * Returns when the thread has let go of the file, or after CHECKPOINT_STOP_MS, and whether the file may be closed: whoever
   * closes it last brings the log into it and removes it, which nobody may where a flush has failed, or may be about to.
   */
  close(): 'closed' | 'busy' | 'lost' {
    const thread = this.#thread;
    if (thread === undefined || this.#isOver) return 'closed';
    this.#isOver = true;
    this.#order(thread, 'stop');
    Atomics.wait(this.#stopped, 0, 0, CHECKPOINT_STOP_MS);
    const stopped = Atomics.load(this.#stopped, 0);
    return stopped === STOPPED ? 'closed' : stopped === STOPPED_WITH_LOSS ? 'lost' : 'busy';
  }

  #over(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onOver(reason);
  }

  #order(thread: Worker, order: CheckpointOrder): void {
    thread.postMessage(order);
  }

  #start(): Worker {
    const workerData: CheckpointThreadData = { path: this.#path, stopped: this.#stopped };
    const thread = new Worker(THREAD, {
      workerData,
      execArgv: [],
      env: {},
      name: 'checkpoints',
      resourceLimits: HEAP,
    });
    thread.on('message', (outcome: CheckpointOutcome) => {
      this.#isRunning = false;
      if (this.#isOver) return;
      if ('failed' in outcome) {
        const { message, errcode } = outcome.failed;
        this.#events.onFailure(Object.assign(new Error(message), { errcode }));
      } else if (outcome.isWhole) this.#events.onWhole();
    });
    thread.on('error', (error) => this.#over(error));
    thread.on('exit', (code) => this.#over(new Error(`the thread has ended with code ${code}`)));
    // It holds up nobody's end. Not before there are listeners, who would take it back.
    thread.unref();
    return thread;
  }
}
