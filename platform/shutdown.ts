// An orderly end: whatever was started registers how to stop it, and SIGTERM or SIGINT runs that in reverse order
// within one overall deadline. A promise that nobody caught is a bug whose state we do not know: log, stop, exit 1.
import { errorMessage } from './errors.ts';
import type { Logger } from './log.ts';

export const SHUTDOWN_DEADLINE_MS = 10_000;

type Step = { readonly name: string; readonly run: () => Promise<void> | void };

const steps: Step[] = [];
let running: Promise<void> | undefined;
let installed: ShutdownOptions | undefined;

export interface ShutdownOptions {
  readonly logger: Logger;
  /** How long all steps together may take, in milliseconds; then the process exits with code 1. */
  readonly deadlineMs?: number;
}

/** Registers a step; the latest runs first. Returns how to take it back, for what is closed before the end. */
export function onShutdown(name: string, run: () => Promise<void> | void): () => void {
  const step: Step = { name, run };
  steps.push(step);
  return () => {
    const index = steps.indexOf(step);
    if (index >= 0) steps.splice(index, 1);
  };
}

/** Installs the signal handlers, once in a process; a second call is an error. */
export function installShutdown(options: ShutdownOptions): void {
  if (installed !== undefined) throw new Error('installShutdown was already called in this process');
  installed = options;
  const { logger } = options;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Repeated signals change nothing: supervisors and terminals often send both, and the deadline bounds the wait.
    process.on(signal, () => void shutdown(signal, 0));
  }
  process.on('unhandledRejection', (reason) => {
    logger.fatal({ err: reason }, 'unhandled rejection');
    void shutdown('unhandledRejection', 1);
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception');
    void shutdown('uncaughtException', 1);
  });
}

/** Runs the registered steps in reverse order and exits. A failing step is logged and does not hold up the others. */
export function shutdown(reason: string, exitCode = 0): Promise<void> {
  running ??= run(reason, exitCode);
  return running;
}

async function run(reason: string, exitCode: number): Promise<void> {
  const logger = installed?.logger;
  const deadlineMs = installed?.deadlineMs ?? SHUTDOWN_DEADLINE_MS;
  let code = exitCode;
  let current = '';
  logger?.info({ reason }, 'shutting down');
  setTimeout(() => {
    logger?.fatal({ step: current, deadlineMs }, 'shutdown took too long');
    process.exit(1);
  }, deadlineMs).unref();
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    current = step.name;
    try {
      await step.run();
    } catch (error) {
      code = 1;
      logger?.error({ step: step.name, err: error }, `shutdown step failed: ${errorMessage(error)}`);
    }
  }
  logger?.info({ reason, exitCode: code }, 'stopped');
  process.exit(code);
}
