/**
 * The life of one version of a key of ours: KMIP 1.4 §3.22 and NIST SP 800-57 part 1 §7, by the very table that managed
 * objects follow. IVKs, L2 and L3 are at once keys and versions of a key, and each version lives on its own.
 */
import type { KeyState } from '../../../contracts/index.ts';
import { type LifecycleEvent, State, transitions } from '../../objects/index.ts';
import { KeychainError } from '../errors.ts';

const numbers: Readonly<Record<KeyState, State>> = {
  'pre-active': State.PreActive,
  active: State.Active,
  deactivated: State.Deactivated,
  compromised: State.Compromised,
  destroyed: State.Destroyed,
  'destroyed-compromised': State.DestroyedCompromised,
};
const names = new Map(Object.entries(numbers).map(([name, state]) => [state, name as KeyState]));

/** @throws KeychainError KEY_STATE where the table has no such transition. */
export function follow(state: KeyState, event: LifecycleEvent): KeyState {
  const next = transitions[numbers[state]][event];
  const name = next === undefined ? undefined : names.get(next);
  if (name === undefined) throw new KeychainError('KEY_STATE', `${event} of a version that is ${state}`);
  return name;
}

/** Its material exists: it opens what stands under it, whatever else its state permits. */
export function isLiving(state: KeyState): boolean {
  return state !== 'destroyed' && state !== 'destroyed-compromised';
}
