/**
 * The reference of the gateway's benches as a process: a server that does nothing but TLS, with the gateway's own
 * certificates and settings. It counts the bytes of each request and answers with as many as a gateway does, all that is
 * due after one `data` event in one write. It looks into nothing, makes nothing and copies nothing.
 *
 * Reads its options as JSON from the file that it is given, and prints `port N`.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { tuneCollector } from '../../execution/gateway/collector.ts';
import type { Negotiated } from './connections.ts';

/** Bytes of one request and of its answer; a connection's requests go through the list, over and over. */
export interface EchoStep {
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface EchoOptions {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** What the gateway has agreed on with the same client; otherwise what this runtime prefers. */
  readonly negotiated?: Negotiated;
  readonly steps: readonly EchoStep[];
  /** Its young generation grows as a gateway's does; otherwise as Node's. */
  readonly grown?: boolean;
}

const LARGEST_WRITE = 256 * 1024;
/** Not zeros, and no two bytes alike in a row. */
const answers = Buffer.from(Array.from({ length: LARGEST_WRITE }, (_, index) => (index * 167) & 0xff));

const [, , file = ''] = process.argv;
const { cert, key, ca, negotiated, steps, grown } = JSON.parse(readFileSync(file, 'utf8')) as EchoOptions;
if (grown === true) tuneCollector();
const agreed =
  negotiated === undefined
    ? {}
    : { ciphers: negotiated.cipher, minVersion: negotiated.version, maxVersion: negotiated.version };
const server = createServer(
  { cert, key, ca, requestCert: true, rejectUnauthorized: true, ...agreed },
  (socket) => {
    let received = 0;
    let next = 0;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      let due = 0;
      for (let step = steps[next]; step !== undefined && received >= step.requestBytes; step = steps[next]) {
        received -= step.requestBytes;
        due += step.responseBytes;
        next = next + 1 === steps.length ? 0 : next + 1;
      }
      for (; due > 0; due -= LARGEST_WRITE) socket.write(answers.subarray(0, Math.min(due, LARGEST_WRITE)));
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`port ${address.port}\n`);
});
