/**
 * Whether a storm has harmed anything: what must hold of the rows of both sides, each rule by its name. A pure function,
 * so that each rule can be shown to find what it is for.
 */
import type { Evidence } from './evidence.ts';
import { STEPS } from './handlers.ts';
import { type Kind, regionNames } from './plan.ts';

/** What breaks a rule, one text for each. */
type Rule = (of: Indexed) => Iterable<string>;
type Wish = Evidence['wishes'][number];
type Task = Evidence['tasks'][number];
type Applied = Evidence['regions']['north']['applied'][number];

interface Indexed extends Evidence {
  readonly wishOf: ReadonlyMap<string, Wish>;
  readonly jobOf: ReadonlyMap<string, Evidence['jobs'][number]>;
  readonly tasksOf: ReadonlyMap<string, readonly Task[]>;
  /** Steps that were applied for a task, in its own region. */
  readonly stepsOf: (task: Task) => readonly number[];
  /** Positions of the entity's jobs that cancel all older ones, ascending. */
  readonly cutsOf: ReadonlyMap<string, readonly number[]>;
}

/** How often a task of each kind is applied once it is done: in so many steps, each once. */
const stepsWhenDone: Readonly<Record<Kind, number>> = {
  APPLY: 1,
  STEPS,
  FLAKY: 1,
  REFUSE: 0,
  SHORT: 1,
  HANG: 0,
  CUT: 1,
};
/** How a job of each kind may end, if nobody cancels it. */
const ends: Readonly<Record<Kind, readonly string[]>> = {
  APPLY: ['done'],
  STEPS: ['done'],
  FLAKY: ['done'],
  REFUSE: ['failed'],
  SHORT: ['done', 'failed'],
  HANG: [],
  CUT: ['done'],
};
const FINAL: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled']);

export const rules = {
  *'exactly what was wished for exists'({ wishes, jobs, jobOf, wishOf }) {
    for (const { jobId } of wishes) if (!jobOf.has(jobId)) yield `job ${jobId} is lost`;
    for (const { jobId } of jobs) if (!wishOf.has(jobId)) yield `job ${jobId} was never wished for`;
  },
  *'every job has ended'({ jobs, tasksOf, wishOf }) {
    for (const { jobId, state } of jobs)
      if (!FINAL.has(state)) {
        const tasks = (tasksOf.get(jobId) ?? []).map(
          (task) => `${task.target} ${task.state} ${task.error} after ${task.attempts} attempts`,
        );
        yield `job ${jobId} (${wishOf.get(jobId)?.kind}) is ${state}: ${tasks.join(', ')}`;
      }
  },
  *'every task has ended once'({ tasks, endings }) {
    const outcomes = grouped(endings, ({ taskId }) => taskId);
    for (const { taskId, state } of tasks) {
      const told = (outcomes.get(taskId) ?? []).map(({ outcome }) => outcome);
      if (told.join() !== state) yield `task ${taskId} is ${state}, and its ends were: ${told.join(', ')}`;
    }
  },
  *'every job was settled once'({ jobs, settlings }) {
    const states = grouped(settlings, ({ jobId }) => jobId);
    for (const { jobId, state } of jobs) {
      const told = (states.get(jobId) ?? []).map((settling) => settling.state);
      if (told.join() !== (state === 'cancelled' ? '' : state))
        yield `job ${jobId} is ${state}, and was settled as: ${told.join(', ')}`;
    }
  },
  *'a job ends as its tasks do'({ jobs, tasksOf }) {
    for (const { jobId, state } of jobs) {
      const states = (tasksOf.get(jobId) ?? []).map((task) => task.state);
      const due = states.includes('failed') ? 'failed' : 'done';
      if (state !== 'cancelled' && state !== due)
        yield `job ${jobId} is ${state}, its tasks ${states.join(', ')}`;
      if (states.some((task) => !FINAL.has(task))) yield `job ${jobId} is ${state} with a living task`;
    }
  },
  *'every job ends as its kind may'({ jobs, wishOf, cutsOf, tasksOf }) {
    for (const { jobId, state } of jobs) {
      const wish = wishOf.get(jobId);
      if (wish === undefined) continue;
      const { kind, entity, position, givenUp } = wish;
      const cut = (cutsOf.get(entity) ?? []).some((younger) => younger > position);
      const allowed = state === 'cancelled' ? cut || givenUp : ends[kind].includes(state);
      if (!allowed) yield `job ${jobId} (${kind}) is ${state}`;
      const wrong = (tasksOf.get(jobId) ?? []).find(
        ({ state: of, error }) => of === 'failed' && error !== (kind === 'REFUSE' ? 'NEVER' : 'DEADLINE'),
      );
      if (wrong !== undefined) yield `a task of job ${jobId} (${kind}) failed with ${wrong.error}`;
    }
  },
  *'what is done has been applied in its region'({ tasks, wishOf, stepsOf }) {
    for (const task of tasks) {
      const kind = wishOf.get(task.jobId)?.kind;
      if (task.state !== 'done' || kind === undefined) continue;
      const distinct = new Set(stepsOf(task)).size;
      if (distinct !== stepsWhenDone[kind])
        yield `task ${task.taskId} (${kind}) is done, with ${distinct} of ${stepsWhenDone[kind]} steps applied`;
    }
  },
  *'nothing is applied twice'({ tasks, stepsOf }) {
    for (const task of tasks) {
      const steps = stepsOf(task);
      if (new Set(steps).size !== steps.length)
        yield `task ${task.taskId} was applied in steps ${steps.join(', ')}`;
    }
  },
  *'what was refused or undone is not applied'({ tasks, regions, wishOf, stepsOf }) {
    for (const task of tasks) {
      const kind = wishOf.get(task.jobId)?.kind;
      if (kind !== undefined && stepsWhenDone[kind] === 0 && stepsOf(task).length > 0)
        yield `task ${task.taskId} (${kind}) was applied`;
    }
    const targets = new Map(tasks.map((task) => [task.taskId, task.target]));
    for (const region of regionNames)
      for (const { taskId, jobId } of regions[region].applied)
        if (targets.get(taskId) !== region) yield `${region} has applied task ${taskId} of job ${jobId}`;
  },
  *'each entity is changed in the order of its jobs'({ regions }) {
    for (const region of regionNames)
      for (const [entity, rows] of grouped(regions[region].applied, (row) => row.entity))
        for (const [earlier, later] of pairs(rows))
          if (
            later.position < earlier.position ||
            (later.position === earlier.position && later.step <= earlier.step)
          )
            yield `${region} applied ${entity} ${shown(later)} after ${shown(earlier)}`;
  },
  *'nothing older is applied after what cancels it'({ regions, cutsOf }) {
    for (const region of regionNames)
      for (const [entity, rows] of grouped(regions[region].applied, (row) => row.entity)) {
        const cuts = new Set(cutsOf.get(entity));
        let fence = -1;
        for (const row of rows) {
          if (row.position < fence) yield `${region} applied ${entity} ${shown(row)} after the cut ${fence}`;
          if (cuts.has(row.position)) fence = Math.max(fence, row.position);
        }
      }
  },
  *'every answer has been sent'({ regions }) {
    for (const region of regionNames)
      if (regions[region].unsent > 0) yield `${regions[region].unsent} answers of ${region} were never sent`;
  },
} as const satisfies Readonly<Record<string, Rule>>;
export type RuleName = keyof typeof rules;

export interface Finding {
  readonly rule: RuleName;
  readonly times: number;
  readonly example: string;
}

/** One finding for each rule that is broken. */
export function judge(evidence: Evidence): readonly Finding[] {
  const indexed = index(evidence);
  return (Object.entries(rules) as [RuleName, Rule][]).flatMap(([rule, breaches]) => {
    const [example, ...more] = breaches(indexed);
    return example === undefined ? [] : [{ rule, times: 1 + more.length, example }];
  });
}

export const findingText = ({ rule, times, example }: Finding): string =>
  `not so: ${rule} (${times} times, such as: ${example})`;

function index(evidence: Evidence): Indexed {
  const applied = Object.fromEntries(
    regionNames.map((region) => [region, grouped(evidence.regions[region].applied, (row) => row.taskId)]),
  );
  const cuts = grouped(
    evidence.wishes.filter(({ kind }) => kind === 'CUT'),
    ({ entity }) => entity,
  );
  return {
    ...evidence,
    wishOf: new Map(evidence.wishes.map((wish) => [wish.jobId, wish])),
    jobOf: new Map(evidence.jobs.map((job) => [job.jobId, job])),
    tasksOf: grouped(evidence.tasks, ({ jobId }) => jobId),
    stepsOf: ({ taskId, target }) => (applied[target]?.get(taskId) ?? []).map(({ step }) => step),
    cutsOf: new Map(
      [...cuts].map(([entity, wishes]) => [
        entity,
        wishes.map(({ position }) => position).sort((a, b) => a - b),
      ]),
    ),
  };
}

function grouped<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

const pairs = <T>(rows: readonly T[]): (readonly [T, T])[] =>
  rows.slice(1).map((later, n) => [rows[n] as T, later] as const);
const shown = ({ position, step }: Applied): string => `${position}.${step}`;
