/**
 * The transport over RabbitMQ (3.10 or newer): one quorum queue per channel (quorum queues have no priorities, hence
 * one for each lane), publisher confirms, explicit acknowledgement. Only governance declares anything; what a
 * region's user needs is in `rabbitRegionPermissions`.
 */
import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AMQPError, Connection, type ReturnedMessage } from 'rabbitmq-client';
import { waitAtMost, withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { CLOSE_TIMEOUT_MS, PUBLISH_TIMEOUT_MS, RECONNECT_BASE_MS, RECONNECT_CAP_MS } from '../limits.ts';
import { lanes } from '../messages.ts';
import {
  familyOf,
  madeTogether,
  policyOf,
  type Subscription,
  type Transport,
  TransportError,
  type TransportOptions,
  type TransportRole,
  taskChannel,
} from '../transport.ts';
import { consumeQueue } from './rabbitmq-consumer.ts';

const HEARTBEAT_S = 5;
const DEFAULT_PREFETCH = 8;

/** Everybody's default exchange reaches every queue, so each direction has an exchange that permissions can name. */
export const exchangeOf = (channel: string): string =>
  familyOf(channel) === 'tasks' ? 'okcm.tasks' : 'okcm.inbound';

/** All that the RabbitMQ user of a region may do, as `rabbitmqctl set_permissions` words it. */
export function rabbitRegionPermissions(region: string): { configure: string; write: string; read: string } {
  const queues = lanes.map((lane) => taskChannel(region, lane).replaceAll('.', '\\.'));
  return { configure: '^$', write: '^okcm\\.inbound$', read: `^(?:${queues.join('|')})$` };
}

/** What governance declares of a channel. */
export function topologyOf(channel: string) {
  const policy = policyOf(channel);
  const exchange = exchangeOf(channel);
  return {
    exchange: { exchange, type: 'direct', durable: true },
    queue: {
      queue: channel,
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-max-length': policy.maxMessages,
        'x-max-length-bytes': policy.maxBytes,
        'x-message-ttl': policy.maxAgeMs,
        'x-overflow': policy.overflow === 'refuse' ? 'reject-publish' : 'drop-head',
      },
    },
    binding: { exchange, queue: channel, routingKey: channel },
  } as const;
}

export function connectRabbit(url: string, role: TransportRole, options: TransportOptions): Transport {
  const trouble = options.onTrouble ?? (() => {});
  const tls = tlsOf(url, options);
  const connection = new Connection({
    url: withCredentials(url, options),
    connectionName: role.plane === 'region' ? `orbital ${role.region}` : 'orbital governance',
    heartbeat: HEARTBEAT_S,
    retryLow: RECONNECT_BASE_MS,
    retryHigh: RECONNECT_CAP_MS,
    acquireTimeout: PUBLISH_TIMEOUT_MS,
    connectionTimeout: PUBLISH_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls }),
  });
  /** Queues known to exist; asked again after each reconnection, since the broker may have been replaced. */
  const declared = new Map<string, Promise<void>>();
  connection.on('error', trouble);
  connection.on('connection', () => declared.clear());

  const publisher = connection.createPublisher({ confirm: true });
  /** Messages under way, by their id: whether they have come back because no queue takes them. */
  const sending = new Map<string, { returned: boolean }>();
  publisher.on('basic.return', ({ messageId = '' }: ReturnedMessage) => {
    const sent = sending.get(messageId);
    if (sent !== undefined) sent.returned = true;
  });
  const subscriptions = new Set<Subscription>();
  let closed = false;

  function declare(channel: string): Promise<void> {
    if (role.plane !== 'governance') return Promise.resolve();
    const known = declared.get(channel);
    if (known !== undefined) return known;
    const { exchange, queue, binding } = topologyOf(channel);
    const declaring = (async () => {
      await connection.exchangeDeclare(exchange);
      await connection.queueDeclare(queue);
      await connection.queueBind(binding);
    })();
    declared.set(channel, declaring);
    return declaring;
  }

  async function send(channel: string, message: Uint8Array): Promise<void> {
    await Promise.all(madeTogether(channel).map(declare));
    const messageId = randomUUID();
    const sent = { returned: false };
    sending.set(messageId, sent);
    try {
      const body = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
      const envelope = {
        exchange: exchangeOf(channel),
        routingKey: channel,
        durable: true,
        mandatory: true,
        messageId,
      };
      await publisher.send(envelope, body);
      // An unroutable message is first returned and then confirmed: it went nowhere. The library tells of the confirmation
      // at once, and of the return in the next turn of the event loop.
      await nextTurn();
      if (sent.returned) throw new TransportError('BROKER_UNAVAILABLE');
    } finally {
      sending.delete(messageId);
    }
  }

  function consume(
    channel: string,
    handler: (message: Uint8Array) => Promise<void>,
    { prefetch = DEFAULT_PREFETCH }: { prefetch?: number } = {},
  ): Promise<Subscription> {
    const { exchange, queue, binding } = topologyOf(channel);
    const own = consumeQueue({
      connection,
      queue: channel,
      prefetch,
      handler,
      trouble,
      async prepare(opened) {
        if (role.plane === 'governance') {
          await opened.exchangeDeclare(exchange);
          await opened.queueDeclare(queue);
          await opened.queueBind(binding);
        } else await opened.queueDeclare({ queue: channel, passive: true });
      },
    });
    const subscription: Subscription = {
      async close() {
        subscriptions.delete(subscription);
        await own.close();
      },
    };
    subscriptions.add(subscription);
    return Promise.resolve(subscription);
  }

  return {
    async publish(channel, message) {
      if (message.length > policyOf(channel).maxMessageBytes) throw new TransportError('MESSAGE_TOO_LARGE');
      if (closed) throw new TransportError('CLOSED');
      if (!connection.ready) throw new TransportError('BROKER_UNAVAILABLE');
      try {
        await withDeadline(PUBLISH_TIMEOUT_MS, 'publishing', () => send(channel, message));
      } catch (error) {
        for (const each of madeTogether(channel)) declared.delete(each);
        throw toTransportError(error);
      }
    },
    consume,
    healthy: () => connection.ready && !closed,
    async close() {
      await Promise.all([...subscriptions].map((each) => each.close()));
      closed = true;
      // A graceful close waits for the server, which may be gone.
      const graceful = publisher
        .close()
        .then(() => connection.close())
        .catch(() => {});
      await waitAtMost(CLOSE_TIMEOUT_MS, graceful);
      connection.unsafeDestroy();
    },
  };
}

/** Node names the server in its greeting only where it is told to; brokers behind a balancer are found by that name. */
export function tlsOf(url: string, { tls }: TransportOptions) {
  const { protocol, hostname } = new URL(url);
  if (tls === undefined && protocol !== 'amqps:') return undefined;
  const isNumber = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
  return { ...tls, ...(isNumber ? {} : { servername: hostname }) };
}

export function withCredentials(url: string, { credentials }: TransportOptions): string {
  if (credentials === undefined) return url;
  const address = new URL(url);
  address.username = encodeURIComponent(credentials.user);
  address.password = encodeURIComponent(credentials.password);
  return address.href;
}

function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof AMQPError) {
    // A quorum queue with `reject-publish` answers with basic.nack.
    if (errorCode(error) === 'NACK') return new TransportError('CHANNEL_FULL', error);
    if (errorCode(error) === 'ACCESS_REFUSED') return new TransportError('NOT_PERMITTED', error);
  }
  return new TransportError('BROKER_UNAVAILABLE', error);
}
