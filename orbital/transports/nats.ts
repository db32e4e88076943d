/**
 * The transport over NATS JetStream (server 2.9 or newer): one file-backed work-queue stream per channel with one
 * durable pull consumer. Only governance creates them. Who may do what is in nats-accounts.ts.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  AckPolicy,
  type ConsumerMessages,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos, PermissionViolationError } from '@nats-io/transport-node';
import { backoffMs, sleep, waitAtMost } from '../../platform/backoff.ts';
import {
  ACK_WAIT_MS,
  CLOSE_TIMEOUT_MS,
  PUBLISH_TIMEOUT_MS,
  RECONNECT_BASE_MS,
  RECONNECT_CAP_MS,
} from '../limits.ts';
import {
  madeTogether,
  policyOf,
  redeliveryDelayMs,
  type Subscription,
  type Transport,
  TransportError,
  type TransportOptions,
  type TransportRole,
} from '../transport.ts';
import { consumerOf, whenMissing } from './nats-consumer.ts';
import { CONSUMER, inboxOf, streamOf } from './nats-names.ts';
import { createSlots } from './slots.ts';

const RECONNECT = { baseMs: RECONNECT_BASE_MS, capMs: RECONNECT_CAP_MS } as const;
const PING_INTERVAL_MS = 5_000;
const DEFAULT_PREFETCH = 8;
/** A server that has just come back drops the first requests: ask again soon. */
const API_TIMEOUT_MS = 1_000;
/** How long one request for messages is good for. What a broken connection swallowed is asked for anew after as much. */
const PULL_EXPIRES_MS = 5_000;
/** JetStream's word for "a stream of this name has another configuration". */
const STREAM_NAME_IN_USE = 10058;
const CONSUMER_NAME_EXISTS = 10148;

/** The client reads no login out of an address: one that stands there is taken out, for an installation has nothing else. */
export function addressOf(
  url: string,
  credentials: TransportOptions['credentials'],
): { readonly servers: string; readonly user?: string; readonly pass?: string } {
  const { protocol, host, username, password } = new URL(url);
  const servers = `${protocol}//${host}`;
  if (credentials !== undefined) return { servers, user: credentials.user, pass: credentials.password };
  if (username === '') return { servers };
  return { servers, user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}

interface Live {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
}

export function connectNats(url: string, role: TransportRole, options: TransportOptions): Transport {
  const trouble = options.onTrouble ?? (() => {});
  const closing = new AbortController();
  /** Channels known to exist; asked again after each reconnection, since the broker may have been replaced. */
  const ensured = new Set<string>();
  const subscriptions = new Set<Subscription>();
  /** What ends the requests for messages that are under way; each subscription makes its own anew. */
  const pulls = new Set<ConsumerMessages>();
  const tls = tlsOf(url, options);
  let live: Live | undefined;
  let up = false;

  async function connectOnce(): Promise<Live> {
    const connection = await connect({
      ...addressOf(url, options.credentials),
      name: role.plane === 'region' ? `orbital ${role.region}` : 'orbital governance',
      // An inbox of one's own: with the common `_INBOX.>` one region could read what is delivered to another.
      inboxPrefix: inboxOf(role),
      ...(tls === undefined ? {} : { tls }),
      timeout: PUBLISH_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_CAP_MS / 4,
      reconnectJitter: RECONNECT_CAP_MS / 4,
      ignoreAuthErrorAbort: true, // a password being rotated must not end the process's road for good
    });
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: API_TIMEOUT_MS });
    return { connection, client: jetstream(connection, { timeout: API_TIMEOUT_MS }), manager };
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        live = await connectOnce();
        if (closing.signal.aborted) {
          // Closed while it was connecting; a closed connection would never end the loop below.
          await live.connection.close();
          return;
        }
        attempt = 0;
        up = true;
        for await (const status of live.connection.status()) {
          if (status.type === 'disconnect') up = false;
          else if (status.type === 'reconnect') {
            ensured.clear();
            up = true;
            // The library asks once whether its consumer is still there; a broker that has just come back may not answer,
            // and then it waits for most of a minute.
            for (const pull of pulls) pull.stop();
          } else if (status.type === 'error') trouble(status.error);
        }
      } catch (error) {
        trouble(error);
      }
      up = false;
      live = undefined;
      ensured.clear();
      await sleep(RECONNECT_BASE_MS + backoffMs(attempt, RECONNECT), closing.signal).catch(() => {});
    }
  }
  const running = run();

  async function ensure({ manager }: Live, channel: string): Promise<void> {
    if (role.plane !== 'governance' || ensured.has(channel)) return;
    const policy = policyOf(channel);
    const stream = streamOf(channel);
    const limits = {
      subjects: [channel],
      max_msgs: policy.maxMessages,
      max_bytes: policy.maxBytes,
      max_age: nanos(policy.maxAgeMs),
      max_msg_size: policy.maxMessageBytes,
      discard: policy.overflow === 'refuse' ? DiscardPolicy.New : DiscardPolicy.Old,
      // Left out, streams that are there keep the number that they have.
      ...(options.replicas === undefined ? {} : { num_replicas: options.replicas }),
    };
    try {
      const storage = { retention: RetentionPolicy.Workqueue, storage: StorageType.File };
      await manager.streams.add({ name: stream, ...storage, ...limits });
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE)) throw error;
      await manager.streams.update(stream, limits);
    }
    try {
      await manager.consumers.add(stream, {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(ACK_WAIT_MS),
        max_deliver: -1, // bounded by the age of the message
      });
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_NAME_EXISTS)) throw error;
    }
    ensured.add(channel);
  }

  async function publish(channel: string, message: Uint8Array): Promise<void> {
    if (message.length > policyOf(channel).maxMessageBytes) throw new TransportError('MESSAGE_TOO_LARGE');
    if (closing.signal.aborted) throw new TransportError('CLOSED');
    if (live === undefined || !up) throw new TransportError('BROKER_UNAVAILABLE');
    try {
      const to = live;
      await Promise.all(madeTogether(channel).map((each) => ensure(to, each)));
      await to.client.publish(channel, message, { timeout: PUBLISH_TIMEOUT_MS });
    } catch (error) {
      for (const each of madeTogether(channel)) ensured.delete(each);
      throw toTransportError(error);
    }
  }

  function consume(
    channel: string,
    handler: (message: Uint8Array) => Promise<void>,
    { prefetch = DEFAULT_PREFETCH }: { prefetch?: number } = {},
  ): Promise<Subscription> {
    policyOf(channel); // refuses a name that is no channel
    const slots = createSlots(prefetch);
    const stopping = new AbortController();
    async function deliver(message: JsMsg): Promise<void> {
      try {
        await handler(message.data);
      } catch {
        message.nak(redeliveryDelayMs(message.info.deliveryCount));
        return;
      }
      message.ack();
    }
    async function takeAll(messages: ConsumerMessages): Promise<void> {
      pulls.add(messages);
      const missing = whenMissing(messages);
      missing.catch(() => {}); // looked at below
      const stop = (): void => messages.stop();
      stopping.signal.addEventListener('abort', stop);
      try {
        if (stopping.signal.aborted) stop();
        for await (const message of messages) {
          await slots.available();
          slots.run(() => deliver(message));
        }
        await missing;
      } finally {
        stopping.signal.removeEventListener('abort', stop);
        pulls.delete(messages);
      }
    }
    async function pull(): Promise<void> {
      for (let attempt = 0; !stopping.signal.aborted; attempt++) {
        try {
          if (live !== undefined && up) {
            await ensure(live, channel);
            const consumer = live.client.consumers.getConsumerFromInfo(consumerOf(channel));
            const messages = await consumer.consume({
              max_messages: prefetch,
              expires: PULL_EXPIRES_MS,
              bind: true,
            });
            await takeAll(messages);
            attempt = 0;
          }
        } catch (error) {
          // A region may be there before governance has made its stream: said once, then waited for.
          if (attempt === 0) trouble(error);
        }
        await sleep(RECONNECT_BASE_MS + backoffMs(attempt, RECONNECT), stopping.signal).catch(() => {});
      }
      await slots.idle();
    }
    const pulling = pull();
    const subscription: Subscription = {
      async close() {
        stopping.abort();
        subscriptions.delete(subscription);
        await pulling;
        // The last acknowledgements; over a dead network nobody answers.
        if (live !== undefined && up)
          await waitAtMost(
            CLOSE_TIMEOUT_MS,
            live.connection.flush().catch(() => {}),
          );
      },
    };
    subscriptions.add(subscription);
    return Promise.resolve(subscription);
  }

  return {
    publish,
    consume,
    healthy: () => up && !closing.signal.aborted,
    async close() {
      await Promise.all([...subscriptions].map((each) => each.close()));
      closing.abort();
      if (live !== undefined) await waitAtMost(CLOSE_TIMEOUT_MS, live.connection.close());
      await waitAtMost(CLOSE_TIMEOUT_MS, running); // it may be connecting
    },
  };
}

/**
 * The library encrypts if the server offers it, unless it is told to insist; what merely offers can be made silent by
 * whoever sits in between, and the password would follow in the clear.
 */
export function tlsOf(url: string, { tls }: TransportOptions) {
  const address = new URL(url);
  if (tls === undefined && address.protocol !== 'tls:') return undefined;
  const host = address.hostname.replace(/^\[|\]$/g, '');
  return {
    ...tls,
    // Of a server that is addressed by number the library knows no name, and Node compares with "localhost" then.
    checkServerIdentity: (name: string, certificate: PeerCertificate) =>
      checkServerIdentity(isIP(host) !== 0 && name === 'localhost' ? host : name, certificate),
  };
}

function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof PermissionViolationError) return new TransportError('NOT_PERMITTED', error);
  // "maximum messages exceeded", "maximum bytes exceeded": JetStream has no code of its own for them.
  if (error instanceof JetStreamApiError && /maximum .*exceeded/.test(error.message))
    return new TransportError('CHANNEL_FULL', error);
  return new TransportError('BROKER_UNAVAILABLE', error);
}
