/**
 * Ends a process whose supervisor has died. The supervisor starts its children with `OKCM_SUPERVISED=1` and holds
 * the writing end of their standard input without ever writing to it: however the supervisor dies (SIGKILL
 * included), the kernel closes the pipe, and the child shuts down instead of living on as an orphan that holds
 * ports. A process that nobody supervises keeps its standard input to itself.
 */
import type { Readable } from 'node:stream';

export interface ParentWatch {
  /** Stop watching, for example because an orderly shutdown has begun. */
  stop(): void;
}

export interface ParentWatchOptions {
  readonly supervised?: boolean;
  readonly stdin?: Readable;
  /** Runs once, when the parent has gone. Default: SIGTERM to this process, that is its ordinary shutdown. */
  readonly onParentGone?: () => void;
}

/** Watches the parent when this process is supervised; otherwise does nothing. Never keeps the process alive. */
export function watchParent(options: ParentWatchOptions = {}): ParentWatch {
  const supervised = options.supervised ?? process.env['OKCM_SUPERVISED'] === '1';
  if (!supervised) return { stop: () => undefined };

  const stdin = options.stdin ?? process.stdin;
  const onParentGone = options.onParentGone ?? (() => process.kill(process.pid, 'SIGTERM'));
  let watching = true;
  const gone = (): void => {
    if (!watching) return;
    watching = false;
    onParentGone();
  };
  stdin.on('end', gone).on('close', gone).on('error', gone);
  stdin.resume();
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  return {
    stop: () => {
      watching = false;
    },
  };
}
