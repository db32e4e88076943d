// LISTEN on a connection of its own, kept alive. Notifications are hints and may be missed while the connection is
// down: whoever listens looks at the table again on every (re)connection, and polls slowly besides.
import pg from 'pg';
import { type BackoffOptions, backoffMs, sleep, waitAtMost } from './backoff.ts';
import type { Logger } from './log.ts';
import { addressOf, DEFAULT_CONNECTION_TIMEOUT_MS, type PostgresAddress } from './postgres.ts';

const RECONNECT: BackoffOptions = { baseMs: 100, capMs: 5_000 };
/** A half-open connection says nothing for ever: ask it, and give up on it when it does not answer. */
const PROBE_EVERY_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;

export interface Listener {
  /** Resolves once the first connection listens. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

export interface ListenOptions {
  /** Called after each (re)connection, when notifications may have been missed. */
  readonly onConnected?: () => void;
  /** TLS settings, as of the pool. */
  readonly ssl?: pg.ClientConfig['ssl'];
  readonly logger?: Logger;
}

/** Calls `fn` with the payload of each NOTIFY on the channel until stopped; reconnects for ever, with backoff. */
export function listen(
  address: PostgresAddress | string,
  channel: string,
  fn: (payload: string) => void,
  options: ListenOptions = {},
): Listener {
  const config = addressOf(typeof address === 'string' ? { url: address } : address);
  const abort = new AbortController();
  const ready = Promise.withResolvers<void>();
  // Nobody need wait for it: stopping before the first connection must not count as an unhandled rejection.
  ready.promise.catch(() => {});

  const loop = async (): Promise<void> => {
    for (let attempt = 0; !abort.signal.aborted; attempt++) {
      const client = new pg.Client({
        ...config,
        ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
        application_name: `listen ${channel}`,
        keepAlive: true,
        connectionTimeoutMillis: DEFAULT_CONNECTION_TIMEOUT_MS,
        query_timeout: PROBE_TIMEOUT_MS,
      });
      const broken = whenBroken(client);
      try {
        await client.connect();
        client.on('notification', (message) => {
          if (message.channel === channel) fn(message.payload ?? '');
        });
        await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
        attempt = 0;
        ready.resolve();
        options.onConnected?.();
        await probeUntilBroken(client, broken, abort.signal);
      } catch (error) {
        if (!abort.signal.aborted) options.logger?.warn({ err: error, channel }, 'listening was interrupted');
      } finally {
        await closeQuietly(client);
      }
      await sleep(backoffMs(attempt, RECONNECT), abort.signal).catch(() => {});
    }
    ready.reject(abort.signal.reason);
  };

  const done = loop();
  return {
    ready: ready.promise,
    stop: async () => {
      abort.abort(new Error(`stopped listening on ${channel}`));
      await done;
    },
  };
}

function whenBroken(client: pg.Client): Promise<never> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  client.on('error', (error) => broken.reject(error));
  client.on('end', () => broken.reject(new Error('the connection ended')));
  return broken.promise;
}

async function probeUntilBroken(
  client: pg.Client,
  broken: Promise<never>,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await Promise.race([sleep(PROBE_EVERY_MS, signal), broken]);
    await Promise.race([client.query('SELECT 1'), broken]);
  }
}

/** `end` waits for the server, which may be gone: bounded, and its outcome does not matter. */
async function closeQuietly(client: pg.Client): Promise<void> {
  await waitAtMost(
    1_000,
    client.end().catch(() => {}),
  );
}
