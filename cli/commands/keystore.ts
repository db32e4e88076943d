/** `okcm keystore …`: where L1 keys lie. A keystore's configuration names files with secrets, and holds none. */
import { type Command, InvalidArgumentError } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { tenantPath } from '../cmk/orders.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';

interface KeystoreView {
  readonly name: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tenant: string | null;
}

const KINDS = 'software, aws-kms, azure-key-vault, google-kms, openbao, pkcs11';

export function registerKeystoreCommands(program: Command): void {
  const keystore = program.command('keystore').description('keystores: KMS and HSM that hold L1 keys');
  keystore
    .command('add <name>')
    .description('register a keystore; nothing is called before it holds a key')
    .requiredOption('--kind <kind>', KINDS)
    .option(
      '--set <field=value>',
      'a field of its configuration, such as region=eu-west-1; may be repeated',
      fields,
    )
    .option('--tenant <tenant>', 'whose it is; without it every tenant may have keys in it')
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { kind, set = {}, tenant } = options;
      const cmk = await CmkClient.ofHome(home);
      const path = tenant === undefined ? '/v1/keystores' : `${tenantPath(tenant)}/keystores`;
      const answer = await cmk.post<{ created: boolean }>(path, { name, kind, config: set });
      output.result({ name, ...answer }, () =>
        answer.created ? `keystore ${name} is registered` : `keystore ${name} was registered before`,
      );
    });
  keystore
    .command('list')
    .description('keystores of everybody, and with --tenant those of a tenant')
    .option('--tenant <tenant>', 'also its own')
    .action(async ({ tenant }: { tenant?: string }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const keystores = await cmk.list<KeystoreView>(
        tenant === undefined ? '/v1/keystores' : `${tenantPath(tenant)}/keystores`,
      );
      output.result(keystores, () =>
        table(
          ['name', 'kind', 'tenant', 'configuration'],
          keystores.map(({ name, kind, tenant, config }) => [
            name,
            kind,
            tenant,
            Object.entries(config)
              .map(([field, value]) => `${field}=${String(value)}`)
              .join(' '),
          ]),
        ),
      );
    });
}

interface AddOptions {
  readonly kind: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly tenant?: string;
}

function fields(value: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('as field=value.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}
