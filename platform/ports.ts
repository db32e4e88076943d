// Free TCP ports on loopback, for servers that cannot be told "any" and report what they took.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Below what systems hand out by themselves: there, a port that was chosen a moment ago may become the near end of
 * anybody's connection, or the port of a server that asked for any, before its own server has come up. Above what an
 * installation uses by default.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 10_000;
const EPHEMERAL_PORTS_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** Processes that choose at the same time begin apart from each other: their ids are seldom equal modulo 625. */
const PORTS_PER_PROCESS = 16;

let next = process.pid * PORTS_PER_PROCESS;

/**
 * A port that was free a moment ago, and that this process has not been given before. Somebody else may take it before
 * you do: be ready to try another one.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  if (isOurs(ephemeralPorts())) {
    for (let tries = 0; tries < PORT_COUNT; tries++) {
      const port = FIRST_PORT + (next++ % PORT_COUNT);
      if (await isFreePort(port, host)) return port;
    }
  }
  return await probe(0, host);
}

export async function isFreePort(port: number, host = '127.0.0.1'): Promise<boolean> {
  return await probe(port, host).then(
    () => true,
    () => false,
  );
}

/** Listens there, and lets go; 0 lets the system choose. Returns the port. */
function probe(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.unref();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('the system gave no port'));
      });
    });
  });
}

/** The system's own range where it can be read and changed, that is on Linux; elsewhere it lies far above. */
function ephemeralPorts(): readonly [first: number, last: number] | undefined {
  try {
    const [first, last] = readFileSync(EPHEMERAL_PORTS_FILE, 'utf8').trim().split(/\s+/).map(Number);
    return first === undefined || last === undefined ? undefined : [first, last];
  } catch {
    return undefined;
  }
}

/** Whether nobody but us chooses from our range. */
function isOurs(ephemeral: readonly [first: number, last: number] | undefined): boolean {
  return ephemeral === undefined || ephemeral[0] >= FIRST_PORT + PORT_COUNT || ephemeral[1] < FIRST_PORT;
}
