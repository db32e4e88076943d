// Keeps memory out of files and debuggers as far as a Node process can do that for itself, and says what it could not.
//
// Node has no setrlimit, so the core file size limit can only be read here; the service manager must set it
// (`LimitCORE=0`, `ulimit -c 0`). What a Linux process can do itself is to empty its core dump filter, after which a
// dump holds no memory mappings, also when a crash handler is piped to.
import { readFile, writeFile } from 'node:fs/promises';
import { url as inspectorUrl } from 'node:inspector';

export interface ProcessGuardReport {
  /** Core dumps of this process and of children that it starts later hold no memory. */
  readonly coreDumpsEmptied: boolean;
  /** The soft limit on core files as the kernel tells it, such as "0" or "unlimited"; undefined where it cannot be read. */
  readonly coreSizeLimit: string | undefined;
  /** What is left open, one sentence each; empty when all is well. Meant for a warning in the log. */
  readonly problems: readonly string[];
}

/** Call it first in main, before any secret is in memory. Never throws. */
export async function guardProcess(): Promise<ProcessGuardReport> {
  const problems: string[] = [];
  const coreDumpsEmptied = await emptyCoreDumps();
  const coreSizeLimit = await readCoreSizeLimit();
  if (!coreDumpsEmptied && coreSizeLimit !== '0') {
    problems.push(
      'core dumps of this process may hold its memory: start it with a core limit of 0 (ulimit -c 0)',
    );
  }
  if (inspectorUrl() !== undefined)
    problems.push('a debugger port is open (--inspect): it can read all memory');
  // Without this, any process of the same user opens the debugger by sending SIGUSR1.
  process.on('SIGUSR1', () => {});
  // A diagnostic report would write the environment and command line into a file.
  if (process.report !== undefined) {
    process.report.reportOnFatalError = false;
    process.report.reportOnSignal = false;
    process.report.reportOnUncaughtException = false;
    process.report.excludeEnv = true;
  }
  return { coreDumpsEmptied, coreSizeLimit, problems };
}

async function emptyCoreDumps(): Promise<boolean> {
  try {
    await writeFile('/proc/self/coredump_filter', '0');
    return Number.parseInt(await readFile('/proc/self/coredump_filter', 'utf8'), 16) === 0;
  } catch {
    return false;
  }
}

async function readCoreSizeLimit(): Promise<string | undefined> {
  try {
    return /^Max core file size\s+(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
