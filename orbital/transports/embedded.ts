/** The transport over the embedded broker (see embedded-setup.ts): a pool for calls, one LISTEN to be woken by. */
import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { waitAtMost, withDeadline } from '../../platform/backoff.ts';
import { errorCode, OkcmError } from '../../platform/errors.ts';
import { createPool } from '../../platform/postgres.ts';
import { listen } from '../../platform/postgres-listen.ts';
import { CLOSE_TIMEOUT_MS, POLL_INTERVAL_MS, PUBLISH_TIMEOUT_MS } from '../limits.ts';
import {
  policyOf,
  redeliveryDelayMs,
  type Subscription,
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportOptions,
  type TransportRole,
} from '../transport.ts';
import { createChores } from './embedded-chores.ts';
import { NOTIFY_CHANNEL, SQLSTATE } from './embedded-schema.ts';
import { createSlots } from './slots.ts';

const POOL_MAX = 4;
const HEALTH_CHECK_MS = 500;
const DEFAULT_PREFETCH = 8;

interface Delivery {
  readonly id: string;
  readonly body: Buffer;
  readonly deliveries: number;
  readonly lease: string;
}

/** @throws OkcmError ORBITAL_TLS_IN_URL: PostgreSQL's own `sslmode` and `sslrootcert` in the address say it here */
export function connectEmbedded(url: string, role: TransportRole, options: TransportOptions): Transport {
  if (options.tls !== undefined)
    throw new OkcmError('ORBITAL_TLS_IN_URL', 'TLS to the embedded broker is set in its address', {
      hint: 'use postgres://host/database?sslmode=verify-full&sslrootcert=FILE',
    });
  const address = { url: withCredentials(url, options) };
  const name = role.plane === 'region' ? `orbital ${role.region}` : 'orbital governance';
  const pool = createPool({
    ...address,
    applicationName: name,
    max: POOL_MAX,
    statementTimeoutMs: PUBLISH_TIMEOUT_MS,
    connectionTimeoutMs: PUBLISH_TIMEOUT_MS,
  });
  const trouble = options.onTrouble ?? (() => {});
  const waiting = new Map<string, Set<() => void>>();
  let up = false;
  let heardAt = 0;
  let closed = false;

  function setUp(now: boolean, error?: unknown): void {
    if (up && !now && !closed) trouble(error);
    const returned = now && !up;
    up = now;
    if (now) heardAt = performance.now();
    if (returned) for (const wakes of waiting.values()) for (const wake of wakes) wake();
  }
  pool.on('error', (error) => setUp(false, error));

  const listener = listen(
    address,
    NOTIFY_CHANNEL,
    (hash) => {
      for (const wake of waiting.get(hash) ?? []) wake();
    },
    { onConnected: () => setUp(true) },
  );

  /** One call; keeps the health up to date. @throws TransportError */
  async function call<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (closed) throw new TransportError('CLOSED');
    let broken = true;
    const connecting = pool.connect();
    try {
      // A dead network answers nothing, not even the server's own statement timeout.
      const { rows } = await withDeadline(PUBLISH_TIMEOUT_MS, 'a call of the broker', async () =>
        (await connecting).query<Row>(text, [...values]),
      );
      broken = false;
      setUp(true);
      return rows;
    } catch (error) {
      const code = codeOf(error);
      broken = code === 'BROKER_UNAVAILABLE';
      if (broken) setUp(false, error);
      throw new TransportError(code, error);
    } finally {
      const release = (client: PoolClient): void => client.release(broken);
      connecting.then(release, () => {}); // also one that comes too late
    }
  }

  const health = setInterval(() => {
    if (up && performance.now() - heardAt < HEALTH_CHECK_MS) return; // something else was answered meanwhile
    call('select 1', []).catch(() => {}); // what it learns is in `up`
  }, HEALTH_CHECK_MS);
  health.unref();

  const chores = createChores(pool, role, trouble);
  const subscriptions = new Set<Subscription>();

  function consume(
    channel: string,
    handler: (message: Uint8Array) => Promise<void>,
    { prefetch = DEFAULT_PREFETCH }: { prefetch?: number } = {},
  ): Promise<Subscription> {
    policyOf(channel); // refuses a name that is no channel
    const slots = createSlots(prefetch);
    let open = true;
    let woken = false;
    let endWait = (): void => {};
    const wake = (): void => {
      woken = true;
      endWait();
    };
    const hash = hashOf(channel);
    const wakes = waiting.get(hash) ?? new Set();
    waiting.set(hash, wakes.add(wake));

    async function deliver(delivery: Delivery): Promise<void> {
      try {
        await handler(delivery.body);
      } catch {
        const delayMs = redeliveryDelayMs(delivery.deliveries);
        await settle('select okcm_broker.nack($1, $2, $3)', [delivery.id, delivery.lease, delayMs]);
        return;
      }
      await settle('select okcm_broker.ack($1, $2)', [delivery.id, delivery.lease]);
    }
    /** A message that could not be settled comes again when its lease ends: no harm, handlers are idempotent. */
    const settle = (text: string, values: readonly unknown[]): Promise<unknown> =>
      call(text, values).catch(trouble);

    async function pull(): Promise<void> {
      while (open) {
        await slots.available();
        woken = false;
        let got = 0;
        try {
          const rows = await call<Delivery>('select * from okcm_broker.claim($1, $2)', [channel, slots.free]);
          got = rows.length;
          rows.sort((a, b) => Number(a.id) - Number(b.id));
          for (const row of rows) slots.run(() => deliver(row));
        } catch (error) {
          if (error instanceof TransportError && error.code === 'NOT_PERMITTED') trouble(error);
        }
        if (got === 0 && open && !woken)
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, POLL_INTERVAL_MS);
            endWait = () => {
              clearTimeout(timer);
              resolve();
            };
          });
      }
      await slots.idle();
    }
    const pulling = pull();
    const subscription: Subscription = {
      async close() {
        open = false;
        wakes.delete(wake);
        subscriptions.delete(subscription);
        wake();
        await pulling;
      },
    };
    subscriptions.add(subscription);
    return Promise.resolve(subscription);
  }

  return {
    async publish(channel, message) {
      if (message.length > policyOf(channel).maxMessageBytes) throw new TransportError('MESSAGE_TOO_LARGE');
      if (!up && !closed) throw new TransportError('BROKER_UNAVAILABLE');
      await call('select okcm_broker.publish($1, $2)', [channel, message]);
      chores.wake(hashOf(channel));
    },
    consume,
    healthy: () => up && !closed,
    async close() {
      await Promise.all([...subscriptions].map((each) => each.close()));
      closed = true;
      clearInterval(health);
      chores.stop();
      // A graceful close waits for the server, which may be gone.
      await waitAtMost(CLOSE_TIMEOUT_MS, Promise.all([listener.stop(), pool.end()]));
    },
  };
}

/** What a notification says of a queue. */
const hashOf = (channel: string): string => createHash('md5').update(channel).digest('hex');

function withCredentials(url: string, { credentials }: TransportOptions): string {
  if (credentials === undefined) return url;
  const address = new URL(url);
  address.username = encodeURIComponent(credentials.user);
  address.password = encodeURIComponent(credentials.password);
  return address.href;
}

const codes: Readonly<Record<string, TransportErrorCode>> = {
  [SQLSTATE.full]: 'CHANNEL_FULL',
  [SQLSTATE.tooLarge]: 'MESSAGE_TOO_LARGE',
  [SQLSTATE.notPermitted]: 'NOT_PERMITTED',
};
const codeOf = (error: unknown): TransportErrorCode => codes[errorCode(error) ?? ''] ?? 'BROKER_UNAVAILABLE';
