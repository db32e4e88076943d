/**
 * Loaded before a program (`--import guard.ts?to=127.0.0.1:8440,…`): the program connects to those addresses and to sockets in
 * the file system, and every other attempt fails with EACCES. A fence for where there are no networks of one's own.
 */
import { Socket } from 'node:net';

const allowed = new Set((new URL(import.meta.url).searchParams.get('to') ?? '').split(','));

interface Wanted {
  readonly path?: string;
  readonly host?: string;
  readonly port?: number | string;
}

/** As `net` hands its arguments on: the options themselves, in a list of them, or port and host. */
function wantedBy([first, second]: readonly unknown[]): Wanted {
  if (Array.isArray(first)) return wantedBy(first);
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return { port: Number(first), host: typeof second === 'string' ? second : 'localhost' };
}

const numbered = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);
const connect: (this: Socket, ...args: never[]) => Socket = Socket.prototype.connect;
Socket.prototype.connect = function guarded(this: Socket, ...args: never[]): Socket {
  const { path, host = 'localhost', port } = wantedBy(args);
  if (path !== undefined || allowed.has(`${numbered(host)}:${port}`)) return connect.apply(this, args);
  const refused = Object.assign(new Error(`${host}:${port} is out of bounds`), { code: 'EACCES' });
  process.nextTick(() => this.destroy(refused));
  return this;
} as typeof Socket.prototype.connect;
