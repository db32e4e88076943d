// A real RabbitMQ on free loopback ports, with directories, a node name and an Erlang port mapper of its own, so that
// it meets no other broker on the machine. It takes several seconds to start: share one within a test file.
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../platform/ports.ts';
import { type Child, startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import { requireService } from './services.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

/** A user of the virtual host "/"; permissions are regular expressions over queue and exchange names, "" for none. */
export interface RabbitUser {
  readonly user: string;
  readonly password: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

export interface RabbitOptions {
  /** Default: one user `test` with password `test` who may do anything. */
  readonly users?: readonly RabbitUser[];
  /** Further lines for rabbitmq.conf. */
  readonly config?: readonly string[];
}

export interface TestRabbit {
  readonly host: string;
  readonly port: number;
  /** For the first user. */
  readonly url: string;
  urlFor(user: string): string;
  output(): string;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`: same port, same data. */
  start(): Promise<void>;
}

const DEFAULT_USERS: readonly RabbitUser[] = [
  { user: 'test', password: 'test', configure: '.*', write: '.*', read: '.*' },
];

export async function startRabbit(options: RabbitOptions = {}): Promise<TestRabbit> {
  const program = requireService('rabbitmq');
  const portMapper = requireService('epmd');
  const directory = temporaryDirectory('rabbitmq');
  const users = options.users ?? DEFAULT_USERS;
  const [port, distributionPort, mapperPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const env = await writeFiles(directory, {
    port,
    distributionPort,
    mapperPort,
    users,
    config: options.config ?? [],
  });

  // Started by us in the foreground: the one that Erlang starts by itself is a daemon that stays for ever.
  const mapper = await startChild({
    name: 'epmd',
    command: portMapper,
    args: ['-port', String(mapperPort), '-address', '127.0.0.1'],
    env,
  });
  const launch = async (): Promise<Child> => {
    const child = await startChild({ name: 'rabbitmq-server', command: program, env, cwd: directory });
    await child.waitForLine(/Server startup complete/, START_TIMEOUT_MS);
    return child;
  };
  let child = await launch();
  const urlFor = (name: string): string => {
    const user = users.find((candidate) => candidate.user === name);
    if (user === undefined) throw new Error(`there is no user ${name}`);
    return `amqp://${encodeURIComponent(user.user)}:${encodeURIComponent(user.password)}@127.0.0.1:${port}/`;
  };
  return {
    host: '127.0.0.1',
    port,
    url: urlFor(users[0]?.user ?? ''),
    urlFor,
    output: () => child.output(),
    stop: async () => {
      await child.stop('SIGTERM', STOP_TIMEOUT_MS);
      await mapper.kill();
    },
    kill: () => child.kill(),
    start: async () => {
      child = await launch();
    },
  };
}

interface Files {
  readonly port: number;
  readonly distributionPort: number;
  readonly mapperPort: number;
  readonly users: readonly RabbitUser[];
  readonly config: readonly string[];
}

async function writeFiles(directory: string, files: Files): Promise<NodeJS.ProcessEnv> {
  const definitions = join(directory, 'definitions.json');
  const configFile = join(directory, 'rabbitmq.conf');
  const plugins = join(directory, 'enabled_plugins');
  await mkdir(join(directory, 'log'));
  await writeFile(
    definitions,
    JSON.stringify({
      vhosts: [{ name: '/' }],
      users: files.users.map(({ user, password }) => ({ name: user, password, tags: '' })),
      permissions: files.users.map(({ user, configure, write, read }) => ({
        user,
        vhost: '/',
        configure,
        write,
        read,
      })),
    }),
    { mode: 0o600 },
  );
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${files.port}`,
    `load_definitions = ${definitions}`,
    'loopback_users = none',
    'disk_free_limit.absolute = 50MB',
    'log.console = true',
    'log.file = false',
    ...files.config,
  ];
  await writeFile(configFile, `${lines.join('\n')}\n`);
  await writeFile(plugins, '[].\n');
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: directory, // where Erlang keeps the cookie
    ERL_EPMD_PORT: String(files.mapperPort),
    RABBITMQ_NODENAME: `test-${randomBytes(4).toString('hex')}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(files.distributionPort),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: configFile,
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'none.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: join(directory, 'pid'),
    // Little machines run many of these side by side.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
  };
}
