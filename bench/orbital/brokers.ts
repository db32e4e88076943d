/** The three brokers, real servers each, and what a process needs to speak to one. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  connectTransport,
  prepareEmbeddedBroker,
  type Transport,
  type TransportRole,
} from '../../orbital/index.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { startNats } from '../../testkit/nats.ts';
import { freshPostgres, testDatabase } from '../../testkit/postgres.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';
import { until } from '../../testkit/until.ts';
import type { BrokerKind } from './names.ts';

/** The regions that the embedded broker has logins for: two, one for the reference, and one queue for many. */
export const REGIONS = ['north', 'south'] as const;
export const REFERENCE_REGION = 'reference';
export const MANY = 'many';

const CONNECT_WITHIN_MS = 20_000;

/** Can be handed to another process. */
export interface BrokerAddress {
  readonly url: string;
  readonly role: TransportRole;
}

export interface Broker {
  readonly kind: BrokerKind;
  /** For `okcm up --broker`: a private file, since the address may hold a password. An embedded one is the installation's own. */
  readonly upAddress: string | undefined;
  address(role: TransportRole): BrokerAddress;
  stop(): Promise<void>;
}

/** Resolves once the broker can be reached. */
export async function connectBroker({ url, role }: BrokerAddress): Promise<Transport> {
  const transport = await connectTransport(url, role);
  await until('the broker is in reach', () => transport.healthy(), CONNECT_WITHIN_MS);
  return transport;
}

export async function startBroker(kind: BrokerKind): Promise<Broker> {
  if (kind === 'embedded') return await startEmbedded();
  const server = kind === 'nats' ? await startNats() : await startRabbit();
  const addressFile = join(temporaryDirectory('broker'), 'url');
  await writeFile(addressFile, server.url, { mode: 0o600 });
  return {
    kind,
    upAddress: `@${addressFile}`,
    address: (role) => ({ url: server.url, role }),
    stop: () => server.stop(),
  };
}

async function startEmbedded(): Promise<Broker> {
  const server = await freshPostgres();
  const { url } = await testDatabase(server);
  const password = randomBytes(12).toString('hex');
  const login = (user: string) => ({ user, password });
  await prepareEmbeddedBroker(url, {
    governance: login('governance'),
    regions: [...REGIONS, REFERENCE_REGION, MANY].map((name) => ({ name, ...login(name) })),
  });
  return {
    kind: 'embedded',
    upAddress: undefined,
    address(role) {
      const address = new URL(url);
      address.username = role.plane === 'governance' ? 'governance' : role.region;
      address.password = password;
      return { url: address.href, role };
    },
    stop: () => server.stop(),
  };
}
