/** Chooses the transport by the scheme of the broker's address. */
import { OkcmError } from '../platform/errors.ts';
import type { Transport, TransportOptions, TransportRole } from './transport.ts';
import { connectEmbedded } from './transports/embedded.ts';
import { connectNats } from './transports/nats.ts';
import { connectRabbit } from './transports/rabbitmq.ts';

/**
 * A transport over `nats://`/`tls://`, `amqp://`/`amqps://` or `postgres://` (the embedded broker). Resolves at once:
 * the broker may be away, the transport connects by itself as soon as it is there and after every loss. Credentials
 * belong in the options; where the address holds some, they are used too.
 * @throws OkcmError ORBITAL_UNKNOWN_BROKER
 */
export async function connectTransport(
  url: string,
  role: TransportRole,
  options: TransportOptions = {},
): Promise<Transport> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  switch (scheme) {
    case 'nats:':
    case 'tls:':
      return connectNats(url, role, options);
    case 'amqp:':
    case 'amqps:':
      return connectRabbit(url, role, options);
    case 'postgres:':
    case 'postgresql:':
      return connectEmbedded(url, role, options);
    default:
      throw new OkcmError(
        'ORBITAL_UNKNOWN_BROKER',
        'the broker address must begin with nats, amqp or postgres',
      );
  }
}
