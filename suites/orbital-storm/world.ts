/**
 * Governance and two regions around a broker: several managers that share one database, several cores in each region that
 * share theirs, and for each of them a hostile transport and a network of its own to the broker.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { Kysely } from 'kysely';
import {
  createManager,
  createOperator,
  type Manager,
  orbitalManagerMigrations,
  orbitalOperatorMigrations,
  type Rejection,
  reportChannel,
  type Signer,
  statusChannel,
  type TransportRole,
  type TrustedKey,
  taskChannel,
} from '../../orbital/index.ts';
import { type HostileTransport, type Hostility, hostile } from '../../orbital/testing/hostile.ts';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { type FaultProxy, startProxy } from '../../testkit/proxy.ts';
import { Random } from '../storm/random.ts';
import { type StormBroker, startBroker, type TransportName } from './brokers.ts';
import { governanceHandlers, regionHandlers } from './handlers.ts';
import { type RegionName, regionNames } from './plan.ts';
import {
  createGovernanceTables,
  createRegionTables,
  type GovernanceTables,
  type RegionTables,
} from './tables.ts';

/** Each message in hand holds a connection, twice where it was handed over twice at once. */
const CORE_POOL = 20;
const MANAGER_POOL = 20;
const MAX_DELAY_MS = 2_000;

export interface WorldPlan {
  readonly transport: TransportName;
  readonly seed: number;
  readonly managers: number;
  /** In each region. */
  readonly cores: number;
  readonly hostility: Hostility;
}

export interface StormWorld {
  readonly broker: StormBroker;
  readonly db: Kysely<GovernanceTables>;
  readonly managers: readonly Manager<GovernanceTables>[];
  readonly regions: Readonly<Record<RegionName, Kysely<RegionTables>>>;
  readonly networks: readonly FaultProxy[];
  readonly transports: readonly HostileTransport[];
  /** Messages that were thrown away, by the reason. */
  readonly rejections: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

const logger = createLogger({ name: 'orbital-storm', level: 'silent' });

export async function startWorld(plan: WorldPlan): Promise<StormWorld> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.reverse()) await end();
  };
  try {
    return await build(plan, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  plan: WorldPlan,
  closing: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<StormWorld> {
  const broker = await startBroker[plan.transport](regionNames);
  closing.push(() => broker.stop());
  const networks: FaultProxy[] = [];
  const transports: HostileTransport[] = [];
  const rejections = new Map<string, number>();
  const onRejected = ({ code }: Rejection): void => {
    rejections.set(code, (rejections.get(code) ?? 0) + 1);
  };

  async function connect(role: TransportRole): Promise<HostileTransport> {
    const network = await startProxy({ targetPort: broker.port });
    networks.push(network);
    closing.push(() => network.close());
    const transport = hostile(await broker.connect(role, network.port), {
      chance: new Random(plan.seed + networks.length),
      hostility: plan.hostility,
      maxDelayMs: MAX_DELAY_MS,
      strayTo: (channel, chance) => strays(channel)[chance.int(strays(channel).length)],
    });
    transports.push(transport);
    closing.push(() => transport.close());
    return transport;
  }

  const governance = keyPair('governance');
  const regionKeys = { north: keyPair('north'), south: keyPair('south') };
  const { url: governanceUrl } = await testDatabase();
  const db = createDatabase<GovernanceTables>(
    createPool({ url: governanceUrl, applicationName: 'governance', max: MANAGER_POOL }),
  );
  closing.push(() => db.destroy());
  await migrate(db, orbitalManagerMigrations, { table: 'orbital_manager_migrations' });
  await createGovernanceTables(db);

  const managers: Manager<GovernanceTables>[] = [];
  for (let n = 0; n < plan.managers; n++) {
    const manager = createManager<GovernanceTables>({
      db,
      transport: await connect({ plane: 'governance' }),
      signer: governance.signer,
      keysOf: (region) => (isRegion(region) ? [regionKeys[region].trusted] : []),
      handlers: governanceHandlers(),
      logger,
      onRejected,
      listenOn: { url: governanceUrl },
    });
    await manager.start();
    closing.push(() => manager.stop());
    managers.push(manager);
  }

  async function startRegion(region: RegionName): Promise<Kysely<RegionTables>> {
    const { url } = await testDatabase();
    const shared = createDatabase<RegionTables>(createPool({ url, applicationName: region }));
    closing.push(() => shared.destroy());
    await migrate(shared, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
    await createRegionTables(shared);
    const handlers = regionHandlers();
    for (let n = 0; n < plan.cores; n++) {
      const own = createDatabase<RegionTables>(
        createPool({ url, applicationName: `${region}-${n}`, max: CORE_POOL }),
      );
      closing.push(() => own.destroy());
      const operator = createOperator<RegionTables>({
        db: own,
        transport: await connect({ plane: 'region', region }),
        region,
        trustedKeys: [governance.trusted],
        signer: regionKeys[region].signer,
        handlers,
        logger,
        onRejected,
        listenOn: { url },
      });
      await operator.start();
      closing.push(() => operator.stop());
    }
    return shared;
  }
  const regions = { north: await startRegion('north'), south: await startRegion('south') };
  return { broker, db, managers, regions, networks, transports, rejections, close };
}

const isRegion = (name: string): name is RegionName => (regionNames as readonly string[]).includes(name);

/** Where a frame may go astray: to the other region, to the other lane, or among the reports. */
function strays(channel: string): readonly string[] {
  if (channel === statusChannel()) return [reportChannel()];
  return regionNames
    .flatMap((region) => [taskChannel(region, 'urgent'), taskChannel(region, 'normal')])
    .filter((other) => other !== channel);
}

function keyPair(keyId: string): { readonly signer: Signer; readonly trusted: TrustedKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { signer: { keyId, privateKey }, trusted: { keyId, publicKey } };
}
