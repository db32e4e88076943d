/** A generator of load at a fixed rate, as a process of its own, which does nothing else (`open-loop-process.ts`). */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Histogram, type PackedHistogram } from '../../testkit/measure/histogram.ts';
import type { Access, Negotiated } from './connections.ts';

/** Whom it may be told to ask, with connections that stay open. */
export interface OpenLoopTarget {
  readonly access: Access;
  /** Base64 of one request. */
  readonly request: string;
  readonly responseBytes: number;
  readonly connections: number;
}

export interface OpenLoopRun {
  /** Which of the targets. */
  readonly target: number;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface OpenLoopReport {
  /** From when a request was due to the last byte of its answer. */
  readonly latency: PackedHistogram;
  /** From when a request was due to its being sent: the generator's own error, which `latency` includes. */
  readonly lateness: PackedHistogram;
}

export type ToGenerator =
  | { readonly kind: 'open'; readonly targets: readonly OpenLoopTarget[] }
  | { readonly kind: 'run'; readonly run: OpenLoopRun };
export type FromGenerator =
  | { readonly kind: 'opened'; readonly negotiated: readonly Negotiated[] }
  | { readonly kind: 'done'; readonly report: OpenLoopReport }
  | { readonly kind: 'failed'; readonly message: string };

export interface Observed {
  readonly latency: Histogram;
  readonly lateness: Histogram;
}

export class OpenLoop {
  readonly negotiated: readonly Negotiated[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, negotiated: readonly Negotiated[]) {
    this.#child = child;
    this.negotiated = negotiated;
  }

  static async open(targets: readonly OpenLoopTarget[]): Promise<OpenLoop> {
    const child = fork(join(import.meta.dirname, 'open-loop-process.ts'));
    const answer = await ask(child, { kind: 'open', targets });
    if (answer.kind !== 'opened') throw unexpected(answer);
    return new OpenLoop(child, answer.negotiated);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the load generator has no process');
    return this.#child.pid;
  }

  async run(run: OpenLoopRun): Promise<Observed> {
    const answer = await ask(this.#child, { kind: 'run', run });
    if (answer.kind !== 'done') throw unexpected(answer);
    const { latency, lateness } = answer.report;
    return { latency: Histogram.unpack(latency), lateness: Histogram.unpack(lateness) };
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

function ask(child: ChildProcess, question: ToGenerator): Promise<FromGenerator> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.removeAllListeners('message').removeAllListeners('exit').removeAllListeners('error');
      act();
    };
    child.once('message', (answer: FromGenerator) => settle(() => resolve(answer)));
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code) => settle(() => reject(new Error(`the load generator ended with ${code}`))));
    child.send(question);
  });
}

function unexpected(answer: FromGenerator): Error {
  return new Error(answer.kind === 'failed' ? answer.message : `the load generator says ${answer.kind}`);
}
