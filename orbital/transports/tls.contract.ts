/** What TLS to a broker must do, for the tests beside the transports: they bring servers and certificates. */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after } from 'node:test';
import { connectTransport } from '../connect.ts';
import { eventually } from '../testing/eventually.ts';
import { statusChannel, type Transport, type TransportOptions, taskChannel } from '../transport.ts';

export type Tls = NonNullable<TransportOptions['tls']>;

/** Of the only user whom these brokers know. */
export const CREDENTIALS = { user: 'governance', password: 'a-password-that-must-not-leave' };
export const GOVERNANCE = { plane: 'governance' } as const;
const PAYLOAD = 'a-payload-that-nobody-reads-on-the-way';
const CHANNEL = taskChannel('north', 'urgent');

export interface Listening {
  readonly port: number;
  /** All that was taken, a byte for each character. */
  text(): string;
}

/** A server of ours on loopback, until the file's tests have ended. What `onConnection` puts into `taken` is kept. */
export async function listening(
  onConnection: (socket: Socket, taken: Buffer[]) => void,
  make: (onSocket: (socket: Socket) => void) => Server = createServer,
): Promise<Listening> {
  const taken: Buffer[] = [];
  const open = new Set<Socket>();
  const server = make((socket) => {
    open.add(socket.on('error', () => {}));
    onConnection(socket, taken);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    text: () => Buffer.concat(taken).toString('latin1'),
  };
}

/** Between a client and its broker: passes everything on, and keeps it. */
const listeningIn = (targetPort: number): Promise<Listening> =>
  listening((client, taken) => {
    const server = connect(targetPort, '127.0.0.1');
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    const ways = [
      [client, server],
      [server, client],
    ] as const;
    for (const [from, to] of ways)
      from.on('data', (chunk: Buffer) => {
        taken.push(chunk);
        to.write(chunk);
      });
  });

/** Never becomes healthy; answers why. */
export async function refused(url: string, tls?: Tls): Promise<string> {
  const troubles: string[] = [];
  const transport: Transport = await connectTransport(url, GOVERNANCE, {
    credentials: CREDENTIALS,
    ...(tls === undefined ? {} : { tls }),
    onTrouble: (error) => troubles.push(`${String(error)} ${String((error as Error).cause ?? '')}`),
  });
  try {
    await eventually('it says why', () => troubles.length > 0);
    assert.equal(transport.healthy(), false);
    await assert.rejects(transport.publish(CHANNEL, Buffer.from(PAYLOAD)), { code: 'BROKER_UNAVAILABLE' });
  } finally {
    await transport.close();
  }
  return troubles.join();
}

/** Goes there and back over TLS; what was said on the wire is searched for what is secret. */
export async function flows(url: (port: number) => string, port: number, tls: Tls): Promise<void> {
  const wire = await listeningIn(port);
  const transport = await connectTransport(url(wire.port), GOVERNANCE, { credentials: CREDENTIALS, tls });
  const got: string[] = [];
  const subscription = await transport.consume(statusChannel(), async (message) => {
    got.push(Buffer.from(message).toString());
  });
  await eventually('it is healthy', () => transport.healthy());
  await transport.publish(CHANNEL, Buffer.from(PAYLOAD));
  await transport.publish(statusChannel(), Buffer.from(PAYLOAD));
  await eventually('it comes back', () => got.includes(PAYLOAD));
  await subscription.close();
  await transport.close();
  assert.ok(wire.text().length > 1_000, 'nothing was heard on the wire');
  const { password } = CREDENTIALS;
  for (const secret of [password, PAYLOAD, Buffer.from(password).toString('base64')])
    assert.ok(!wire.text().includes(secret), 'it can be read on the wire');
}
