// A real nats-server with JetStream on a free loopback port, its data in a temporary directory. It can be killed and
// started again on the same port with the same data, as a broker outage.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../platform/ports.ts';
import { type Child, startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import { requireService } from './services.ts';

/** A user as nats-server's configuration knows it; permissions are subject lists. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions?: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
}

export interface NatsOptions {
  /** In one account. Without these and without `accounts` anybody may do anything. */
  readonly users?: readonly NatsUser[];
  /** The text of its accounts.conf, such as `natsAccounts` writes. */
  readonly accounts?: string;
  /** More of its environment, for what that text takes from there. */
  readonly env?: Readonly<Record<string, string>>;
  /** Merged over the generated configuration (nats-server's own keys), for TLS or limits. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface TestNats {
  readonly host: string;
  readonly port: number;
  /** Without credentials, such as nats://127.0.0.1:4222. */
  readonly url: string;
  output(): string;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`: same port, same data. */
  start(): Promise<void>;
}

export async function startNats(options: NatsOptions = {}): Promise<TestNats> {
  const program = requireService('nats');
  const directory = temporaryDirectory('nats');
  const port = await freePort();
  const configFile = join(directory, 'nats.conf');
  const config = {
    server_name: `test-${port}`,
    host: '127.0.0.1',
    port,
    jetstream: {
      store_dir: join(directory, 'jetstream'),
      max_memory_store: 64 * 1024 ** 2,
      max_file_store: 16 * 1024 ** 3, // what accounts.conf promises to one account; nothing is taken before it is used
    },
    ...(options.users === undefined ? {} : { authorization: { users: options.users } }),
    ...options.config,
  };
  // Values in JSON are of its language, too.
  const settings = Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  await writeFile(configFile, [...settings, options.accounts ?? '', ''].join('\n'), { mode: 0o600 });

  const env = { ...process.env, ...options.env };
  const launch = async (): Promise<Child> => {
    const child = await startChild({ name: 'nats-server', command: program, args: ['-c', configFile], env });
    await child.waitForLine(/Server is ready/);
    return child;
  };
  let child = await launch();
  return {
    host: '127.0.0.1',
    port,
    url: `nats://127.0.0.1:${port}`,
    output: () => child.output(),
    stop: async () => {
      await child.stop('SIGTERM');
    },
    kill: () => child.kill(),
    start: async () => {
      child = await launch();
    },
  };
}
