/**
 * The flush to disk that makes commits of SQLite in WAL mode durable, beside the event loop. With `synchronous = NORMAL`
 * SQLite writes a commit to its log and leaves it to the system to bring it to the disk; after a crash of the process it is
 * there, after a power cut everything that had been flushed is, in whole transactions, since each carries checksums
 * (https://www.sqlite.org/wal.html). `FULL` would flush within the commit, and nothing else could run meanwhile.
 *
 * The log is opened a second time: a flush is of the file, whoever wrote it. It stays the same file as long as the
 * database is open, and no lock lies on it that closing would give up.
 */
import { close, closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

export class WalSync {
  readonly #path: string;
  #file: number | undefined;
  /** For `syncNow`: what fails is told once for each opening, and whoever waits for the other flush must hear of it too. */
  #fileNow: number | undefined;
  #running = false;
  #closed = false;

  /** `path`: of the database, which is open and has been written to. */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error when there is no log, or its name cannot be brought to the disk. */
  open(): void {
    this.#openedNow();
  }

  /** What is in the log is on disk when `done` is called, unless with an error. One at a time. */
  sync(done: (error?: unknown) => void): void {
    let file: number;
    try {
      file = this.#opened();
    } catch (error) {
      setImmediate(() => done(error));
      return;
    }
    this.#running = true;
    fdatasync(file, (error) => {
      this.#running = false;
      if (this.#closed) close(file, () => undefined);
      done(error ?? undefined);
    });
  }

  /** The same, before anything else may happen. */
  syncNow(): void {
    fdatasyncSync(this.#openedNow());
  }

  close(): void {
    this.#closed = true;
    if (this.#fileNow !== undefined) closeSync(this.#fileNow);
    // A flush that is still under way needs it.
    if (this.#file !== undefined && !this.#running) closeSync(this.#file);
  }

  #openedNow(): number {
    this.#opened();
    this.#fileNow ??= openSync(`${this.#path}-wal`, 'r');
    return this.#fileNow;
  }

  #opened(): number {
    if (this.#file !== undefined) return this.#file;
    const file = openSync(`${this.#path}-wal`, 'r');
    // SQLite would bring the name of a new log to the disk with its own first flush.
    const directory = openSync(dirname(this.#path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    this.#file = file;
    return file;
  }
}
