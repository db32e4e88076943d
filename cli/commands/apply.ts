/** `okcm apply -f DIR`: declared state. Plans what has to be done, asks, and does it; see docs/guide/gitops.md. */
import { type Command, Option } from 'commander';
import { isToDo, isUntried, type Plan } from '../apply/entries.ts';
import type { Execution } from '../apply/execute.ts';
import { DeclarationsInvalid } from '../apply/invalid.ts';
import { type Kind, kinds } from '../apply/things.ts';
import { CmkClient } from '../cmk/client.ts';
import { confirmNumber } from '../confirm.ts';
import { contextOf } from '../context.ts';
import { CliError, exitCodes } from '../errors.ts';
import { homeOption, shellWord } from '../hints.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';

interface ApplyOptions {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly prune?: boolean;
  readonly pruneTenants?: boolean;
  readonly relink?: boolean;
  readonly only?: Kind[];
  readonly record?: string;
  readonly schema?: boolean;
}

/** As diff does: 0 nothing differs, 1 trouble, 2 something differs. */
const DIFFERS = 2;
const PROGRESS_MS = 5_000;

export function registerApplyCommand(program: Command): void {
  program
    .command('apply')
    .description(
      'make what is declared in a folder so: tenants, keystores, keys, links, systems, applications',
    )
    .option('-f, --file <dir>', 'a folder of .yaml, .yml and .json files, or one file')
    .option('--dry-run', 'only show what would be done; exit code 0: nothing, 2: something, 1: trouble')
    .option('--yes', 'do it without asking')
    .option('--prune', 'also remove what was declared before and is declared no longer')
    .option('--prune-tenants', 'also end tenants that are declared no longer: nobody opens their keys again')
    .option('--relink', 'open links again that somebody has closed')
    .addOption(
      new Option('--only <kind>', 'only declarations of this kind; may be repeated')
        .choices([...kinds])
        .argParser(kindOf),
    )
    .option('--record <file>', 'where it stands what was declared before; default: in the home directory')
    .option('--schema', 'print the JSON Schema of declarations, for editors')
    .action(apply);
}

function kindOf(value: string, earlier: Kind[] = []): Kind[] {
  const kind = kinds.find((each) => each === value);
  if (kind === undefined) throw new CliError('USAGE', `--only takes one of ${kinds.join(', ')}`);
  return [...earlier, kind];
}

async function apply(options: ApplyOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  if (options.schema === true) {
    const { declarationsSchema } = await import('../apply/schema.ts');
    process.stdout.write(declarationsSchema());
    return;
  }
  if (options.file === undefined) throw new CliError('USAGE', 'name what is declared: -f DIR');
  // Loaded only here: the schemas of the API are much to load for every other command.
  const { makePlan, carryOutPlan } = await import('../apply/apply.ts');
  const { defaultRecord } = await import('../apply/record.ts');
  const { describePlan, describeResults, planData, resultsData } = await import('../apply/print.ts');
  const cmk = await CmkClient.ofHome(home);
  const record = options.record ?? defaultRecord(home, options.file);
  const wanted = {
    from: options.file,
    only: options.only ?? [],
    record,
    home,
    prune: options.prune === true,
    pruneTenants: options.pruneTenants === true,
    relink: options.relink === true,
  };
  const planned = await withProgress(output, 'look at what is there', (tell) =>
    lineByLine(output, makePlan(cmk, wanted, tell)),
  );
  const { plan } = planned;
  const goesOn = (): string[] =>
    hasClosedLinks(plan) ? [`${commandFor(options, home)} opens again what was closed`] : [];
  const todo = plan.filter(isToDo).length;
  if (options.dryRun === true || todo === 0) {
    output.result({ plan: planData(plan) }, () => describePlan(plan, goesOn()));
    process.exitCode = codeOfPlan(plan, options.dryRun === true);
    return;
  }
  if (!output.json) output.line(describePlan(plan));
  const ended = plan.filter(endsTenant).map(({ id }) => id.name);
  const ends = ended.length === 0 ? '' : `, and ends for good, keys and name: ${ended.join(', ')}`;
  await confirmNumber(options.yes, `carrying it out changes ${counted(todo, 'thing')}${ends}`, todo);
  const execution = await withProgress(output, `carry out ${counted(todo, 'change')}`, (tell) =>
    carryOutPlan(cmk, planned, record, (done, of) => tell(`${done} of ${of}`)),
  );
  const { results } = execution;
  output.result({ plan: planData(plan), results: resultsData(results) }, () =>
    describeResults(plan, results, goesOn()),
  );
  process.exitCode = codeOfRun(plan, execution);
  if (execution.ended !== undefined) throw execution.ended;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const endsTenant = ({ id, action, changes }: Plan[number]): boolean =>
  id.kind === 'Tenant' && action === 'remove' && changes.some(({ to }) => to === 'terminated');

const hasClosedLinks = (plan: Plan): boolean =>
  plan.some(({ action, why }) => action === 'held' && why?.code === 'LINK_CLOSED');

/** The same once more, with `--relink` and without what removes; whoever runs it is asked again. */
function commandFor({ file = '', only = [], record }: ApplyOptions, home: string): string {
  return [
    `okcm${homeOption(home)} apply -f ${shellWord(file)}`,
    ...only.map((kind) => `--only ${kind}`),
    ...(record === undefined ? [] : [`--record ${shellWord(record)}`]),
    '--relink',
  ].join(' ');
}

/** Several mistakes are told before the error, each in a line of its own. */
async function lineByLine<T>(output: Output, planning: Promise<T>): Promise<T> {
  try {
    return await planning;
  } catch (error) {
    if (output.json || !(error instanceof DeclarationsInvalid) || error.mistakes.length < 2) throw error;
    for (const mistake of error.mistakes) output.note(printable(mistake));
    throw new CliError('DECLARATIONS_INVALID', `${error.mistakes.length} lines are wrong`);
  }
}

/** Without --dry-run there is nothing to be done: what waits for others is no failure, what is held or refused is not so. */
function codeOfPlan(plan: Plan, dryRun: boolean): number {
  if (!dryRun) return plan.some(isUntried) ? exitCodes.failure : exitCodes.ok;
  if (plan.some(({ action }) => action === 'refused')) return exitCodes.failure;
  return plan.some(({ action }) => action !== 'same' && action !== 'left') ? DIFFERS : exitCodes.ok;
}

function codeOfRun(plan: Plan, { results }: Execution): number {
  const failed = results.some(({ state }) => state === 'failed' || state === 'skipped');
  return failed || plan.some(isUntried) ? exitCodes.failure : exitCodes.ok;
}

/** Shown live where somebody watches; elsewhere now and then. */
async function withProgress<T>(
  output: Output,
  title: string,
  work: (tell: (text: string) => void) => Promise<T>,
): Promise<T> {
  let toldAt = performance.now();
  let done: { readonly value: T } | undefined;
  await output.steps([
    {
      title,
      run: async (tell) => {
        const value = await work((text) => {
          if (!output.live && performance.now() - toldAt < PROGRESS_MS) return;
          toldAt = performance.now();
          tell(text);
        });
        done = { value };
        return undefined;
      },
    },
  ]);
  if (done === undefined) throw new Error('a step that neither failed nor ended');
  return done.value;
}
