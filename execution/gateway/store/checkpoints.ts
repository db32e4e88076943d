/**
 * Brings the log of the store's SQLite file into the database, on a thread of its own: it writes some hundred pages at random
 * places and flushes them, which would hold up every request for tens of milliseconds once some hundred thousand keys are held.
 * Commits go on meanwhile, but for its last moment, in which the log is begun anew.
 *
 * Where the thread does not keep up or has died, SQLite does the same within a commit, at the limit that the store sets.
 */
import { Worker } from 'node:worker_threads';
import { CHECKPOINT_STOP_MS } from '../limits.ts';

const THREAD = new URL('./checkpoint-thread.ts', import.meta.url);
/** It runs four statements. */
const HEAP = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 } as const;

export type CheckpointOrder = 'checkpoint' | 'stop';
export type CheckpointOutcome = 'done' | 'failed';

export interface CheckpointThreadData {
  readonly path: string;
  /** 1 when the thread has closed the file. */
  readonly stopped: Int32Array;
}

export class Checkpoints {
  readonly #path: string;
  readonly #onFailure: () => void;
  readonly #stopped = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #thread: Worker | undefined;
  #isRunning = false;
  /** Commits do it from then on. */
  #isOver = false;

  /**
   * `path`: of the file, which stays open elsewhere in this process. `onFailure`: something could not be written or flushed,
   * which the system tells once, and perhaps only here.
   */
  constructor(path: string, onFailure: () => void) {
    this.#path = path;
    this.#onFailure = onFailure;
  }

  /** Begins one, unless one is under way. Returns whether it has. */
  begin(): boolean {
    if (this.#isRunning || this.#isOver) return false;
    try {
      this.#thread ??= this.#start();
    } catch {
      // No thread is to be had.
      this.#isOver = true;
      return false;
    }
    this.#isRunning = true;
    this.#order(this.#thread, 'checkpoint');
    return true;
  }

  /** Returns when the thread has let go of the file: whoever closes it last cleans up its log. */
  close(): void {
    const thread = this.#thread;
    if (thread === undefined || this.#isOver) return;
    this.#isOver = true;
    this.#order(thread, 'stop');
    Atomics.wait(this.#stopped, 0, 0, CHECKPOINT_STOP_MS);
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
      if (outcome === 'failed' && !this.#isOver) this.#onFailure();
    });
    const over = (): void => {
      this.#isOver = true;
    };
    thread.on('error', over);
    thread.on('exit', over);
    // It holds up nobody's end. Not before there are listeners, who would take it back.
    thread.unref();
    return thread;
  }
}
