/** Passes connections on as they are: out of a network of its own through a socket in the file system, or to the broker. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** `up`: from who has connected. */
export type Direction = 'up' | 'down';
/** Sees each piece before it goes on, and may make it wait. */
export type Watch = (direction: Direction, chunk: Buffer) => Promise<void> | void;

export interface RelayOptions {
  readonly listen: ListenOptions;
  readonly to: NetConnectOpts;
  /** Called for each connection. */
  readonly watch?: () => Watch;
}

export interface Relay {
  /** Ends all connections; new ones are refused from then on. */
  close(): Promise<void>;
}

export async function startRelay({ listen, to, watch }: RelayOptions): Promise<Relay> {
  if (listen.path !== undefined) await rm(listen.path, { force: true });
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const target = connect({ ...to, noDelay: true, allowHalfOpen: true } as NetConnectOpts);
    for (const socket of [client, target]) {
      open.add(socket);
      socket.on('error', () => undefined); // told by the pipeline
      socket.once('close', () => open.delete(socket));
    }
    const see = watch?.();
    const done = Promise.all([carry(client, target, 'up', see), carry(target, client, 'down', see)]);
    done.catch(() => {
      client.destroy();
      target.destroy();
    });
  });
  server.listen(listen);
  await once(server, 'listening');
  return {
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function carry(from: Socket, to: Socket, direction: Direction, see: Watch | undefined): Promise<void> {
  if (see === undefined) return await pipeline(from, to);
  await pipeline(
    from,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        await see(direction, chunk);
        yield chunk;
      }
    },
    to,
  );
}
