/**
 * What Orbital needs of a message broker, and how channels are named. A broker may lose, repeat or reorder anything
 * (D11): it is a fast road, never a place of record. Therefore every queue is bounded in number, bytes and age.
 */
import { OkcmError } from '../platform/errors.ts';
import { MAX_FRAME_BYTES, MAX_REPORT_FRAME_BYTES, REDELIVERY_BASE_MS, REDELIVERY_CAP_MS } from './limits.ts';
import { type Lane, lanes } from './messages.ts';

export interface Subscription {
  /** Stops deliveries and waits for the handlers that still run. */
  close(): Promise<void>;
}

export interface Transport {
  /**
   * Resolves when the broker has durably accepted the message. Rejects with TransportError: at once while the broker
   * is away, else within PUBLISH_TIMEOUT_MS.
   */
  publish(channel: string, message: Uint8Array): Promise<void>;
  /**
   * Acknowledges a message after its handler resolves; delivers it again, later and later, when it throws. Resolves
   * when the subscription is registered; deliveries begin whenever the broker and the channel are there, and begin
   * again after every loss of the connection.
   */
  consume(
    channel: string,
    handler: (message: Uint8Array) => Promise<void>,
    options?: { prefetch?: number },
  ): Promise<Subscription>;
  close(): Promise<void>;
  /** Whether a publish has a chance now. */
  healthy(): boolean;
}

/** Stable codes of what a transport may answer. */
export const transportErrors = {
  BROKER_UNAVAILABLE: 'the broker cannot be reached or did not confirm in time',
  CHANNEL_FULL: 'the channel holds as many messages as it may',
  MESSAGE_TOO_LARGE: 'the message exceeds the limit of the channel',
  NOT_PERMITTED: 'the broker refuses this role',
  CLOSED: 'the transport was closed',
} as const;
export type TransportErrorCode = keyof typeof transportErrors;

export class TransportError extends OkcmError {
  override readonly name = 'TransportError';
  declare readonly code: TransportErrorCode;
  constructor(code: TransportErrorCode, cause?: unknown) {
    super(code, transportErrors[code], cause === undefined ? {} : { cause });
  }
}

/** Who speaks: the manager sets channels up, a region reads its own tasks and writes status. */
export type TransportRole =
  | { readonly plane: 'governance' }
  | { readonly plane: 'region'; readonly region: string };

export interface TransportOptions {
  readonly credentials?: { readonly user: string; readonly password: string };
  /** PEM texts. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  /** Of each stream in a NATS cluster. RabbitMQ's quorum queues know by themselves. */
  readonly replicas?: number | undefined;
  /** Told of broken connections and of refusals; the transport repairs itself. */
  readonly onTrouble?: (error: unknown) => void;
}

const REGION = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lanes are separate queues: revocation never waits behind bulk work (D11). */
export function taskChannel(region: string, lane: Lane): string {
  if (!REGION.test(region)) throw new RangeError(`"${region.slice(0, 80)}" is not a region name`);
  return `okcm.tasks.${region}.${lane}`;
}
export const statusChannel = (): string => 'okcm.status';
/** Reports have a channel of their own: they come every few seconds and may be dropped; status may not. */
export const reportChannel = (): string => 'okcm.reports';

export interface ChannelPolicy {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly maxMessageBytes: number;
  /** A full queue refuses (the sender keeps the message in its database) or forgets its oldest message. */
  readonly overflow: 'refuse' | 'drop-oldest';
}

const MEGABYTE = 1024 * 1024;
// Ages may be short because nothing depends on the broker's memory: a task is sent again at least every
// RESEND_CAP_MS until its status comes, and a lost status is sent again when its task is repeated.
const policies = {
  tasks: {
    maxMessages: 10_000,
    maxBytes: 16 * MEGABYTE, // JetStream reserves it for each lane of each region
    maxAgeMs: 10 * 60_000,
    maxMessageBytes: MAX_FRAME_BYTES,
    overflow: 'refuse',
  },
  status: {
    maxMessages: 50_000,
    maxBytes: 128 * MEGABYTE,
    maxAgeMs: 3_600_000,
    maxMessageBytes: MAX_FRAME_BYTES,
    overflow: 'refuse',
  },
  reports: {
    maxMessages: 5_000,
    maxBytes: 64 * MEGABYTE,
    maxAgeMs: 60_000,
    maxMessageBytes: MAX_REPORT_FRAME_BYTES,
    overflow: 'drop-oldest',
  },
} as const satisfies Record<string, ChannelPolicy>;
export type ChannelFamily = keyof typeof policies;

export function familyOf(channel: string): ChannelFamily {
  if (channel === statusChannel()) return 'status';
  if (channel === reportChannel()) return 'reports';
  const [okcm, tasks, region, lane, ...rest] = channel.split('.');
  if (okcm === 'okcm' && tasks === 'tasks' && rest.length === 0 && REGION.test(region ?? ''))
    if (lane === 'urgent' || lane === 'normal') return 'tasks';
  throw new RangeError(`"${channel.slice(0, 100)}" is not a channel`);
}

/** All families, for brokers that are set up once. */
export const channelPolicies: Readonly<Record<ChannelFamily, ChannelPolicy>> = policies;

export const policyOf = (channel: string): ChannelPolicy => policies[familyOf(channel)];

/** The region in the name of a task channel. */
export function regionOf(channel: string): string {
  const region = familyOf(channel) === 'tasks' ? channel.split('.')[2] : undefined;
  if (region === undefined) throw new RangeError(`"${channel}" belongs to no region`);
  return region;
}

/**
 * Channels that governance makes together, so that a region finds its urgent lane before the first revocation goes out: one
 * that waits for a channel looks for it now and then.
 */
export function madeTogether(channel: string): readonly string[] {
  if (familyOf(channel) !== 'tasks') return [channel];
  return lanes.map((lane) => taskChannel(regionOf(channel), lane));
}

/** Delay before delivery number `deliveries + 1` of a message whose handler threw. */
export const redeliveryDelayMs = (deliveries: number): number =>
  Math.min(REDELIVERY_CAP_MS, REDELIVERY_BASE_MS * 2 ** Math.min(Math.max(0, deliveries - 1), 20));
