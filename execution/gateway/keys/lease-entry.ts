/** All that a gateway knows of one service's key: the lease if it holds one, what it is asking for, what it was told. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { LeaseRefusal } from '../../mesh/index.ts';
import { TOLD_MEMORY_MS } from '../limits.ts';
import type { Asks } from './asks.ts';
import type { HeldLease } from './held-lease.ts';

export interface LeaseName {
  readonly tenant: TenantId;
  readonly service: ServiceName;
}

/** What came in between while a question was on its way: its answer counts no more, or must be asked for again. */
export interface Round {
  overtaken: 'no' | 'ended' | 'flushed';
}

/** An active version that a push told of. */
export interface Told {
  readonly activeVersion: number;
  readonly untilMs: number;
}

export interface LeaseEntry extends LeaseName {
  readonly asks: Asks;
  /** Versions that the next question asks for, and those that the one under way has asked for. */
  readonly wanted: Set<number>;
  readonly coming: Set<number>;
  lease?: HeldLease | undefined;
  round?: Round | undefined;
  refused?: { readonly reason: LeaseRefusal; readonly untilMs: number } | undefined;
  /** Of whichever push, as long as a core may not have heard of it. */
  told: Told;
  /** Of a flush: no lease with an older one counts. */
  flushed: Told;
  /** Until then no data under a version that nobody knows has us ask. */
  vainUntilMs: number;
}

export function newEntry({ tenant, service }: LeaseName, asks: Asks): LeaseEntry {
  return {
    tenant,
    service,
    asks,
    wanted: new Set(),
    coming: new Set(),
    told: NOTHING_TOLD,
    flushed: NOTHING_TOLD,
    vainUntilMs: 0,
  };
}

const NOTHING_TOLD: Told = { activeVersion: 0, untilMs: 0 };

export function tell(before: Told, activeVersion: number): Told {
  return {
    activeVersion: Math.max(toldVersion(before), activeVersion),
    untilMs: performance.now() + TOLD_MEMORY_MS,
  };
}

/** What was told is forgotten after a while, in which every core has heard of it. */
export function toldVersion({ activeVersion, untilMs }: Told): number {
  return performance.now() < untilMs ? activeVersion : 0;
}

export function isForgettable({ lease, asks, refused, told, vainUntilMs }: LeaseEntry): boolean {
  if (lease !== undefined || asks.isRunning) return false;
  return performance.now() >= Math.max(refused?.untilMs ?? 0, told.untilMs, vainUntilMs);
}
