/** What is known of a key after any answers in any order: unreachable is not revoked, and what is said has a since. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KeyState, keyStates, mending, PASSING } from '../keystores/provider.ts';
import { unlinks } from '../links/kill-switch.ts';
import { afterAnswer } from './key-states.ts';

const states = Object.keys(keyStates) as KeyState[];
const answers = fc.array(
  fc.record({ state: fc.constantFrom(...states), credentialIsGood: fc.boolean(), afterMs: fc.nat(60_000) }),
  { maxLength: 40 },
);
const start = {
  state: 'ENABLED',
  state_since: new Date(0),
  checked_at: new Date(0),
  enabled_at: new Date(0),
  warning: null,
  warning_since: null,
  probe_failures: 0,
};

test('an unclear answer warns and changes nothing; a clear one says the state, and ends the warning', () => {
  fc.assert(
    fc.property(answers, (given) => {
      let known: Parameters<typeof afterAnswer>[0] = start;
      let at = 0;
      for (const { state, credentialIsGood, afterMs } of given) {
        at += afterMs;
        const now = new Date(at);
        const doubtful = state === 'FORBIDDEN' && !credentialIsGood;
        const before = known;
        const after = afterAnswer(before, { state, doubtful }, now);
        known = after.known;
        const unclear = doubtful || PASSING.has(state);
        // Whatever unlinks is a clear answer, and is kept as the state.
        if (unlinks(state, credentialIsGood)) assert.equal(known.state, state);
        if (unclear) {
          assert.ok(!unlinks(state, credentialIsGood));
          assert.deepEqual(
            { ...known, warning: null, warning_since: null, probe_failures: 0 },
            { ...before, warning: null, warning_since: null, probe_failures: 0 },
          );
          assert.equal(known.warning, state);
          assert.deepEqual(known.warning_since, before.warning_since ?? now);
          assert.equal(after.change, before.warning === null ? 'warned' : undefined);
        } else {
          assert.deepEqual([known.state, known.warning, known.probe_failures], [state, null, 0]);
          assert.deepEqual(known.state_since, before.state === state ? before.state_since : now);
        }
        assert.equal(known.warning === null, known.warning_since === null);
        assert.ok(known.state_since <= now && known.checked_at <= now);
      }
    }),
  );
});

test('for every state but the good one it is said who can mend it', () => {
  for (const state of states) assert.equal(mending[state] === null, state === 'ENABLED', state);
});
