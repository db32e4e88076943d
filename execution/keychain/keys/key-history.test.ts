/** The life of a key's versions, explored: whatever happens in whatever order, the rules of the room hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KeyState, keyStates } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import {
  activeOf,
  begin,
  compromise,
  destroy,
  type KeyHistory,
  living,
  MAX_DESTROYED_REMEMBERED,
  prepare,
  rewrapped,
  rotate,
  successorOf,
} from './key-history.ts';
import { isLiving } from './key-states.ts';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts';

const limits = { maxVersionsPerKey: 12, emergencyVersions: 3 };

type Step =
  | { readonly do: 'rotate' | 'prepare' | 'compromise'; readonly parent: number }
  | { readonly do: 'destroy'; readonly pick: number }
  | { readonly do: 'rewrap'; readonly pick: number; readonly parent: number };

const parent = fc.integer({ min: 0, max: 5 });
const pick = fc.nat(100);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('rotate' as const, 'prepare' as const, 'compromise' as const), parent }),
  fc.record({ do: fc.constant('destroy' as const), pick }),
  fc.record({ do: fc.constant('rewrap' as const), pick, parent }),
);

function take(history: KeyHistory, step: Step, nowMs: number): KeyHistory {
  switch (step.do) {
    case 'rotate':
      return rotate(history, step.parent, nowMs, limits);
    case 'prepare':
      return prepare(history, step.parent, nowMs, limits);
    case 'compromise':
      return compromise(history, step.parent, nowMs, limits);
    case 'destroy':
      return destroy(history, picked(history, step.pick));
    case 'rewrap':
      return rewrapped(history, picked(living(history), step.pick), step.parent);
  }
}

function picked(history: KeyHistory, index: number): number {
  return history[index % history.length]?.version ?? 0;
}

/** KMIP 1.4 §3.22, as far as a later look at a version may differ from an earlier one. */
const reachable: Readonly<Record<KeyState, readonly KeyState[]>> = {
  'pre-active': ['active', 'compromised', 'destroyed'],
  active: ['deactivated', 'compromised'],
  deactivated: ['compromised', 'destroyed'],
  compromised: ['destroyed-compromised'],
  destroyed: [],
  'destroyed-compromised': [],
};

function assertRules(history: KeyHistory): void {
  const actives = history.filter(({ state }) => state === 'active');
  assert.equal(actives.length, 1, 'one version is active');
  const waiting = history.filter(({ state }) => state === 'pre-active');
  assert.ok(waiting.length <= 1, 'at most one waits');
  const [active] = actives;
  for (const { version, state } of history)
    if (active !== undefined && version > active.version)
      assert.ok(
        state === 'pre-active' || !isLiving(state),
        `version ${version} after the active one is ${state}`,
      );
  const versions = history.map(({ version }) => version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
    'ascending, each once',
  );
  assert.ok(living(history).length <= limits.maxVersionsPerKey + limits.emergencyVersions);
  assert.ok(history.length - living(history).length <= MAX_DESTROYED_REMEMBERED);
}

test('explored: one active version, no number twice, no way back, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let history = begin(0, 1);
      let highest = 1;
      for (const [at, each] of steps.entries()) {
        const before = history;
        try {
          history = take(before, each, at + 2);
        } catch (error) {
          assert.ok(error instanceof KeychainError, String(error));
          assert.ok(['KEY_STATE', 'KEY_VERSION_UNKNOWN', 'LIMIT_REACHED'].includes(error.code), error.code);
          continue;
        }
        assertRules(history);
        for (const old of before) {
          const now = history.find(({ version }) => version === old.version);
          if (now === undefined) {
            assert.ok(!isLiving(old.state), 'only what was destroyed is forgotten');
            continue;
          }
          if (now.state !== old.state)
            assert.ok(reachable[old.state].includes(now.state), `${old.state} became ${now.state}`);
          assert.ok(now.revision >= old.revision && now.createdAtMs === old.createdAtMs);
        }
        for (const { version } of history)
          if (!before.some((old) => old.version === version))
            assert.ok(version > highest, 'a new version has a number that was never used');
        highest = Math.max(highest, ...history.map(({ version }) => version));
        if (each.do === 'compromise')
          for (const { state, version } of before)
            if (isLiving(state))
              assert.equal(history.find((now) => now.version === version)?.state, 'compromised');
      }
    }),
    { numRuns: 2_000 },
  );
});

test('an emergency has room of its own', () => {
  let history = begin(1, 1);
  for (let i = 1; i < limits.maxVersionsPerKey; i++) history = rotate(history, 1, 2, limits);
  assert.throws(() => rotate(history, 1, 3, limits), { code: 'LIMIT_REACHED' });
  history = compromise(history, 1, 4, limits);
  assert.equal(activeOf(history).version, limits.maxVersionsPerKey + 1);
});

test('a version that waits becomes active with the next rotation, and nothing is made besides', () => {
  const prepared = prepare(begin(1, 1), 1, 2, limits);
  assert.equal(successorOf(prepared)?.version, 2);
  assert.equal(activeOf(prepared).version, 1);
  assert.throws(() => prepare(prepared, 1, 3, limits), { code: 'KEY_STATE' });
  const rotated = rotate(prepared, 1, 9, limits);
  assert.deepEqual(
    rotated.map(({ version, state, activatedAtMs }) => [version, state, activatedAtMs]),
    [
      [1, 'deactivated', 1],
      [2, 'active', 9],
    ],
  );
});

test('an active version is never destroyed; a compromised one remembers that it was', () => {
  const history = compromise(begin(1, 1), 1, 2, limits);
  assert.throws(() => destroy(history, 2), { code: 'KEY_STATE' });
  assert.throws(() => destroy(history, 9), { code: 'KEY_VERSION_UNKNOWN' });
  const destroyed = destroy(history, 1);
  assert.equal(destroyed[0]?.state, 'destroyed-compromised');
  assert.throws(() => destroy(destroyed, 1), { code: 'KEY_STATE' });
});

test('a manifest comes back as it was written, names of every kind among them', () => {
  const version = fc.record(
    {
      version: fc.nat(),
      revision: fc.nat(),
      state: fc.constantFrom(...keyStates),
      parent: fc.nat(),
      createdAtMs: fc.nat(),
      activatedAtMs: fc.nat(),
    },
    { noNullPrototype: true },
  );
  const name = fc.oneof(
    fc.constantFrom('payments', '__proto__', 'constructor', ''),
    fc.string({ maxLength: 8 }),
  );
  const numbers = fc.dictionary(name, fc.nat(), { noNullPrototype: true });
  const manifest: fc.Arbitrary<Manifest> = fc.record(
    {
      closedEpoch: fc.nat(),
      regionalSecret: fc.record({ version: fc.nat(), revision: fc.nat() }, { noNullPrototype: true }),
      l2: fc.array(version, { maxLength: 5 }),
      services: fc.dictionary(name, fc.array(version, { maxLength: 5 }), { noNullPrototype: true }),
      exposed: numbers,
      rotateAfterS: numbers,
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(manifest, (written) => {
      assert.deepEqual(decodeManifest(encodeManifest(written)), written);
    }),
  );
});
