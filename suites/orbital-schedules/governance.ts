/**
 * Governance's side of a world: its rows, and what `orbital/manager/` does with them, each transaction as one step. Every
 * decision is asked of `orbital/machine/manager.ts`.
 */
import {
  mayCancel,
  maySend,
  nextSequence,
  onDeadline,
  onRetry,
  onStatus,
  onWish,
  type Wish,
  whyNotHeard,
} from '../../orbital/machine/manager.ts';
import { isLive, jobStateOf } from '../../orbital/machine/states.ts';
import type { TaskError } from '../../orbital/messages.ts';
import type { Surroundings } from './happenings.ts';
import {
  copyOfGovernance,
  type GovernanceRows,
  type JobRow,
  named,
  type RegionName,
  type StatusFrame,
  type TaskFrame,
  type TaskRow,
} from './rows.ts';

const RESEND_MS = 2_000;
/** Retries are spread at random; here always in the middle. */
const MIDDLE = () => 0.5;

export class Governance {
  rows: GovernanceRows = { sequences: new Map(), jobs: new Map(), tasks: new Map() };
  /** The last wish before the last restore: of the wishes up to it governance may have forgotten what became of them. */
  restoredAfterWish = 0;
  /** Since the world has last turned its page. */
  changed = false;
  readonly #world: Surroundings;
  #backup: GovernanceRows | undefined;
  #wishes = 0;
  #jobs = 0;
  #tasks = 0;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  tasksOf(job: string): TaskRow[] {
    return [...this.rows.tasks.values()].filter((task) => task.job === job);
  }

  createJob(wish: Wish, entity: string, targets: readonly RegionName[], deadlineMs: number | null): boolean {
    const { nowMs } = this.#world;
    const decision = onWish(wish, this.#liveJobs(entity));
    if (decision.step === 'conflict') return false;
    const sequence = this.#nextSequence(entity);
    const id = `j${++this.#jobs}`;
    this.#wishes++;
    this.#world.say(
      () =>
        `governance creates ${id}, ${wish.kind} of ${entity} in ${targets.join(' and ')}, sequence ${sequence}`,
    );
    this.#cancel(decision.cancel);
    this.#put({ id, ...wish, entity, sequence, state: 'pending', deadlineMs });
    for (const target of targets)
      this.#putTask({
        id: `t${++this.#tasks}`,
        job: id,
        kind: wish.kind,
        entity,
        target,
        sequence,
        etag: 1,
        state: 'pending',
        cancels: wish.cancelsOlder,
        failures: 0,
        error: null,
        deadlineAtMs: deadlineMs === null ? null : nowMs + deadlineMs,
        nextAttemptAtMs: nowMs,
        wish: this.#wishes,
      });
    return true;
  }

  cancelJob(job: JobRow): boolean {
    if (!mayCancel(job.state)) return false;
    this.#cancel([job.id]);
    return true;
  }

  retryJob(job: JobRow, targets: readonly RegionName[]): boolean {
    const { nowMs } = this.#world;
    const tasks = this.tasksOf(job.id);
    const decision = onRetry(job, tasks, this.#liveJobs(job.entity), targets);
    if (decision.step !== 'accept') return false;
    const sequence = this.#nextSequence(job.entity);
    this.#wishes++;
    this.#world.happened({ what: 'retried', ids: new Set([job.id, ...decision.run]) });
    this.#world.say(() => `governance retries ${job.id}: ${decision.run.join(', ')}, sequence ${sequence}`);
    this.#cancel(decision.cancel);
    for (const task of tasks)
      if (decision.run.includes(task.id))
        this.#putTask({
          ...task,
          state: 'pending',
          sequence,
          etag: task.etag + 1,
          failures: 0,
          error: null,
          deadlineAtMs: job.deadlineMs === null ? null : nowMs + job.deadlineMs,
          nextAttemptAtMs: nowMs,
          wish: this.#wishes,
        });
    this.#put({ ...job, sequence, state: this.#jobState(job.id) });
    return true;
  }

  /** Those that the dispatcher would claim. */
  sendable(): TaskRow[] {
    const tasks = [...this.rows.tasks.values()];
    return tasks.filter((task) => maySend(task, tasks, this.#world.nowMs));
  }

  send(task: TaskRow): TaskFrame {
    this.#putTask({ ...task, nextAttemptAtMs: this.#world.nowMs + RESEND_MS });
    this.#world.happened({ what: 'sent', task });
    this.#world.say(() => `governance sends ${task.id} to ${task.target}, ${named(task)}`);
    const { id, kind, entity, target, cancels, sequence, etag, deadlineAtMs } = task;
    return { type: 'task', task: id, kind, entity, target, cancels, sequence, etag, deadlineAtMs };
  }

  hear(status: StatusFrame): void {
    const { say, nowMs } = this.#world;
    const task = this.rows.tasks.get(status.task);
    const why = whyNotHeard(task, status);
    if (task === undefined || why !== undefined) {
      say(() => `governance throws away what ${status.target} says of ${status.task}: ${why}`);
      return;
    }
    const { error, ...rest } = status;
    const decision = onStatus(task, error === null ? rest : { ...rest, error }, nowMs, MIDDLE);
    say(
      () =>
        `governance hears that ${task.id} is ${status.phase}${error === null ? '' : ` (${error.code})`} in ${status.target}, ${named(status)}: ${decision.step}`,
    );
    if (decision.step === 'ignored' || decision.step === 'rejected') return;
    this.#world.happened({ what: 'heard', task, status });
    const last = this.rows.sequences.get(task.entity) ?? 0;
    this.rows.sequences.set(task.entity, Math.max(last, status.sequence));
    if (decision.step === 'continues') {
      const { next, failures, waitMs } = decision;
      const nextAttemptAtMs = nowMs + waitMs;
      this.#putTask({
        ...task,
        ...next,
        failures,
        error: decision.error,
        state: 'processing',
        nextAttemptAtMs,
      });
      const job = this.rows.jobs.get(task.job);
      if (job?.state === 'pending') this.#put({ ...job, state: 'processing' });
    } else this.#end(task, decision.step === 'failed' ? decision.error : null);
  }

  /** As the sweeper does with a task that it took for overdue. */
  expire(task: TaskRow): boolean {
    const decision = onDeadline(task, this.#world.nowMs);
    if (decision.step === 'ignored') return false;
    this.#world.say(() => `governance fails ${task.id} at its deadline`);
    this.#end(task, decision.error);
    return true;
  }

  backUp(): void {
    this.#backup = copyOfGovernance(this.rows);
    this.#world.say(() => 'governance’s database is backed up');
  }

  restore(): boolean {
    if (this.#backup === undefined) return false;
    this.rows = copyOfGovernance(this.#backup);
    this.changed = true;
    this.restoredAfterWish = this.#wishes;
    this.#world.happened({ what: 'restored' });
    this.#world.say(() => 'governance’s database is restored from its backup');
    return true;
  }

  #end(task: TaskRow, error: TaskError | null): void {
    this.#putTask({ ...task, state: error === null ? 'done' : 'failed', error });
    this.#world.happened(error === null ? { what: 'done', task } : { what: 'failed', task, error });
    const job = this.rows.jobs.get(task.job);
    if (job !== undefined) this.#put({ ...job, state: this.#jobState(job.id) });
  }

  #cancel(jobs: readonly string[]): void {
    for (const id of jobs) {
      const job = this.rows.jobs.get(id);
      if (job === undefined) continue;
      this.#world.say(() => `governance cancels ${id}`);
      this.#put({ ...job, state: 'cancelled' });
      for (const task of this.tasksOf(id))
        if (isLive(task.state)) this.#putTask({ ...task, state: 'cancelled' });
    }
  }

  #liveJobs(entity: string): JobRow[] {
    return [...this.rows.jobs.values()].filter((job) => job.entity === entity && isLive(job.state));
  }

  #jobState(job: string): JobRow['state'] {
    return jobStateOf(this.tasksOf(job).map(({ state }) => state));
  }

  #nextSequence(entity: string): number {
    const sequence = nextSequence(this.rows.sequences.get(entity) ?? 0, this.#world.nowMs);
    this.rows.sequences.set(entity, sequence);
    return sequence;
  }

  #put(job: JobRow): void {
    this.changed = true;
    this.rows.jobs.set(job.id, job);
  }

  #putTask(task: TaskRow): void {
    this.changed = true;
    this.rows.tasks.set(task.id, task);
  }
}
