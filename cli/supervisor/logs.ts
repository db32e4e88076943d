/** The log files of the components: kept within bounds, and read for the last complaint when one does not start. */
import { copyFile, open, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Past this a log is copied to `….1` and begun anew, so that a home holds at most twice this per component. */
const MAX_LOG_BYTES = 32 * 1024 * 1024;
const CHECK_EVERY_MS = 10_000;
const TAIL_BYTES = 16 * 1024;
const MAX_COMPLAINT_LENGTH = 300;

export function logFile(logs: string, component: string): string {
  return join(logs, `${component.replaceAll('/', '-')}.log`);
}

/** The children hold the files open for appending: copying and truncating keeps their descriptors valid. */
export function boundLogs(files: readonly string[]): { stop(): void } {
  const check = async (): Promise<void> => {
    for (const file of files) {
      try {
        if ((await stat(file)).size <= MAX_LOG_BYTES) continue;
        await copyFile(file, `${file}.1`);
        await truncate(file, 0);
      } catch {
        // It does not exist yet, or the disk is full: the next round tries again.
      }
    }
  };
  const timer = setInterval(() => void check(), CHECK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Where the next line will stand. */
export async function logEnd(file: string): Promise<number> {
  return await stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/**
 * What the program said last at level error or fatal, or the message of the exception that ended it. What lies before
 * `since` was said in an earlier life.
 */
export async function lastComplaint(file: string, since: number): Promise<Error | undefined> {
  const lines = (await tail(file, since)).split('\n').toReversed();
  for (const line of lines) {
    const complaint = line.startsWith('{') ? loggedComplaint(line) : thrownComplaint(line);
    if (complaint !== undefined) return new Error(complaint.slice(0, MAX_COMPLAINT_LENGTH));
  }
  return undefined;
}

/** What a program says when it does not come up, or the first line of what Node prints of an exception. */
function thrownComplaint(line: string): string | undefined {
  return /^(?:\w*Error(?: \[\w+\])?|cmk|core|gateway): (.+)$/.exec(line)?.[1];
}

function loggedComplaint(line: string): string | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null) return undefined;
    const level = 'level' in entry ? entry.level : undefined;
    if (level !== 'error' && level !== 'fatal') return undefined;
    return 'msg' in entry ? String(entry.msg) : undefined;
  } catch {
    return undefined;
  }
}

async function tail(path: string, since: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(Math.max(size - since, 0), TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
