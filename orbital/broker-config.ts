/** How a process of either plane is told of its broker, and what it makes of the files that are named there. */
import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { readPrivate } from '../platform/config-file.ts';
import { errorMessage, OkcmError } from '../platform/errors.ts';
import type { TransportOptions } from './transport.ts';

const closed = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

export const BrokerConfig = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 2048 }),
    /**
     * TLS to NATS and RabbitMQ with authorities of one's own; without it those of the system count, and the address says
     * whether TLS is spoken (`tls://`, `amqps://`). Files are PEM, read when the process starts; the key must be private.
     */
    tls: Type.Optional(
      Type.Object(
        { ca: Path, client: Type.Optional(Type.Object({ cert: Path, key: Path }, closed)) },
        closed,
      ),
    ),
    /** Servers of a NATS cluster that hold each stream; CMK makes the streams, so that its word counts. Default: 1. */
    replicas: Type.Optional(Type.Union([Type.Literal(1), Type.Literal(3), Type.Literal(5)])),
  },
  closed,
);
export type BrokerConfig = Static<typeof BrokerConfig>;

/**
 * The files of `tls` as a transport wants them.
 * @throws OkcmError BROKER_TLS_FILES; CONFIG_NOT_FOUND, CONFIG_TOO_OPEN and the like for the key
 */
export async function brokerTls({ tls }: BrokerConfig): Promise<Pick<TransportOptions, 'tls'>> {
  if (tls === undefined) return {};
  const ca = await readPublic(tls.ca);
  if (tls.client === undefined) return { tls: { ca } };
  const [cert, key] = await Promise.all([readPublic(tls.client.cert), readPrivate(tls.client.key)]);
  return { tls: { ca, cert, key } };
}

async function readPublic(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new OkcmError('BROKER_TLS_FILES', `${path} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  });
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new OkcmError('BROKER_TLS_FILES', `${path} holds no certificate`);
  return text;
}
