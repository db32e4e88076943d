/** What people read of drift: what differs, who does something about it, and what it means. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DriftFinding } from '../../governance/client/index.ts';
import { describeDrift } from './drift.ts';

const finding = (change: Partial<DriftFinding> = {}): DriftFinding => ({
  region: 'north',
  class: 'tenant',
  item: 'acme',
  finding: 'link-open',
  meaning: 'an epoch is open in the region that is closed for governance',
  mend: 'close',
  givenUp: false,
  wanted: 'closed',
  told: 'open:3',
  foundAt: '2026-03-01T10:00:00.000Z',
  seenAt: '2026-03-01T10:00:00.000Z',
  job: 'j1',
  ...change,
});

test('each finding is a line, each kind is explained once', () => {
  const text = describeDrift([finding(), finding({ item: 'bolt' })]);
  assert.match(text, /north +acme +link-open +closed +open:3 +close +j1/);
  assert.equal(text.match(/^link-open: an epoch is open/gm)?.length, 1);
});

test('what nobody mends says so', () => {
  const text = describeDrift([
    finding({ finding: 'link-lost', mend: 'tell', wanted: 'open:1', told: null, job: null }),
    finding({ givenUp: true }),
  ]);
  assert.match(text, /link-lost +open:1 +– +nobody +–/);
  assert.match(text, /close: given up/);
});

test('where nothing differs it says so', () => {
  assert.match(describeDrift([]), /^no region differs/);
});
