/** Asking a process that runs in a network of its own: by the pipe between parent and child, which no network carries. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { withDeadline } from '../../platform/backoff.ts';
import { errorMessage } from '../../platform/errors.ts';

const CALL_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 40_000;
const MAX_OUTPUT_CHARACTERS = 64 * 1024;

type Argument<F> = F extends (argument: infer A) => Promise<unknown> ? A : never;
type Result<F> = F extends (argument: never) => Promise<infer R> ? R : never;

interface Question {
  readonly id: number;
  readonly call: string;
  readonly argument: unknown;
}
type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** In the child: answers until the parent is gone, and then ends as `stop` says. */
export function serveCalls(
  calls: Readonly<Record<string, (argument: never) => Promise<unknown>>>,
  stop: () => Promise<void>,
): void {
  process.on('message', (question: Question) => {
    const call = calls[question.call] as ((argument: unknown) => Promise<unknown>) | undefined;
    const { id } = question;
    void (async (): Promise<Answer> => {
      if (call === undefined) return { id, error: `there is no call ${question.call}` };
      try {
        return { id, result: (await call(question.argument)) ?? null };
      } catch (error) {
        return { id, error: error instanceof Error ? (error.stack ?? error.message) : errorMessage(error) };
      }
    })().then((answer) => process.send?.(answer));
  });
  process.once('disconnect', () => {
    void stop().finally(() => process.exit(0));
  });
}

export interface HostOptions {
  readonly name: string;
  /** A TypeScript file that serves the calls. */
  readonly program: string;
  /** In a network namespace of its own, which ends with the process. */
  readonly isolated: boolean;
  /** Options of Node for the process itself. */
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A child that answers the calls of `C`. */
export class Host<C> {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #output = '';
  #asked = 0;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARACTERS);
      });
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.once('exit', (code, signal) => {
      for (const [id, answer] of this.#waiting)
        answer({ id, error: `${name} has ended (${signal ?? code})\n${this.#output}` });
      this.#waiting.clear();
    });
  }

  static async start<C>(options: HostOptions): Promise<Host<C>> {
    const { name, program, isolated, execArgv = [], env = process.env } = options;
    const command = [process.execPath, ...execArgv, program];
    const [first = '', ...rest] = isolated ? ['unshare', '--net', ...command] : command;
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env, detached: true });
    await once(child, 'spawn');
    return new Host<C>(name, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async call<K extends keyof C & string>(
    call: K,
    argument: Argument<C[K]>,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<Result<C[K]>> {
    const id = ++this.#asked;
    const answer = await withDeadline(
      timeoutMs,
      `${this.#name}: ${call}`,
      () =>
        new Promise<Answer>((resolve) => {
          this.#waiting.set(id, resolve);
          this.#child.send({ id, call, argument } satisfies Question, (error) => {
            if (error !== null) resolve({ id, error: `${this.#name} cannot be asked: ${error.message}` });
          });
        }),
    );
    if ('error' in answer) throw new Error(`${this.#name}, ${call}: ${answer.error}`);
    return answer.result as Result<C[K]>;
  }

  /** Lets it end in order; SIGKILL where it does not. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}
