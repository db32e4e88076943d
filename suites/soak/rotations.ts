/**
 * Rotations of L3 and L2 through CMK's REST API, of one key after the other. One job of a key lives at a time in a
 * region (D11), so a key that is busy lets the next have the turn.
 */
import { type CmkClient, CmkRefusal } from '../../cli/cmk/client.ts';
import { sleep } from '../../platform/backoff.ts';
import { errorMessage } from '../../platform/errors.ts';
import { type Distribution, Recorder } from '../../testkit/measure/distribution.ts';

const JOB_POLL_MS = 50;
const JOB_TIMEOUT_MS = 90_000;
/** After the job: the gateway fetches the new version. */
const TAIL_MS = 250;

export interface Target {
  readonly tenant: string;
  /** Of an L3; of the tenant's L2 when left out. */
  readonly service?: string;
}

interface Counts {
  asked: number;
  done: number;
  /** Joined one that was under way, met a conflict, or found no key free. */
  busy: number;
}

export class Rotations {
  readonly #cmk: CmkClient;
  readonly #busy = new Set<string>();
  readonly #took = new Recorder();
  #rotatingUntil = Number.NEGATIVE_INFINITY;
  readonly l3: Counts = { asked: 0, done: 0, busy: 0 };
  readonly l2: Counts = { asked: 0, done: 0, busy: 0 };
  readonly failures = new Map<string, number>();

  constructor(cmk: CmkClient) {
    this.#cmk = cmk;
  }

  /** From asking until the regions have done it and the gateway has had time to notice. */
  isRotating(at: number): boolean {
    return this.#busy.size > 0 || at < this.#rotatingUntil;
  }
  get took(): Distribution {
    return this.#took.distribution;
  }

  /** One each `everyMs`, until the signal; then waits for those that are under way. */
  async run(targets: readonly Target[], everyMs: number, signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    const waiting = [...targets];
    const counts = targets.every(({ service }) => service === undefined) ? this.l2 : this.l3;
    let nextAt = performance.now();
    for (;;) {
      nextAt += everyMs;
      try {
        await sleep(Math.max(0, nextAt - performance.now()), signal);
      } catch {
        await Promise.all(running);
        return;
      }
      // Whoever was rotated longest ago, of those that are free.
      const next = waiting.findIndex((target) => !this.#busy.has(nameOf(target)));
      const [target] = next === -1 ? [] : waiting.splice(next, 1);
      if (target === undefined) {
        counts.busy += 1;
        continue;
      }
      waiting.push(target);
      const rotation = this.#rotate(target).finally(() => running.delete(rotation));
      running.add(rotation);
    }
  }

  async #rotate(target: Target): Promise<void> {
    const counts = this.#countsOf(target);
    const startedAt = performance.now();
    counts.asked += 1;
    this.#busy.add(nameOf(target));
    try {
      const jobs = await rotate(this.#cmk, target);
      for (const { region, job } of jobs) {
        const state = await this.#settled(job);
        if (state !== 'done') throw new Error(`the job of ${region} ended as ${state}`);
      }
      if (jobs.some(({ joined }) => joined)) counts.busy += 1;
      else counts.done += 1;
      this.#took.record(performance.now() - startedAt);
    } catch (error) {
      if (isConflict(error)) counts.busy += 1;
      else this.#failed(error);
    } finally {
      this.#busy.delete(nameOf(target));
      this.#rotatingUntil = performance.now() + TAIL_MS;
    }
  }

  async #settled(job: string): Promise<string> {
    const deadline = performance.now() + JOB_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const { state, tasks } = await this.#cmk.get<JobView>(`/v1/jobs/${job}`);
      if (state === 'done') return state;
      if (state !== 'pending' && state !== 'processing')
        return `${state} (${tasks.map(({ error }) => error?.code ?? '–').join(', ')})`;
      await sleep(JOB_POLL_MS);
    }
    return `still under way after ${JOB_TIMEOUT_MS} ms`;
  }

  #countsOf({ service }: Target): Counts {
    return service === undefined ? this.l2 : this.l3;
  }

  #failed(error: unknown): void {
    const text = errorMessage(error);
    this.failures.set(text, (this.failures.get(text) ?? 0) + 1);
  }
}

interface JobView {
  readonly state: string;
  readonly tasks: readonly { readonly error: { readonly code: string } | null }[];
}

interface RotationJob {
  readonly region: string;
  readonly job: string;
  /** The same was asked before, and has not been done yet. */
  readonly joined: boolean;
}

/** Asks CMK for a new version, in every region of the tenant. Errors: CMK_REFUSED. */
async function rotate(cmk: CmkClient, { tenant, service }: Target): Promise<readonly RotationJob[]> {
  const body = service === undefined ? {} : { service };
  const { jobs } = await cmk.post<{ jobs: RotationJob[] }>(`/v1/tenants/${tenant}/rotations`, body);
  return jobs;
}

function isConflict(error: unknown): boolean {
  return error instanceof CmkRefusal && error.problem === 'JOB_LIVE';
}

const nameOf = ({ tenant, service }: Target): string => `${tenant}/${service ?? ''}`;
