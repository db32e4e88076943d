/**
 * One consumer of a RabbitMQ queue, over all losses of its channel. The library's own waits with a new channel until every
 * handler of the old one has ended, and holds a place for each message that waits for its repetition: one tenant's hanging
 * task would keep a whole lane from its region.
 */
import type { AsyncMessage, Channel, Connection } from 'rabbitmq-client';
import { backoffMs, sleep, waitAtMost } from '../../platform/backoff.ts';
import { CLOSE_TIMEOUT_MS, RECONNECT_BASE_MS, RECONNECT_CAP_MS } from '../limits.ts';
import { redeliveryDelayMs, type Subscription } from '../transport.ts';
import { createSlots } from './slots.ts';

/** Messages that may wait for their repetition, for each that may be in hand. */
const WAITING_FOR_EACH = 3;
const RECONNECT = { baseMs: RECONNECT_BASE_MS, capMs: RECONNECT_CAP_MS } as const;

export interface QueueConsumer {
  readonly connection: Connection;
  readonly queue: string;
  /** Handlers at work at most. */
  readonly prefetch: number;
  readonly handler: (message: Uint8Array) => Promise<void>;
  readonly trouble: (error: unknown) => void;
  /** Declares the queue, or looks whether it is there. */
  readonly prepare: (channel: Channel) => Promise<void>;
}

export function consumeQueue(options: QueueConsumer): Subscription {
  const { connection, queue, prefetch, handler, trouble } = options;
  const slots = createSlots(prefetch);
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });

  /** A channel that has ended takes no answer any more: the broker delivers the message again by itself. */
  function answer(channel: Channel, send: () => void): void {
    if (!channel.active) return;
    try {
      send();
    } catch (error) {
      trouble(error);
    }
  }

  async function take(channel: Channel, ended: AbortSignal, message: AsyncMessage): Promise<void> {
    const { deliveryTag, body, headers } = message;
    try {
      await handler(Buffer.isBuffer(body) ? body : Buffer.from(String(body)));
    } catch {
      // A requeue alone would spin. The wait keeps one of the prefetched places, and no handler's.
      const deliveries = 1 + Number(headers?.['x-delivery-count'] ?? 0);
      void sleep(redeliveryDelayMs(deliveries), ended)
        .catch(() => {})
        .then(() => answer(channel, () => channel.basicNack({ deliveryTag, requeue: true })));
      return;
    }
    answer(channel, () => channel.basicAck({ deliveryTag }));
  }

  /** Hands out what has arrived on a channel, in order, as handlers become free. */
  function startHandingOut(channel: Channel, ended: AbortSignal): (message: AsyncMessage) => void {
    const arrived: AsyncMessage[] = []; // at most as many as are prefetched
    let busy = false;
    async function handOut(): Promise<void> {
      if (busy) return;
      busy = true;
      for (;;) {
        await slots.available();
        const message = arrived.shift();
        if (message === undefined) break;
        // What this channel can no longer answer comes again on the next one.
        if (channel.active && !stopping.signal.aborted) slots.run(() => take(channel, ended, message));
      }
      busy = false;
    }
    return (message) => {
      arrived.push(message);
      void handOut();
    };
  }

  async function subscribe(channel: Channel, ended: AbortSignal): Promise<string> {
    await options.prepare(channel);
    await channel.basicQos({ prefetchCount: prefetch * (1 + WAITING_FOR_EACH) });
    const onMessage = startHandingOut(channel, ended);
    const { consumerTag } = await channel.basicConsume({ queue }, onMessage);
    return consumerTag;
  }

  /** From the opening of a channel until it ends or we stop; a dead network holds up neither. */
  async function consumeOnce(opened: () => void): Promise<void> {
    const acquiring = connection.acquire({ emitErrorsFromChannel: true });
    const channel = await Promise.race([acquiring, stopped]);
    if (channel === undefined) {
      void acquiring.then((late) => late.close()).catch(() => {});
      return;
    }
    const ending = new AbortController();
    const over = Promise.withResolvers<void>();
    channel.on('error', trouble);
    channel.once('basic.cancel', () => over.resolve()); // the queue is gone
    channel.once('close', () => {
      ending.abort();
      over.resolve();
    });
    try {
      const consumerTag = await Promise.race([subscribe(channel, ending.signal), stopped]);
      if (consumerTag === undefined) return;
      opened();
      await Promise.race([over.promise, stopped]);
      if (!stopping.signal.aborted || !channel.active) return;
      await waitAtMost(CLOSE_TIMEOUT_MS, channel.basicCancel(consumerTag)).catch(() => {});
      await Promise.race([slots.idle(), over.promise]); // so that what is in hand can still be acknowledged
    } finally {
      await waitAtMost(CLOSE_TIMEOUT_MS, channel.close());
      ending.abort();
    }
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      try {
        await consumeOnce(() => {
          attempt = 0;
        });
      } catch (error) {
        // A region may be there before governance has declared its queue: said once, then waited for.
        if (attempt === 0 && !stopping.signal.aborted) trouble(error);
      }
      await sleep(RECONNECT_BASE_MS + backoffMs(attempt, RECONNECT), stopping.signal).catch(() => {});
    }
    await slots.idle();
  }
  const running = run();
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}
