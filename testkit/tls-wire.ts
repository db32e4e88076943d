// What two ends of TLS agree on, read from what the server sends in the clear: no end tells it of a hybrid key exchange.
import { connect as connectTcp, createServer, type Socket } from 'node:net';

/** TLS Supported Groups of IANA. */
export const Group = { X25519: 0x001d, X25519MLKEM768: 0x11ec, SecP256r1MLKEM768: 0x11eb } as const;

export interface Wiretap {
  readonly port: number;
  /** The group of the last Server Hello, which is the one agreed on (RFC 8446 §4.2.8); undefined before TLS 1.3. */
  agreedGroup(): number | undefined;
  close(): Promise<void>;
}

/** A port on 127.0.0.1 that forwards to another, and listens to what comes back on its latest connection. */
export async function tapTls(targetPort: number): Promise<Wiretap> {
  let heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    heard = [];
    const target = connectTcp({ host: '127.0.0.1', port: targetPort });
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    target.on('data', (chunk: Buffer) => heard.push(chunk));
    client.pipe(target);
    target.pipe(client);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    port: address.port,
    agreedGroup: () => groupIn(Buffer.concat(heard)),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const KEY_SHARE = 51;

function groupIn(bytes: Buffer): number | undefined {
  let group: number | undefined;
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    const body = bytes.subarray(at + 5, at + 5 + length);
    if (bytes[at] === HANDSHAKE && body[0] === SERVER_HELLO) group = keyShareOf(body) ?? group;
    at += 5 + length;
  }
  return group;
}

/** RFC 8446 §4.1.3: type and length (4), version (2), random (32), session id, suite (2), compression (1), extensions. */
function keyShareOf(hello: Buffer): number | undefined {
  const sessionIdLength = hello[38] ?? 0;
  let at = 39 + sessionIdLength + 3;
  const end = Math.min(hello.length, at + 2 + hello.readUInt16BE(at));
  for (at += 2; at + 4 <= end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) === KEY_SHARE) return hello.readUInt16BE(at + 4);
  }
  return undefined;
}
