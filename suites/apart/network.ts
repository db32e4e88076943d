/**
 * Networks of one's own, by iproute2. Each plane has loopback and one line, at whose other end the broker is; it has no route to
 * anywhere else, and the broker's host forwards nothing. All of it ends with the processes that are in it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { errorCode } from '../../platform/errors.ts';
import { LINE_BITS } from './plan.ts';

const run = promisify(execFile);
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const FORWARDING = '/proc/sys/net/ipv4/ip_forward';
export const REACHED = 'reached';

export async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', [...args], { env: { PATH } });
}

/** A line between the networks of two processes. */
export async function lay(
  one: { readonly pid: number; readonly device: string },
  other: { readonly pid: number; readonly device: string },
): Promise<void> {
  await ip(
    ...['link', 'add', one.device, 'netns', String(one.pid), 'type', 'veth'],
    ...['peer', 'name', other.device, 'netns', String(other.pid)],
  );
}

export interface Network {
  readonly ends: readonly { readonly device: string; readonly address: string }[];
}

/** In the process itself, for its own network. */
export async function bringUp({ ends }: Network): Promise<void> {
  await ip('link', 'set', 'lo', 'up');
  for (const { device, address } of ends) {
    await ip('address', 'add', `${address}/${LINE_BITS}`, 'dev', device);
    await ip('link', 'set', device, 'up');
  }
  if ((await forwarding()) !== '0') await writeFile(FORWARDING, '0');
}

/** Of this process's network: `0` where it passes nothing on from one line to another. */
export async function forwarding(): Promise<string> {
  return (await readFile(FORWARDING, 'utf8')).trim();
}

export interface Door {
  readonly address: string;
  readonly port: number;
}

/** A door that is open to whoever can reach it, and lets nobody further in. */
export async function openDoor({ address, port }: Door): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end();
  });
  server.unref();
  server.listen({ host: address, port });
  await once(server, 'listening');
}

export interface Reach {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/** `reached`, or the code with which the attempt failed. */
export async function reach({ host, port, timeoutMs }: Reach): Promise<string> {
  const socket = connect({ host, port });
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  try {
    return await new Promise<string>((resolve) => {
      socket.once('connect', () => resolve(REACHED));
      socket.once('error', (error) => resolve(errorCode(error) ?? error.message));
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
