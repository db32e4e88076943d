/**
 * A connection that asks for what only the core can do, in a process of its own (`lifecycle-process.ts`): beside the load it
 * would measure for how long the load generator was busy with itself.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { ApplicationAccess } from '../support/region.ts';
import type { Phase, Tally } from './tally.ts';

/** One request. */
export interface Asked {
  /** Milliseconds since 1970, by the monotonic clock of the machine: the same in all processes. */
  readonly atMs: number;
  readonly tookMs: number;
  /** Why it was refused. */
  readonly reason?: string;
}

export class LifecycleSeat {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(access: ApplicationAccess, phaseAt: (atMs: number) => Phase, tally: Tally) {
    this.#child = fork(join(import.meta.dirname, 'lifecycle-process.ts'));
    this.#child.on('message', ({ atMs, tookMs, reason }: Asked) => {
      const began = phaseAt(atMs);
      if (reason === undefined) tally.served(began, tookMs);
      else tally.refused(began, reason, tookMs);
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`what asks for the core ended with ${code}`)),
      );
    });
    this.#child.send(access);
  }

  /** Resolves when it has ended as it was told to, and rejects when it has of itself. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
