/** What a cut-off has shown, phase by phase. */
import { KmipError } from '../../execution/kmip/index.ts';
import { type Distribution, Recorder } from '../../testkit/measure/distribution.ts';

/**
 * `grace` is the time for which everything hot must be served without the core; `ending` the moment in which the lease ends, where
 * either is right; in `refused` nothing may be served; `back` begins when the core is in reach again.
 */
export const phases = ['core there', 'grace', 'ending', 'refused', 'returning', 'back'] as const;
export type Phase = (typeof phases)[number];

/** Why it was refused, in the gateway's own words; anything that is no KMIP answer says so. */
export function reasonOf(error: unknown): string {
  return error instanceof KmipError ? error.message : `NO ANSWER: ${error}`;
}

/** Milliseconds since 1970, as they pass: the wall clock may be set meanwhile. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

interface Counts {
  served: number;
  readonly refused: Map<string, number>;
  readonly latency: Recorder;
}

const fresh = (): Counts => ({ served: 0, refused: new Map(), latency: new Recorder() });

export interface PhaseResult {
  readonly phase: Phase;
  readonly served: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly latency: Distribution;
}

export class Tally {
  readonly #phases = new Map<Phase, Counts>(phases.map((phase) => [phase, fresh()]));

  served(phase: Phase, ms: number): void {
    const counts = this.#of(phase);
    counts.served += 1;
    counts.latency.record(ms);
  }

  /** `ms`: how long it took to say so. */
  refused(phase: Phase, reason: string, ms: number): void {
    const { refused, latency } = this.#of(phase);
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
    latency.record(ms);
  }

  result(phase: Phase): PhaseResult {
    const { served, refused, latency } = this.#of(phase);
    return { phase, served, refused, latency: latency.distribution };
  }

  get results(): readonly PhaseResult[] {
    return phases.map((phase) => this.result(phase));
  }

  get total(): number {
    return this.results.reduce((sum, { served }) => sum + served, 0);
  }

  #of(phase: Phase): Counts {
    const counts = this.#phases.get(phase);
    if (counts === undefined) throw new Error(`no phase ${phase}`);
    return counts;
  }
}

export function refusalsIn({ refused }: PhaseResult): number {
  return [...refused.values()].reduce((sum, count) => sum + count, 0);
}
