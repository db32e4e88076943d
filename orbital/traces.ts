/**
 * One trace from whoever asked for a job to the region and back: the job, each message that asks a region, its execution there,
 * and the answer that ends or settles it. All of them name the correlation id (D11). Nothing of this is done where no spans are
 * recorded.
 */
import { inSpan, isTracing, markSpan, type Span, SpanKind, traceparentOf } from '../platform/tracing.ts';
import type { ManagerDb } from './manager/schema.ts';
import type { StatusMessage, TaskMessage } from './messages.ts';

interface NewJob {
  readonly kind: string;
  readonly entity: string;
  readonly lane: string;
  readonly correlationId: string;
  readonly tasks: readonly unknown[];
}

/** The job as a child of whatever asks for it, to be kept with it; null where nobody records it. */
export function traceOfNewJob(
  id: string,
  { kind, entity, lane, correlationId, tasks }: NewJob,
): string | null {
  if (!isTracing()) return null;
  const attributes = {
    'okcm.job': id,
    'okcm.entity': entity,
    'okcm.lane': lane,
    'okcm.correlation_id': correlationId,
    'okcm.targets': tasks.length,
  };
  return markSpan(`job ${kind}`, { kind: SpanKind.PRODUCER, attributes }) ?? null;
}

interface SentTask {
  readonly id: string;
  readonly kind: string;
  readonly target: string;
  readonly correlation_id: string;
  readonly attempt: number;
  readonly trace: string | null;
}

/** `publish` gets what the message carries. */
export async function sendingTask(
  task: SentTask,
  publish: (traceparent: string | undefined) => Promise<void>,
): Promise<void> {
  if (!isTracing()) return await publish(undefined);
  const attributes = {
    'okcm.task': task.id,
    'okcm.region': task.target,
    'okcm.attempt': task.attempt,
    'okcm.correlation_id': task.correlation_id,
  };
  const options = { kind: SpanKind.PRODUCER, parent: task.trace ?? undefined, attributes };
  await inSpan(`send ${task.kind}`, options, (span) => publish(traceparentOf(span)));
}

/** Around the execution in the region, up to the answer on its way. */
export async function executingTask<T extends { readonly repeated: boolean; readonly phase: string }>(
  task: TaskMessage,
  execute: () => Promise<T>,
): Promise<T> {
  if (!isTracing()) return await execute();
  const attributes = {
    'okcm.task': task.taskId,
    'okcm.region': task.target,
    'okcm.attempt': task.attempt,
    'okcm.correlation_id': task.correlationId,
  };
  const options = { kind: SpanKind.CONSUMER, parent: task.traceparent, attributes };
  return await inSpan(`execute ${task.kind}`, options, async (span) => {
    const done = await execute();
    span.setAttributes({ 'okcm.phase': done.phase, 'okcm.repeated': done.repeated });
    return done;
  });
}

/** Around what a region's answer does here; the span says whether it has ended the task, and settled the job. */
export async function takingStatus<P extends { readonly step: string; readonly outcome?: string }>(
  db: ManagerDb,
  status: StatusMessage,
  take: () => Promise<P>,
): Promise<P> {
  if (!isTracing()) return await take();
  const job = await jobOf(db, status.taskId);
  const attributes = {
    'okcm.task': status.taskId,
    'okcm.region': status.target,
    'okcm.phase': status.phase,
    'okcm.correlation_id': status.correlationId,
  };
  const options = { kind: SpanKind.CONSUMER, parent: job?.trace ?? undefined, attributes };
  return await inSpan(`status ${job?.kind ?? 'of no task'}`, options, async (span) => {
    const progress = await take();
    span.setAttribute('okcm.step', progress.outcome ?? progress.step);
    if (progress.step === 'ended') await tellSettled(db, span, status.taskId);
    return progress;
  });
}

async function tellSettled(db: ManagerDb, span: Span, taskId: string): Promise<void> {
  const job = await jobOf(db, taskId);
  if (job?.settled_at) span.addEvent('job settled', { 'okcm.job_state': job.state });
}

async function jobOf(db: ManagerDb, taskId: string) {
  return await db
    .selectFrom('orbital_tasks as t')
    .innerJoin('orbital_jobs as j', 'j.id', 't.job_id')
    .select(['j.trace', 'j.kind', 'j.state', 'j.settled_at'])
    .where('t.id', '=', taskId)
    .executeTakeFirst();
}
