/**
 * `okcm key …`: a tenant's L1 keys. Hold your own: register a reference, prove access, link. Bring your own: import wrapped
 * material. What a key's versions are in the regions is `okcm keys …`.
 */
import { createPrivateKey } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { errorMessage } from '../../platform/errors.ts';
import {
  type ImportAlgorithm,
  importAlgorithms,
  MAX_MATERIAL_BYTES,
  MAX_WRAPPED_BYTES,
  wrapForImport,
} from '../../platform/key-wrap.ts';
import { CmkClient } from '../cmk/client.ts';
import { tenantPath } from '../cmk/orders.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { describeKey, type L1KeyView } from './key-text.ts';

interface ImportView {
  readonly alias: string;
  readonly reference: string;
  readonly algorithm: ImportAlgorithm;
  readonly material: 'AES_256' | 'RSA_PKCS8';
  readonly publicKey: string;
  readonly expiresAt: string;
}

const MODE_OTHERS = 0o077;

const keyPath = (tenant: string, alias: string): string =>
  `${tenantPath(tenant)}/keys/${encodeURIComponent(alias)}`;

export function registerKeyCommands(program: Command): void {
  const key = program.command('key').description('L1 keys of a tenant: register, import, prove, list');
  key
    .command('register <tenant>')
    .description(
      'register a key that lies in a keystore (or have one made there) and prove that CMK may use it',
    )
    .requiredOption('--alias <name>', 'what the tenant calls it here')
    .requiredOption('--keystore <name>', 'where it lies')
    .option(
      '--reference <name>',
      'how the keystore calls it: an ARN, an identifier, a resource name, a PKCS#11 URI',
    )
    .addOption(new Option('--create', 'have the keystore make it').conflicts('reference'))
    .action(async (tenant: string, options: RegisterOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { alias, keystore, reference, create } = options;
      if ((reference === undefined) === (create !== true))
        throw new CliError('USAGE', 'give either --reference or --create');
      const cmk = await CmkClient.ofHome(home);
      const made = await cmk.post<L1KeyView>(`${tenantPath(tenant)}/keys`, {
        alias,
        keystore,
        ...(reference === undefined ? { create: true } : { reference }),
      });
      output.result(made, () => describeKey(made));
    });
  key
    .command('prove <tenant> <alias>')
    .description('have the key wrap and unwrap a secret: whether CMK may use it now')
    .action(async (tenant: string, alias: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const proved = await cmk.request<L1KeyView>('POST', `${keyPath(tenant, alias)}/proof`);
      output.result(proved, () => describeKey(proved));
    });
  key
    .command('import <tenant>')
    .description('bring a key: its material is wrapped here for its keystore, which alone can unwrap it')
    .requiredOption('--alias <name>', 'what the tenant calls it here')
    .requiredOption('--keystore <name>', 'where it shall lie')
    .addOption(
      new Option('--material <file>', 'the material, mode 0600: 32 bytes, or an RSA key in PKCS#8').conflicts(
        'publicKey',
      ),
    )
    .option('--public-key <file>', 'write the wrapping key there and stop: the material is wrapped elsewhere')
    .action(importKey);
  key
    .command('wrap')
    .description('wrap material for an import, on a machine that needs no network')
    .requiredOption('--public-key <file>', 'as `okcm key import --public-key` wrote it')
    .addOption(
      new Option('--algorithm <name>', 'as the import said').choices(importAlgorithms).makeOptionMandatory(),
    )
    .requiredOption('--material <file>', 'mode 0600: 32 bytes, or an RSA key in PKCS#8 DER')
    .requiredOption('--out <file>', 'where the wrapped material goes')
    .action(async (options: WrapOptions, command: Command) => {
      const { output } = contextOf(command);
      const publicKey = await readBytes(options.publicKey, MAX_MATERIAL_BYTES, false);
      const material = await readBytes(options.material, MAX_MATERIAL_BYTES, true);
      try {
        await writeFile(options.out, wrapForImport(publicKey.toString('utf8'), options.algorithm, material));
      } finally {
        material.fill(0);
      }
      output.result({ out: options.out }, () => `the wrapped material is in ${options.out}`);
    });
  key
    .command('upload <tenant> <alias>')
    .description('bring material that was wrapped elsewhere, by the key of `okcm key import --public-key`')
    .requiredOption('--wrapped <file>', 'the wrapped material, as bytes')
    .action(async (tenant: string, alias: string, options: { wrapped: string }, command: Command) => {
      const { home, output } = contextOf(command);
      const wrapped = await readBytes(options.wrapped, MAX_WRAPPED_BYTES, false);
      const cmk = await CmkClient.ofHome(home);
      const imported = await upload(cmk, tenant, alias, wrapped);
      output.result(imported, () => describeKey(imported));
    });
  key
    .command('list <tenant>')
    .description('keys, where they lie, and what their keystores last said of them')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const keys = await cmk.list<L1KeyView>(`${tenantPath(tenant)}/keys`);
      output.result(keys, () =>
        table(
          ['alias', 'keystore', 'state', 'since', 'warning', 'version', 'reference'],
          keys.map((each) => [
            each.alias,
            each.keystore,
            each.state,
            each.stateSince,
            each.warning?.state,
            each.version,
            each.reference,
          ]),
        ),
      );
    });
}

interface RegisterOptions {
  readonly alias: string;
  readonly keystore: string;
  readonly reference?: string;
  readonly create?: boolean;
}
interface WrapOptions {
  readonly publicKey: string;
  readonly algorithm: ImportAlgorithm;
  readonly material: string;
  readonly out: string;
}
interface ImportOptions {
  readonly alias: string;
  readonly keystore: string;
  readonly material?: string;
  readonly publicKey?: string;
}

async function importKey(tenant: string, options: ImportOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const { alias, keystore, material, publicKey } = options;
  if (material === undefined && publicKey === undefined)
    throw new CliError('USAGE', 'give --material, or --public-key to wrap it elsewhere');
  // Before anything is begun: a file that cannot be used shall leave no key behind.
  const bytes = material === undefined ? undefined : await readBytes(material, MAX_MATERIAL_BYTES, true);
  try {
    const cmk = await CmkClient.ofHome(home);
    const begun = await cmk.post<ImportView>(`${keyPath(tenant, alias)}/import`, { keystore });
    if (bytes === undefined) {
      if (publicKey !== undefined) await writeFile(publicKey, begun.publicKey);
      output.result(begun, () =>
        [
          `${alias} waits for its material (${begun.material}) until ${begun.expiresAt}`,
          `wrap it by ${begun.algorithm} with the key in ${String(publicKey)}, then:`,
          `  okcm key upload ${tenant} ${alias} --wrapped FILE`,
        ].join('\n'),
      );
      return;
    }
    const fitting = materialOf(begun, bytes);
    const wrapped = wrapForImport(begun.publicKey, begun.algorithm, fitting);
    if (fitting !== bytes) fitting.fill(0);
    const imported = await upload(cmk, tenant, alias, wrapped);
    output.result(imported, () => describeKey(imported));
  } finally {
    bytes?.fill(0);
  }
}

const upload = (cmk: CmkClient, tenant: string, alias: string, wrapped: Buffer): Promise<L1KeyView> =>
  cmk.put(`${keyPath(tenant, alias)}/import`, { wrapped: wrapped.toString('base64') });

/** In the form that the keystore wants. Errors: USAGE. */
function materialOf({ material }: ImportView, bytes: Buffer): Buffer {
  if (material === 'AES_256') {
    if (bytes.length === 32) return bytes;
    throw new CliError('USAGE', `this keystore takes an AES-256 key of 32 bytes, not ${bytes.length}`);
  }
  const isPem = bytes.subarray(0, 10).toString('latin1') === '-----BEGIN';
  try {
    return createPrivateKey(
      isPem ? bytes.toString('utf8') : { key: bytes, format: 'der', type: 'pkcs8' },
    ).export({
      format: 'der',
      type: 'pkcs8',
    });
  } catch {
    throw new CliError('USAGE', 'this keystore takes an RSA private key in PKCS#8');
  }
}

/** Errors: FILE_UNREADABLE. */
async function readBytes(path: string, maxBytes: number, secret: boolean): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      if (secret && (mode & MODE_OTHERS) !== 0) throw new Error('others may read or change it: chmod 600');
      if (size === 0 || size > maxBytes)
        throw new Error(`it has ${size} bytes, and may have 1 to ${maxBytes}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `${path}: ${errorMessage(cause)}`, { cause });
  }
}
