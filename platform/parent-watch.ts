/**
 * What a process has to do with the supervisor that started it, over its standard input: it begins at the supervisor's
 * word, and ends when the supervisor has died. The supervisor starts its children with `OKCM_SUPERVISED=1`, holds the
 * writing end and writes that one word to it: however it dies (SIGKILL included), the kernel closes the pipe, and the
 * child shuts down instead of living on as an orphan that holds ports. A process that nobody supervises keeps its
 * standard input to itself.
 */
import type { Readable } from 'node:stream';

/** The word. */
export const GO = '\n';

export interface ParentWatch {
  /**
   * Resolves at the supervisor's word; at once where there is none. To load a program takes longer than to begin its work, so a
   * supervisor starts it beside what it will need. It stays pending when the supervisor dies before.
   */
  readonly released: Promise<void>;
  /** Stop watching, for example because an orderly shutdown has begun. */
  stop(): void;
}

export interface ParentWatchOptions {
  readonly supervised?: boolean;
  readonly stdin?: Readable;
  /** Runs once, when the parent has gone. Default: SIGTERM to this process, that is its ordinary shutdown, or its end. */
  readonly onParentGone?: () => void;
}

/**
 * Watches the parent when this process is supervised; otherwise does nothing. Call it first of all: whoever begins to listen
 * later misses an end that has been read meanwhile. It keeps the process alive until it is released.
 */
export function watchParent(options: ParentWatchOptions = {}): ParentWatch {
  const supervised = options.supervised ?? process.env['OKCM_SUPERVISED'] === '1';
  if (!supervised) return { released: Promise.resolve(), stop: () => undefined };

  const stdin = options.stdin ?? process.stdin;
  const onParentGone = options.onParentGone ?? (() => process.kill(process.pid, 'SIGTERM'));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let watching = true;
  const gone = (): void => {
    if (!watching) return;
    watching = false;
    onParentGone();
  };
  stdin.on('end', gone).on('close', gone).on('error', gone);
  stdin.once('data', () => {
    if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
    release();
  });
  return {
    released,
    stop: () => {
      watching = false;
    },
  };
}
