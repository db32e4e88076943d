/** The consumer of a channel, for the library, without a question to the server. */
import {
  AckPolicy,
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  ReplayPolicy,
} from '@nats-io/jetstream';
import { CONSUMER, streamOf } from './nats-names.ts';

/**
 * The one consumer of a channel's stream, as the library wants to be told of it. It would ask the server; but a region that
 * asks from its account is answered twice, and wrongly first ("JetStream not enabled", nats-server 2.9).
 */
export const consumerOf = (channel: string): ConsumerInfo => ({
  stream_name: streamOf(channel),
  name: CONSUMER,
  created: '',
  config: {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
  },
  delivered: { consumer_seq: 0, stream_seq: 0, last_active: 0 },
  ack_floor: { consumer_seq: 0, stream_seq: 0, last_active: 0 },
  num_ack_pending: 0,
  num_redelivered: 0,
  num_waiting: 0,
  num_pending: 0,
  push_bound: false,
  pause_remaining: 0,
});

/** Ends the pull when there is no consumer (any more), and rejects; resolves when it ends otherwise. */
export async function whenMissing(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status())
    if (type === 'no_responders' || type === 'consumer_deleted') {
      messages.stop();
      throw new Error(`the consumer is not there (${type})`);
    }
}
