/**
 * All versions of one key, oldest first, and what may happen to them: pure rules. At every moment one version is active,
 * it is younger than all that were active before it, at most one version waits to follow it, and no number is ever used twice.
 */
import type { KeyState } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { follow, isLiving } from './key-states.ts';

export interface KeyVersion {
  readonly version: number;
  /** How many times this material has been wrapped. */
  readonly revision: number;
  readonly state: KeyState;
  /** What wraps it: for L2 the link epoch (0: the regional secret alone), for L3 the L2 version. */
  readonly parent: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Of the moment when it became active; what scheduled rotation counts from. 0: it never was. */
  readonly activatedAtMs: number;
}

export type KeyHistory = readonly KeyVersion[];

export interface HistoryLimits {
  /** Versions that are not destroyed. */
  readonly maxVersionsPerKey: number;
  /** Beyond that, for emergencies only. */
  readonly emergencyVersions: number;
}

/** Destroyed versions that a history still tells of; older ones are forgotten, their numbers are not. */
export const MAX_DESTROYED_REMEMBERED = 64;

/** A key's first version. */
export function begin(parent: number, nowMs: number): KeyHistory {
  return [newVersion(1, 'active', parent, nowMs)];
}

/** @throws KeychainError RECORD_REJECTED: a history without an active version was never written by us. */
export function activeOf(history: KeyHistory): KeyVersion {
  const active = history.find((entry) => entry.state === 'active');
  if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'a key has no active version');
  return active;
}

/** The version that was made ahead, so that everybody holds it before anybody encrypts under it. */
export function successorOf(history: KeyHistory): KeyVersion | undefined {
  return history.find((entry) => entry.state === 'pre-active');
}

export function living(history: KeyHistory): KeyHistory {
  return history.filter((entry) => isLiving(entry.state));
}

/** @throws KeychainError KEY_VERSION_UNKNOWN */
export function versionOf(history: KeyHistory, version: number): KeyVersion {
  const entry = history.find((each) => each.version === version);
  if (entry === undefined) throw new KeychainError('KEY_VERSION_UNKNOWN', `version ${version}`);
  return entry;
}

/** With a successor, Pre-Active. @throws KeychainError KEY_STATE when one waits already, LIMIT_REACHED. */
export function prepare(
  history: KeyHistory,
  parent: number,
  nowMs: number,
  limits: HistoryLimits,
): KeyHistory {
  if (successorOf(history) !== undefined)
    throw new KeychainError('KEY_STATE', 'a version waits to become active');
  return [...history, added(history, 'pre-active', parent, nowMs, limits)];
}

/**
 * With a new active version: the successor where one waits, else a fresh one under `parent`. The one before only decrypts
 * from then on. @throws KeychainError LIMIT_REACHED
 */
export function rotate(
  history: KeyHistory,
  parent: number,
  nowMs: number,
  limits: HistoryLimits,
): KeyHistory {
  const waiting = successorOf(history);
  const next = waiting ?? added(history, 'pre-active', parent, nowMs, limits);
  const before = history
    .filter((entry) => entry !== waiting)
    .map(
      (entry): KeyVersion =>
        entry.state === 'active' ? { ...entry, state: follow(entry.state, 'deactivate') } : entry,
    );
  return [...before, { ...next, state: follow(next.state, 'activate'), activatedAtMs: nowMs }];
}

/**
 * Emergency: every version that lives, one that waits among them, is Compromised, and a fresh one is active.
 * @throws KeychainError LIMIT_REACHED
 */
export function compromise(
  history: KeyHistory,
  parent: number,
  nowMs: number,
  limits: HistoryLimits,
): KeyHistory {
  const maxVersionsPerKey = limits.maxVersionsPerKey + limits.emergencyVersions;
  const fresh = added(history, 'active', parent, nowMs, { ...limits, maxVersionsPerKey });
  const before = history.map(
    (entry): KeyVersion =>
      isLiving(entry.state) && entry.state !== 'compromised'
        ? { ...entry, state: follow(entry.state, 'compromise') }
        : entry,
  );
  return [...before, fresh];
}

/** @throws KeychainError KEY_VERSION_UNKNOWN, KEY_STATE: an active version is never destroyed. */
export function destroy(history: KeyHistory, version: number): KeyHistory {
  const entry = versionOf(history, version);
  const state = follow(entry.state, 'destroy');
  return remembered(history.map((each) => (each === entry ? { ...entry, state } : each)));
}

/** The same material under another parent, one revision further. @throws KeychainError KEY_VERSION_UNKNOWN */
export function rewrapped(history: KeyHistory, version: number, parent: number): KeyHistory {
  const entry = versionOf(history, version);
  const next = { ...entry, revision: entry.revision + 1, parent };
  return history.map((each) => (each === entry ? next : each));
}

function added(
  history: KeyHistory,
  state: KeyState,
  parent: number,
  nowMs: number,
  { maxVersionsPerKey }: HistoryLimits,
): KeyVersion {
  if (living(history).length >= maxVersionsPerKey)
    throw new KeychainError('LIMIT_REACHED', `${maxVersionsPerKey} versions of one key`);
  // The youngest is active or waits, and is therefore remembered: its number is the highest that ever was.
  const version = (history.at(-1)?.version ?? 0) + 1;
  return newVersion(version, state, parent, nowMs);
}

function newVersion(version: number, state: KeyState, parent: number, nowMs: number): KeyVersion {
  const activatedAtMs = state === 'active' ? nowMs : 0;
  return { version, revision: 1, state, parent, createdAtMs: nowMs, activatedAtMs };
}

function remembered(history: KeyHistory): KeyHistory {
  let surplus = history.length - living(history).length - MAX_DESTROYED_REMEMBERED;
  return history.filter((entry) => isLiving(entry.state) || surplus-- <= 0);
}
