/** The verdict over a storm finds what it is for: rows of a calm day, and each rule broken in turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Evidence } from './evidence.ts';
import { judge, type RuleName, rules } from './verdict.ts';

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? Mutable<U>[] : Mutable<T[K]>;
};

/** One entity: an APPLY in both regions, a STEPS in one, a REFUSE, an APPLY that a CUT has cancelled, that CUT. */
function calmDay(): Mutable<Evidence> {
  const wish = (jobId: string, position: number, kind: Evidence['wishes'][number]['kind']) => ({
    jobId,
    entity: 'thing',
    position,
    kind,
    givenUp: false,
  });
  const task = (taskId: string, target: string, state: string, error = '') => ({
    taskId,
    jobId: taskId.slice(0, 1),
    target,
    state,
    error,
    attempts: 1,
  });
  const applied = (taskId: string, position: number, step = 1) => ({
    taskId,
    jobId: taskId.slice(0, 1),
    entity: 'thing',
    position,
    step,
  });
  const tasks = [
    task('a1', 'north', 'done'),
    task('a2', 'south', 'done'),
    task('b1', 'north', 'done'),
    task('c1', 'north', 'failed', 'NEVER'),
    task('d1', 'north', 'cancelled'),
    task('e1', 'north', 'done'),
  ];
  const jobs = [
    { jobId: 'a', state: 'done' },
    { jobId: 'b', state: 'done' },
    { jobId: 'c', state: 'failed' },
    { jobId: 'd', state: 'cancelled' },
    { jobId: 'e', state: 'done' },
  ];
  return {
    wishes: [
      wish('a', 0, 'APPLY'),
      wish('b', 1, 'STEPS'),
      wish('c', 2, 'REFUSE'),
      wish('d', 3, 'APPLY'),
      wish('e', 4, 'CUT'),
    ],
    jobs,
    tasks,
    endings: tasks.map(({ taskId, state }) => ({ taskId, outcome: state })),
    settlings: jobs.filter(({ state }) => state !== 'cancelled'),
    regions: {
      north: {
        applied: [
          applied('a1', 0),
          applied('b1', 1, 1),
          applied('b1', 1, 2),
          applied('b1', 1, 3),
          applied('e1', 4),
        ],
        unsent: 0,
      },
      south: { applied: [applied('a2', 0)], unsent: 0 },
    },
    lagsMs: [1, 2, 3, 4],
  };
}

function of<T>(rows: readonly T[], index: number): T {
  const row = rows.at(index);
  assert.ok(row !== undefined);
  return row;
}

/** For each rule, what breaks it. */
const harm: Readonly<Record<RuleName, (day: Mutable<Evidence>) => void>> = {
  'exactly what was wished for exists': (day) => void day.wishes.shift(),
  'every job has ended': (day) => {
    of(day.jobs, 0).state = 'processing';
  },
  'every task has ended once': (day) => void day.endings.push({ ...of(day.endings, 0) }),
  'every job was settled once': (day) => void day.settlings.push({ ...of(day.settlings, 0) }),
  'a job ends as its tasks do': (day) => {
    of(day.tasks, 1).state = 'failed';
  },
  'every job ends as its kind may': (day) => {
    of(day.jobs, 0).state = 'failed';
  },
  'what is done has been applied in its region': (day) => void day.regions.south.applied.pop(),
  'nothing is applied twice': (day) =>
    void day.regions.south.applied.push({ ...of(day.regions.south.applied, 0) }),
  'what was refused or undone is not applied': (day) => {
    day.regions.north.applied.splice(4, 0, {
      ...of(day.regions.north.applied, 0),
      taskId: 'c1',
      position: 2,
    });
  },
  'each entity is changed in the order of its jobs': (day) => {
    day.regions.north.applied.unshift(...day.regions.north.applied.splice(3, 1));
  },
  'nothing older is applied after what cancels it': (day) => {
    day.regions.north.applied.push({ ...of(day.regions.north.applied, 0), taskId: 'd1', position: 3 });
  },
  'every answer has been sent': (day) => {
    day.regions.north.unsent = 1;
  },
};

test('a calm day breaks no rule', () => {
  assert.deepEqual(judge(calmDay()), []);
});

for (const rule of Object.keys(rules) as RuleName[])
  test(`it is found when it is not so: ${rule}`, () => {
    const day = calmDay();
    harm[rule](day);
    assert.ok(
      judge(day).some((finding) => finding.rule === rule),
      JSON.stringify(judge(day)),
    );
  });
