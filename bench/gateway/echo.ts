/**
 * The reference of bench:gateway: a server that does nothing but TLS. It reads messages of a size and answers each with
 * as many bytes, those of one `data` event in one write, as a gateway does.
 *
 * Reads its options as JSON from the file that it is given, and prints `port N`.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

export interface EchoOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

const [, , file = ''] = process.argv;
const options = JSON.parse(readFileSync(file, 'utf8')) as EchoOptions;
const { cert, key, ca, requestBytes, responseBytes } = options;
const answer = Buffer.alloc(responseBytes, 0x42);
const server = createServer(
  { cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
  (socket) => {
    let rest = 0;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.length;
      const whole = Math.floor(rest / requestBytes);
      if (whole === 0) return;
      rest -= whole * requestBytes;
      socket.write(whole === 1 ? answer : Buffer.concat(new Array<Buffer>(whole).fill(answer)));
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`port ${address.port}\n`);
});
