/** What a plan is made of: an entry for each thing that is declared, or that was and is no longer. */
import type { Declared, Id, Problem, Value } from './things.ts';

/** One field of a thing, from what it is to what it shall be; undefined: there is nothing. */
export interface Change {
  readonly field: string;
  readonly from: Value | undefined;
  readonly to: Value | undefined;
  /** The proposal that asks for it already. */
  readonly waits?: string;
}

/**
 * `same`: nothing to do. `wait`: all that is to do is proposed. `held`: not done unasked. `refused`: cannot be done. `left`:
 * declared no longer, and stays all the same.
 */
export type Action = 'create' | 'change' | 'remove' | 'same' | 'wait' | 'held' | 'refused' | 'left';

export interface Entry {
  readonly id: Id;
  readonly action: Action;
  readonly changes: readonly Change[];
  /** Of what is held, refused or left: why. */
  readonly why?: Problem;
  /** The proposal that asks for the whole of it already. */
  readonly waits?: string;
  /** Keys of those entries that have to be done before. */
  readonly needs: readonly string[];
  /** Absent where it is removed. */
  readonly declared?: Declared;
}

export type Plan = readonly Entry[];
