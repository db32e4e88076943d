/**
 * What of the port's MAX_CONNECTIONS one address may have at once, and for how long a connection stays open between requests
 * while nobody has proved on it who they are (D14): whoever took all places would keep everybody else out.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { BlockList, isIPv6, type Socket } from 'node:net';
import { ConnectionQuota } from '../../platform/connection-quota.ts';
import { MAX_CONNECTIONS_PER_ADDRESS, STRANGER_KEEP_ALIVE_MS } from '../limits.ts';

/** Of whoever is on the host of CMK; also a proxy that nobody has told of. */
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

export interface ShareOptions {
  /** Default MAX_CONNECTIONS_PER_ADDRESS, for addresses that are not loopback's. */
  readonly perAddress?: number | undefined;
  /** All connections are the proxy's: nobody has a share unless `perAddress` says how large. */
  readonly behindProxy?: boolean | undefined;
}

/** Closes each connection beyond its address's share as it comes, before TLS. */
export function shareConnections(server: Server | TlsServer, options: ShareOptions): void {
  const { perAddress, behindProxy = false } = options;
  if (behindProxy && perAddress === undefined) return;
  const quota = new ConnectionQuota(perAddress ?? MAX_CONNECTIONS_PER_ADDRESS);
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket;
    // One that has gone already takes no place.
    if (address === undefined || (perAddress === undefined && isLoopback(address))) return;
    const holder = holderOf(address);
    if (!quota.take(holder)) socket.destroy();
    else socket.once('close', () => quota.give(holder));
  });
}

const isLoopback = (address: string): boolean => loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** With IPv6, whoever has one address has the 2^64 of its network (RFC 4291 §2.5.4). */
function holderOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

/** Those on which somebody has proved who they are. */
const known = new WeakSet<Socket>();

export const noteKnown = (socket: Socket): void => void known.add(socket);

/** Once `response` is sent, the connection of a stranger waits for STRANGER_KEEP_ALIVE_MS at most. */
export function hurryStrangers(socket: Socket, response: ServerResponse): void {
  // After Node's own listener, which sets the keep-alive of all.
  response.once('finish', () => {
    if (!known.has(socket)) socket.setTimeout(STRANGER_KEEP_ALIVE_MS);
  });
}
