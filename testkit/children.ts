// Real processes in tests: started, watched, killed, and never left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { sleep, withDeadline } from '../platform/backoff.ts';
import { reapAtEnd } from './reaper.ts';

const MAX_OUTPUT_CHARACTERS = 1024 * 1024;
const DEFAULT_WAIT_MS = 20_000;
const POLL_EVERY_MS = 20;

export interface ChildOptions {
  /** For error messages. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** The whole environment; this process' own when left out. */
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  /** Resolves when the process has ended and its output is complete. */
  readonly exited: Promise<Exit>;
  /** Standard output and error, interleaved as they came; the last 1 MiB. */
  output(): string;
  /** The first line, past or future, that matches. Rejects when the process ends before that, or after `timeoutMs`. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Waits until the file exists. Rejects as above. */
  waitForFile(path: string, timeoutMs?: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Signals and waits for the end; SIGKILL after `timeoutMs`, which rejects. */
  stop(signal?: NodeJS.Signals, timeoutMs?: number): Promise<Exit>;
  /** SIGKILL to the whole process group, as a crash would. */
  kill(): Promise<void>;
  /** Waits for the end and rejects, with the output, unless the exit code was 0; SIGKILL after `timeoutMs`. */
  expectCleanExit(timeoutMs?: number): Promise<void>;
}

/** Starts a process in a group of its own. Rejects when it cannot be started at all. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const spawned = spawn(options.command, options.args ?? [], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  await new Promise<void>((resolve, reject) => {
    spawned.once('spawn', resolve);
    spawned.once('error', (error) => reject(new Error(`${options.name} did not start`, { cause: error })));
  });
  const pid = spawned.pid;
  if (pid === undefined) throw new Error(`${options.name} has no process id`);
  // A child that a test forgot must not keep the runner waiting: the reaper ends it with us.
  spawned.unref();
  for (const stream of [spawned.stdout, spawned.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
  const callOff = reapAtEnd({ processGroups: [pid], signal: 'KILL' });
  return control(options.name, spawned, pid, callOff);
}

function control(name: string, spawned: ChildProcess, pid: number, callOff: () => void): Child {
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
    // Cut seldom: each cut copies all of it.
    if (output.length > 2 * MAX_OUTPUT_CHARACTERS) output = output.slice(-MAX_OUTPUT_CHARACTERS);
  };
  spawned.stdout?.on('data', collect);
  spawned.stderr?.on('data', collect);
  let ended: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    spawned.once('close', (code, signal) => {
      ended = { code, signal };
      callOff();
      resolve(ended);
    });
  });

  async function until<T>(what: string, timeoutMs: number, look: () => T | undefined): Promise<T> {
    return await withDeadline(timeoutMs, `${name}: ${what}`, async (signal) => {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (ended !== undefined)
          throw new Error(`${name} ended (${describe(ended)}) before ${what}\n${output}`);
        await sleep(POLL_EVERY_MS, signal);
      }
    });
  }

  function signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended by itself, which is what a signal is for.
    }
  }

  async function whenExited(timeoutMs: number): Promise<Exit> {
    spawned.ref();
    return await withDeadline(timeoutMs, `${name}: the end of the process`, () => exited);
  }

  return {
    pid,
    exited,
    output: () => output.slice(-MAX_OUTPUT_CHARACTERS),
    waitForLine: (pattern, timeoutMs = DEFAULT_WAIT_MS) =>
      until(`a line like ${pattern}`, timeoutMs, () => output.split('\n').find((line) => pattern.test(line))),
    waitForFile: async (path, timeoutMs = DEFAULT_WAIT_MS) => {
      await until(`the file ${path}`, timeoutMs, () => (existsSync(path) ? true : undefined));
    },
    signal: (signal) => {
      spawned.kill(signal);
    },
    stop: async (signal = 'SIGTERM', timeoutMs = DEFAULT_WAIT_MS) => {
      spawned.kill(signal);
      try {
        return await whenExited(timeoutMs);
      } catch (error) {
        signalGroup('SIGKILL');
        throw new Error(`${name} did not stop on ${signal}\n${output}`, { cause: error });
      }
    },
    kill: async () => {
      signalGroup('SIGKILL');
      await whenExited(DEFAULT_WAIT_MS);
    },
    expectCleanExit: async (timeoutMs = DEFAULT_WAIT_MS) => {
      const exit = await whenExited(timeoutMs).catch((error: unknown) => {
        signalGroup('SIGKILL');
        throw new Error(`${name} did not end by itself\n${output}`, { cause: error });
      });
      if (exit.code !== 0) throw new Error(`${name} ended with ${describe(exit)}\n${output}`);
    },
  };
}

function describe(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}
