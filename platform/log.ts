// Logging: JSON lines with ISO times, redacted twice (see redact.ts). Written synchronously, so that the last line
// before a crash is there; nothing on a hot path logs per operation.
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { describeError, redact, scrubLine } from './redact.ts';

export type { Logger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  /** Who speaks: the component's name, on every line. */
  readonly name: string;
  readonly level?: LogLevel;
  /** A file (created with mode 0600, appended to) or a stream; standard output when left out. */
  readonly destination?: string | DestinationStream;
}

/** A logger. Child loggers (`logger.child({...})`) inherit the redaction. Throws when the file cannot be opened. */
export function createLogger(options: LoggerOptions): Logger {
  const logger = pino(
    {
      level: options.level ?? 'info',
      timestamp: stdTimeFunctions.isoTime,
      base: { name: options.name, pid: process.pid },
      formatters: {
        level: (label) => ({ level: label }),
        bindings: redactRecord,
        log: redactRecord,
      },
      serializers: { err: (error: unknown) => (error instanceof Error ? describeError(error) : error) },
      hooks: { streamWrite: scrubLine },
    },
    openDestination(options.destination),
  );
  // pino formats the fields of a line, but not those that a child logger carries: they are cleaned as they come in.
  // Children have their parent as prototype, and so inherit this.
  const child = logger.child;
  logger.child = function redactedChild(this: Logger, bindings, childOptions) {
    return child.call(this, redactRecord(bindings), childOptions);
  } as typeof child;
  return logger;
}

function redactRecord(record: Record<string, unknown>): Record<string, unknown> {
  const safe = redact(record);
  return typeof safe === 'object' && safe !== null ? { ...safe } : {};
}

function openDestination(target: string | DestinationStream | undefined): DestinationStream {
  if (target === undefined) return destination({ fd: 1, sync: true });
  if (typeof target !== 'string') return target;
  return destination({ dest: target, mkdir: true, mode: 0o600, sync: true });
}
