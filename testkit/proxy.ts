// A TCP proxy that breaks connections on purpose: between a client and its server, in both directions.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { resetConnection } from '../platform/reset.ts';

export interface ProxyOptions {
  readonly host?: string;
  /** Where to forward to. */
  readonly targetHost?: string;
  readonly targetPort: number;
  /** The proxy's own port; 0 (default) takes a free one. */
  readonly port?: number;
}

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now, and all that were ever accepted. */
  openConnections(): number;
  acceptedConnections(): number;
  /** Resets all open connections and every new one, until `resume`. */
  cut(): void;
  /** Resets all open connections once; new ones pass. */
  cutOnce(): void;
  /** Half-open, as a dead network is: connections stay and are accepted, nothing passes in either direction. */
  swallow(): void;
  /** Delays every chunk in both directions, keeping their order. */
  delay(ms: number): void;
  /** Lets so many more bytes pass from the client to the server (or back), then resets that connection. */
  cutAfter(sizeBytes: number, direction?: 'toServer' | 'toClient'): void;
  /** Ends all faults. Connections that were half-open are reset, since bytes of theirs are lost. */
  resume(): void;
  close(): Promise<void>;
}

interface Fault {
  kind: 'none' | 'cut' | 'swallow';
  delayMs: number;
  cutAfter: { direction: 'toServer' | 'toClient'; leftBytes: number } | undefined;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  lostBytes: boolean;
}

export async function startProxy(options: ProxyOptions): Promise<FaultProxy> {
  const host = options.host ?? '127.0.0.1';
  const targetHost = options.targetHost ?? '127.0.0.1';
  const fault: Fault = { kind: 'none', delayMs: 0, cutAfter: undefined };
  const pairs = new Set<Pair>();
  let accepted = 0;

  const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    accepted++;
    if (fault.kind === 'cut') {
      client.on('error', () => {});
      resetConnection(client);
      return;
    }
    const server = connect({
      host: targetHost,
      port: options.targetPort,
      noDelay: true,
      allowHalfOpen: true,
    });
    const pair: Pair = { client, server, lostBytes: false };
    pairs.add(pair);
    carry(pair, 'toServer', fault);
    carry(pair, 'toClient', fault);
    const drop = (): void => {
      pairs.delete(pair);
      reset(pair);
    };
    for (const socket of [client, server]) {
      socket.on('error', drop);
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) pairs.delete(pair);
      });
    }
  });
  const port = await listenOn(listener, host, options.port ?? 0);

  const resetAll = (which: (pair: Pair) => boolean = () => true): void => {
    for (const pair of pairs) {
      if (!which(pair)) continue;
      pairs.delete(pair);
      reset(pair);
    }
  };

  return {
    host,
    port,
    openConnections: () => pairs.size,
    acceptedConnections: () => accepted,
    cut: () => {
      fault.kind = 'cut';
      resetAll();
    },
    cutOnce: () => resetAll(),
    swallow: () => {
      fault.kind = 'swallow';
    },
    delay: (ms) => {
      fault.delayMs = ms;
    },
    cutAfter: (sizeBytes, direction = 'toServer') => {
      fault.cutAfter = { direction, leftBytes: sizeBytes };
    },
    resume: () => {
      fault.kind = 'none';
      fault.delayMs = 0;
      fault.cutAfter = undefined;
      resetAll((pair) => pair.lostBytes);
    },
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        resetAll();
      }),
  };
}

function carry(pair: Pair, direction: 'toServer' | 'toClient', fault: Fault): void {
  const [from, to] = direction === 'toServer' ? [pair.client, pair.server] : [pair.server, pair.client];
  // A chain keeps chunks, and the end after them, in order while they are delayed.
  let tail: Promise<void> = Promise.resolve();
  const later = (work: () => void): void => {
    if (fault.delayMs === 0 && to.writableLength === 0) {
      tail = tail.then(work);
      return;
    }
    const delayMs = fault.delayMs;
    tail = tail.then(() => new Promise((resolve) => setTimeout(resolve, delayMs))).then(work);
  };
  from.on('data', (chunk: Buffer) => {
    later(() => pass(pair, direction, to, chunk, fault));
  });
  from.on('end', () => {
    later(() => {
      if (fault.kind === 'swallow') pair.lostBytes = true;
      else to.end();
    });
  });
}

function pass(pair: Pair, direction: 'toServer' | 'toClient', to: Socket, chunk: Buffer, fault: Fault): void {
  // A TCP stream may end early, and never lacks something in its middle.
  if (to.destroyed || pair.lostBytes) return;
  if (fault.kind === 'swallow') {
    pair.lostBytes = true;
    return;
  }
  const limit = fault.cutAfter?.direction === direction ? fault.cutAfter : undefined;
  if (limit !== undefined && chunk.length >= limit.leftBytes) {
    const rest = chunk.subarray(0, limit.leftBytes);
    fault.cutAfter = undefined;
    // A reset would overtake the bytes before it: first let them go, then reset.
    if (rest.length === 0) reset(pair);
    else to.write(rest, () => setTimeout(() => reset(pair), 20));
    pair.lostBytes = true;
    return;
  }
  if (limit !== undefined) limit.leftBytes -= chunk.length;
  to.write(chunk);
}

function reset(pair: Pair): void {
  for (const socket of [pair.client, pair.server]) resetConnection(socket);
}

function listenOn(listener: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ host, port }, () => {
      listener.off('error', reject);
      const address = listener.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
