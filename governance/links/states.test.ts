/** The pure decisions about links: what a provider's answer does, which old secret is likeliest, one word for a tenant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KeyState, keyStates } from '../keystores/provider.ts';
import type { Link } from '../store/schema.ts';
import { unlinks } from './kill-switch.ts';
import { previousCandidates } from './rows.ts';
import { linkStates, summarise } from './states.ts';

test('a key that the customer took away unlinks; one that cannot be asked never does', () => {
  const verdicts = Object.fromEntries(
    (Object.keys(keyStates) as KeyState[]).map((state) => [
      state,
      [unlinks(state, false), unlinks(state, true)],
    ]),
  );
  assert.deepEqual(verdicts, {
    ENABLED: [false, false],
    DISABLED: [true, true],
    PENDING_IMPORT: [true, true],
    PENDING_DELETION: [true, true],
    NOT_FOUND: [true, true],
    FORBIDDEN: [false, true],
    THROTTLED: [false, false],
    UNREACHABLE: [false, false],
    UNKNOWN: [false, false],
  });
});

const link = (epoch: number, sent: boolean, opened: boolean): Link =>
  ({ epoch, wrapped_secret: sent ? 'wrapped' : null, activated_at: opened ? new Date(0) : null }) as Link;

test('the secret under which a region stands is always among the candidates, and the walk ends', () => {
  // A model of the region: epochs are sent or not, and each that was sent was applied or not; CMK knows of some.
  const history = fc.array(fc.record({ sent: fc.boolean(), applied: fc.boolean(), heard: fc.boolean() }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(history, (epochs) => {
      let standsOn: number | null = null;
      const rows = epochs.map(({ sent, applied, heard }, at) => {
        if (sent && applied) standsOn = at + 1;
        return link(at + 1, sent, sent && applied && heard);
      });
      const candidates = previousCandidates(rows);
      assert.ok(candidates.includes(standsOn));
      assert.equal(new Set(candidates).size, candidates.length);
      assert.ok(candidates.length <= rows.length + 1);
    }),
  );
});

test('one word for a tenant is the one that needs attention most', () => {
  assert.equal(summarise([]), 'none');
  assert.equal(summarise(['active', 'active']), 'active');
  assert.equal(summarise(['active', 'linking']), 'pending');
  assert.equal(summarise(['active', 'failed']), 'failed');
  assert.equal(summarise(['active', 'expired']), 'expired');
  assert.equal(summarise(['active', 'rotating']), 'rotating');
  assert.equal(summarise(['rotating', 'expired']), 'expired');
  assert.equal(summarise(['closing', 'failed', 'active']), 'closing');
  assert.equal(summarise(['closed', 'closed']), 'closed');
  for (const state of linkStates) assert.notEqual(summarise([state]), 'none');
});
