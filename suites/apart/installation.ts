/**
 * A whole installation whose planes are apart: governance, each region and the broker in a network of its own, each plane with
 * its own login at the broker. Who tests it comes in by sockets in the file system, which are in no network.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CmkClient } from '../../cli/cmk/client.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { cmkComponent, LOOPBACK, REGIONS } from '../../cli/installation/names.ts';
import { type Ports, portOf } from '../../cli/installation/ports.ts';
import { enrolRegions } from '../../cli/job/enrol.ts';
import { KEYSTORE } from '../../cli/job/names.ts';
import { readPrivate } from '../../platform/config-file.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { REPOSITORY } from '../../testkit/system.ts';
import type { BrokerCalls } from './broker-host.ts';
import { Host } from './calls.ts';
import { loginsFor, pointAtBroker, portsOf, prepareHome } from './configuration.ts';
import { lay } from './network.ts';
import { type ApartPlan, DOOR_PORT, type Line, linesOf, type Plane, planes } from './plan.ts';
import type { PlaneCalls } from './plane-host.ts';
import { startRelay } from './relay.ts';

export interface Apart {
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
  close(): Promise<void>;
}

/** Steps that are undone in the other order. */
type Undoing = (() => Promise<unknown>)[];

export async function startApart(plan: ApartPlan, tell: Tell): Promise<Apart> {
  const undoing: Undoing = [];
  const close = async (): Promise<void> => {
    for (let step = undoing.pop(); step !== undefined; step = undoing.pop()) await step();
  };
  try {
    return { ...(await begin(plan, undoing, tell)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export function hostOf({ planes }: Apart, plane: Plane): Host<PlaneCalls> {
  const host = planes.get(plane);
  if (host === undefined) throw new Error(`there is no plane ${plane}`);
  return host;
}

async function begin(plan: ApartPlan, undoing: Undoing, tell: Tell): Promise<Omit<Apart, 'close'>> {
  const root = temporaryDirectory('apart');
  const directory = (name: string): string => {
    const path = join(root, name);
    mkdirSync(path, { mode: 0o700 });
    return path;
  };
  const captureDirectory = directory('capture');
  const secretsDirectory = directory('secrets');
  const sockets = directory('sockets');
  const home = join(root, 'home');
  const paths = homePaths(home);
  const lines = linesOf(plan.fence);
  const isolated = plan.fence === 'namespaces';

  tell('writing certificates and configurations');
  const installation = await prepareHome(home, plan.broker);
  const ports = installation.stored.ports ?? {};

  tell('starting the broker');
  const broker = await Host.start<BrokerCalls>({
    name: 'broker',
    program: program('broker-host.ts'),
    isolated,
  });
  undoing.push(() => broker.stop());
  if (isolated) await broker.call('bringUp', { ends: [] });
  const logins = loginsFor(plan.broker);
  const captured = { logins, directory: captureDirectory };
  const brokerPort = await broker.call('start', { kind: plan.broker, home, ...captured });

  const hosts = new Map<Plane, Host<PlaneCalls>>();
  for (const line of lines) {
    // A guard knows where the plane may go; a network is that by itself.
    const guards = isolated ? [] : [guardFor(line, ports, brokerPort)];
    const host = await Host.start<PlaneCalls>({
      name: line.plane,
      program: program('plane-host.ts'),
      isolated,
      execArgv: guards,
      env: environmentOf(line.plane, guards, secretsDirectory),
    });
    undoing.push(() => host.stop());
    hosts.set(line.plane, host);
    if (isolated) await connect(broker, host, line);
  }
  await broker.call('openLines', { lines });
  await pointAtBroker(installation, plan.broker, { lines, port: brokerPort, logins });

  tell('starting both planes, apart');
  await Promise.all([...hosts].map(([plane, host]) => host.call('serve', { home, plane })));
  if (isolated)
    for (const [plane, host] of hosts)
      await comeIn(host, [...portsOf(plane, ports).values()], sockets, undoing);
  const token = (await readPrivate(paths.token)).trim();
  const cmk = new CmkClient({ url: `http://${LOOPBACK}:${portOf(ports, cmkComponent)}`, token });
  await enrolRegions({ paths, ports }, cmk, tell);
  await cmk.ensure('/v1/keystores', { name: KEYSTORE, kind: 'software', config: { path: paths.keystore } });
  return {
    plan,
    home,
    ports,
    cmk,
    lines,
    broker,
    planes: hosts,
    brokerPort,
    captureDirectory,
    secretsDirectory,
  };
}

const program = (name: string): string => join(import.meta.dirname, name);

const preload = (path: string, query: Readonly<Record<string, string>>): string =>
  `--import=file://${path}?${new URLSearchParams(query).toString()}`;

function guardFor({ plane, planeAddress, brokerAddress }: Line, ports: Ports, brokerPort: number): string {
  const own = [...portsOf(plane, ports).values()].map((port) => `${LOOPBACK}:${port}`);
  // Its own door, so that it can be shown to be open.
  const to = [...own, `${planeAddress}:${DOOR_PORT}`, `${brokerAddress}:${brokerPort}`];
  return preload(program('guard.ts'), { to: to.join(',') });
}

/** For the plane's processes: all have the guards, and those of regions tell their secrets. */
function environmentOf(plane: Plane, guards: readonly string[], secretsDirectory: string): NodeJS.ProcessEnv {
  const telling = preload(join(import.meta.dirname, '..', 'broker-capture', 'tell-secrets.ts'), {
    to: secretsDirectory,
  });
  const isRegion = REGIONS.some((region) => region === plane);
  return {
    ...process.env,
    NODE_COMPILE_CACHE: join(REPOSITORY, '.build', 'test-compile-cache'),
    OKCM_NODE_OPTIONS: [...guards, ...(isRegion ? [telling] : [])].join(' '),
  };
}

/** The plane's one line. */
async function connect(broker: Host<BrokerCalls>, host: Host<PlaneCalls>, line: Line): Promise<void> {
  const device = `line${planes.indexOf(line.plane)}`;
  // Before it has answered it may be in our network still, where the line would end.
  await host.call('bringUp', { ends: [] });
  await lay({ pid: broker.pid, device }, { pid: host.pid, device: 'line' });
  await broker.call('bringUp', { ends: [{ device, address: line.brokerAddress }] });
  await host.call('bringUp', { ends: [{ device: 'line', address: line.planeAddress }] });
}

/** The ports of the plane's network also on this machine's own loopback. */
async function comeIn(
  host: Host<PlaneCalls>,
  ports: readonly number[],
  directory: string,
  undoing: Undoing,
): Promise<void> {
  await host.call('expose', { ports, directory });
  for (const port of ports) {
    const to = { path: join(directory, String(port)) };
    const relay = await startRelay({ listen: { host: LOOPBACK, port }, to });
    undoing.push(() => relay.close());
  }
}
