/** `okcm jobs …`: what governance has asked of the regions, how far it is, and another try for what has failed. */
import { type Command, InvalidArgumentError } from 'commander';
import type { JobWithTasks } from '../../governance/client/index.ts';
import { CmkClient } from '../cmk/client.ts';
import { contextOf, demandYes } from '../context.ts';
import { type Output, shortened, table } from '../output.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;
const ENTITY_WIDTH = 40;
const REASON_WIDTH = 80;
/** Of a hundred tasks each. */
const MAX_ROUNDS = 1_000;

function limit(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= MAX_LIMIT) return number;
  throw new InvalidArgumentError(`1 to ${MAX_LIMIT}`);
}
const repeated = (value: string, earlier: string[] = []): string[] => [...earlier, value];

interface ListOptions {
  readonly limit: number;
  readonly state?: JobWithTasks['state'];
  readonly kind?: string;
}
interface TaskOptions extends ListOptions {
  readonly region?: string;
}

export function registerJobsCommands(program: Command): void {
  const jobs = program.command('jobs').description('jobs between governance and the regions');
  const listed = (command: Command): Command =>
    command
      .option('--limit <n>', 'how many', limit, DEFAULT_LIMIT)
      .option('--state <state>', 'pending, processing, done, failed or cancelled')
      .option('--kind <kind>', 'such as TENANT_PROVISION');
  listed(jobs.command('list'))
    .description('the latest jobs')
    .action(async (options: ListOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.api.listJobs({ query: { ...options } });
      output.result(items, () =>
        table(
          ['job', 'kind', 'entity', 'state', 'created'],
          items.map((job) => [
            job.id,
            job.kind,
            shortened(job.entity, ENTITY_WIDTH),
            job.state,
            job.createdAt,
          ]),
        ),
      );
    });
  listed(jobs.command('tasks'))
    .description('what single regions were asked, the newest job first')
    .option('--region <name>', 'only there')
    .action(async (options: TaskOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.api.listTasks({ query: { ...options } });
      output.result(items, () =>
        table(
          ['region', 'kind', 'entity', 'state', 'error', 'job'],
          items.map((task) => [
            task.region,
            task.kind,
            shortened(task.entity, ENTITY_WIDTH),
            task.state,
            task.error?.code,
            task.job,
          ]),
        ),
      );
    });
  jobs
    .command('show <id>')
    .description('one job with its tasks, region by region')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      show(output, await cmk.api.getJob({ path: { id } }));
    });
  jobs
    .command('retry <id>')
    .description('ask once more what has failed')
    .option('--region <name>', 'only there; may be repeated', repeated)
    .action(async (id: string, options: { region?: string[] }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const body = options.region === undefined ? {} : { regions: options.region };
      show(output, await cmk.api.retryJob({ path: { id }, body }));
    });
  ofFailed(jobs.command('failed'))
    .description('dead letters: what regions have refused for good or not done in time, with the reason')
    .option('--limit <n>', 'how many', limit, DEFAULT_LIMIT)
    .action(async ({ code, ...options }: FailedOptions & { limit: number }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const query = { ...options, ...ofCode(code), state: 'failed' as const };
      const { items } = await cmk.api.listTasks({ query });
      output.result(items, () =>
        table(
          ['region', 'kind', 'entity', 'reason', 'attempts', 'since', 'job'],
          items.map((task) => [
            task.region,
            task.kind,
            shortened(task.entity, ENTITY_WIDTH),
            task.error === null ? null : shortened(`${task.error.code}: ${task.error.message}`, REASON_WIDTH),
            task.attempt,
            task.updatedAt,
            task.job,
          ]),
        ),
      );
    });
  ofFailed(jobs.command('retry-failed'))
    .description('ask once more whatever has failed and fits')
    .option('--yes', 'really')
    .action(async ({ yes, ...options }: FailedOptions & { yes?: boolean }, command: Command) => {
      demandYes(
        yes,
        'this asks once more whatever has failed and fits',
        'see what that is by `okcm jobs failed` with the same options, then add --yes',
      );
      const { home, output } = contextOf(command);
      const answer = await retryFailed(await CmkClient.ofHome(home), options);
      output.result(answer, () =>
        [
          `${answer.retried.length} jobs are asked once more, ${answer.left.length} are left as they are`,
          ...(answer.left.length === 0
            ? []
            : [
                table(
                  ['job', 'code', 'why'],
                  answer.left.map(({ job, code: why, detail }) => [job, why, detail]),
                ),
              ]),
        ].join('\n'),
      );
    });
  jobs
    .command('refused')
    .description('messages from the broker that were refused, summed up')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.api.listRefusedMessages();
      output.result(items, () =>
        table(
          ['count', 'code', 'channel', 'claims', 'key', 'last'],
          items.map((each) => [each.count, each.code, each.channel, each.claims, each.keyId, each.lastAt]),
        ),
      );
    });
  jobs
    .command('cancel <id>')
    .description('give up what the regions have not done yet')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      show(output, await cmk.api.cancelJob({ path: { id } }));
    });
}

interface FailedOptions {
  readonly tenant?: string;
  readonly region?: string;
  readonly kind?: JobWithTasks['kind'];
  readonly code?: string;
}

const ofFailed = (command: Command): Command =>
  command
    .option('--tenant <name>', 'only of this tenant')
    .option('--region <name>', 'only there')
    .option('--kind <kind>', 'such as TENANT_PROVISION')
    .option('--code <code>', 'of the failure, such as DEADLINE');
const ofCode = (code: string | undefined): { errorCode?: string } =>
  code === undefined ? {} : { errorCode: code };

/** Page by page to the end, MAX_ROUNDS at most: more than that is looked at anew. */
async function retryFailed(cmk: CmkClient, { tenant, code, ...wanted }: FailedOptions) {
  const retried: string[] = [];
  const left: { job: string; code: string; detail: string }[] = [];
  let cursor: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const answer = await cmk.api.createJobRetry({
      query: tenant === undefined ? {} : { tenant },
      body: { ...wanted, ...ofCode(code), ...(cursor === undefined ? {} : { cursor }) },
    });
    retried.push(...answer.retried);
    left.push(...answer.left);
    cursor = answer.next;
    if (cursor === undefined) break;
  }
  return { retried, left };
}

function show(output: Output, job: JobWithTasks): void {
  output.result(job, () =>
    [
      `${job.kind} ${job.entity}: ${job.state}`,
      `created ${job.createdAt}, correlation id ${job.correlationId}`,
      table(
        ['region', 'state', 'attempts', 'error'],
        job.tasks.map((task) => [
          task.region,
          task.state,
          task.attempt,
          task.error ? `${task.error.code}: ${task.error.message}` : null,
        ]),
      ),
    ].join('\n'),
  );
}
