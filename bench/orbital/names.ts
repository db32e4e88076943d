/** The brokers, by name. Loads nothing. */
export const brokerKinds = ['nats', 'rabbitmq', 'embedded'] as const;
export type BrokerKind = (typeof brokerKinds)[number];
export const brokerNames: Readonly<Record<BrokerKind, string>> = {
  nats: 'NATS JetStream',
  rabbitmq: 'RabbitMQ',
  embedded: 'embedded',
};
