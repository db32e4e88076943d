/** Sockets as a runtime might have them, and two ends of a connection in one process. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { testPki } from '../../../testkit/pki.ts';

/** As one that has no place for reads of ours. */
export function withoutSwitch(socket: Socket): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null) Reflect.set(handle, 'useUserBuffer', undefined);
}

const servers: Server[] = [];
const sockets: Socket[] = [];
/** For after the last test of a file. */
export function closeSockets(): void {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
}

export type Serve = (socket: Socket) => void;

/** A client of `server`, once that has taken it. */
export async function clientOf(
  server: Server,
  serve: Serve,
  open: (port: number) => Socket,
): Promise<Socket> {
  servers.push(server);
  const served = new Promise<void>((done) => {
    const taken = (socket: Socket): void => {
      sockets.push(socket);
      serve(socket);
      done();
    };
    server.once('secureConnection', taken);
    if (!('setSecureContext' in server)) server.once('connection', taken);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = open((server.address() as AddressInfo).port);
  sockets.push(client);
  await served;
  return client;
}

export const overTcp = (serve: Serve): Promise<Socket> =>
  clientOf(createServer(), serve, (port) => connect({ port, host: '127.0.0.1' }));

export async function overTls(serve: Serve): Promise<Socket> {
  const pki = await testPki();
  const { privateKeyPem: key, certificatePem: cert } = await pki.server();
  const ca = pki.ca.certificatePem;
  return clientOf(createTlsServer({ key, cert }), serve, (port) =>
    connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca }),
  );
}
