/**
 * Which port each component listens on. The default ports are fixed, so that what the guide says is true; with
 * `--ports auto` free ones are chosen and kept for later starts of the same home.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../platform/errors.ts';
import { freePort, isFreePort } from '../../platform/ports.ts';
import { CliError } from '../errors.ts';
import {
  brokerComponent,
  cmkComponent,
  cmkDatabase,
  coreOf,
  databaseOf,
  gatewayHttpsOf,
  gatewayOf,
  healthOf,
  LOOPBACK,
  REGIONS,
} from './names.ts';

export type PortMode = 'fixed' | 'auto';
export type Ports = Readonly<Record<string, number>>;

/** How long orphans of a killed supervisor may take to leave their ports, in milliseconds. */
const ORPHAN_PATIENCE_MS = 10_000;
const RETRY_EVERY_MS = 100;

const fixedPorts: Ports = {
  [cmkComponent]: 8440,
  [healthOf(cmkComponent)]: 18440,
  [cmkDatabase]: 15432,
  ...Object.fromEntries(
    REGIONS.flatMap((region, index) => [
      [gatewayOf(region), 5696 + index],
      [gatewayHttpsOf(region), 5796 + index],
      [healthOf(gatewayOf(region)), 18696 + index],
      [coreOf(region), 15696 + index],
      [healthOf(coreOf(region)), 18796 + index],
      [databaseOf(region), 15433 + index],
    ]),
  ),
  [brokerComponent]: 15435,
};

export interface PortRequest {
  readonly mode: PortMode;
  /** The ports of the last start. */
  readonly kept: Ports | undefined;
  /** Components that still run from an earlier start and hold their kept port rightfully. */
  readonly heldByUs: ReadonlySet<string>;
  /** True when the last supervisor of this home ended without stopping its children. */
  readonly mayHaveOrphans: boolean;
}

/** Errors: PORT_TAKEN, in fixed mode only. */
export async function choosePorts(request: PortRequest): Promise<Ports> {
  const chosen: Record<string, number> = {};
  const taken = new Set<number>();
  const deadline = Date.now() + (request.mayHaveOrphans ? ORPHAN_PATIENCE_MS : 0);
  for (const [component, fixed] of Object.entries(fixedPorts)) {
    const wanted = request.mode === 'fixed' ? fixed : request.kept?.[component];
    const holds = wanted === request.kept?.[component] && request.heldByUs.has(component);
    if (wanted !== undefined && !taken.has(wanted) && (holds || (await becomesFree(wanted, deadline)))) {
      chosen[component] = wanted;
    } else if (request.mode === 'fixed') {
      throw new CliError('PORT_TAKEN', `port ${fixed}, which ${component} needs, is taken on ${LOOPBACK}`);
    } else {
      chosen[component] = await anotherPort(taken);
    }
    taken.add(chosen[component] ?? 0);
  }
  return chosen;
}

async function anotherPort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = await freePort(LOOPBACK);
    if (!taken.has(port)) return port;
  }
}

async function becomesFree(port: number, deadline: number): Promise<boolean> {
  for (;;) {
    if (await isFreePort(port, LOOPBACK)) return true;
    if (Date.now() >= deadline) return false;
    await sleep(RETRY_EVERY_MS);
  }
}

/** Whether a component did not start because somebody took its port between our choice and its use. */
export function isPortTaken(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = errorCode(current);
    if (code === 'PORT_TAKEN' || code === 'POSTGRES_PORT_IN_USE') return true;
  }
  return false;
}

export function portOf(ports: Ports, component: string): number {
  const port = ports[component];
  if (port === undefined) throw new CliError('HOME_INVALID', `no port is known for ${component}`);
  return port;
}
