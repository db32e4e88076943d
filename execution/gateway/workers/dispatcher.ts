/**
 * The ports of a gateway with several processes. The primary accepts and hands each connection, unread, to the worker with
 * the fewest open ones; after that it is the worker's alone. So connections, which live for hours, are spread evenly also
 * when there are few of them or a worker has just begun, and a port outlives every worker.
 *
 * A worker is handed one connection at a time, and the next once that has arrived. Until then it is held open here too: what
 * was on its way to a worker that dies, and what waits, goes to another one.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  HAND_OVER_PATIENCE_MS,
  HANDSHAKE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_WAITING_CONNECTIONS,
} from '../limits.ts';
import type { DoorName } from './messages.ts';

/** Where a connection may be handed: a worker that serves. */
export interface Desk {
  /** Sends the socket, which stays open here. `Dispatcher.taken` is called when it has arrived, `remove` when it never will. */
  give(door: DoorName, socket: Socket): void;
}

interface Waiting {
  readonly door: DoorName;
  readonly socket: Socket;
  readonly sinceMs: number;
}

interface Seats {
  open: number;
  /** The one on its way, and since when (monotonic). */
  coming: { readonly connection: Waiting; readonly sinceMs: number } | undefined;
}

export interface DispatcherOptions {
  readonly logger: Logger;
  /** A connection that nobody takes. */
  readonly onRefused: () => void;
  /** How long a connection waits for a worker; default HANDSHAKE_TIMEOUT_MS. */
  readonly maxWaitMs?: number;
  /** How many wait at once; default MAX_WAITING_CONNECTIONS. */
  readonly maxWaiting?: number;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #maxWaitMs: number;
  readonly #maxWaiting: number;
  readonly #servers: Server[] = [];
  readonly #desks = new Map<Desk, Seats>();
  #waiting: Waiting[] = [];
  #open = 0;
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #refusalLogged = new Map<string, number>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#maxWaitMs = options.maxWaitMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING_CONNECTIONS;
  }

  /** Connections of applications, over all workers. */
  get open(): number {
    return this.#open;
  }

  /** Returns the port. Rejects when it cannot be had. */
  async listen(door: DoorName, { host, port }: { host: string; port: number }): Promise<number> {
    const { logger } = this.#options;
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(door, socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => logger.error({ cause: errorMessage(error) }, 'listener failed'));
    this.#servers.push(server);
    this.#timer ??= setInterval(() => this.#dropLate(), this.#maxWaitMs / 5).unref();
    return (server.address() as AddressInfo).port;
  }

  /** The worker serves from now on. */
  add(desk: Desk): void {
    this.#desks.set(desk, { open: 0, coming: undefined });
    this.#pump();
  }

  /** The worker is gone, and its connections with it; or it takes no further ones. */
  remove(desk: Desk): void {
    const seats = this.#desks.get(desk);
    if (seats === undefined) return;
    this.#desks.delete(desk);
    this.#open -= seats.open;
    // A client that comes back from a worker’s death is often handed to the dead before we have heard of it.
    if (seats.coming !== undefined) this.#takeBack(seats.coming.connection);
    this.#pump();
  }

  /** The connection that was handed over last has arrived. */
  taken(desk: Desk): void {
    const seats = this.#desks.get(desk);
    if (seats?.coming === undefined) return;
    // Our end of it only: the worker’s lives on.
    seats.coming.connection.socket.destroy();
    seats.coming = undefined;
    this.#pump();
  }

  ended(desk: Desk, connections: number): void {
    const seats = this.#desks.get(desk);
    if (seats === undefined) return;
    const count = Math.min(connections, seats.open);
    seats.open -= count;
    this.#open -= count;
  }

  openOf(desk: Desk): number {
    return this.#desks.get(desk)?.open ?? 0;
  }

  /** Accepts nothing any more. What waits is ended; what was handed over lives on. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    // Node reports the end only when all that were handed over have ended too: nobody waits for that.
    for (const server of this.#servers) server.close();
    for (const { socket } of this.#waiting) socket.destroy();
    this.#waiting = [];
  }

  #accept(door: DoorName, socket: Socket): void {
    socket.on('error', () => undefined);
    const isFull =
      this.#open + this.#waiting.length >= MAX_CONNECTIONS || this.#waiting.length >= this.#maxWaiting;
    if (this.#closed || isFull) {
      this.#refuse(socket, 'TOO_MANY_CONNECTIONS');
      return;
    }
    this.#waiting.push({ door, socket, sinceMs: performance.now() });
    this.#pump();
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      const free = this.#leastBusy();
      if (free === undefined) {
        this.#retry ??= setTimeout(() => {
          this.#retry = undefined;
          this.#pump();
        }, HAND_OVER_PATIENCE_MS).unref();
        return;
      }
      const [desk, seats] = free;
      const next = this.#waiting.shift();
      // It has gone away while it waited.
      if (next === undefined || next.socket.destroyed) continue;
      seats.coming = { connection: next, sinceMs: performance.now() };
      seats.open += 1;
      this.#open += 1;
      desk.give(next.door, next.socket);
    }
  }

  /** The worker with the fewest connections, unless it is about to take one: that is worth a moment, and not more. */
  #leastBusy(): readonly [Desk, Seats] | undefined {
    const late = performance.now() - HAND_OVER_PATIENCE_MS;
    let found: readonly [Desk, Seats] | undefined;
    for (const entry of this.#desks) {
      const [, { open, coming }] = entry;
      if (coming !== undefined && coming.sinceMs <= late) continue;
      if (found === undefined || open < found[1].open) found = entry;
    }
    return found?.[1].coming === undefined ? found : undefined;
  }

  /** Unread, so that another worker can have it; it has waited longer than all that wait. */
  #takeBack(connection: Waiting): void {
    if (this.#closed) connection.socket.destroy();
    else this.#waiting.unshift(connection);
  }

  /** No worker serves: a client waits as long as it may take for a handshake, and not for ever. */
  #dropLate(): void {
    const now = performance.now();
    const isLate = ({ sinceMs }: Waiting): boolean => now - sinceMs > this.#maxWaitMs;
    for (const { socket } of this.#waiting.filter(isLate)) this.#refuse(socket, 'NO_WORKER');
    this.#waiting = this.#waiting.filter((entry) => !isLate(entry));
    // Our end of what never arrived: a worker that hangs still has its own, one that cannot be reached never got it.
    for (const { coming } of this.#desks.values())
      if (coming !== undefined && isLate(coming.connection) && !coming.connection.socket.destroyed)
        this.#refuse(coming.connection.socket, 'NOT_TAKEN');
  }

  /** Counted each time, and logged once a second: anybody can bring it about. */
  #refuse(socket: Socket, reason: string): void {
    socket.destroy();
    this.#options.onRefused();
    const second = Math.floor(performance.now() / 1000);
    if (this.#refusalLogged.get(reason) === second) return;
    this.#refusalLogged.set(reason, second);
    this.#options.logger.warn({ reason, limit: MAX_CONNECTIONS }, 'connection refused');
  }
}
