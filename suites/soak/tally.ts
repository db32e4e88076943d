/** Counts and times of a soak. */
import { type Distribution, Recorder } from '../../testkit/measure/distribution.ts';

/** Answered by the gateway alone. `wrap` and `unwrap` are Encrypt and Decrypt under the service's L3. */
export const hotOperations = ['create', 'get', 'encrypt', 'decrypt', 'wrap', 'unwrap'] as const;
/** Carried out by the core. */
export const controlOperations = ['locate', 'getAttributes', 'reKey', 'revoke', 'destroy'] as const;
export type HotOperation = (typeof hotOperations)[number];
export type ControlOperation = (typeof controlOperations)[number];
export type SoakOperation = HotOperation | ControlOperation;

/** What else went on while a request was under way: latencies are told apart by it. */
export const phases = ['quiet', 'rotating', 'core away'] as const;
export type Phase = (typeof phases)[number];

export interface Refused {
  readonly operation: SoakOperation;
  readonly reason: string;
  /** A core was away while it was under way, or had just come back. */
  readonly inOutage: boolean;
  count: number;
}

const isHot = (operation: SoakOperation): operation is HotOperation =>
  (hotOperations as readonly string[]).includes(operation);

export class Tally {
  readonly #done = new Map<SoakOperation, number>();
  readonly #refused = new Map<string, Refused>();
  readonly #hot = new Map<Phase, Recorder>(phases.map((phase) => [phase, new Recorder()]));
  readonly #control = new Recorder();
  wrongPlaintexts = 0;

  done(operation: SoakOperation, ms: number, phase: Phase): void {
    this.#done.set(operation, (this.#done.get(operation) ?? 0) + 1);
    if (isHot(operation)) this.#hot.get(phase)?.record(ms);
    else this.#control.record(ms);
  }

  refused(operation: SoakOperation, reason: string, inOutage: boolean): void {
    const key = `${operation} ${inOutage} ${reason}`;
    const known = this.#refused.get(key);
    if (known === undefined) this.#refused.set(key, { operation, reason, inOutage, count: 1 });
    else known.count += 1;
  }

  get operations(): ReadonlyMap<SoakOperation, number> {
    return this.#done;
  }
  get total(): number {
    let sum = 0;
    for (const count of this.#done.values()) sum += count;
    return sum;
  }
  get refusals(): readonly Refused[] {
    return [...this.#refused.values()];
  }
  get hotLatency(): readonly (readonly [Phase, Distribution])[] {
    return [...this.#hot].map(([phase, recorder]) => [phase, recorder.distribution]);
  }
  get controlLatency(): Distribution {
    return this.#control.distribution;
  }
}

export const isHotRefusal = ({ operation }: Refused): boolean => isHot(operation);
