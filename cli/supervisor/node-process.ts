/**
 * Runs one of our programs as a child process. Its log goes to a private file, its configuration comes from one, and
 * its standard input is a pipe that we hold: it begins at our word, and should this process die, the child notices and
 * ends (platform/parent-watch.ts). It leads a process group of its own, so that Ctrl-C in the terminal reaches only the
 * supervisor, which stops things in order.
 */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GO } from '../../platform/parent-watch.ts';
import { CliError } from '../errors.ts';
import type { Runner, Running } from './component.ts';
import { lastComplaint, logEnd } from './logs.ts';

/** A machine with other things to do starts a program several times slower than one without. */
const READY_DEADLINE_MS = 60_000;
const READY_POLL_MS = 40;
/** A little more than the children's own shutdown deadline. */
const STOP_DEADLINE_MS = 12_000;

export interface NodeProgram {
  readonly main: string;
  readonly args: readonly string[];
  /** Of Node itself. */
  readonly options?: readonly string[];
  readonly log: string;
  /** A private directory for compiled code: it halves the time to start. */
  readonly compileCache: string;
}

export interface ChildOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface NodeChild {
  readonly pid: number;
  readonly ended: Promise<ChildOutcome>;
  /** Where its life began in the log. */
  readonly logStart: number;
  /** Lets it begin; until then it has only loaded its modules. */
  release(): void;
  kill(signal: NodeJS.Signals): void;
}

/** Only what Node, the system's name service and PKCS#11 libraries need: no credential ever travels in the environment. */
function childEnvironment(compileCache: string): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: shared } = process.env;
  const kept = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'USER',
    'LOGNAME',
    'NODE_EXTRA_CA_CERTS',
    'SOFTHSM2_CONF',
    'SystemRoot',
  ];
  const environment: NodeJS.ProcessEnv = {
    OKCM_SUPERVISED: '1',
    NODE_ENV: 'production',
    NODE_COMPILE_CACHE: shared ?? compileCache,
  };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

const BUNDLED_PACKAGES = new URL('../../platform/bundled-packages.mjs', import.meta.url).href;

/** Options of Node for all programs, between spaces, from whoever starts them: to profile and to measure them. */
function nodeOptions(): readonly string[] {
  const given = (process.env['OKCM_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');
  return [`--import=${BUNDLED_PACKAGES}`, ...given];
}

/** Started, and held until it is released. */
async function spawnProgram(program: NodeProgram): Promise<NodeChild> {
  const logStart = await logEnd(program.log);
  const log = await open(program.log, 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [...(program.options ?? []), ...nodeOptions(), program.main, ...program.args],
      {
        stdio: ['pipe', log.fd, log.fd],
        env: childEnvironment(program.compileCache),
        detached: true,
      },
    );
    // A child that has died breaks the pipe; its exit is what we listen to.
    child.stdin?.on('error', () => undefined);
    const ended = new Promise<ChildOutcome>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const { pid } = child;
    if (pid === undefined) throw new CliError('COMPONENT_FAILED', `${program.main} could not be started`);
    return {
      pid,
      ended,
      logStart,
      release: () => void child.stdin?.write(GO),
      kill: (signal) => void child.kill(signal),
    };
  } finally {
    await log.close();
  }
}

/** Runs a program to its end, or kills it on the signal. Errors: COMPONENT_FAILED with its last complaint. */
export async function runProgram(name: string, program: NodeProgram, signal: AbortSignal): Promise<void> {
  if (signal.aborted)
    throw new CliError('COMPONENT_FAILED', `${name} is not started: everything is stopping`);
  const child = await spawnProgram(program);
  const kill = (): void => child.kill('SIGKILL');
  child.release();
  signal.addEventListener('abort', kill);
  // The abort may have come while it was being spawned.
  if (signal.aborted) kill();
  const outcome = await child.ended.finally(() => signal.removeEventListener('abort', kill));
  if (outcome.code !== 0) {
    throw new CliError('COMPONENT_FAILED', `${name} ${describe(outcome)}`, {
      cause: await lastComplaint(program.log, child.logStart),
      hint: `see ${program.log}`,
    });
  }
}

/**
 * A long-running program that is up when its health address answers. Its start rejects with PORT_TAKEN when somebody
 * listens where it should, else with COMPONENT_FAILED.
 */
export function nodeRunner(program: NodeProgram, healthUrl: string): Runner {
  /** Started ahead, and not yet taken by a start. */
  let held: Promise<NodeChild> | undefined;
  return {
    prepare: () => {
      const mine = spawnProgram(program);
      mine.catch(() => undefined); // told by the start that takes it
      held = mine;
      let killed: Promise<void> | undefined;
      return async () => {
        if (held === mine) {
          held = undefined;
          killed = mine.then(killChild, () => undefined);
        }
        await killed;
      };
    },
    start: async (signal) => {
      const spawned = held ?? spawnProgram(program);
      held = undefined;
      const child = await spawned;
      child.release();
      let outcome: ChildOutcome | undefined;
      const ended = child.ended.then((end) => {
        outcome = end;
        return describe(end);
      });
      const running: Running = { pid: child.pid, ended, stop: () => stopChild(child) };
      const deadline = Date.now() + READY_DEADLINE_MS;
      while (!(await answers(healthUrl))) {
        if (outcome !== undefined) {
          const cause = await lastComplaint(program.log, child.logStart);
          const code = cause?.message.includes('EADDRINUSE') ? 'PORT_TAKEN' : 'COMPONENT_FAILED';
          throw new CliError(code, `it ${describe(outcome)}`, { cause });
        }
        if (signal.aborted || Date.now() > deadline) {
          await running.stop();
          throw new CliError('COMPONENT_FAILED', `it did not answer within ${READY_DEADLINE_MS / 1000} s`);
        }
        await sleep(READY_POLL_MS);
      }
      return running;
    },
  };
}

/** It holds nothing yet that would have to be ended in order. */
async function killChild(child: NodeChild): Promise<void> {
  child.kill('SIGKILL');
  await child.ended.catch(() => undefined);
}

async function stopChild(child: NodeChild): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await child.ended.catch(() => undefined);
  clearTimeout(timer);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function describe(outcome: ChildOutcome): string {
  return outcome.signal === null ? `exited with code ${outcome.code}` : `was ended by ${outcome.signal}`;
}
