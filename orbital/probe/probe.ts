/**
 * Whether a broker can be used, asked in ways that leave it as it is: every message that is sent to learn of a right is one
 * that the broker has to refuse, for another reason than the right.
 */
import { OkcmError } from '../../platform/errors.ts';
import type { TransportOptions, TransportRole } from '../transport.ts';

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
export const PROBE_ANSWER_MS = 1_000;

/** As governance, or as the region: with the same address and files as its transport. Never rejects for a broker's sake. */
export async function probeBroker(
  url: string,
  role: TransportRole,
  options: Pick<TransportOptions, 'credentials' | 'tls'> = {},
): Promise<BrokerProbe> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  switch (scheme) {
    case 'nats:':
    case 'tls:':
      return (await import('./nats.ts')).probeNats(url, role, options);
    case 'amqp:':
    case 'amqps:':
      return (await import('./rabbitmq.ts')).probeRabbit(url, role, options);
    case 'postgres:':
    case 'postgresql:':
      return (await import('./embedded.ts')).probeEmbedded(url, role);
    default:
      throw new OkcmError(
        'ORBITAL_UNKNOWN_BROKER',
        'the broker address must begin with nats, amqp or postgres',
      );
  }
}
