/** The life of a tenant as rules alone, under whatever is asked and answered in whatever order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  endsAs,
  isChanging,
  isServed,
  mayBegin,
  progressOf,
  type TenantChange,
  type TenantState,
  tenantStates,
} from './tenant-states.ts';

const begins: Readonly<Record<TenantChange, TenantState>> = {
  provision: 'provisioning',
  block: 'blocking',
  unblock: 'active',
  terminate: 'terminating',
};
const change = fc.constantFrom<TenantChange>('provision', 'block', 'unblock', 'terminate');
const part = fc.constantFrom<'pending' | 'done' | 'failed'>('pending', 'done', 'failed');
const step = fc.oneof(
  change.map((asked) => ({ asked })),
  fc.array(part, { minLength: 1, maxLength: 4 }).map((answered) => ({ answered })),
);

test('nothing comes after the end, and an active tenant is blocked before it ends', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const seen: TenantState[] = ['requested'];
      for (const each of steps) {
        const state = seen.at(-1) ?? 'requested';
        if ('asked' in each) {
          if (mayBegin(each.asked, state)) seen.push(begins[each.asked]);
        } else if (isChanging(state)) seen.push(progressOf(state, each.answered).state);
      }
      const end = seen.indexOf('terminated');
      if (end >= 0) assert.ok(seen.slice(end).every((state) => state === 'terminated'));
      for (const [at, state] of seen.entries())
        if (state === 'terminating') assert.notEqual(seen[at - 1], 'active', seen.join(' '));
    }),
  );
});

test('a change ends when every region has done its part, and has failed as long as one refuses', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...tenantStates.filter(isChanging)),
      fc.array(part, { minLength: 1, maxLength: 6 }),
      (state, parts) => {
        const next = progressOf(state, parts);
        assert.equal(next.failed, parts.includes('failed'));
        assert.equal(
          next.state === endsAs(state),
          parts.every((each) => each === 'done'),
        );
      },
    ),
  );
});

test('only what is served may get new services and links; nothing that is to be closed may', () => {
  for (const state of tenantStates)
    assert.equal(isServed(state), state === 'provisioning' || state === 'active', state);
});
