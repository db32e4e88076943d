/**
 * How a customer may hold a master key, for the journey: at AWS (its double), in a token (SoftHSM), or brought with wrapped
 * material. Each ends with the key `own` of the tenant; what a customer does is done as its key administrator.
 */
import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeAwsKms, startAwsKms } from '../../testkit/keystores/aws-kms.ts';
import { startSoftHsm } from '../../testkit/softhsm.ts';
import type { System } from '../../testkit/system.ts';

export const OWN_KEY = 'own';
export const KEY_ADMINISTRATOR = 'ada';

/** Before the installation starts, then in it. */
export interface Way {
  readonly title: string;
  /** Returns what is needed later, and how to put it away. */
  open(): Promise<OpenWay>;
}
export interface OpenWay {
  /** Registers the keystore as whoever runs the installation, and the key as the customer's key administrator. */
  register(system: System, tenant: string): Promise<void>;
  /** What the customer does at the provider, where that can be played here. */
  readonly provider?: { disable(): void; enable(): void };
  close(): Promise<void>;
}

const privateFile = async (system: System, name: string, content: string | Buffer): Promise<string> => {
  const path = join(system.home, 'cmk', name);
  await writeFile(path, content, { mode: 0o600 });
  await chmod(path, 0o600);
  return path;
};

async function addKeystore(
  system: System,
  tenant: string,
  kind: string,
  set: Readonly<Record<string, string>>,
): Promise<string> {
  const name = `${tenant}-keys`;
  await system.must(
    ...['keystore', 'add', name, '--kind', kind],
    ...Object.entries(set).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  );
  return name;
}

const asCustomer = (system: System, ...args: readonly string[]) =>
  system.must('--as', KEY_ADMINISTRATOR, 'key', ...args);

/** Registers the double as a keystore; returns its name. */
export async function keystoreAtAws(system: System, tenant: string, aws: FakeAwsKms): Promise<string> {
  const credentialsFile = await privateFile(system, `${tenant}-aws.json`, JSON.stringify(aws.cmk));
  return await addKeystore(system, tenant, 'aws-kms', {
    region: aws.region,
    endpoint: aws.url,
    credentialsFile,
  });
}

export const ways = {
  aws: {
    title: 'held at AWS KMS (a double)',
    async open() {
      const aws = await startAwsKms();
      const reference = aws.console.createKey();
      return {
        provider: {
          disable: () => aws.console.disable(reference),
          enable: () => aws.console.enable(reference),
        },
        async register(system, tenant) {
          const keystore = await keystoreAtAws(system, tenant, aws);
          await asCustomer(
            system,
            ...['register', tenant, '--alias', OWN_KEY, '--keystore', keystore, '--reference', reference],
          );
        },
        close: () => aws.close(),
      };
    },
  },
  softhsm: {
    title: 'held in a PKCS#11 token (SoftHSM)',
    async open() {
      const token = await startSoftHsm('journey');
      return {
        async register(system, tenant) {
          const pinFile = await privateFile(system, `${tenant}-pin`, `${token.pin}\n`);
          const { module, tokenLabel } = token;
          const keystore = await addKeystore(system, tenant, 'pkcs11', { module, tokenLabel, pinFile });
          await asCustomer(
            system,
            'register',
            tenant,
            '--alias',
            OWN_KEY,
            '--keystore',
            keystore,
            '--create',
          );
        },
        close: () => Promise.resolve(),
      };
    },
  },
  byok: {
    title: 'brought, with wrapped material, to AWS KMS (a double)',
    async open() {
      const aws = await startAwsKms();
      return {
        async register(system, tenant) {
          const keystore = await keystoreAtAws(system, tenant, aws);
          const material = await privateFile(system, `${tenant}-material`, randomBytes(32));
          await asCustomer(
            system,
            ...['import', tenant, '--alias', OWN_KEY, '--keystore', keystore, '--material', material],
          );
        },
        close: () => aws.close(),
      };
    },
  },
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof ways;
export const wayNames = Object.keys(ways) as WayName[];
