/** `okcm audit …`: reading, checking and exporting the audit log, and signed checkpoints to keep elsewhere. */
import { stat } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { REGION_CHAIN } from '../../contracts/index.ts';
import type { AuditEventView } from '../../governance/audit/event.ts';
import { type AuditFormatName, auditFormatNames } from '../../governance/audit/formats.ts';
import type { RegionCountView, RegionTrailView } from '../../governance/audit/regions.ts';
import type { Checkpoint } from '../../platform/chain-checkpoints.ts';
import { writePublic } from '../../platform/config-file.ts';
import { type CheckedChain, checkCmkChain, checkFile, checkRegionTrail } from '../audit/check.ts';
import { ExportFile } from '../audit/export-file.ts';
import { chainQuery, cmkParts, PLATFORM_CHAIN, regionParts } from '../audit/sources.ts';
import { readKept, readKeys, Trust } from '../audit/trust.ts';
import { CmkClient, CmkRefusal } from '../cmk/client.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { homePaths } from '../home/paths.ts';
import { cmkComponent } from '../installation/names.ts';
import { AUDIT_SIGNING, signingKeyFiles } from '../installation/signing-keys.ts';
import { type Output, table } from '../output.ts';
import { AdminClient } from '../region/admin-client.ts';
import { collect } from './keys-text.ts';

interface ChainOption {
  readonly tenant?: string;
}
interface VerifyOptions extends ChainOption {
  readonly platform?: boolean;
  readonly file?: string;
  readonly operator?: string;
  readonly key?: readonly string[];
  readonly checkpoint?: readonly string[];
}
interface ExportOptions extends ChainOption {
  readonly format: AuditFormatName;
  readonly operator?: string;
  readonly out?: string;
  readonly after?: number;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;

function limit(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= MAX_LIMIT) return number;
  throw new InvalidArgumentError(`1 to ${MAX_LIMIT}`);
}

function position(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('the number of an event');
}

const chainOf = ({ tenant }: ChainOption): string => tenant ?? PLATFORM_CHAIN;
const ofTenant = (command: Command): Command =>
  command.option('--tenant <id>', 'its chain; without it the chain of what concerns no single tenant');

export function registerAuditCommands(program: Command): void {
  const audit = program.command('audit').description('who did what, chained and signed');

  ofTenant(audit.command('list'))
    .description('the latest events')
    .option('--action <name>', 'only this, such as link.propose')
    .option('--actor <name>', 'only what they did')
    .option('--correlation-id <id>', 'only what belongs to this request')
    .option('--limit <n>', 'how many', limit, DEFAULT_LIMIT)
    .action(list);

  audit
    .command('verify')
    .description('recompute every chain, or one, and name whatever was changed, removed, swapped or cut off')
    .option('--tenant <id>', 'only its chain')
    .option('--platform', 'only the chain of what concerns no single tenant')
    .option('--file <file>', 'an export in JSON Lines instead of CMK')
    .option('--operator <file>', 'the trail of a region instead: how to reach its core, as for okcm region')
    .option(
      '--checkpoint <file>',
      'checkpoints that were kept elsewhere; a directory, too; may be repeated',
      collect,
    )
    .option('--key <file>', 'the public key of whoever signs checkpoints, in PEM; may be repeated', collect)
    .action(verify);

  ofTenant(audit.command('export'))
    .description('a whole chain, in order, for other systems')
    .addOption(
      new Option('--format <name>', 'as what')
        .choices(auditFormatNames)
        .default('jsonl' satisfies AuditFormatName),
    )
    .option('--operator <file>', 'the trail of a region instead, as JSON Lines')
    .option('--out <file>', 'into a file; the same command later goes on where it ended')
    .option('--after <n>', 'begin behind this event', position)
    .action(exportChain);

  ofTenant(audit.command('checkpoint'))
    .description('sign the chain as it is now, to be kept elsewhere')
    .option('--out <file>', 'write it there')
    .action(checkpoint);

  ofTenant(audit.command('regions'))
    .description('what the regions say of their own trails: how many events of which class')
    .action(regions);
}

async function list(
  options: ChainOption & {
    readonly action?: string;
    readonly actor?: string;
    readonly correlationId?: string;
    readonly limit: number;
  },
  command: Command,
): Promise<void> {
  const { home, output } = contextOf(command);
  const cmk = await CmkClient.ofHome(home);
  const query = new URLSearchParams({ limit: String(options.limit) });
  for (const name of ['tenant', 'action', 'actor', 'correlationId'] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  const { items } = await cmk.get<{ items: AuditEventView[] }>(`/v1/audit?${query}`);
  output.result(items, () =>
    table(
      ['event', 'at', 'who', 'from', 'what', 'on', 'outcome'],
      items.map((event) => [
        event.sequence,
        event.at,
        event.actor,
        event.origin,
        event.action,
        event.subject.slice(0, 60),
        event.outcome,
      ]),
    ),
  );
}

async function verify(options: VerifyOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const chosen = [options.tenant, options.platform, options.file, options.operator];
  if (chosen.filter((each) => each !== undefined).length > 1)
    throw new CliError('USAGE', 'choose one of --tenant, --platform, --file and --operator');
  const checked = await checkedChains(home, options, output);
  output.result({ ok: checked.every(({ ok }) => ok), chains: checked }, () =>
    checked.map(describe).join('\n'),
  );
  const broken = checked.filter(({ ok }) => !ok);
  if (broken.length > 0)
    throw new CliError(
      'AUDIT_BROKEN',
      `not as it was written: ${broken.map(({ chain }) => chain).join(', ')}`,
    );
}

async function checkedChains(home: string, options: VerifyOptions, output: Output): Promise<CheckedChain[]> {
  const pinned = await readKeys(options.key ?? []);
  const given = await readKept(options.checkpoint ?? []);
  if (options.file !== undefined) {
    const keys = pinned.length > 0 ? pinned : await ownKeys(home);
    return [await checkFile(options.file, new Trust(keys, given))];
  }
  if (options.operator !== undefined) {
    if (pinned.length === 0 && given.length > 0)
      throw new CliError('USAGE', 'checkpoints of a region need the public key of the region: --key');
    const core = await AdminClient.ofFile(options.operator);
    return [await checkRegionTrail(core, REGION_CHAIN, new Trust(pinned, given))];
  }
  const cmk = await CmkClient.ofHome(home);
  const keys = pinned.length > 0 ? pinned : [...(await ownKeys(home)), ...(await keysOfCmk(cmk))];
  const kept = options.checkpoint === undefined ? await ownCheckpoints(home) : given;
  const trust = new Trust(keys, kept);
  const { tenant, platform } = options;
  if (tenant !== undefined || platform === true) return [await checkCmkChain(cmk, chainOf(options), trust)];
  const tenants = await cmk.list<{ id: string }>('/v1/tenants');
  const checked: CheckedChain[] = [];
  for (const chain of [PLATFORM_CHAIN, ...tenants.map(({ id }) => id)])
    try {
      checked.push(await checkCmkChain(cmk, chain, trust));
    } catch (error) {
      if (!(error instanceof CmkRefusal) || error.status !== 403) throw error;
      output.note(`${chain}: not yours to read`);
    }
  return checked;
}

/** Of the installation under the home directory, where there is one. */
async function ownKeys(home: string) {
  const { publicKey } = signingKeyFiles(homePaths(home).component(cmkComponent), AUDIT_SIGNING);
  return (await isThere(publicKey)) ? await readKeys([publicKey]) : [];
}

async function ownCheckpoints(home: string): Promise<Checkpoint[]> {
  const { auditCheckpoints } = homePaths(home);
  return (await isThere(auditCheckpoints)) ? await readKept([auditCheckpoints]) : [];
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function keysOfCmk(cmk: CmkClient) {
  const { createPublicKey } = await import('node:crypto');
  const { items } = await cmk.get<{ items: { publicKey: string }[] }>('/v1/audit/keys');
  return items.map(({ publicKey }) => createPublicKey(publicKey));
}

function describe({ chain, ok, events, checkpoints, kept, faults, faultCount }: CheckedChain): string {
  const against = `${checkpoints} signed checkpoint${checkpoints === 1 ? '' : 's'}, ${kept} of them kept elsewhere`;
  if (ok) return `${chain}: ${events} events, whole; held against ${against}`;
  const named = faults.map(({ kind, description }) => `  ${kind}: ${description}`);
  const more = faultCount > faults.length ? [`  … and ${faultCount - faults.length} more`] : [];
  return [`${chain}: BROKEN; ${events} events, held against ${against}`, ...named, ...more].join('\n');
}

async function exportChain(options: ExportOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const { operator, format, out } = options;
  if (operator !== undefined && (format !== 'jsonl' || options.tenant !== undefined))
    throw new CliError('USAGE', "a region's trail is exported as a whole, and as jsonl");
  if (out !== undefined && options.after !== undefined)
    throw new CliError('USAGE', 'a file goes on where it ended: --after is for standard output');
  const chain = operator === undefined ? chainOf(options) : REGION_CHAIN;
  const source = await partsOf(home, options, chain);
  if (out === undefined) {
    for await (const { text } of source(options.after ?? 0)) await print(text);
    return;
  }
  const file = await ExportFile.open(out, chain, format);
  try {
    const before = file.last;
    for await (const part of source(before)) await file.append(part);
    const { last } = file;
    output.result({ chain, format, file: out, after: before, last }, () =>
      last === before
        ? `${out}: nothing new behind event ${last} of ${chain}`
        : `${out}: events ${before + 1} to ${last} of ${chain} as ${format}`,
    );
  } finally {
    await file.close();
  }
}

async function partsOf(home: string, { operator, format }: ExportOptions, chain: string) {
  if (operator !== undefined) {
    const core = await AdminClient.ofFile(operator);
    return (after: number) => regionParts(core, after);
  }
  const cmk = await CmkClient.ofHome(home);
  return (after: number) => cmkParts(cmk, chain, format, after);
}

/** Waits for a reader that is slower than we are. */
function print(text: string): Promise<void> {
  return new Promise((done) => {
    if (process.stdout.write(text)) done();
    else process.stdout.once('drain', done);
  });
}

async function checkpoint(options: ChainOption & { readonly out?: string }, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const cmk = await CmkClient.ofHome(home);
  const signed = await cmk.post<Checkpoint>(
    `/v1/audit/checkpoints?${chainQuery(chainOf(options))}`,
    undefined,
  );
  if (options.out !== undefined) await writePublic(options.out, `${JSON.stringify(signed)}\n`);
  output.result(signed, () =>
    options.out === undefined
      ? JSON.stringify(signed)
      : `${options.out}: ${signed.chain} up to event ${signed.sequence}, signed by ${signed.keyId}`,
  );
}

async function regions(options: ChainOption, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const cmk = await CmkClient.ofHome(home);
  const trails = await cmk.get<{ regions: RegionTrailView[]; counts: RegionCountView[] }>(
    `/v1/audit/regions?${chainQuery(chainOf(options))}`,
  );
  output.result(trails, () =>
    [
      table(
        ['region', 'core', 'events', 'signed at', 'fault'],
        trails.regions.map(({ region, instance, checkpoint: { sequence, at }, fault }) => [
          region,
          instance,
          sequence,
          at,
          fault,
        ]),
      ),
      table(
        ['region', 'class', 'outcome', 'events', 'last'],
        trails.counts.map(({ region, class: about, outcome, events, lastAt }) => [
          region,
          about,
          outcome,
          events,
          lastAt,
        ]),
      ),
    ].join('\n'),
  );
}
