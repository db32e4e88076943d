/**
 * Whether a broker can be used, asked in ways that leave it as it is: every message that is sent to learn of a right is one
 * that the broker has to refuse, for another reason than the right.
 */
import { OkcmError } from '../../platform/errors.ts';
import type { TransportOptions, TransportRole } from '../transport.ts';
import type { BrokerProbe } from './answers.ts';

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
