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
 * `reopen`: a link that somebody has closed, and that is asked to be opened again. `same`: nothing to do. `wait`: all that is
 * to do is proposed. `held`: not done unasked. `refused`: cannot be done. `left`: declared no longer, and stays all the same.
 */
export const actions = [
  'create',
  'change',
  'reopen',
  'remove',
  'same',
  'wait',
  'held',
  'refused',
  'left',
] as const;
export type Action = (typeof actions)[number];

export interface Entry {
  readonly id: Id;
  readonly action: Action;
  readonly changes: readonly Change[];
  /** Of what is held, refused or left: why. Of what is opened again: that it was closed, by whom and when. */
  readonly why?: Problem;
  /** What whoever decides has to know of it beforehand. */
  readonly warning?: string;
  /** The proposal that asks for the whole of it already. */
  readonly waits?: string;
  /** Keys of those entries that have to be done before. */
  readonly needs: readonly string[];
  /** Absent where it is removed. */
  readonly declared?: Declared;
}

export type Plan = readonly Entry[];

/** What carrying out the plan does something about. */
export const isToDo = ({ action }: Entry): boolean =>
  action === 'create' || action === 'change' || action === 'reopen' || action === 'remove';

/** What nobody tries to do, and so is not as it was declared: the plan says why. */
export const UNTRIED: readonly Action[] = ['held', 'refused'];
export const isUntried = ({ action }: Entry): boolean => UNTRIED.includes(action);
