// A real redis-server on a free loopback port, its append-only file in a temporary directory. It can be killed and started
// again on the same port with the same data, and frozen, as a store that is away.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../platform/ports.ts';
import { type Child, startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import { type PemFiles, pemFiles, testPki } from './pki.ts';
import { requireService } from './services.ts';

export interface RedisOptions {
  /** Lines of redis.conf over those that make the server durable; a name set to null is left out. */
  readonly settings?: Readonly<Record<string, string | null>>;
  /** TLS alone, with a certificate for localhost, and a client's certificate asked for. */
  readonly tls?: boolean;
  readonly password?: string;
}

export interface TestRedis {
  readonly host: string;
  readonly port: number;
  /** With TLS: a certificate that the server takes from its clients. */
  readonly client: PemFiles | undefined;
  readonly passwordFile: string | undefined;
  readonly directory: string;
  output(): string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `kill`: same port, same data. */
  start(): Promise<void>;
  /** It goes on to hold its connections, and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const program = requireService('redis');
  const directory = temporaryDirectory('redis');
  const port = await freePort();
  const files = options.tls === true ? await certificates(directory) : undefined;
  const settings: Record<string, string | null> = {
    bind: '127.0.0.1',
    dir: directory,
    save: '""',
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    'maxmemory-policy': 'noeviction',
    ...(files === undefined
      ? { port: String(port) }
      : {
          port: '0',
          'tls-port': String(port),
          'tls-cert-file': files.server.certFile,
          'tls-key-file': files.server.keyFile,
          'tls-ca-cert-file': files.server.caFile,
          'tls-auth-clients': 'yes',
        }),
    ...(options.password === undefined ? {} : { requirepass: JSON.stringify(options.password) }),
    ...options.settings,
  };
  const configFile = join(directory, 'redis.conf');
  const lines = Object.entries(settings).flatMap(([name, value]) =>
    value === null ? [] : [`${name} ${value}`],
  );
  await writeFile(configFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  const passwordFile = options.password === undefined ? undefined : join(directory, 'password');
  if (passwordFile !== undefined && options.password !== undefined)
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });

  const launch = async (): Promise<Child> => {
    const child = await startChild({ name: 'redis-server', command: program, args: [configFile] });
    await child.waitForLine(/Ready to accept connections/);
    return child;
  };
  let child = await launch();
  return {
    host: '127.0.0.1',
    port,
    client: files?.client,
    passwordFile,
    directory,
    output: () => child.output(),
    kill: () => child.kill(),
    start: async () => {
      child = await launch();
    },
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    stop: async () => {
      await child.stop('SIGTERM');
    },
  };
}

async function certificates(
  directory: string,
): Promise<{ readonly server: PemFiles; readonly client: PemFiles }> {
  const pki = await testPki('redis authority');
  return {
    server: await pemFiles(await pki.server(), pki.ca, directory),
    client: await pemFiles(await pki.client('gateway'), pki.ca),
  };
}
