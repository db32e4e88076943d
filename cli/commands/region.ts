/** `okcm region …`: the key ceremony of a region, unsealing it, and changing what it is sealed by (D2). */
import { type Command, InvalidArgumentError } from 'commander';
import type { CeremonyPlan } from '../../execution/keychain/index.ts';
import { type CommandContext, contextOf, demandYes } from '../context.ts';
import { table } from '../output.ts';
import { AdminClient } from '../region/admin-client.ts';
import type { Delivery } from '../region/deliver.ts';
import { demandEmpty, planOf } from '../region/holders.ts';
import type { ShareOptions } from '../region/share-input.ts';
import {
  type BegunView,
  describeChange,
  describeShares,
  type OutcomeView,
  type ProgressView,
  type SealView,
} from '../region/views.ts';

const DEFAULTS = { shares: 5, threshold: 3 } as const;

interface OperatorOption {
  readonly operator: string;
}
interface HolderOptions {
  readonly shares: number;
  readonly threshold: number;
  readonly holder: readonly string[];
  readonly out: string;
}

export function registerRegionCommands(program: Command): void {
  const region = program.command('region').description('a region’s seal: key ceremony, unsealing, changes');

  withHolders(region.command('init'))
    .description('initialise a region by a key ceremony: one encrypted share for each holder')
    .requiredOption('--config <file>', 'the configuration file of the region’s core')
    .action(async (options: HolderOptions & { readonly config: string }, command: Command) => {
      const { output } = contextOf(command);
      await demandEmpty(options.out);
      const plan = await planOf(options);
      const { initialise } = await import('../region/initialise.ts');
      const { delivery, ...made } = await initialise(options.config, options.out, plan);
      output.result({ ...made, ...delivery }, () =>
        [
          `${made.region}: initialised; ${made.threshold} of ${delivery.shares.length} shares open it.`,
          `set ${made.setId}, ceremony key ${made.ceremonyKey}`,
          handout(delivery),
        ].join('\n'),
      );
    });

  withShare(asOperator(region.command('unseal')))
    .description('present one holder’s share; with enough of them the region opens')
    .action(async (options: OperatorOption & ShareOptions, command: Command) => {
      const { output } = contextOf(command);
      const core = await AdminClient.ofFile(options.operator);
      const share = await shareOf(options);
      const progress = await core.post<ProgressView & Pick<SealView, 'state'>>('/unseal/share', { share });
      output.result(progress, () => `${progress.state}: ${describeShares(progress)}`);
    });

  asOperator(region.command('seal-status'))
    .description('what seals the region, how far its shares are, and what change is pending')
    .action(async (options: OperatorOption, command: Command) => {
      const { output } = contextOf(command);
      const view = await (await AdminClient.ofFile(options.operator)).get<SealView>('/seal');
      output.result(view, () => describe(view).join('\n'));
    });

  withHolders(asOperator(region.command('reshare')))
    .description('give the region’s shares to other holders; holders of the shares of now approve it')
    .action(async (options: OperatorOption & HolderOptions, command: Command) => {
      await change('reshare', await planOf(options), options, contextOf(command));
    });

  withHolders(asOperator(region.command('migrate-seal')), { areOptional: true })
    .description('move the region to the seal that its core is configured for')
    .option('--yes', 'really')
    .action(
      async (
        options: OperatorOption & Partial<HolderOptions> & { readonly yes?: boolean },
        command: Command,
      ) => {
        demandYes(options.yes, 'a region that has moved no longer opens with its old seal');
        const { holder = [], out, shares = DEFAULTS.shares, threshold = DEFAULTS.threshold } = options;
        const plan = holder.length === 0 ? undefined : await planOf({ holder, shares, threshold });
        if (plan !== undefined && out === undefined) command.error('error: with --holder goes --out <dir>');
        await change('migrate', plan, { operator: options.operator, out: out ?? '' }, contextOf(command));
      },
    );

  withShare(asOperator(region.command('approve <change>')))
    .description('present one holder’s share for a pending change of the seal')
    .option('--yes', 'the change that seal-status shows is the one that is meant')
    .action(
      async (
        id: string,
        options: OperatorOption & ShareOptions & { readonly yes?: boolean },
        command: Command,
      ) => {
        const { output } = contextOf(command);
        const core = await AdminClient.ofFile(options.operator);
        const { change: pending } = await core.get<SealView>('/seal');
        if (pending !== undefined) output.note(describeChange(pending).join('\n'));
        demandYes(options.yes, 'a share that is presented approves the change');
        const share = await shareOf(options);
        const outcome = await core.post<OutcomeView>(`${changePath(id)}/share`, { share });
        output.result(outcome, () => describeOutcome(outcome));
      },
    );

  asOperator(region.command('rotate-ivk'))
    .description('replace the internal key that seals what the region keeps; tenants notice nothing')
    .option('--compromised', 'the key of now must not be trusted any more')
    .action(async (options: OperatorOption & { readonly compromised?: boolean }, command: Command) => {
      const { output } = contextOf(command);
      const core = await AdminClient.ofFile(options.operator);
      const compromised = options.compromised === true;
      const made = await core.post<{ version: number }>('/ivk/rotate', { compromised });
      output.result(made, () =>
        [
          `IVK ${made.version} seals from now on.`,
          'What stands under the one before is sealed anew in the background; then that one is destroyed.',
        ].join('\n'),
      );
    });

  asOperator(region.command('cancel <change>'))
    .description('call a pending change of the seal off')
    .action(async (id: string, options: OperatorOption, command: Command) => {
      const { output } = contextOf(command);
      const core = await AdminClient.ofFile(options.operator);
      const cancelled = await core.delete<{ cancelled: string }>(changePath(id));
      output.result(cancelled, () => `cancelled: ${cancelled.cancelled}`);
    });
}

/** Begins a change, writes what its holders need, and only then confirms it. */
async function change(
  purpose: 'reshare' | 'migrate',
  plan: CeremonyPlan | undefined,
  { operator, out }: { readonly operator: string; readonly out: string },
  { output }: CommandContext,
): Promise<void> {
  if (plan !== undefined) await demandEmpty(out);
  const core = await AdminClient.ofFile(operator);
  const begun = await core.post<BegunView>('/seal/changes', {
    purpose,
    ...(plan === undefined ? {} : { plan }),
  });
  const path = changePath(begun.change.id);
  let delivery: Delivery | undefined;
  try {
    if (begun.ceremony !== undefined) {
      const { deliver } = await import('../region/deliver.ts');
      delivery = await deliver(out, begun.ceremony);
    }
  } catch (error) {
    // Without its shares on disk the change would lock everybody out: it is called off, or forgotten by itself.
    await core.delete(path).catch(() => undefined);
    throw error;
  }
  const outcome = await core.post<OutcomeView>(`${path}/confirm`);
  output.result({ ...outcome, ...delivery }, () =>
    [describeOutcome(outcome), ...(delivery === undefined ? [] : [handout(delivery)])].join('\n'),
  );
}

function describeOutcome({ isDone, change }: OutcomeView): string {
  const { id, from, to, progress, threshold, holders } = change;
  const shares = holders === undefined ? '' : `; ${threshold} of ${holders.length} new shares open it`;
  if (isDone) return `done: the region was under ${from}, and is now under ${to}${shares}`;
  return [
    `change ${id}: ${progress === undefined ? 'pending' : describeShares(progress)} approve it`,
    `Nothing has changed yet. Each holder of the shares of now: okcm region approve ${id} --yes --share-file …`,
  ].join('\n');
}

function describe({
  region,
  cluster,
  instance,
  state,
  reason,
  seal,
  configured,
  shares,
  change,
}: SealView): string[] {
  return [
    `${cluster}/${region} (${instance}): ${state}${reason === undefined ? '' : `, ${reason}`}`,
    `under ${seal ?? 'nothing yet'}${seal === configured ? '' : `; configured for ${configured}: okcm region migrate-seal`}`,
    ...(shares === undefined
      ? []
      : [
          `set ${shares.setId} of ${shares.createdAt}, ceremony key ${shares.ceremonyKey}`,
          `${shares.threshold} of ${shares.holders.length} open it: ${shares.holders.map(({ index, holder }) => `${index} (${holder})`).join(', ')}`,
          ...(state === 'sealed' ? [`presented: ${describeShares(shares)}`] : []),
        ]),
    ...(change === undefined ? [] : describeChange(change)),
  ];
}

function handout({ manifest, shares }: Delivery): string {
  return [
    table(
      ['share', 'holder', 'file'],
      shares.map(({ index, holder, file }) => [index, holder, file]),
    ),
    `The manifest is ${manifest}. These shares are made once: hand each to its holder, then remove the directory.`,
  ].join('\n');
}

/** Cryptography is loaded when it is used: every other command starts without it. */
async function shareOf(options: ShareOptions): Promise<string> {
  const { readShare } = await import('../region/share-input.ts');
  return await readShare(options);
}

const changePath = (id: string): string => `/seal/changes/${encodeURIComponent(id)}`;

function asOperator(command: Command): Command {
  return command.requiredOption(
    '--operator <file>',
    'how to reach the core, and whom as: url, cert, key, ca',
  );
}

function withShare(command: Command): Command {
  return command
    .option('--share-file <file>', 'the holder’s encrypted share; standard input when left out')
    .option('--identity <file>', 'the holder’s age identity; none for a share that is decrypted already');
}

function withHolders(command: Command, { areOptional } = { areOptional: false }): Command {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  command
    .option('--shares <number>', 'how many shares', count, DEFAULTS.shares)
    .option('--threshold <number>', 'how many of them open the region', count, DEFAULTS.threshold);
  const holder = ['--holder <holder>', 'NAME=age1…, NAME=FILE or FILE; once for each share'] as const;
  const out = ['--out <dir>', 'where the encrypted shares and the manifest are written'] as const;
  return areOptional
    ? command.option(...holder, collect).option(...out)
    : command.requiredOption(...holder, collect).requiredOption(...out);
}

function count(value: string): number {
  if (!/^[0-9]{1,3}$/.test(value)) throw new InvalidArgumentError('a number from 2 to 255.');
  return Number(value);
}
