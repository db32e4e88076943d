/** Proof that the planes are apart: whatever one plane tries of another fails, and what it needs of the broker does not. */
import { LOOPBACK } from '../../cli/installation/names.ts';
import { portsOf } from './configuration.ts';
import { type Apart, hostOf } from './installation.ts';
import { REACHED } from './network.ts';
import { DOOR_PORT, type Line, type Plane } from './plan.ts';

const TRY_TIMEOUT_MS = 400;
const BROKER_TIMEOUT_MS = 3_000;
/** The broker's host, where it would be somebody's way from plane to plane. */
export const BY_WAY_OF_THE_BROKER = 'by way of the broker’s host';

export interface Try {
  readonly from: Plane;
  readonly to: Plane | 'broker';
  /** What was tried, such as `door` or `cmk:health`. */
  readonly what: string;
  readonly outcome: string;
}

/** Every plane tries each other one's door and processes, its own door, and the broker. */
export async function tryEverything(apart: Apart): Promise<readonly Try[]> {
  for (const { plane, planeAddress: address } of apart.lines)
    await hostOf(apart, plane).call('openDoor', { address, port: DOOR_PORT });
  const tries: Promise<Try>[] = [];
  for (const line of apart.lines) {
    tries.push(
      ask(apart, line, 'broker', 'the broker', line.brokerAddress, apart.brokerPort, BROKER_TIMEOUT_MS),
    );
    for (const other of apart.lines) {
      tries.push(ask(apart, line, other.plane, 'door', other.planeAddress, DOOR_PORT));
      if (other.plane === line.plane) continue;
      for (const [name, port] of portsOf(other.plane, apart.ports))
        for (const host of [other.planeAddress, LOOPBACK])
          tries.push(ask(apart, line, other.plane, name, host, port));
    }
  }
  const done = await Promise.all(tries);
  return apart.plan.fence === 'namespaces' ? [...done, ...(await roundAbout(apart))] : done;
}

/** What should have failed and did not, or the other way round. */
export function astray(tries: readonly Try[]): string[] {
  return tries
    .filter(({ from, to, outcome }) => (to === 'broker' || to === from) !== (outcome === REACHED))
    .map(({ from, to, what, outcome }) => `${from} → ${to}, ${what}: ${outcome}`);
}

/** With a route through the broker's host, as somebody in the plane could set one: nothing is forwarded there. */
async function roundAbout(apart: Apart): Promise<readonly Try[]> {
  const tries: Try[] = [];
  for (const line of apart.lines)
    for (const other of apart.lines) {
      if (other.plane === line.plane) continue;
      const host = hostOf(apart, line.plane);
      const route = { to: other.planeAddress, via: line.brokerAddress };
      await host.call('route', { change: 'add', ...route });
      tries.push(await ask(apart, line, other.plane, BY_WAY_OF_THE_BROKER, other.planeAddress, DOOR_PORT));
      await host.call('route', { change: 'delete', ...route });
    }
  return tries;
}

async function ask(
  apart: Apart,
  { plane: from }: Line,
  to: Plane | 'broker',
  what: string,
  host: string,
  port: number,
  timeoutMs = TRY_TIMEOUT_MS,
): Promise<Try> {
  return { from, to, what, outcome: await hostOf(apart, from).call('reach', { host, port, timeoutMs }) };
}
