/** `okcm jobs …`: what governance has asked of the regions, and how far it is. */
import { type Command, InvalidArgumentError } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';

interface TaskView {
  readonly target: string;
  readonly state: string;
  readonly attempt: number;
  readonly error?: { readonly code: string; readonly message: string } | null;
}
interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly entity: string;
  readonly state: string;
  readonly createdAt: string;
  readonly correlationId: string;
  readonly tasks?: readonly TaskView[];
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;

function limit(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= MAX_LIMIT) return number;
  throw new InvalidArgumentError(`1 to ${MAX_LIMIT}`);
}

export function registerJobsCommands(program: Command): void {
  const jobs = program.command('jobs').description('jobs between governance and the regions');
  jobs
    .command('list')
    .description('the latest jobs')
    .option('--limit <n>', 'how many', limit, DEFAULT_LIMIT)
    .action(async (options: { limit: number }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.get<{ items: JobView[] }>(`/v1/jobs?limit=${options.limit}`);
      output.result(items, () =>
        table(
          ['job', 'kind', 'entity', 'state', 'created'],
          items.map((job) => [job.id, job.kind, job.entity.slice(0, 40), job.state, job.createdAt]),
        ),
      );
    });
  jobs
    .command('show <id>')
    .description('one job with its tasks, region by region')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const job = await cmk.get<JobView>(`/v1/jobs/${encodeURIComponent(id)}`);
      output.result(job, () =>
        [
          `${job.kind} ${job.entity}: ${job.state}`,
          `created ${job.createdAt}, correlation id ${job.correlationId}`,
          table(
            ['region', 'state', 'attempts', 'error'],
            (job.tasks ?? []).map((task) => [
              task.target,
              task.state,
              task.attempt,
              task.error ? `${task.error.code}: ${task.error.message}` : null,
            ]),
          ),
        ].join('\n'),
      );
    });
}
