/**
 * The TCP connections of a port from their first byte on, and which of them are in the middle of a handshake. Anybody can
 * begin one without a certificate, so their number is bounded: past it the oldest gives way. Whoever means it is
 * done within milliseconds; whoever holds handshakes open to keep others out loses them first.
 */
import type { Socket } from 'node:net';
import { resetConnection } from './reset.ts';

export interface HandshakesOptions {
  readonly max: number;
  /** One has given way. */
  readonly onEvicted: (peer: string) => void;
}

export class Handshakes {
  readonly #options: HandshakesOptions;
  /** By the address of the other end, which is how a connection of TLS finds its own. */
  readonly #sockets = new Map<string, Socket>();
  /** In the order in which they began. */
  readonly #pending = new Map<string, Socket>();

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  /** Those under way. */
  get pending(): number {
    return this.#pending.size;
  }

  begin(socket: Socket): void {
    const peer = peerOf(socket);
    this.#sockets.set(peer, socket);
    this.#pending.set(peer, socket);
    socket.once('close', () => {
      for (const sockets of [this.#sockets, this.#pending])
        if (sockets.get(peer) === socket) sockets.delete(peer);
    });
    const [oldest] = this.#pending;
    if (this.#pending.size <= this.#options.max || oldest === undefined) return;
    const [oldestPeer, oldestSocket] = oldest;
    this.#pending.delete(oldestPeer);
    resetConnection(oldestSocket);
    this.#options.onEvicted(oldestPeer);
  }

  ended(peer: string): void {
    this.#pending.delete(peer);
  }

  /** The TCP connection below a connection of TLS. */
  socketOf(peer: string): Socket | undefined {
    return this.#sockets.get(peer);
  }

  destroyAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? '?'}:${remotePort ?? 0}`;
}
