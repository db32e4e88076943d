/**
 * Something that is read from files and read anew when they change, such as a certificate and its key: whole and valid,
 * or not at all. A new state that cannot be used is refused with a line in the log, and what was there before goes on.
 *
 * Looks at the files instead of asking the kernel to tell: secrets are put in place by renames, symbolic links of whole
 * directories (Kubernetes) and network file systems, and notifications miss some of these.
 */
import { stat } from 'node:fs/promises';
import { errorCode, errorMessage, OkcmError } from './errors.ts';
import type { Logger } from './log.ts';

/** How often files are looked at. With the next bound and the reading, a revocation list counts within a second. */
export const FILE_POLL_MS = 400;
/** A change counts when it has stayed so for as long: files come one by one. */
const SETTLED_AFTER_MS = 150;

export interface WatchedOptions<T> {
  /** For the log: `server certificate`. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Reads and checks everything; what it throws is why the files are refused. */
  readonly load: (before: T | undefined) => Promise<T>;
  /** `current` is another one from now on. */
  readonly onChanged: (fresh: T) => void;
  /** Each time that files were read anew. */
  readonly onOutcome?: ((outcome: 'taken' | 'refused') => void) | undefined;
  readonly logger: Logger;
}

export class WatchedFiles<T> {
  readonly #options: WatchedOptions<T>;
  #current: T;
  /** As the files looked when they were last read, and at the last look. */
  #read: string;
  #seen: string;
  #busy: Promise<void> | undefined;
  /** Set from `start` to `close`. */
  #timer: NodeJS.Timeout | undefined;

  /** Errors: of `load`. */
  static async open<T>(options: WatchedOptions<T>): Promise<WatchedFiles<T>> {
    // Looked at first: a change during the reading is then seen.
    const looks = await appearance(options.paths);
    return new WatchedFiles(options, await options.load(undefined), looks);
  }

  private constructor(options: WatchedOptions<T>, current: T, looks: string) {
    this.#options = options;
    this.#current = current;
    this.#read = looks;
    this.#seen = looks;
  }

  get current(): T {
    return this.#current;
  }

  /** From now on changes are followed, until `close`. */
  start(): void {
    this.#timer ??= this.#lookIn(FILE_POLL_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Reads the files whether they look changed or not. Never rejects: what is wrong is in the log. */
  async reload(): Promise<void> {
    await this.#busy;
    await this.#alone(async () => this.#take(await appearance(this.#options.paths)));
  }

  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      void this.#look().then(() => {
        if (this.#timer === undefined) return;
        clearTimeout(this.#timer); // closed and started again meanwhile
        this.#timer = this.#lookIn(this.#seen === this.#read ? FILE_POLL_MS : SETTLED_AFTER_MS);
      });
    }, ms).unref();
  }

  #look(): Promise<void> {
    return this.#alone(async () => {
      const looks = await appearance(this.#options.paths);
      const settled = looks === this.#seen;
      this.#seen = looks;
      if (settled && looks !== this.#read) await this.#take(looks);
    });
  }

  /** One at a time: a look that finds another under way has nothing to do. */
  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#busy !== undefined) return this.#busy;
    this.#busy = work().finally(() => {
      this.#busy = undefined;
    });
    return this.#busy;
  }

  async #take(looks: string): Promise<void> {
    const { what, paths, load, onChanged, onOutcome, logger } = this.#options;
    this.#read = looks;
    this.#seen = looks;
    try {
      this.#current = await load(this.#current);
      onChanged(this.#current);
      logger.info({ files: paths }, `${what}: read anew, in use`);
      onOutcome?.('taken');
    } catch (error) {
      logger.error(
        {
          files: paths,
          cause: errorMessage(error),
          hint: error instanceof OkcmError ? error.hint : undefined,
        },
        `${what}: the new files are refused, what was there before goes on`,
      );
      onOutcome?.('refused');
    }
  }
}

async function appearance(paths: readonly string[]): Promise<string> {
  const looks = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
        return `${dev}:${ino}:${size}:${mtimeNs}`;
      } catch (error) {
        return errorCode(error) ?? 'unreadable';
      }
    }),
  );
  return looks.join(' ');
}
