/**
 * The life of a managed object (KMIP 1.4 §3.22) as one table, and the functions that walk it. Pure: the time is an
 * argument, the object that goes in is never changed. Gateways use only `settle` (date transitions, D6); the core
 * alone activates, revokes and destroys.
 */
import { KmipError, ObjectType, ResultReason, RevocationReasonCode } from '../kmip/index.ts';
import { type ManagedObject, type ObjectDates, State } from './managed-object.ts';

/** What can happen to an object. `compromise` and `deactivate` are the two effects of Revoke (§4.20). */
export type LifecycleEvent = 'activate' | 'deactivate' | 'compromise' | 'destroy';

/** §3.22: "Only the transitions described above are permitted." A missing entry is a refusal. */
export const transitions: Readonly<Record<State, Readonly<Partial<Record<LifecycleEvent, State>>>>> = {
  [State.PreActive]: { activate: State.Active, compromise: State.Compromised, destroy: State.Destroyed },
  [State.Active]: { deactivate: State.Deactivated, compromise: State.Compromised },
  [State.Deactivated]: { compromise: State.Compromised, destroy: State.Destroyed },
  [State.Compromised]: { destroy: State.DestroyedCompromised },
  [State.Destroyed]: { compromise: State.DestroyedCompromised },
  [State.DestroyedCompromised]: {},
};

const stateNames: Readonly<Record<State, string>> = {
  [State.PreActive]: 'Pre-Active',
  [State.Active]: 'Active',
  [State.Deactivated]: 'Deactivated',
  [State.Compromised]: 'Compromised',
  [State.Destroyed]: 'Destroyed',
  [State.DestroyedCompromised]: 'Destroyed Compromised',
};

export function stateName(state: State): string {
  return stateNames[state];
}

export function isDestroyed(state: State): boolean {
  return state === State.Destroyed || state === State.DestroyedCompromised;
}

/** §3.22 gives a State to cryptographic objects only; opaque objects have none. */
export function hasState(objectType: number): boolean {
  return objectType !== ObjectType.OpaqueObject && objectType !== ObjectType.Template;
}

/** The state once the dates that have passed by `nowS` (seconds) took effect: §3.22, transitions 4 and 6. */
export function stateAt(state: State, dates: ObjectDates, nowS: number): State {
  let current = state;
  if (current === State.PreActive && dates.activation !== undefined && dates.activation <= nowS) {
    current = State.Active;
  }
  if (current === State.Active && dates.deactivation !== undefined && dates.deactivation <= nowS) {
    current = State.Deactivated;
  }
  return current;
}

/** The object as it stands at `nowS`. The same object comes back when no date transition is due. */
export function settle(object: ManagedObject, nowS: number): ManagedObject {
  const state = stateAt(object.state, object.dates, nowS);
  return state === object.state ? object : { ...object, state };
}

/** `reason`: §11 names another one for each operation. */
function follow(object: ManagedObject, event: LifecycleEvent, verb: string, reason: ResultReason): State {
  const next = transitions[object.state][event];
  if (next === undefined) {
    throw new KmipError(reason, `an object in state ${stateName(object.state)} cannot be ${verb}`);
  }
  return next;
}

function changed(
  object: ManagedObject,
  nowS: number,
  change: Partial<ManagedObject>,
  dates: Partial<ObjectDates>,
) {
  return {
    ...object,
    ...change,
    dates: { ...object.dates, ...dates, lastChange: nowS },
    revision: object.revision + 1,
  } satisfies ManagedObject;
}

/** KMIP 1.4 §4.19. Throws Permission Denied unless Pre-Active, Illegal Operation for an object without a state. */
export function activate(before: ManagedObject, nowS: number): ManagedObject {
  const object = settle(before, nowS);
  if (!hasState(object.objectType)) {
    throw new KmipError(ResultReason.IllegalOperation, 'an object of this type has no state to activate');
  }
  return changed(
    object,
    nowS,
    { state: follow(object, 'activate', 'activated', ResultReason.PermissionDenied) },
    { activation: nowS },
  );
}

export interface Revocation {
  readonly code: number;
  readonly message?: string;
  /** Seconds; only for the compromise codes. */
  readonly compromiseOccurrence?: number;
}

/** Bytes of UTF-8. */
export const MAX_REVOCATION_MESSAGE_BYTES = 4_096;

export function isCompromise(code: number): boolean {
  return code === RevocationReasonCode.KeyCompromise || code === RevocationReasonCode.CACompromise;
}

/**
 * KMIP 1.4 §4.20. A compromise reason leads to Compromised (or Destroyed Compromised), any other to Deactivated.
 * Throws Invalid Field for an unknown code, too long a message or a misplaced occurrence date, Illegal Operation where the
 * table says no (§11.21: an object that is not able to be revoked).
 */
export function revoke(before: ManagedObject, revocation: Revocation, nowS: number): ManagedObject {
  const object = settle(before, nowS);
  const { code, message, compromiseOccurrence } = revocation;
  if (!(Object.values(RevocationReasonCode) as readonly number[]).includes(code)) {
    throw new KmipError(ResultReason.InvalidField, `Revocation Reason Code ${code} is not known`);
  }
  if (message !== undefined && Buffer.byteLength(message, 'utf8') > MAX_REVOCATION_MESSAGE_BYTES) {
    throw new KmipError(
      ResultReason.InvalidField,
      `a Revocation Message has at most ${MAX_REVOCATION_MESSAGE_BYTES} bytes`,
    );
  }
  if (object.objectType === ObjectType.Template) {
    throw new KmipError(ResultReason.IllegalOperation, 'a template cannot be revoked');
  }
  const { IllegalOperation } = ResultReason;
  const revocationReason = message === undefined ? { code } : { code, message };
  if (isCompromise(code)) {
    return changed(
      object,
      nowS,
      { state: follow(object, 'compromise', 'marked as compromised', IllegalOperation), revocationReason },
      { compromise: nowS, compromiseOccurrence: compromiseOccurrence ?? object.dates.initial },
    );
  }
  if (compromiseOccurrence !== undefined) {
    throw new KmipError(
      ResultReason.InvalidField,
      'Compromise Occurrence Date goes only with a compromise reason (KMIP 1.4 section 4.20)',
    );
  }
  return changed(
    object,
    nowS,
    { state: follow(object, 'deactivate', 'deactivated', IllegalOperation), revocationReason },
    { deactivation: nowS },
  );
}

/**
 * KMIP 1.4 §4.21: the material goes, the attributes stay. Throws Permission Denied for an Active or already destroyed
 * object. An opaque object has no states to pass through, so it can be destroyed at any time.
 */
export function destroy(before: ManagedObject, nowS: number): ManagedObject {
  const object = settle(before, nowS);
  const free = !hasState(object.objectType) && object.state === State.Active;
  const state = free
    ? State.Destroyed
    : follow(object, 'destroy', 'destroyed', ResultReason.PermissionDenied);
  return changed(object, nowS, { state, wrapped: null }, { destroy: nowS });
}

/** KMIP 1.4 §4.22. Throws Illegal Operation for a destroyed object, of which there is nothing left to archive. */
export function archive(before: ManagedObject, nowS: number): ManagedObject {
  const object = settle(before, nowS);
  if (isDestroyed(object.state)) {
    throw KmipError.illegalOperation('the object has been destroyed; there is nothing left to archive');
  }
  return changed(object, nowS, {}, { archive: nowS });
}

/** KMIP 1.4 §4.23, §3.32: the Archive Date goes. The same object comes back when it was not archived. */
export function recover(before: ManagedObject, nowS: number): ManagedObject {
  if (before.dates.archive === undefined) return before;
  const { archive: _, ...dates } = before.dates;
  return changed({ ...before, dates }, nowS, {}, {});
}

/** What an object is about to be used for: to apply protection, or to process what is protected already. */
export type Purpose = 'protect' | 'process';

/**
 * May the object be used for `purpose` with all bits of `usageMask` now? Returns the reason why not, or null.
 * §3.22: protecting needs Active; processing is also open to Deactivated and Compromised. §3.25 and §3.26 bound both.
 */
export function usageRefusal(
  before: ManagedObject,
  purpose: Purpose,
  usageMask: number,
  nowS: number,
): string | null {
  const object = settle(before, nowS);
  const { state, dates } = object;
  const allowed =
    purpose === 'protect'
      ? state === State.Active
      : state === State.Active || state === State.Deactivated || state === State.Compromised;
  if (!allowed) return `an object in state ${stateName(state)} cannot be used to ${purpose} data`;
  if ((object.usageMask & usageMask) !== usageMask) {
    return 'the Cryptographic Usage Mask of the object does not allow this use';
  }
  if (purpose === 'process' && dates.processStart !== undefined && nowS < dates.processStart) {
    return 'the Process Start Date of the object has not come';
  }
  if (purpose === 'protect' && dates.protectStop !== undefined && nowS > dates.protectStop) {
    return 'the Protect Stop Date of the object has passed';
  }
  return null;
}
