/**
 * The PostgreSQL servers of a development installation: one for CMK, one for each region, one as the embedded broker.
 * Each has its own superuser, whose password lies beside its data; a component gets a role that owns or
 * uses its own database and can do nothing else (D12).
 */

import { prepareEmbeddedBroker } from '../../orbital/index.ts';
import { startPostgres } from '../../platform/embedded-postgres.ts';
import { ensureDatabase, ensureRole, withClient } from '../../platform/postgres-admin.ts';
import type { Runner } from '../supervisor/component.ts';
import type { Installation } from './installation.ts';
import { LOOPBACK, REGIONS } from './names.ts';
import { type Ports, portOf } from './ports.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const MAX_CONNECTIONS = '60';

const identifier = (name: string): string => name.replaceAll(/[^a-z0-9]/g, '_');

export const CMK_DATABASE = 'cmk';
export const REGION_DATABASE = 'krypton';
export const BROKER_DATABASE = 'broker';

export function credentials(installation: Installation, user: string): Credentials {
  return { user, password: installation.password(user) };
}
export const cmkOwner = (i: Installation): Credentials => credentials(i, 'cmk_owner');
export const cmkApp = (i: Installation): Credentials => credentials(i, 'cmk_app');
export const coreRole = (i: Installation, region: string): Credentials =>
  credentials(i, `core_${identifier(region)}`);
export const brokerGovernance = (i: Installation): Credentials => credentials(i, 'broker_governance');
export const brokerRegion = (i: Installation, region: string): Credentials =>
  credentials(i, `broker_${identifier(region)}`);

/** A connection URL. It holds a password: it may go into private files and into nothing else. */
export function databaseUrl(port: number, database: string, who: Credentials): string {
  return `postgres://${encodeURIComponent(who.user)}:${encodeURIComponent(who.password)}@${LOOPBACK}:${port}/${database}`;
}

export interface DatabaseServer {
  readonly name: string;
  readonly port: number;
  readonly dataDir: string;
  /** What a first start copies, instead of making a cluster by itself. */
  readonly seed?: string;
  readonly log: string;
  /** Brings roles, databases and grants to what they shall be; runs after every start, and changes nothing then. */
  readonly prepare: (adminUrl: string) => Promise<void>;
}

export function postgresRunner(server: DatabaseServer): Runner {
  return {
    start: async () => {
      const running = await startPostgres({
        dataDir: server.dataDir,
        port: server.port,
        ...(server.seed === undefined ? {} : { seed: server.seed }),
        logFile: server.log,
        settings: { max_connections: MAX_CONNECTIONS, shared_buffers: '32MB' },
      });
      try {
        await server.prepare(running.url('postgres'));
      } catch (error) {
        await running.stop();
        throw error;
      }
      return {
        pid: running.pid,
        ended: running.exited.then(() => 'the server ended'),
        stop: () => running.stop(),
      };
    },
  };
}

export async function prepareCmkDatabase(installation: Installation, adminUrl: string): Promise<void> {
  const owner = cmkOwner(installation);
  const app = cmkApp(installation);
  await withRoles(adminUrl, [owner, app]);
  await ensureDatabase({ url: adminUrl }, { name: CMK_DATABASE, owner: owner.user });
  await withClient({ url: adminUrl }, (client) =>
    client.query(`GRANT CONNECT ON DATABASE ${CMK_DATABASE} TO ${app.user}`),
  );
}

export async function prepareRegionDatabase(
  installation: Installation,
  region: string,
  adminUrl: string,
): Promise<void> {
  const owner = coreRole(installation, region);
  await withRoles(adminUrl, [owner]);
  await ensureDatabase({ url: adminUrl }, { name: REGION_DATABASE, owner: owner.user });
}

/** Each plane gets a role of its own; what it may do with the queues is Orbital's business. */
export async function prepareBrokerDatabase(installation: Installation, adminUrl: string): Promise<void> {
  await ensureDatabase({ url: adminUrl }, { name: BROKER_DATABASE, owner: 'postgres' });
  const url = new URL(adminUrl);
  url.pathname = `/${BROKER_DATABASE}`;
  await prepareEmbeddedBroker(url.href, {
    governance: brokerGovernance(installation),
    regions: REGIONS.map((name) => ({ name, ...brokerRegion(installation, name) })),
  });
}

/** Where a plane finds the broker: its own role at the embedded one, or the address that the user gave. */
export function brokerUrl(
  installation: Installation,
  ports: Ports,
  component: string,
  who: Credentials,
): string {
  return installation.stored.brokerUrl ?? databaseUrl(portOf(ports, component), BROKER_DATABASE, who);
}

async function withRoles(adminUrl: string, roles: readonly Credentials[]): Promise<void> {
  for (const role of roles) await ensureRole({ url: adminUrl }, { name: role.user, password: role.password });
}
