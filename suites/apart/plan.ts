/** What an installation whose planes are apart is like. */
import {
  cmkComponent,
  cmkDatabase,
  coreOf,
  databaseOf,
  gatewayOf,
  REGIONS,
} from '../../cli/installation/names.ts';

/**
 * What keeps them apart: a network of its own for each plane and for the broker, which only root can make; or a guard in each
 * process, which refuses every connection but those of its plane and to its own address of the broker.
 */
export const fences = ['namespaces', 'guard'] as const;
export type Fence = (typeof fences)[number];

export const brokers = ['nats', 'rabbitmq', 'embedded'] as const;
export type BrokerName = (typeof brokers)[number];

/** Governance, and one plane for each region. */
export const GOVERNANCE = 'governance';
export const planes = [GOVERNANCE, ...REGIONS] as const;
export type Plane = (typeof planes)[number];

/** What the processes of a plane are, the database first. */
export function componentsOf(plane: Plane): readonly [database: string, ...programs: string[]] {
  return plane === GOVERNANCE
    ? [cmkDatabase, cmkComponent]
    : [databaseOf(plane), coreOf(plane), gatewayOf(plane)];
}

export interface ApartPlan {
  readonly fence: Fence;
  readonly broker: BrokerName;
  /** How long the broker is away. */
  readonly awaySeconds: number;
  /** Connections of an application in each region that encrypt, decrypt and make keys all the while. */
  readonly seats: number;
  /** Between two operations of one of them, in milliseconds. */
  readonly paceMs: number;
}

/** The two ends of a plane's line to the broker. Nobody else has an address there. */
export interface Line {
  readonly plane: Plane;
  readonly planeAddress: string;
  readonly brokerAddress: string;
}

/** Private networks of four addresses each; or loopback's own range, where nothing but the guard tells them apart. */
export function linesOf(fence: Fence): readonly Line[] {
  const network = fence === 'namespaces' ? '10.77' : '127.77';
  return planes.map((plane, index) => ({
    plane,
    planeAddress: `${network}.${index + 1}.2`,
    brokerAddress: `${network}.${index + 1}.1`,
  }));
}
export const LINE_BITS = 30;
/** Of a door at each plane's own address that stands open, for attempts to go through it. */
export const DOOR_PORT = 7_777;

export function defaultFence(): Fence {
  return process.getuid?.() === 0 ? 'namespaces' : 'guard';
}
