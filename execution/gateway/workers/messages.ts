/**
 * What the primary process of a gateway and its workers say to each other over the pipe between them. Both are this
 * program in this version, and nobody else holds an end of that pipe: the types are the protocol.
 */
import type { MetricSet } from '../../../platform/metrics.ts';
import type { RefusalCode } from '../refusals.ts';
import type { Door } from '../server/doors.ts';
import type { GatewayStatus } from '../status.ts';
import type { TicketKeys } from './tickets.ts';

/** An object that a request has changed in the store. */
export interface ObjectChange {
  readonly uid: string;
  /** Destroyed. */
  readonly isGone: boolean;
}

export type DoorName = Door['name'];

/** `ask`: a number that the answer repeats. */
export type ToWorker =
  | { readonly kind: 'tickets'; readonly keys: TicketKeys }
  /** Comes with the socket of a connection that nobody has read from. */
  | { readonly kind: 'connection'; readonly door: DoorName }
  | { readonly kind: 'look'; readonly ask: number; readonly what: 'status' | 'metrics' }
  /** This worker announces new keys and hands over audit events from now on. */
  | { readonly kind: 'lead' }
  | { readonly kind: 'kick' }
  | { readonly kind: 'flush'; readonly ask: number; readonly tenant: string }
  | { readonly kind: 'flushed'; readonly ask: number; readonly refusal: RefusalCode | undefined }
  /** Another worker has changed these objects in the store. */
  | { readonly kind: 'changed'; readonly ask: number; readonly changes: readonly ObjectChange[] }
  /** All who live have heard of what this worker has changed. */
  | { readonly kind: 'heard'; readonly ask: number }
  /** Take no further request, answer those in flight. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' };

/** The worker serves connections that it is handed. */
export interface Ready {
  readonly kind: 'ready';
}

export type ToPrimary =
  /** The last connection that was handed over has arrived. */
  | { readonly kind: 'taken' }
  /** So many connections have ended since it said so last. */
  | { readonly kind: 'ended'; readonly connections: number }
  | { readonly kind: 'status'; readonly ask: number; readonly status: GatewayStatus }
  | { readonly kind: 'metrics'; readonly ask: number; readonly metrics: MetricSet }
  | { readonly kind: 'kick' }
  | { readonly kind: 'flush'; readonly ask: number; readonly tenant: string }
  | { readonly kind: 'flushed'; readonly ask: number; readonly refusal: RefusalCode | undefined }
  | { readonly kind: 'changed'; readonly ask: number; readonly changes: readonly ObjectChange[] }
  | { readonly kind: 'heard'; readonly ask: number }
  | { readonly kind: 'drained' }
  /** No process of this gateway may go on (StoreEvents.ruined). */
  | { readonly kind: 'ruined' };
