/**
 * A whole installation for a test: `okcm up` as real processes in a temporary home, on free ports. Everything it starts
 * ends with the test process, however that ends.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoints } from '../cli/home/endpoints.ts';
import { Application } from '../cli/kmip/application.ts';
import { type Child, startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import { reapAtEnd } from './reaper.ts';
import { until } from './until.ts';

export const REPOSITORY = fileURLToPath(new URL('../', import.meta.url));
const OKCM = join(REPOSITORY, 'cli', 'okcm.ts');
/** One place for compiled code, so that not every fresh home begins by compiling everything. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_COMPILE_CACHE: join(REPOSITORY, '.build', 'test-compile-cache'),
});
const START_TIMEOUT_MS = 90_000;
const COMMAND_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Runs `okcm …` to its end. */
export function okcm(...args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [OKCM, ...args], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, tookMs: performance.now() - startedAt });
    });
  });
}

let shared: Promise<System> | undefined;

export class System {
  readonly home: string;
  readonly #nodeOptions: readonly string[];
  #up: Child | undefined;
  #endpoints: Endpoints | undefined;
  /** How long the last start took until `ready`, in milliseconds. */
  startMs = 0;

  private constructor(home: string, nodeOptions: readonly string[]) {
    this.home = home;
    this.#nodeOptions = nodeOptions;
  }

  /** Starts an installation in a fresh home and waits until it is ready. */
  static async start(...options: readonly string[]): Promise<System> {
    return await System.startUnder([], ...options);
  }

  /** Starts what lies in a home that was used before. */
  static async startIn(home: string, ...options: readonly string[]): Promise<System> {
    const system = new System(home, []);
    await system.up(...options);
    return system;
  }

  /** That of this test process, in a home of its own: for tests that stop nothing. It ends with the process. */
  static shared(): Promise<System> {
    shared ??= System.start();
    return shared;
  }

  /** The same as `start`, whose processes get options of Node besides. */
  static async startUnder(nodeOptions: readonly string[], ...options: readonly string[]): Promise<System> {
    const system = new System(join(temporaryDirectory('system'), 'home'), nodeOptions);
    await system.up('--ports', 'auto', ...options);
    return system;
  }

  async up(...options: readonly string[]): Promise<void> {
    const startedAt = performance.now();
    const child = await startChild({
      name: 'okcm up',
      command: process.execPath,
      args: [OKCM, 'up', '--home', this.home, ...options],
      cwd: REPOSITORY,
      env: { ...environment(), OKCM_NODE_OPTIONS: this.#nodeOptions.join(' ') },
    });
    this.#up = child;
    for (;;) {
      const endpoints = await this.#readEndpoints();
      if (endpoints?.ready === true && endpoints.supervisor.pid === child.pid) break;
      const ended = await Promise.race([child.exited, sleep(POLL_MS)]);
      if (ended !== undefined) throw new Error(`okcm up ended before it was ready\n${child.output()}`);
      if (performance.now() - startedAt > START_TIMEOUT_MS) {
        throw new Error(`okcm up was not ready within ${START_TIMEOUT_MS} ms\n${child.output()}`);
      }
    }
    this.startMs = performance.now() - startedAt;
    // Should this test process be killed, the supervisor goes first and its PostgreSQL servers must follow.
    const pids = this.endpoints.processes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
    const callOff = reapAtEnd({ processGroups: pids, signal: 'QUIT' });
    void child.exited.then(async () => {
      if (!pids.some(isAlive)) callOff();
    });
  }

  get endpoints(): Endpoints {
    if (this.#endpoints === undefined) throw new Error('the system is not up');
    return this.#endpoints;
  }
  get output(): string {
    return this.#up?.output() ?? '';
  }
  get regions(): readonly string[] {
    return this.endpoints.regions.map(({ name }) => name);
  }

  okcm(...args: readonly string[]): Promise<CommandResult> {
    return okcm(...args, '--home', this.home);
  }

  /** Runs a command that must work. */
  async must(...args: readonly string[]): Promise<CommandResult> {
    const result = await this.okcm(...args);
    if (result.code !== 0) {
      throw new Error(`okcm ${args.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`);
    }
    return result;
  }

  async refreshed(): Promise<Endpoints> {
    return (await this.#readEndpoints()) ?? this.endpoints;
  }

  region(name: string): Endpoints['regions'][number] {
    const region = this.endpoints.regions.find((candidate) => candidate.name === name);
    if (region === undefined) throw new Error(`no region ${name}`);
    return region;
  }

  /** The files of an application; the main job's own when no name is given. */
  files(name?: string): { cert: string; key: string; ca: string } {
    const all = this.endpoints.tenants.flatMap(({ applications }) => applications);
    const found = all.find((application) => name === undefined || application.name === name);
    if (found === undefined) throw new Error(`no application ${name}`);
    return found;
  }

  application(region: string, name?: string): Promise<Application> {
    return Application.open({ ...this.region(region).gateway, ...this.files(name) });
  }

  /** One whose certificate was issued into a directory (`okcm app issue --out`). */
  applicationOf(region: string, directory: string): Promise<Application> {
    const at = (file: string): string => join(directory, file);
    const files = { cert: at('cert.pem'), key: at('key.pem'), ca: at('ca.pem') };
    return Application.open({ ...this.region(region).gateway, ...files });
  }

  logPath(component: string): string {
    const found = this.endpoints.processes.find(({ name }) => name === component);
    if (found === undefined) throw new Error(`no component ${component}`);
    return found.log;
  }

  log(component: string): Promise<string> {
    return readFile(this.logPath(component), 'utf8');
  }

  /** A request to CMK's REST API that must work. */
  async rest<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const { url, token } = this.endpoints.cmk;
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Ctrl-C. Resolves with the exit code. */
  async interrupt(): Promise<number | null> {
    const exit = await this.#up?.stop('SIGINT', 40_000);
    this.#up = undefined;
    return exit?.code ?? null;
  }

  /** SIGKILL to the supervisor alone. */
  async killSupervisor(): Promise<void> {
    await this.#up?.kill();
    this.#up = undefined;
  }

  /** SIGKILL to everything at once, as a power cut would. */
  async killEverything(): Promise<void> {
    const { processes } = await this.refreshed();
    const up = this.#up;
    if (up !== undefined) process.kill(up.pid, 'SIGKILL');
    for (const { pid } of processes) if (pid !== null && isAlive(pid)) process.kill(pid, 'SIGKILL');
    await up?.exited;
    this.#up = undefined;
  }

  async #readEndpoints(): Promise<Endpoints | undefined> {
    try {
      const parsed = JSON.parse(await readFile(join(this.home, 'endpoints.json'), 'utf8')) as Endpoints;
      this.#endpoints = parsed;
      return parsed;
    } catch {
      return undefined;
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}

/** Polls until it holds; rejects, naming it, when it does not in time. */
export async function eventually(
  what: string,
  timeoutMs: number,
  holds: () => Promise<boolean> | boolean,
): Promise<void> {
  await until(what, holds, timeoutMs);
}
