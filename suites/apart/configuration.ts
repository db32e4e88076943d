/** The home of an installation whose planes are apart: as `okcm up` makes it, and each plane with its own way to the broker. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homePaths } from '../../cli/home/paths.ts';
import { configFile, writeConfigs } from '../../cli/installation/configs.ts';
import { Installation, makeHome } from '../../cli/installation/installation.ts';
import { cmkComponent, coreOf, gatewayHttpsOf, healthOf, LOOPBACK } from '../../cli/installation/names.ts';
import { choosePorts, type Ports, portOf } from '../../cli/installation/ports.ts';
import { writePrivate } from '../../platform/config-file.ts';
import type { Login } from './broker-host.ts';
import { type BrokerName, componentsOf, GOVERNANCE, type Line, type Plane, planes } from './plan.ts';

/** Soon enough for a RENEW to be seen in a short run. */
const LINK = { ttlMs: 86_400_000, renewEveryMs: 3_000, probeEveryMs: 5_000 };
/** Likewise for what differs between the planes to be found. */
const DRIFT = { checkEveryMs: 500, settleMs: 500, retryMs: 600_000 };
const MANIFEST = { everyMs: 500 };
const PASSWORD_BYTES = 16;
const SCHEMES = { nats: 'nats', rabbitmq: 'amqp' } as const;

/** Everything that the components need, but for where the broker is: that is known once it runs (`pointAtBroker`). */
export async function prepareHome(home: string, broker: BrokerName): Promise<Installation> {
  const paths = homePaths(home);
  await makeHome(paths);
  const installation = await Installation.open(paths);
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

/** At which the plane's processes listen, by what they are. */
export function portsOf(plane: Plane, ports: Ports): ReadonlyMap<string, number> {
  const [database, ...programs] = componentsOf(plane);
  const names = [
    database,
    ...programs.flatMap((name) => [name, healthOf(name)]),
    ...(plane === GOVERNANCE ? [] : [gatewayHttpsOf(plane)]),
  ];
  return new Map(names.map((name) => [name, portOf(ports, name)]));
}

/** A user for each plane. The embedded broker has those of the installation. */
export function loginsFor(broker: BrokerName): readonly Login[] {
  if (broker === 'embedded') return [];
  return planes.map((plane) => ({
    plane,
    user: plane,
    password: randomBytes(PASSWORD_BYTES).toString('hex'),
  }));
}

/** Each plane at the broker's end of its own line, under its own login. */
export async function pointAtBroker(
  installation: Installation,
  broker: BrokerName,
  at: { readonly lines: readonly Line[]; readonly port: number; readonly logins: readonly Login[] },
): Promise<void> {
  for (const { plane, brokerAddress } of at.lines) {
    const path = configFile(installation, plane === GOVERNANCE ? cmkComponent : coreOf(plane));
    const config = JSON.parse(await readFile(path, 'utf8')) as { broker: { url: string } };
    const url = new URL(broker === 'embedded' ? config.broker.url : `${SCHEMES[broker]}://unknown`);
    url.hostname = brokerAddress;
    url.port = String(at.port);
    const login = at.logins.find((each) => each.plane === plane);
    if (login !== undefined) {
      url.username = login.user;
      url.password = login.password;
    }
    const changed = {
      ...config,
      broker: { url: url.href },
      ...(plane === GOVERNANCE ? { link: LINK, drift: DRIFT } : { manifest: MANIFEST }),
    };
    await writePrivate(path, JSON.stringify(changed));
  }
}
