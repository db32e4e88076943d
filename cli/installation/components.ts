/** The components of a development installation, wired to their programs, ports and log files. */
import { fileURLToPath } from 'node:url';
import { COLLECTOR_OPTIONS } from '../../execution/gateway/collector.ts';
import { removePostgres } from '../../platform/embedded-postgres.ts';
import { Component } from '../supervisor/component.ts';
import { logFile } from '../supervisor/logs.ts';
import { type NodeProgram, nodeRunner, runProgram } from '../supervisor/node-process.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { configFile } from './configs.ts';
import {
  type DatabaseServer,
  postgresRunner,
  prepareBrokerDatabase,
  prepareCmkDatabase,
  prepareRegionDatabase,
} from './databases.ts';
import type { Installation } from './installation.ts';
import {
  brokerComponent,
  cmkComponent,
  cmkDatabase,
  coreOf,
  databaseOf,
  gatewayOf,
  healthOf,
  LOOPBACK,
  REGIONS,
} from './names.ts';
import { type Ports, portOf } from './ports.ts';

/** Outermost first when stopping: whoever serves applications ends before what it stands on. */
const tiers = { database: 0, plane: 1, gateway: 2 } as const;

/** The directory of the cluster that the databases of a first start are copied from. */
const SEED = 'seed';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const programs = {
  cmk: source('governance/main.ts'),
  core: source('execution/core/main.ts'),
  gateway: source('execution/gateway/main.ts'),
} as const;

export const healthUrl = (ports: Ports, component: string): string =>
  `http://${LOOPBACK}:${portOf(ports, healthOf(component))}/healthz`;

/** The PostgreSQL servers, by component name. */
export function databaseComponents(installation: Installation): string[] {
  const regions = REGIONS.map(databaseOf);
  return [cmkDatabase, ...regions, ...(installation.stored.brokerUrl === undefined ? [brokerComponent] : [])];
}

export function buildSupervisor(
  installation: Installation,
  ports: Ports,
  onChange: (component: Component, note?: string) => void,
): Supervisor {
  const supervisor = new Supervisor();
  const { paths } = installation;
  const addDatabase = (name: string, prepare: DatabaseServer['prepare']): void => {
    const server: DatabaseServer = {
      name,
      port: portOf(ports, name),
      dataDir: paths.postgres(name),
      seed: paths.postgres(SEED),
      log: logFile(paths.logs, name),
      prepare,
    };
    const runner = postgresRunner(server);
    supervisor.add(
      new Component({ name, runner, tier: tiers.database, health: null, log: server.log, onChange }),
    );
  };
  const addProgram = (name: string, main: string, tier: number, options: readonly string[] = []): void => {
    const health = healthUrl(ports, name);
    const program = { ...programFor(installation, name, main), options };
    const runner = nodeRunner(program, health);
    supervisor.add(new Component({ name, runner, tier, health, log: program.log, onChange }));
  };

  addDatabase(cmkDatabase, (admin) => prepareCmkDatabase(installation, admin));
  for (const region of REGIONS) {
    addDatabase(databaseOf(region), (admin) => prepareRegionDatabase(installation, region, admin));
  }
  if (installation.stored.brokerUrl === undefined) {
    addDatabase(brokerComponent, (admin) => prepareBrokerDatabase(installation, admin));
  }
  addProgram(cmkComponent, programs.cmk, tiers.plane);
  for (const region of REGIONS) {
    addProgram(coreOf(region), programs.core, tiers.plane);
    addProgram(gatewayOf(region), programs.gateway, tiers.gateway, COLLECTOR_OPTIONS);
  }
  return supervisor;
}

/** What the first start copied its databases from; later starts have none. */
export async function removeSeed(installation: Installation): Promise<void> {
  await removePostgres(installation.paths.postgres(SEED));
}

/** Makes the region's MasterKey and schema. Does nothing to a region that has them. */
export async function initialiseRegion(
  installation: Installation,
  region: string,
  signal: AbortSignal,
): Promise<void> {
  const name = coreOf(region);
  const program = programFor(installation, name, programs.core);
  await runProgram(`${name} init`, { ...program, args: ['init', ...program.args] }, signal);
}

function programFor(installation: Installation, name: string, main: string): NodeProgram {
  return {
    main,
    args: ['--config', configFile(installation, name)],
    log: logFile(installation.paths.logs, name),
    compileCache: installation.paths.compileCache,
  };
}
