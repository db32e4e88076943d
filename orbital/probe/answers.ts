/** What a probe of a broker says, and how long it may take. */
export type BrokerTrouble =
  /** Nobody answers there, or not as such a broker does. */
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'credentials'; readonly message: string }
  | { readonly kind: 'tls'; readonly message: string }
  /** NATS without JetStream. */
  | { readonly kind: 'no-jetstream'; readonly message: string }
  /** Governance has not made it yet. */
  | { readonly kind: 'queue-missing'; readonly queue: string }
  /** It is there and is not what governance would make. */
  | { readonly kind: 'queue-kind'; readonly queue: string; readonly message: string }
  | { readonly kind: 'right-missing'; readonly right: string }
  /** What this role never needs. */
  | { readonly kind: 'right-excess'; readonly right: string };

export interface BrokerProbe {
  readonly product: 'embedded' | 'nats' | 'rabbitmq';
  /** As the broker tells it; undefined where it does not. */
  readonly version?: string | undefined;
  /** Rights that were asked for and are there. */
  readonly rights: number;
  readonly troubles: readonly BrokerTrouble[];
}

/** Connecting, and each question. */
export const PROBE_CONNECT_MS = 2_500;
export const PROBE_ANSWER_MS = 2_000;
