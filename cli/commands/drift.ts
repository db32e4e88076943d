/** `okcm drift …`: what regions hold that governance does not want, what they lack, and what is being done about it. */
import { type Command, Option } from 'commander';
import type { Client, DriftFinding } from '../../governance/client/index.ts';
import { CmkClient } from '../cmk/client.ts';
import { contextOf } from '../context.ts';
import { shortened, table } from '../output.ts';

type DriftQuery = NonNullable<NonNullable<Parameters<Client['listDrift']>[0]>['query']>;
interface ListOptions {
  readonly region?: string;
  readonly class?: NonNullable<DriftQuery['class']>;
  readonly mend?: NonNullable<DriftQuery['mend']>;
  readonly limit: number;
}

const MAX_LIMIT = 200;
/** Fingerprints are long, and their beginning tells them apart. */
const ITEM_WIDTH = 40;
/** So are digests. */
const STATE_WIDTH = 16;

const mendedBy = ({ mend, givenUp }: DriftFinding): string =>
  mend === 'tell' ? 'nobody' : givenUp ? `${mend}: given up` : mend;

/** What differs, line by line, and below it what each kind of finding means. */
export function describeDrift(items: readonly DriftFinding[]): string {
  if (items.length === 0) return 'no region differs from what is wanted there, as far as they have told';
  return [
    table(
      ['region', 'item', 'finding', 'wanted', 'told', 'mended by', 'job'],
      items.map((item) => [
        item.region,
        shortened(item.item, ITEM_WIDTH),
        item.finding,
        item.wanted && shortened(item.wanted, STATE_WIDTH),
        item.told && shortened(item.told, STATE_WIDTH),
        mendedBy(item),
        item.job,
      ]),
    ),
    ...new Set(items.map(({ finding, meaning }) => `${finding}: ${meaning}`)),
  ].join('\n');
}

export function registerDriftCommands(program: Command): void {
  const drift = program.command('drift').description('where regions differ from what governance wants there');
  drift
    .command('list', { isDefault: true })
    .description('what differs, and what is done about it')
    .option('--region <name>', 'only there')
    .addOption(
      new Option('--class <class>', 'only such things').choices([
        'tenant',
        'service',
        'key',
        'identity',
        'issuer',
      ]),
    )
    .addOption(
      new Option('--mend <mend>', 'only what is mended so; tell: what nothing is done about').choices([
        'close',
        'revoke',
        'provision',
        'tell',
      ]),
    )
    .option('--limit <n>', 'how many', Number, MAX_LIMIT)
    .action(async (options: ListOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.api.listDrift({ query: { ...options } });
      output.result(items, () => describeDrift(items));
    });
  drift
    .command('regions')
    .description('how much of what each region holds was compared, and agrees')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.api.listDriftRegions();
      output.result(items, () =>
        table(
          ['region', 'things', 'pages', 'agreeing', 'findings', 'told since'],
          items.map((item) => [
            item.region,
            item.items,
            item.pages,
            item.agreeing,
            item.findings,
            item.oldestTold,
          ]),
        ),
      );
    });
}
