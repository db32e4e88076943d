/** The three brokers that Orbital runs over, each a real server that can be killed and started again. */
import {
  connectTransport,
  natsAccounts,
  prepareEmbeddedBroker,
  rabbitRegionPermissions,
  type Transport,
  type TransportRole,
} from '../../orbital/index.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { startNats } from '../../testkit/nats.ts';
import { freshPostgres, testDatabase } from '../../testkit/postgres.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';

export const transports = ['nats', 'rabbitmq', 'embedded'] as const;
export type TransportName = (typeof transports)[number];

export interface StormBroker {
  readonly port: number;
  /** With the rights of the role alone, through a port that leads to the broker. */
  connect(role: TransportRole, port: number): Promise<Transport>;
  /** SIGKILL, or the nearest that leaves no shared memory behind. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const GOVERNANCE = 'governance';
const PASSWORD = 'secret';

function connector(scheme: string, path = ''): StormBroker['connect'] {
  return (role, port) =>
    connectTransport(`${scheme}://127.0.0.1:${port}${path}`, role, {
      credentials: { user: role.plane === 'governance' ? GOVERNANCE : role.region, password: PASSWORD },
    });
}

const running = (server: Omit<StormBroker, 'connect'>, scheme: string): StormBroker => ({
  port: server.port,
  connect: connector(scheme),
  kill: () => server.kill(),
  start: () => server.start(),
  stop: () => server.stop(),
});

async function nats(regions: readonly string[]): Promise<StormBroker> {
  const server = await startNats({
    accounts: natsAccounts({
      governance: { user: GOVERNANCE, password: PASSWORD },
      regions: regions.map((name) => ({ name, user: name, password: PASSWORD })),
    }),
  });
  return running(server, 'nats');
}

async function rabbitmq(regions: readonly string[]): Promise<StormBroker> {
  const server = await startRabbit({
    users: [
      { user: GOVERNANCE, password: PASSWORD, configure: '.*', write: '.*', read: '.*' },
      ...regions.map((user) => ({ user, password: PASSWORD, ...rabbitRegionPermissions(user) })),
    ],
  });
  return running(server, 'amqp');
}

async function embedded(regions: readonly string[]): Promise<StormBroker> {
  const directory = temporaryDirectory('broker');
  let server = await freshPostgres({ directory });
  const { port } = server;
  const { name, url } = await testDatabase(server);
  await prepareEmbeddedBroker(url, {
    governance: { user: GOVERNANCE, password: PASSWORD },
    regions: regions.map((region) => ({ name: region, user: region, password: PASSWORD })),
  });
  return {
    port,
    connect: connector('postgres', `/${name}`),
    kill: () => server.kill(),
    start: async () => {
      server = await freshPostgres({ directory, port });
    },
    stop: () => server.stop(),
  };
}

export const startBroker: Readonly<
  Record<TransportName, (regions: readonly string[]) => Promise<StormBroker>>
> = { nats, rabbitmq, embedded };
