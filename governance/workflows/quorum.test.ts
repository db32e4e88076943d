/** Every order of events over every shape of rules: what may never happen to a proposal, does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Case,
  decide,
  type Event,
  isSatisfied,
  type Members,
  type ProposalState,
  quorumOf,
  type Requirement,
  unreachable,
} from './quorum.ts';

const PEOPLE = ['ada', 'bob', 'carol', 'dave', 'eve'] as const;
const GROUPS = ['officers', 'auditors'] as const;
const EXPIRY = 1_000;

const person = fc.constantFrom(...PEOPLE);
const members = fc.tuple(fc.subarray([...PEOPLE]), fc.subarray([...PEOPLE])).map(
  ([officers, auditors]): Members =>
    new Map([
      ['officers', officers],
      ['auditors', auditors],
    ]),
);
const requirement = fc.record({
  rule: fc.constantFrom('four-eyes', 'rule:unlink'),
  approvals: fc.integer({ min: 0, max: 3 }),
  groups: fc.subarray([...GROUPS]),
});
const at = fc.integer({ min: 0, max: 1_200 }).map((ms) => new Date(ms));
// Mostly everybody still holds the role.
const permitted = fc.oneof({ weight: 3, arbitrary: fc.constant([...PEOPLE]) }, fc.subarray([...PEOPLE]));
const deciding = { by: person, at, members, permitted };
const event = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('approve' as const), ...deciding }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reject' as const), ...deciding }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), by: person, at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), at }) },
);

interface Trace {
  readonly event: Event;
  readonly before: Case;
  readonly after: Case;
  readonly code: string | undefined;
}

/** As proposals.ts keeps it: what is approved is carried out in the same breath. */
function play(first: Case, events: readonly Event[]): Trace[] {
  let present = first;
  return events.map((each) => {
    const before = present;
    const verdict = decide(before, each);
    if (verdict.ok) {
      const state: ProposalState = verdict.next === 'approved' ? 'executed' : verdict.next;
      present = { ...before, state, approvers: verdict.approvers };
    }
    return { event: each, before, after: present, code: verdict.ok ? undefined : verdict.code };
  });
}

const cases = fc
  .record({
    proposer: person,
    rules: fc.array(requirement, { minLength: 1, maxLength: 3 }),
    earlier: members,
  })
  .map(({ proposer, rules, earlier }): Case => {
    const requirements: Requirement[] = rules.map((rule) => ({
      ...rule,
      approvers:
        rule.groups.length === 0
          ? null
          : [...new Set(rule.groups.flatMap((group) => earlier.get(group) ?? []))].sort(),
    }));
    return { state: 'pending', proposer, requirements, approvers: [], expiresAt: new Date(EXPIRY) };
  })
  // One that nobody has to approve is carried out as it is made, and is never put to anybody.
  .filter(({ requirements }) => !isSatisfied(requirements, []));

test('it is carried out only when each rule has its approvals, by different people who were approvers and still are', () => {
  fc.assert(
    fc.property(cases, fc.array(event, { maxLength: 40 }), (first, events) => {
      const traces = play(first, events);
      const executed = traces.find(({ after }) => after.state === 'executed');
      if (executed === undefined) return;
      const counted = traces
        .slice(0, traces.indexOf(executed) + 1)
        .flatMap(({ event: each, code }) => (each.kind === 'approve' && code === undefined ? [each] : []));
      for (const { groups, approvals, approvers } of first.requirements) {
        const entitled = counted.filter(
          ({ by, members: now }) =>
            by !== first.proposer &&
            (groups.length === 0 ||
              (approvers?.includes(by) === true && groups.some((group) => now.get(group)?.includes(by)))),
        );
        assert.ok(new Set(entitled.map(({ by }) => by)).size >= approvals);
      }
      assert.ok(counted.every((each) => each.at.getTime() < EXPIRY));
    }),
    { numRuns: 2_000 },
  );
});

test('with the last approval, everybody who counts is an approver by role and by group', () => {
  fc.assert(
    fc.property(cases, fc.array(event, { maxLength: 40 }), (first, events) => {
      for (const { event: last, after, code } of play(first, events)) {
        if (last.kind !== 'approve' || code !== undefined) continue;
        assert.ok(last.permitted.includes(last.by));
        if (after.state !== 'executed') continue;
        for (const { approvals, approvers, groups } of first.requirements) {
          const standing = after.approvers.filter(
            (each) =>
              last.permitted.includes(each) &&
              (groups.length === 0 ||
                (approvers?.includes(each) === true &&
                  groups.some((group) => last.members.get(group)?.includes(each)))),
          );
          assert.ok(new Set(standing).size >= approvals);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('whoever proposed it never decides, whatever groups they are in', () => {
  fc.assert(
    fc.property(cases, fc.array(event, { maxLength: 40 }), (first, events) => {
      for (const { event: each, after, code, before } of play(first, events)) {
        assert.ok(!after.approvers.includes(first.proposer));
        if ((each.kind === 'approve' || each.kind === 'reject') && each.by === first.proposer)
          assert.ok(code === 'FOUR_EYES' || code === 'PROPOSAL_DECIDED');
        if (each.kind === 'revoke' && each.by !== first.proposer) assert.deepEqual(after, before);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('what has ended stays as it ended, and late words change nothing', () => {
  fc.assert(
    fc.property(cases, fc.array(event, { maxLength: 40 }), (first, events) => {
      for (const { event: each, before, after, code } of play(first, events)) {
        if (before.state !== 'pending') {
          assert.deepEqual(after, before);
          assert.equal(code, 'PROPOSAL_DECIDED');
        }
        if (each.at.getTime() >= EXPIRY) assert.ok(after.state === before.state || after.state === 'expired');
        if (after.state === 'expired' && before.state === 'pending') assert.ok(each.at.getTime() >= EXPIRY);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('an approval counts once, and for every rule whose approver gave it', () => {
  const officers: Requirement = {
    rule: 'rule:unlink',
    approvals: 2,
    groups: ['officers'],
    approvers: ['bob', 'carol'],
  };
  const anybody: Requirement = { rule: 'four-eyes', approvals: 1, groups: [], approvers: null };
  assert.equal(isSatisfied([officers, anybody], ['bob', 'bob']), false);
  assert.equal(isSatisfied([officers, anybody], ['bob', 'dave']), false);
  assert.equal(isSatisfied([officers, anybody], ['bob', 'carol']), true);
  assert.equal(quorumOf([officers, anybody]), 3);
  assert.equal(unreachable([officers, anybody], 'ada'), undefined);
  assert.equal(unreachable([officers, anybody], 'bob'), officers);
});

test('whoever joined the group later cannot approve, nor can whoever has left it', () => {
  const first: Case = {
    state: 'pending',
    proposer: 'ada',
    requirements: [{ rule: 'rule:unlink', approvals: 1, groups: ['officers'], approvers: ['bob', 'carol'] }],
    approvers: [],
    expiresAt: new Date(EXPIRY),
  };
  const now: Members = new Map([['officers', ['carol', 'dave']]]);
  const permitted = [...PEOPLE];
  const by = (name: string): Event => ({
    kind: 'approve',
    by: name,
    at: new Date(0),
    members: now,
    permitted,
  });
  for (const name of ['bob', 'dave', 'eve']) {
    const verdict = decide(first, by(name));
    assert.equal(verdict.ok ? undefined : verdict.code, 'NOT_APPROVER', name);
  }
  const verdict = decide(first, by('carol'));
  assert.equal(verdict.ok && verdict.next, 'approved');
});

test('an approval of somebody who has lost the role since does not count, and counts again with the role', () => {
  const first: Case = {
    state: 'pending',
    proposer: 'ada',
    requirements: [{ rule: 'four-eyes', approvals: 2, groups: [], approvers: null }],
    approvers: ['bob'],
    expiresAt: new Date(EXPIRY),
  };
  const carol = (...permitted: string[]): Event => ({
    kind: 'approve',
    by: 'carol',
    at: new Date(0),
    members: new Map(),
    permitted,
  });
  const nextOf = (event: Event): string => {
    const verdict = decide(first, event);
    return verdict.ok ? verdict.next : verdict.code;
  };
  assert.equal(nextOf(carol('carol')), 'pending');
  assert.equal(nextOf(carol('bob', 'carol')), 'approved');
  assert.equal(nextOf(carol('bob')), 'NOT_APPROVER');
});
