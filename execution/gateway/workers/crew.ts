/**
 * What a gateway's process shares with its siblings: one store, one process that speaks for all of them to the core, and
 * news of what a request has changed. A gateway that is one process is alone, and all of that is its own business.
 */
import type { Socket } from 'node:net';
import type { TenantId } from '../../../contracts/index.ts';
import type { MetricSet } from '../../../platform/metrics.ts';
import type { GatewayStatus } from '../status.ts';
import type { DoorName, ObjectChange } from './messages.ts';
import type { TicketKeys } from './tickets.ts';

/** What siblings and the primary ask of a process. */
export interface Member {
  status(): GatewayStatus;
  metrics(): Promise<MetricSet>;
  take(door: DoorName, socket: Socket): void;
  useTicketKeys(keys: TicketKeys): void;
  /** Another process has changed these objects in the store: whatever is known of them here is old. */
  forget(changes: readonly ObjectChange[]): void;
  /** There may be keys to announce. */
  kick(): void;
  /** As Announcer.flush. @throws GatewayRefusal */
  flush(tenant: TenantId): Promise<void>;
  /** Takes no further request and answers those in flight. */
  drain(): Promise<void>;
}

export interface Crew {
  /** Whether other processes use the same store, and connections are handed over instead of accepted. */
  readonly isShared: boolean;
  /** Whether this process announces new keys and hands over audit events, for all. At most one does. */
  readonly leads: boolean;
  /** From now on the process does what is asked of it. */
  join(member: Member): void;
  /** Tells whoever leads that there are keys to announce. */
  kick(): void;
  /** Has whoever leads announce the tenant's keys. @throws GatewayRefusal as Announcer.flush */
  flush(tenant: TenantId): Promise<void>;
  /**
   * Tells the siblings that these objects have changed in the store. Resolves when all have dropped what they held of
   * them, or after MAX_SIBLING_WAIT_MS: then their own pushes tell them (D7).
   */
  changed(changes: readonly ObjectChange[]): Promise<void>;
  /** Ends all processes of the gateway as they are: nobody closes the store (StoreEvents.ruined). */
  endAtOnce(): void;
}

/** One process. */
export const alone: Crew = {
  isShared: false,
  leads: true,
  join: () => undefined,
  kick: () => undefined,
  flush: () => Promise.resolve(),
  changed: () => Promise.resolve(),
  endAtOnce: endProcess,
};

/** As it is: nothing is closed, and no handler runs. */
export function endProcess(): never {
  process.kill(process.pid, 'SIGKILL');
  // The first process of a container is not killed by a signal of its own.
  process.abort();
}
