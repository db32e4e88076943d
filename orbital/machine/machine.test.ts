// Orbital's decisions as tables. What they add up to is explored by suites/orbital-schedules.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  CLOCK_SKEW_MS,
  MAX_ETAG,
  MAX_RETRY_AFTER_MS,
  MIN_RETRY_AFTER_MS,
  STATUS_SEQUENCE_AHEAD_MS,
  TASK_SEQUENCE_AHEAD_MS,
} from '../limits.ts';
import { type Execution, isNewer } from './execution.ts';
import { type ManagedTask, onStatus, type Status, whyNotHeard } from './manager.ts';
import { type Fence, fenceAfter, fenceBehindPurge, onTask, type Recorded, whyNotTaken } from './operator.ts';
import { jobStateOf, type TaskState, taskStates } from './states.ts';

const execution = fc.record({
  sequence: fc.integer({ min: 1, max: 4 }),
  etag: fc.integer({ min: 1, max: 4 }),
});

describe('executions', () => {
  test('of two different ones exactly one is newer, and of three there is an order', () => {
    fc.assert(
      fc.property(execution, execution, execution, (a, b, c) => {
        const same = a.sequence === b.sequence && a.etag === b.etag;
        assert.equal(Number(isNewer(a, b)) + Number(isNewer(b, a)), same ? 0 : 1);
        if (isNewer(a, b) && isNewer(b, c)) assert.ok(isNewer(a, c));
      }),
    );
  });
});

describe('the state of a job', () => {
  const table: readonly (readonly [tasks: readonly TaskState[], job: TaskState])[] = [
    [['pending', 'pending'], 'pending'],
    [['pending', 'done'], 'processing'],
    [['processing', 'failed'], 'processing'],
    [['done', 'done'], 'done'],
    [['done', 'failed'], 'failed'],
    [['done', 'cancelled'], 'failed'],
  ];
  for (const [tasks, job] of table)
    test(`${tasks.join(' and ')}: ${job}`, () => assert.equal(jobStateOf(tasks), job));

  test('it does not depend on how often a state occurs', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...taskStates), { minLength: 1 }), (states) => {
        assert.equal(jobStateOf(states), jobStateOf([...new Set(states)]));
      }),
    );
  });
});

describe('a status', () => {
  const NOW_MS = 1_000_000;
  const LATEST = NOW_MS + STATUS_SEQUENCE_AHEAD_MS;
  const task: ManagedTask = { sequence: 5, etag: 2, state: 'processing', failures: 1 };
  const status: Status = { sequence: 5, etag: 2, phase: 'done' };
  const refused = { code: 'REFUSED', message: '', retryable: false };
  const stumbled = { ...refused, code: 'UNAVAILABLE', retryable: true };
  const large = 'x'.repeat(40_000);
  const step = (said: Partial<Status>, of: Partial<ManagedTask> = {}) =>
    onStatus({ ...task, ...of }, { ...status, ...said }, NOW_MS).step;

  const table: readonly (readonly [string, Partial<Status>, Partial<ManagedTask>, string])[] = [
    ['of the present execution counts', {}, {}, 'done'],
    ['of an older execution does not', { etag: 1 }, {}, 'ignored'],
    ['of an older wish does not', { sequence: 4, etag: 9 }, {}, 'ignored'],
    ['of a newer execution, from before a restore, counts', { etag: 3 }, {}, 'done'],
    ['of a newer wish, from before a restore, counts', { sequence: 6, etag: 1 }, {}, 'done'],
    ['of the newest wish that there can be counts', { sequence: LATEST, etag: 1 }, {}, 'done'],
    ['of a wish that there cannot be is rejected', { sequence: LATEST + 1, etag: 1 }, {}, 'rejected'],
    [
      'of its own wish counts, whatever the clock says',
      { sequence: LATEST + 9 },
      { sequence: LATEST + 9 },
      'done',
    ],
    ['for a task that is cancelled does not', {}, { state: 'cancelled' }, 'ignored'],
    ['with a refusal ends the task', { phase: 'failed', error: refused }, {}, 'failed'],
    ['with a failure that may pass goes on', { phase: 'failed', error: stumbled }, {}, 'continues'],
    ['with a failure without a reason goes on', { phase: 'failed' }, {}, 'continues'],
    ['with more to do goes on', { phase: 'processing' }, {}, 'continues'],
    ['with too large a result is rejected', { result: large }, {}, 'rejected'],
    ['with too large a state is rejected', { phase: 'processing', workingState: large }, {}, 'rejected'],
  ];
  for (const [name, said, of, expected] of table) test(name, () => assert.equal(step(said, of), expected));

  test('asks for the execution after the one that it answers, within its limits', () => {
    fc.assert(
      fc.property(
        execution,
        fc.option(fc.nat(), { nil: undefined }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (said, retryAfterMs, random) => {
          const asked = {
            ...said,
            phase: 'processing' as const,
            ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          };
          const decision = onStatus({ ...task, sequence: 1, etag: 1 }, asked, NOW_MS, () => random);
          assert.ok(decision.step === 'continues');
          assert.ok(isNewer(decision.next, said));
          assert.equal(decision.failures, 0);
          assert.ok(decision.waitMs >= MIN_RETRY_AFTER_MS && decision.waitMs <= MAX_RETRY_AFTER_MS);
        },
      ),
    );
    const last = onStatus(task, { ...status, etag: MAX_ETAG, phase: 'processing' }, NOW_MS);
    assert.ok(last.step === 'continues' && last.next.etag === MAX_ETAG);
  });

  test('is heard from the region of the task alone', () => {
    assert.equal(whyNotHeard({ target: 'north' }, { target: 'north' }), undefined);
    assert.equal(whyNotHeard({ target: 'north' }, { target: 'south' }), 'TARGET_MISMATCH');
    assert.equal(whyNotHeard(undefined, { target: 'south' }), 'UNKNOWN_TASK');
  });
});

describe('a task in a region', () => {
  const NOW_MS = 1_000_000;
  const task = { sequence: 5, etag: 2, deadlineAtMs: null };
  const fence: Fence = { tried: 5, applied: 4, apart: 0, forgotten: 4 };
  const recorded = (phase: Recorded['phase'], of: Partial<Execution> = {}): Recorded => ({
    ...task,
    ...of,
    phase,
  });
  const overdue = { deadlineAtMs: NOW_MS - CLOCK_SKEW_MS - 1 };
  const table: readonly (readonly [
    string,
    Recorded | undefined,
    Partial<Fence>,
    { deadlineAtMs?: number },
    string,
  ])[] = [
    ['that is new runs', undefined, {}, {}, 'run'],
    ['after something newer is refused', undefined, { tried: 6 }, {}, 'SUPERSEDED'],
    ['after something newer that was committed apart is refused', undefined, { apart: 6 }, {}, 'SUPERSEDED'],
    ['that was committed apart and not answered runs', undefined, { apart: 5 }, {}, 'run'],
    ['that was done and has no record is refused', undefined, { applied: 5, forgotten: 5 }, {}, 'FORGOTTEN'],
    [
      'that was done, and whose record is of an older wish that came once more, is refused',
      recorded('failed', { sequence: 3, etag: 1 }),
      { applied: 5, forgotten: 5 },
      {},
      'FORGOTTEN',
    ],
    [
      'that was done, and whose record is of its refusal, is refused',
      recorded('failed', { etag: 1 }),
      { applied: 5, forgotten: 5 },
      {},
      'FORGOTTEN',
    ],
    ['that has changed something and is not done to its end runs', undefined, { applied: 5 }, {}, 'run'],
    ['that has failed and has no record runs', undefined, { applied: 4 }, {}, 'run'],
    ['after its deadline is refused', undefined, {}, overdue, 'DEADLINE'],
    [
      'after its deadline by our clock, but not for certain, runs',
      undefined,
      {},
      { deadlineAtMs: NOW_MS - CLOCK_SKEW_MS },
      'run',
    ],
    ['that was answered is answered again', recorded('failed'), {}, {}, 'repeat'],
    ['that was answered is answered again after its deadline', recorded('done'), {}, overdue, 'repeat'],
    [
      'that was answered for a newer wish is answered again',
      recorded('failed', { sequence: 6, etag: 1 }),
      { tried: 7 },
      {},
      'repeat',
    ],
    ['that failed runs under a new etag', recorded('failed', { etag: 1 }), {}, {}, 'run'],
    ['that goes on runs under a new etag', recorded('processing', { etag: 1 }), {}, {}, 'run'],
    [
      'that is done does not run under a new etag',
      recorded('done', { etag: 1 }),
      { tried: 9, applied: 9 },
      {},
      'repeat',
    ],
    [
      'that is done does not run for a new wish',
      recorded('done', { sequence: 4 }),
      { tried: 4, applied: 4 },
      {},
      'repeat',
    ],
    [
      'that is done does not run for a new wish after others that failed',
      recorded('done', { sequence: 3 }),
      { tried: 4, applied: 3 },
      {},
      'repeat',
    ],
    [
      'that is done and was overwritten apart runs for a new wish',
      recorded('done', { sequence: 3 }),
      { tried: 4, applied: 3, apart: 4 },
      {},
      'run',
    ],
    [
      'that is done and was overwritten runs for a new wish',
      recorded('done', { sequence: 3 }),
      { tried: 4, applied: 4 },
      {},
      'run',
    ],
  ];
  for (const [name, record, changes, deadline, expected] of table)
    test(name, () => {
      const decision = onTask({ ...task, ...deadline }, record, { ...fence, ...changes }, NOW_MS);
      assert.equal(decision.step === 'refuse' ? decision.code : decision.step, expected);
    });

  test('is taken unless it names a wish that there cannot be', () => {
    const latest = NOW_MS + TASK_SEQUENCE_AHEAD_MS;
    assert.equal(whyNotTaken({ sequence: latest, etag: 1 }, NOW_MS), undefined);
    assert.equal(whyNotTaken({ sequence: latest + 1, etag: 1 }, NOW_MS), 'SEQUENCE_AHEAD');
  });

  test('leaves a fence that never falls; a failure is a try and no change', () => {
    const phase = fc.constantFrom('processing' as const, 'done' as const, 'failed' as const);
    const fences = fc.record({
      tried: fc.nat(9),
      applied: fc.nat(9),
      apart: fc.nat(9),
      forgotten: fc.nat(9),
    });
    fc.assert(
      fc.property(fences, execution, phase, (before, answered, phase) => {
        const after = fenceAfter(before, { ...answered, phase });
        assert.equal(after.apart, before.apart);
        assert.equal(after.tried, Math.max(before.tried, answered.sequence));
        assert.equal(
          after.applied,
          phase === 'failed' ? before.applied : Math.max(before.applied, answered.sequence),
        );
        assert.equal(after.forgotten, before.forgotten);
        const purged = fenceBehindPurge(after, { ...answered, phase });
        const forgotten = Math.max(before.forgotten, phase === 'done' ? answered.sequence : 0);
        assert.deepEqual(purged, { ...after, forgotten });
      }),
    );
  });
});
