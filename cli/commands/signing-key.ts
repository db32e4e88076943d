/** `okcm signing-key …`: the keys by which governance and the regions sign what crosses the broker, and their rotation. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { contextOf, demandYes } from '../context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';

interface RegionOption {
  readonly region?: string;
}
interface RotateOptions extends RegionOption {
  readonly publicKey?: string;
}
interface RetireOptions extends RegionOption {
  readonly stolen?: boolean;
  readonly yes?: boolean;
}
interface TrustOptions {
  readonly config: string;
  readonly publicKey?: string;
  readonly yes?: boolean;
}

export function registerSigningKeyCommands(program: Command): void {
  const keys = program
    .command('signing-key')
    .description('the keys that sign jobs and the regions’ answers: announce, overlap, retire');
  const ofRegion = (command: Command, what: string): Command => command.option('--region <name>', what);

  ofRegion(keys.command('list'), 'those by which this region signs')
    .description('keys with their states, and which regions trust them')
    .action(async ({ region }: RegionOption, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      if (region !== undefined) {
        const { items } = await api.listRegionKeys({ path: { region } });
        const rows = items.map((key) => [key.keyId, key.state, key.since, key.heardAt]);
        return output.result(items, () => table(['key', 'state', 'since', 'last heard'], rows));
      }
      const { items } = await api.listSigningKeys();
      const rows = items.map((key) => [key.keyId, key.state, key.since, key.trustedBy.join(', ')]);
      output.result(items, () => table(['key', 'state', 'since', 'trusted by'], rows));
    });

  ofRegion(keys.command('rotate <key>'), 'the region’s key, not governance’s')
    .description('make a key of that name; it takes over as soon as the other side knows it')
    .option('--public-key <file>', 'with --region: the key that an operator has made there, in PEM')
    .action(async (keyId: string, { region, publicKey }: RotateOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      if (region === undefined) {
        if (publicKey !== undefined) throw new CliError('USAGE', '--public-key goes with --region');
        const made = await api.createSigningKey({ body: { keyId } });
        return output.result(
          made,
          () =>
            `${keyId}: ${made.state}; it signs as soon as every region trusts it. See okcm signing-key list.`,
        );
      }
      const brought = publicKey === undefined ? {} : { publicKey: await readFile(publicKey, 'utf8') };
      const answer = await api.createRegionKey({ path: { region }, body: { keyId, ...brought } });
      output.result(answer, () =>
        answer.job === null ? `${region}: ${keyId} counts from now on` : `${region}: job ${answer.job}`,
      );
    });

  keys
    .command('activate <key>')
    .description('sign by an announced key now, also where a region does not trust it yet')
    .option('--yes', 'really')
    .action(async (keyId: string, { yes }: { yes?: boolean }, command: Command) => {
      demandYes(
        yes,
        'regions that do not trust the key refuse every job until somebody there says that they shall',
      );
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const key = await api.activateSigningKey({ path: { key: keyId } });
      output.result(key, () => `${keyId}: ${key.state}`);
    });

  ofRegion(keys.command('retire <key>'), 'the region’s key, not governance’s')
    .description('let a key count for nothing any more, for good')
    .option('--stolen', 'also while something is signed by it: whoever has stolen it sees to that')
    .option('--yes', 'really')
    .action(async (keyId: string, { region, stolen, yes }: RetireOptions, command: Command) => {
      demandYes(yes, 'a retired key never comes back, and what it has signed and has not arrived is refused');
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const body = stolen === true ? { stolen } : null;
      if (region === undefined) {
        const key = await api.retireSigningKey({ path: { key: keyId }, body });
        return output.result(key, () => `${keyId}: ${key.state}; every region is told`);
      }
      const { items } = await api.retireRegionKey({ path: { region, key: keyId }, body });
      output.result(items, () => `${region}: ${keyId} is retired`);
    });

  const byHand = (command: Command): Command =>
    command.requiredOption('--config <file>', 'the configuration file of the region’s core');
  byHand(keys.command('trust <key>'))
    .description('in a region, by hand: trust this key of governance besides those of now')
    .requiredOption('--public-key <file>', 'Ed25519 in PEM')
    .action(async (keyId: string, { config, publicKey = '' }: TrustOptions, command: Command) => {
      await changed(command, config, { trust: { keyId, publicKey: await readFile(publicKey, 'utf8') } });
    });
  byHand(keys.command('distrust <key>'))
    .description('in a region, by hand: a key of governance that counts for nothing any more, for good')
    .option('--yes', 'really')
    .action(async (keyId: string, { config, yes }: TrustOptions, command: Command) => {
      demandYes(yes, 'a retired key never comes back');
      await changed(command, config, { retire: keyId });
    });
}

type Change = { readonly trust: { keyId: string; publicKey: string } } | { readonly retire: string };

async function changed(command: Command, config: string, change: Change): Promise<void> {
  const { output } = contextOf(command);
  const { changeTrustIn } = await import('../region/trust.ts');
  const known = await changeTrustIn(config, change);
  const rows = known.map(({ keyId, state }) => [keyId, state]);
  output.result(known, () => table(['key of governance', 'state'], rows));
}
