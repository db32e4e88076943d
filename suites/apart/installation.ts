/**
 * A whole installation whose planes are apart: governance, each region and the broker in a network of its own, each plane with
 * its own login at the broker. Who tests it comes in by sockets in the file system, which are in no network.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CmkClient } from '../../cli/cmk/client.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { configFile, writeConfigs } from '../../cli/installation/configs.ts';
import { Installation, makeHome } from '../../cli/installation/installation.ts';
import {
  cmkComponent,
  coreOf,
  gatewayHttpsOf,
  gatewayOf,
  healthOf,
  LOOPBACK,
  REGIONS,
} from '../../cli/installation/names.ts';
import { choosePorts, type Ports, portOf } from '../../cli/installation/ports.ts';
import { enrolRegions } from '../../cli/job/enrol.ts';
import { KEYSTORE } from '../../cli/job/names.ts';
import { readPrivate, writePrivate } from '../../platform/config-file.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { REPOSITORY } from '../../testkit/system.ts';
import type { BrokerCalls, Login } from './broker-host.ts';
import { Host } from './calls.ts';
import { lay } from './network.ts';
import {
  type ApartPlan,
  type BrokerName,
  componentsOf,
  GOVERNANCE,
  type Line,
  linesOf,
  type Plane,
  planes,
} from './plan.ts';
import type { PlaneCalls } from './plane-host.ts';
import { type Relay, startRelay } from './relay.ts';

/** Soon enough for a RENEW to be seen in a short run. */
const LINK = { ttlMs: 86_400_000, renewEveryMs: 3_000, probeEveryMs: 5_000 };
const PASSWORD_BYTES = 16;

const program = (name: string): string => join(import.meta.dirname, name);
const preload = (path: string, query: Readonly<Record<string, string>>): string =>
  `--import=file://${path}?${new URLSearchParams(query).toString()}`;

export class Apart {
  readonly plan: ApartPlan;
  readonly home: string;
  readonly ports: Ports;
  readonly cmk: CmkClient;
  readonly lines: readonly Line[];
  readonly broker: Host<BrokerCalls>;
  readonly planes: ReadonlyMap<Plane, Host<PlaneCalls>>;
  /** At the broker's end of every line. */
  readonly brokerPort: number;
  readonly captureDirectory: string;
  /** What cores and gateways tell of their secrets. */
  readonly secretsDirectory: string;
  readonly #close: () => Promise<void>;

  private constructor(parts: Omit<Apart, 'lineOf' | 'hostOf' | 'portsOf' | 'close'> & { close: () => Promise<void> }) {
    this.plan = parts.plan;
    this.home = parts.home;
    this.ports = parts.ports;
    this.cmk = parts.cmk;
    this.lines = parts.lines;
    this.broker = parts.broker;
    this.planes = parts.planes;
    this.brokerPort = parts.brokerPort;
    this.captureDirectory = parts.captureDirectory;
    this.secretsDirectory = parts.secretsDirectory;
    this.#close = parts.close;
  }

  static async start(plan: ApartPlan, tell: Tell): Promise<Apart> {
    const steps: (() => Promise<unknown>)[] = [];
    const close = async (): Promise<void> => {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
    };
    try {
      return await begin(plan, tell, steps, close);
    } catch (error) {
      await close();
      throw error;
    }

    async function begin(
      plan: ApartPlan,
      tell: Tell,
      steps: (() => Promise<unknown>)[],
      close: () => Promise<void>,
    ): Promise<Apart> {
      const root = temporaryDirectory('apart');
      const directory = (name: string): string => {
        const path = join(root, name);
        mkdirSync(path, { mode: 0o700 });
        return path;
      };
      const [captureDirectory, secretsDirectory, sockets] = ['capture', 'secrets', 'sockets'].map(
        directory,
      ) as [string, string, string];
      const home = join(root, 'home');
      tell('writing certificates and configurations');
      const installation = await prepare(home, plan.broker);
      const ports = installation.stored.ports ?? {};
      const lines = linesOf(plan.fence);
      const isolated = plan.fence === 'namespaces';
      const started = async <C>(name: string, file: string, guarded?: readonly string[]): Promise<Host<C>> => {
        const host = await Host.start<C>({
          name,
          program: program(file),
          isolated,
          execArgv: guarded ?? [],
          env: environment(name, secretsDirectory, guarded),
        });
        steps.push(() => host.stop());
        return host;
      };

      tell('starting the broker');
      const broker = await started<BrokerCalls>('broker', 'broker-host.ts');
      const hosts = new Map<Plane, Host<PlaneCalls>>();
      const brokerEnds: { device: string; address: string }[] = [];
      // The port of the broker is known only once it runs, and a guard wants to know it before that.
      const logins = loginsFor(plan.broker, installation);
      if (isolated) await broker.call('bringUp', { ends: [] });
      const brokerPort = isolated
        ? undefined
        : await broker.call('start', { kind: plan.broker, home, logins, lines, directory: captureDirectory });
      for (const [index, line] of lines.entries()) {
        const { plane, planeAddress, brokerAddress } = line;
        const guarded = isolated ? undefined : [guardOf(plane, ports, line, brokerPort ?? 0)];
        const host = await started<PlaneCalls>(plane, 'plane-host.ts', guarded);
        hosts.set(plane, host);
        if (!isolated) continue;
        const end = { device: `line${index}`, address: brokerAddress };
        await lay({ pid: broker.pid, device: end.device }, { pid: host.pid, device: 'line' });
        brokerEnds.push(end);
        await host.call('bringUp', { ends: [{ device: 'line', address: planeAddress }] });
      }
      if (isolated) await broker.call('bringUp', { ends: brokerEnds });
      const port =
        brokerPort ??
        (await broker.call('start', { kind: plan.broker, home, logins, lines, directory: captureDirectory }));
      await pointAtBroker(installation, plan.broker, lines, port, logins);

      tell('starting both planes, apart');
      await Promise.all([...hosts].map(([plane, host]) => host.call('serve', { home, plane })));
      if (isolated) steps.push(...(await comeIn(hosts, ports, sockets)));
      const token = (await readPrivate(homePaths(home).token)).trim();
      const cmk = new CmkClient({ url: `http://${LOOPBACK}:${portOf(ports, cmkComponent)}`, token });
      await enrolRegions({ paths: homePaths(home), ports }, cmk, tell);
      await cmk.ensure('/v1/keystores', {
        name: KEYSTORE,
        kind: 'software',
        config: { path: homePaths(home).keystore },
      });
      return new Apart({
        plan,
        home,
        ports,
        cmk,
        lines,
        broker,
        planes: hosts,
        brokerPort: port,
        captureDirectory,
        secretsDirectory,
        close,
      });
    }
  }

  lineOf(plane: Plane): Line {
    const line = this.lines.find((each) => each.plane === plane);
    if (line === undefined) throw new Error(`no line leads to ${plane}`);
    return line;
  }

  hostOf(plane: Plane): Host<PlaneCalls> {
    const host = this.planes.get(plane);
    if (host === undefined) throw new Error(`there is no plane ${plane}`);
    return host;
  }

  /** At which the plane's own processes listen, by what they are. */
  portsOf(plane: Plane): ReadonlyMap<string, number> {
    return portsOf(plane, this.ports);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** A home with everything that the components need; the broker is not in it yet. */
async function prepare(home: string, broker: BrokerName): Promise<Installation> {
  const paths = homePaths(home);
  await makeHome(paths);
  const installation = await Installation.open(paths);
  // In a name only: `pointAtBroker` says where each plane finds it.
  if (broker !== 'embedded') await installation.chooseBroker(`${SCHEMES[broker]}://${LOOPBACK}:1`);
  const ports = await choosePorts({
    mode: 'auto',
    kept: undefined,
    heldByUs: new Set(),
    mayHaveOrphans: false,
  });
  await installation.update({ portMode: 'auto', ports, stoppedCleanly: false });
  await writeConfigs(installation, ports);
  return installation;
}

const SCHEMES = { nats: 'nats', rabbitmq: 'amqp' } as const;

function portsOf(plane: Plane, ports: Ports): ReadonlyMap<string, number> {
  const [database, ...programs] = componentsOf(plane);
  const names = [
    database,
    ...programs.flatMap((name) => [name, healthOf(name)]),
    ...(plane === GOVERNANCE ? [] : [gatewayHttpsOf(plane)]),
  ];
  return new Map(names.map((name) => [name, portOf(ports, name)]));
}

/** A user for each plane. The embedded broker's are the installation's own. */
function loginsFor(broker: BrokerName, { stored }: Installation): readonly Login[] {
  if (broker === 'embedded') return [];
  return planes.map((plane) => ({
    plane,
    user: plane,
    password: stored.passwords[plane] ?? randomBytes(PASSWORD_BYTES).toString('hex'),
  }));
}

/** Only configuration: who may say what there is the broker's business. */
async function pointAtBroker(
  installation: Installation,
  broker: BrokerName,
  lines: readonly Line[],
  port: number,
  logins: readonly Login[],
): Promise<void> {
  for (const { plane, brokerAddress } of lines) {
    const path = configFile(installation, plane === GOVERNANCE ? cmkComponent : coreOf(plane));
    const config = JSON.parse(await readFile(path, 'utf8')) as { broker: { url: string } };
    const login = logins.find((each) => each.plane === plane);
    const url =
      broker === 'embedded'
        ? atHost(config.broker.url, brokerAddress, port)
        : `${SCHEMES[broker]}://${login?.user}:${login?.password}@${brokerAddress}:${port}`;
    const changed = { ...config, broker: { url }, ...(plane === GOVERNANCE ? { link: LINK } : {}) };
    await writePrivate(path, JSON.stringify(changed));
  }
}

function atHost(url: string, host: string, port: number): string {
  const at = new URL(url);
  at.hostname = host;
  at.port = String(port);
  return at.href;
}

/** Regions' processes tell their secrets; every process of a guarded plane has the guard. */
function environment(
  name: string,
  secretsDirectory: string,
  guarded: readonly string[] = [],
): NodeJS.ProcessEnv {
  const isRegion = REGIONS.some((region) => region === name);
  const telling = preload(join(import.meta.dirname, '..', 'broker-capture', 'tell-secrets.ts'), {
    to: secretsDirectory,
  });
  return {
    ...process.env,
    NODE_COMPILE_CACHE: join(REPOSITORY, '.build', 'test-compile-cache'),
    OKCM_NODE_OPTIONS: [...guarded, ...(isRegion ? [telling] : [])].join(' '),
  };
}

function guardOf(plane: Plane, ports: Ports, { planeAddress, brokerAddress }: Line, brokerPort: number): string {
  const own = [...portsOf(plane, ports).values()].map((port) => `${LOOPBACK}:${port}`);
  // Its own door, so that it can be shown to be open.
  const door = `${planeAddress}:${DOOR_PORT}`;
  return preload(program('guard.ts'), { to: [...own, door, `${brokerAddress}:${brokerPort}`].join(',') });
}

/** Every port of every plane, as if it were on this machine's own loopback. Returns how to leave again. */
async function comeIn(
  hosts: ReadonlyMap<Plane, Host<PlaneCalls>>,
  ports: Ports,
  directory: string,
): Promise<(() => Promise<unknown>)[]> {
  const relays: Relay[] = [];
  for (const [plane, host] of hosts) {
    const own = [...portsOf(plane, ports).values()];
    await host.call('expose', { ports: own, directory });
    for (const port of own)
      relays.push(
        await startRelay({ listen: { host: LOOPBACK, port }, to: { path: join(directory, String(port)) } }),
      );
  }
  return relays.map((relay) => () => relay.close());
}

/** A door of each plane, at its own address. */
export const DOOR_PORT = 7_777;

/** Where an application finds the region's gateway. */
export function gatewayAt(ports: Ports, region: (typeof REGIONS)[number]): { host: string; port: number } {
  return { host: LOOPBACK, port: portOf(ports, gatewayOf(region)) };
}
